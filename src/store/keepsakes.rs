//! Copies that are kept of the policy file: what somebody else had written into it before it was saved over, and
//! its last versions where they are asked for.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::disk::Disk;
use super::replace;
use super::save_error::{Failure, Step};

/// How many edits that differ are kept in a directory.
const MOST_EDITS: usize = 20;
/// What stands in the name of an edit before its number, the second in which it was kept, and how many digits that has.
const EDIT: &str = ".edited-";
const EDIT_DIGITS: RangeInclusive<usize> = 1..=DIGITS;
/// How many names are tried for one.
const MOST_TRIES: u64 = 100;
/// What stands in the name of a version before its number, and how many digits that has: as many as it can.
const VERSION: &str = ".backup-";
const DIGITS: usize = 20;

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
    /// There are too many copies of what somebody else has written: the oldest is gone.
    EditRemoved {
        /// Where it was.
        copy: PathBuf,
    },
    /// The file has another group than before.
    GroupNotKept {
        /// The policy file.
        file: PathBuf,
        /// The group that it had.
        group: u32,
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
            Self::EditRemoved { copy } => write!(
                f,
                "of what other hands have written into the policy file {MOST_EDITS} copies are kept; the oldest, `{}`, \
                 was removed",
                copy.display()
            ),
            Self::GroupNotKept { file, group } => write!(
                f,
                "`{}` could not be left in the group {group}, which the user that the broker runs as is not in. Its group is \
                 another one now, and may do with it what everybody may, and those whom a default ACL of its directory names \
                 no more than that; give the file a group that this user is in",
                file.display()
            ),
            Self::NotBackedUp(failure) => write!(f, "the last version of the policy is not kept: {failure}"),
        }
    }
}

/// Keeps what somebody else has written, in the first of these directories where that is possible. If it is what was kept
/// there last, that copy will do. Of copies that differ the youngest [`MOST_EDITS`] stay. Gives the copy, and says which were
/// removed.
///
/// # Errors
/// There is none; why not in the last one.
pub(super) fn keep_edit(
    disk: &dyn Disk,
    file: &Path,
    directories: &[PathBuf],
    bytes: &[u8],
) -> Result<(PathBuf, Vec<Notice>), Failure> {
    let mut result = Err(Failure::new(Step::Create, file, io::ErrorKind::NotFound.into()));
    for directory in directories {
        let edits = copies(disk, file, directory, EDIT, EDIT_DIGITS);
        let last = edits.last().map(|(number, name)| (*number, directory.join(name)));
        if let Some((_, copy)) = &last
            && holds(disk, copy, bytes)
            && replace::sync(disk, copy).is_ok()
        {
            return Ok((copy.clone(), Vec::new()));
        }
        // A number that rises with time, also where the clock was set back.
        let first = last.map_or(0, |(number, _)| number.saturating_add(1)).max(now().as_secs());
        for number in (0..MOST_TRIES).map(|more| first.saturating_add(more)) {
            let copy = directory.join(name(file, &format!("{EDIT}{number}")));
            match replace::create(disk, &copy, bytes) {
                Ok(()) => {
                    return Ok((copy, remove_old_edits(disk, directory, &edits, bytes)));
                }
                Err(failure) => {
                    let is_taken = failure.error.kind() == io::ErrorKind::AlreadyExists;
                    result = Err(failure);
                    if !is_taken {
                        break;
                    }
                }
            }
        }
    }
    result
}

/// Removes the edits that hold what was kept just now, and the oldest of the others, if they are too many.
fn remove_old_edits(
    disk: &dyn Disk,
    directory: &Path,
    edits: &[(u64, OsString)],
    bytes: &[u8],
) -> Vec<Notice> {
    let mut others = Vec::new();
    for edit in edits.iter().map(|(_, edit)| directory.join(edit)) {
        // Whatever should stay, the next time tries again.
        if !holds(disk, &edit, bytes) || disk.remove(&edit).is_err() {
            others.push(edit);
        }
    }
    let too_many = others.len().saturating_add(1).saturating_sub(MOST_EDITS);
    others.truncate(too_many);
    others.retain(|edit| disk.remove(edit).is_ok());
    others.into_iter().map(|copy| Notice::EditRemoved { copy }).collect()
}

/// Whether that is what a file holds.
pub(super) fn holds(disk: &dyn Disk, file: &Path, bytes: &[u8]) -> bool {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let has_length = disk.metadata(file).is_ok_and(|found| found.is_file() && found.len() == length);
    has_length && disk.read(file).is_ok_and(|found| found == bytes)
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
) -> Result<PathBuf, Failure> {
    let mut result = Err(Failure::new(Step::Create, file, io::ErrorKind::NotFound.into()));
    for directory in directories {
        let versions = copies(disk, file, directory, VERSION, DIGITS..=DIGITS);
        // A number that rises with time, also where the clock was set back.
        let now = u64::try_from(now().as_nanos()).unwrap_or(u64::MAX);
        let number = versions.last().map_or(now, |(last, _)| now.max(last.saturating_add(1)));
        let copy = directory.join(name(file, &format!("{VERSION}{number:0DIGITS$}")));
        result = replace::create(disk, &copy, bytes).map(|()| copy);
        if result.is_ok() {
            let too_many = versions.len().saturating_add(1).saturating_sub(most);
            for (_, version) in versions.iter().take(too_many) {
                // Should it stay, the next save tries again.
                let _ = disk.remove(&directory.join(version));
            }
            break;
        }
    }
    result
}

/// The copies of one kind in a directory, each with the number in its name, which has so many digits, the oldest first.
fn copies(
    disk: &dyn Disk,
    file: &Path,
    directory: &Path,
    kind: &str,
    digits: RangeInclusive<usize>,
) -> Vec<(u64, OsString)> {
    let prefix = name(file, kind);
    let number = |copy: &OsString| {
        let number = copy.as_bytes().strip_prefix(prefix.as_bytes())?;
        let number = Some(number)
            .filter(|number| digits.contains(&number.len()) && number.iter().all(u8::is_ascii_digit));
        str::from_utf8(number?).ok()?.parse().ok()
    };
    let names = disk.names_in(directory).unwrap_or_default();
    let mut copies: Vec<_> = names.into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
    copies.sort_unstable();
    copies
}

/// Removes what crashes left of copies that were being made there.
pub(super) fn remove_leftovers(disk: &dyn Disk, file: &Path, directories: &[PathBuf]) {
    for directory in directories {
        replace::remove_leftovers(disk, &directory.join(name(file, "")));
    }
}

/// The file's own name, something that tells files of one name in several directories apart, and `end`.
fn name(file: &Path, end: &str) -> OsString {
    let digest = Sha256::digest(file.as_os_str().as_bytes());
    let hash = digest.first_chunk().map_or(0, |first| u32::from_be_bytes(*first));
    let own = replace::name_part(file);
    OsStr::from_bytes(&[own, format!(".{hash:08x}{end}").as_bytes()].concat()).to_owned()
}

fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
