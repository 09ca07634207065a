//! Copies that are kept of the policy file: what somebody else had written into it before it was saved over, and
//! its last versions where they are asked for.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::disk::Disk;
use super::replace;
use super::save_error::{Failure, Step};

/// How many copies of one second are told apart.
const MOST_IN_A_SECOND: u32 = 100;
/// How much of the policy file's name the copies bear.
const NAME_PART: usize = 128;

/// Something that an operator should know about a save.
#[derive(Debug)]
pub enum Notice {
    /// Somebody else has changed the file; what it held is kept.
    EditKept {
        /// The policy file.
        file: PathBuf,
        /// The copy of what it held.
        copy: PathBuf,
    },
    /// A version could not be kept.
    NotBackedUp(Failure),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EditKept { file, copy } => write!(
                f,
                "`{}` was changed by another hand and not loaded; commands change the running policy, which is \
                 saved in its place. What it held is in `{}`",
                file.display(),
                copy.display()
            ),
            Self::NotBackedUp(failure) => write!(f, "the last version of the policy is not kept: {failure}"),
        }
    }
}

/// Keeps what somebody else has written, in the first of these directories where that is possible.
///
/// # Errors
/// There is none; why not in the last one.
pub(super) fn keep_edit(
    disk: &dyn Disk,
    file: &Path,
    directories: &[PathBuf],
    bytes: &[u8],
) -> Result<PathBuf, Failure> {
    let seconds = now().as_secs();
    let mut result = Err(Failure::new(Step::Create, file, io::ErrorKind::NotFound.into()));
    for directory in directories {
        for number in 0..MOST_IN_A_SECOND {
            let more = if number == 0 { String::new() } else { format!("-{number}") };
            let copy = directory.join(name(file, &format!(".edited-{seconds}{more}")));
            result = replace::create(disk, &copy, bytes).map(|()| copy);
            match &result {
                Ok(_) => return result,
                Err(failure) if failure.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(_) => break,
            }
        }
    }
    result
}

/// Keeps a version, in the first of these directories where that is possible, and of all of them there the
/// youngest `most`.
///
/// # Errors
/// There is no such directory; why not in the last one.
pub(super) fn back_up(
    disk: &dyn Disk,
    file: &Path,
    directories: &[PathBuf],
    bytes: &[u8],
    most: usize,
) -> Result<(), Failure> {
    let mut result = Err(Failure::new(Step::Create, file, io::ErrorKind::NotFound.into()));
    for directory in directories {
        // Names that rise with time, as wide as it can get.
        let copy = directory.join(name(file, &format!(".backup-{:020}", now().as_nanos())));
        result = replace::create(disk, &copy, bytes);
        if result.is_ok() {
            remove_oldest(disk, file, directory, most);
            break;
        }
    }
    result
}

fn remove_oldest(disk: &dyn Disk, file: &Path, directory: &Path, most: usize) {
    let prefix = name(file, ".backup-");
    let mut versions = disk.names_in(directory).unwrap_or_default();
    versions.retain(|version| version.as_bytes().starts_with(prefix.as_bytes()));
    versions.sort_unstable();
    let too_many = versions.len().saturating_sub(most);
    for version in versions.iter().take(too_many) {
        // Should it stay, the next save tries again.
        let _ = disk.remove(&directory.join(version));
    }
}

/// The file's own name, something that tells files of one name in several directories apart, and `end`.
fn name(file: &Path, end: &str) -> OsString {
    let digest = Sha256::digest(file.as_os_str().as_bytes());
    let hash = digest.first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    let own = file.file_name().unwrap_or(OsStr::new("policy")).as_bytes();
    let own = own.get(..NAME_PART).unwrap_or(own);
    OsStr::from_bytes(&[own, format!(".{hash:08x}{end}").as_bytes()].concat()).to_owned()
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
