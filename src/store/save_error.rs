//! Why a policy could not be saved, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What was being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Following symbolic links to it.
    Resolve,
    /// Opening the directory that is to be synced.
    OpenDirectory,
    /// Making a new file, to be renamed or to see whether that is allowed.
    Create,
    /// Reading what is there.
    Read,
    /// Opening a file to write into it.
    OpenForWriting,
    /// Writing to a file.
    Write,
    /// Cutting a file to its new length.
    SetLength,
    /// Waiting until a file is on the disk.
    Sync,
    /// Renaming the new file over the old one.
    Rename,
    /// Waiting until the renaming is on the disk.
    SyncDirectory,
    /// Taking a file away.
    Remove,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "cannot find",
            Self::OpenDirectory => "cannot open the directory",
            Self::Create => "cannot create",
            Self::Read => "cannot read",
            Self::OpenForWriting => "cannot open for writing",
            Self::Write => "cannot write to",
            Self::SetLength => "cannot change the length of",
            Self::Sync => "cannot sync",
            Self::Rename => "cannot replace",
            Self::SyncDirectory => "cannot sync the directory",
            Self::Remove => "cannot remove",
        })
    }
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    /// What was being done.
    pub step: Step,
    /// The file or directory that it was done to.
    pub path: PathBuf,
    /// What the operating system says.
    pub error: io::Error,
}

impl Failure {
    pub(super) fn new(step: Step, path: &Path, error: io::Error) -> Self {
        Self { step, path: path.to_owned(), error }
    }

    /// What the user can do about it.
    fn advice(&self) -> Option<&'static str> {
        Some(match self.error.kind() {
            io::ErrorKind::StorageFull => "free space on its file system",
            io::ErrorKind::QuotaExceeded => {
                "free space or raise the disk quota of the user that the broker runs as"
            }
            io::ErrorKind::PermissionDenied => {
                "let the user that the broker runs as write there (chown, chmod)"
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                "make its file system writable, or move the policy to one that is"
            }
            io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => {
                "it is a mount of its own: mount its directory instead"
            }
            io::ErrorKind::NotFound => "create what is missing",
            io::ErrorKind::AlreadyExists => {
                "move it away, be it a link that leads nowhere: what is there is never written over"
            }
            _ => return None,
        })
    }

    /// Whether another way of saving may work where this one failed: not where the disk is full.
    pub(super) fn is_about_permission_or_place(&self) -> bool {
        matches!(
            self.error.kind(),
            io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::ResourceBusy
                | io::ErrorKind::CrossesDevices
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.step, self.path.display(), self.error)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// Why a policy could not be saved.
#[derive(Debug)]
pub enum SaveError {
    /// A step failed; the file is what it was.
    Failed(Failure),
    /// Neither can the file be replaced nor can it be written in place. It is what it was.
    NoWay {
        /// Why it cannot be replaced.
        replace: Failure,
        /// Why it cannot be written in place.
        in_place: Failure,
    },
    /// A step failed, and what the file was could not be put back.
    NotPutBack {
        /// The step that failed first.
        failure: Failure,
        /// Why the old content could not be put back.
        put_back: Failure,
        /// Where the next start finds a complete policy if the file is broken.
        copy: Option<PathBuf>,
    },
    /// Somebody else has changed the file, and that could not be kept; it is what they made it.
    EditNotKept(Failure),
}

impl SaveError {
    /// What the operating system said, without the paths that only the log names.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        match self {
            Self::Failed(failure) | Self::NotPutBack { failure, .. } | Self::EditNotKept(failure) => {
                &failure.error
            }
            Self::NoWay { in_place, .. } => &in_place.error,
        }
    }
}

impl From<Failure> for SaveError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::EditNotKept(failure) => write!(
                f,
                "the file was changed by another hand, and what it holds now could not be kept elsewhere: {failure}"
            ),
            Self::NoWay { replace, in_place } => {
                write!(f, "{replace}; nor can it be written in place: {in_place}")
            }
            Self::NotPutBack { failure, put_back, copy } => {
                write!(f, "{failure}; and what it held could not be put back: {put_back}")?;
                match copy {
                    Some(copy) => write!(f, "; a complete policy is in `{}`", copy.display()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Error for SaveError {}
