//! Why there is no policy at the start, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file::ReadError;
use super::issue::Issue;
use super::mounts;
use super::read::Malformed;

/// Why a policy could not be loaded.
#[derive(Debug)]
pub enum OpenError {
    /// There is no file.
    Missing {
        /// Its path.
        path: PathBuf,
    },
    /// The file cannot be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The path is that of a directory, or of something else that is not a file.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A save was interrupted, and the copy that would complete it is missing.
    Interrupted {
        /// Its path.
        path: PathBuf,
        /// Where the copy was looked for.
        copies: Vec<PathBuf>,
    },
    /// A save could not be put back, and the file is as that has left it.
    Left {
        /// Its path.
        path: PathBuf,
    },
    /// The file is a mount of its own, and was replaced where it comes from: what is there now cannot be seen.
    LeftBehind {
        /// Its path.
        path: PathBuf,
    },
    /// The file is no policy.
    Malformed {
        /// Its path.
        path: PathBuf,
        /// Where and why.
        what: Malformed,
    },
    /// The file is imperfect, and that is not to be accepted. Its text tells of the first issue alone: a line of the broker's
    /// log ends after a thousand bytes.
    Imperfect {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        issues: Vec<Issue>,
    },
}

impl OpenError {
    pub(super) fn unreadable(path: &Path, error: ReadError) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match error {
            ReadError::Io(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing { path },
            ReadError::Io(error) => Self::Unreadable { path, error },
            ReadError::NotAFile => Self::NotAFile { path },
            ReadError::Interrupted(copies) => Self::Interrupted { path, copies },
            ReadError::Left => Self::Left { path },
            ReadError::LeftBehind => Self::LeftBehind { path },
        }
    }
}

/// What a reload says: as long as a policy runs, a file that is gone is no reason to make another one.
#[derive(Debug)]
pub struct WhileRunning<'e> {
    error: &'e OpenError,
    in_place: bool,
}

impl OpenError {
    /// The same where a policy runs that was loaded before, and is saved by writing into its file or by replacing it.
    #[must_use]
    pub fn while_running(&self, in_place: bool) -> WhileRunning<'_> {
        WhileRunning { error: self, in_place }
    }
}

impl fmt::Display for WhileRunning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error {
            OpenError::Missing { path } => {
                write!(f, "there is no `{}`; {KEEP_IT}", path.display())?;
                if self.in_place {
                    f.write_str(
                        ". First put an empty file there that the user that the broker runs as may write",
                    )?;
                }
                Ok(())
            }
            OpenError::Interrupted { path, .. } => {
                write!(
                    f,
                    "`{}` begins with `#`, as a file does whose saving was interrupted; {KEEP_IT}",
                    path.display()
                )
            }
            other => other.fmt(f),
        }
    }
}

/// What to do where the running policy is nowhere but in memory. Enabling a client that is enabled is saved, and changes
/// nothing else.
const KEEP_IT: &str = "make no new one and restore none, which the next reload would put in the place of the running policy: \
    the next command that changes something writes that there, as does `mosquitto_ctrl dynsec enableClient` for a client \
    that is enabled";

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => {
                write!(
                    f,
                    "there is no `{}`; `mosquitto_ctrl dynsec init` makes one, and so does this plugin where \
                     `plugin_opt_config_init true` asks for it",
                    path.display()
                )
            }
            Self::Unreadable { path, error } => {
                write!(f, "cannot read `{}`: {error}", path.display())?;
                if error.kind() == io::ErrorKind::PermissionDenied {
                    f.write_str("; let the user that the broker runs as read it (chown, chmod)")?;
                }
                Ok(())
            }
            Self::NotAFile { path } => write!(f, "`{}` is not a file", path.display()),
            Self::Interrupted { path, copies } => {
                write!(
                    f,
                    "`{}` begins with `#`, as a file does whose saving was interrupted, and there is \
                     no complete copy of it at",
                    path.display()
                )?;
                for (index, copy) in copies.iter().enumerate() {
                    let or = if index == 0 { "" } else { " or" };
                    write!(f, "{or} `{}`", copy.display())?;
                }
                f.write_str("; restore it from a backup")
            }
            Self::Left { path } => write!(
                f,
                "`{}` may hold changes that were refused, since a save that failed could not be put back; the next save \
                 gives it the running policy",
                path.display()
            ),
            Self::LeftBehind { path } => write!(f, "`{}`: {}", path.display(), mounts::LEFT_BEHIND),
            Self::Malformed { path, what } => write!(f, "`{}`, {what}", path.display()),
            Self::Imperfect { path, issues } => {
                write!(f, "`{}` is refused, as `plugin_opt_strict_config true` has it, ", path.display())?;
                match issues.len() {
                    1 => f.write_str("for one part that cannot be used as it is written")?,
                    many => write!(f, "for {many} parts that cannot be used as they are written, the first")?,
                }
                issues.first().map_or(Ok(()), |issue| write!(f, ": {issue}"))
            }
        }
    }
}

impl Error for OpenError {}
