//! Why there is no policy at the start, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::file::ReadError;
use super::issue::Issue;
use super::read::Malformed;

/// How many issues are told when strictness refuses a file.
const MOST_ISSUES: usize = 10;

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
    /// The file is no policy.
    Malformed {
        /// Its path.
        path: PathBuf,
        /// Where and why.
        what: Malformed,
    },
    /// The file is imperfect, and that is not to be accepted.
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
        }
    }
}

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
            Self::Malformed { path, what } => write!(f, "`{}`, {what}", path.display()),
            Self::Imperfect { path, issues } => {
                write!(f, "`{}` is not accepted as strictly as it is to be read", path.display())?;
                for issue in issues.iter().take(MOST_ISSUES) {
                    write!(f, "; {issue}")?;
                }
                match issues.len().saturating_sub(MOST_ISSUES) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
        }
    }
}

impl Error for OpenError {}
