//! Writing into a file, where it cannot be replaced: its directory is not ours to write, or it is a
//! mount of its own.
//!
//! A crash can leave such a file half written, so first a complete copy is made elsewhere, and the
//! file's first byte is made one that no JSON begins with. That byte becomes right only when all
//! others are on the disk. So at a start there are two cases: the mark is there and the copy is
//! complete, or there is no mark and the file is complete. A copy beside a file without the mark is
//! out of date, whatever its time says.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::disk::Disk;
use super::known::{Known, Stat};
use super::mounts;
use super::replace::{self, LastLook};
use super::save_error::{Failure, SaveError, Step};

/// The first byte of a file that is being written.
const MARK: u8 = b'#';

/// Whether a save was interrupted: the file bears the mark, or it is empty or all zeros, which is
/// what some file systems make of a file after a power failure.
pub(super) fn is_interrupted(content: &[u8]) -> bool {
    bears_mark(content) || content.iter().all(|&byte| byte == 0)
}

/// Whether the file bears the mark of one that is being written.
pub(super) fn bears_mark(content: &[u8]) -> bool {
    content.first() == Some(&MARK)
}

/// Where in `state_dir` the copy of the file at the absolute path `file` is kept.
pub(super) fn copy_in(state_dir: &Path, file: &Path) -> PathBuf {
    let digest = Sha256::digest(file.as_os_str().as_encoded_bytes());
    let hash = digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    state_dir.join(format!("dynsec-{hash:016x}.recovery.json"))
}

/// Sees whether `target` can be written in place with a copy at `copy`, and changes nothing.
///
/// # Errors
/// The step that would fail.
pub(super) fn probe(disk: &dyn Disk, target: &Path, copy: &Path) -> Result<(), Failure> {
    open(disk, target)?;
    replace::probe(disk, copy)
}

/// Opens the file that is to be written, if whoever opens it later can see what is written.
fn open(disk: &dyn Disk, target: &Path) -> Result<File, Failure> {
    let failure = |error| Failure::new(Step::OpenForWriting, target, error);
    let file = disk.open_for_writing(target).map_err(failure)?;
    let metadata = disk.metadata_open(&file).map_err(failure)?;
    if mounts::is_left_behind(disk, target, &metadata) {
        return Err(failure(mounts::left_behind()));
    }
    Ok(file)
}

/// Writes the copy, which is nobody else's.
fn write_copy(disk: &dyn Disk, copy: &Path, bytes: &[u8]) -> Result<Known, SaveError> {
    replace::replace(disk, copy, &bytes, &mut || Ok(false))?.saved
}

/// Writes `bytes` into `target`.
///
/// # Errors
/// A step failed. The old content is back, save after [`SaveError::NotPutBack`].
pub(super) fn write(
    disk: &dyn Disk,
    target: &Path,
    copy: &Path,
    bytes: &[u8],
    last_look: LastLook<'_>,
) -> Result<Known, SaveError> {
    let failure = |(step, error)| Failure::new(step, target, error);
    let open = || {
        let present = disk.read(target).map_err(|error| failure((Step::Read, error)))?;
        Ok::<_, Failure>((present, open(disk, target)?))
    };
    let (mut present, mut file) = open()?;
    // After a save that could not be put back, the whole policy is in the copy.
    let copied = if is_interrupted(&present) {
        disk.read(copy).ok().filter(|copied| !is_interrupted(copied))
    } else {
        None
    };
    let fingerprint = write_copy(disk, copy, bytes)?.fingerprint;
    let mut look = || {
        while last_look()? {
            (present, file) = open()?;
        }
        Ok::<_, SaveError>(())
    };
    if let Err(error) = look() {
        match &copied {
            Some(copied) => drop(write_copy(disk, copy, copied)),
            None => remove_copy(disk, copy),
        }
        return Err(error);
    }
    let interrupted = is_interrupted(&present);
    let old = if interrupted { copied } else { Some(present) };
    if let (false, Some(old)) = (interrupted, &old)
        && let Err(error) = lengthen(disk, &file, old.len(), bytes)
    {
        // What counts has not changed; should the length stay, that does no harm either.
        let _ = disk.set_length(&file, old.len() as u64);
        remove_copy(disk, copy);
        return Err(failure(error).into());
    }
    let Err(error) = overwrite(disk, &file, bytes) else {
        remove_copy(disk, copy);
        let stat = disk.metadata_open(&file).ok().map(|metadata| Stat::of(&metadata));
        return Ok(Known { stat, fingerprint });
    };
    let failure_to_write = failure(error);
    let Some(old) = old else {
        let put_back = failure((Step::Read, io::ErrorKind::InvalidData.into()));
        let copy = Some(copy.to_owned());
        return Err(SaveError::NotPutBack { failure: failure_to_write, put_back, copy });
    };
    Err(match put_back(disk, &file, copy, &old) {
        Ok(()) => failure_to_write.into(),
        Err((error, copy)) => {
            SaveError::NotPutBack { failure: failure_to_write, put_back: failure(error), copy }
        }
    })
}

/// Puts the old content back after a step has failed.
///
/// # Errors
/// A step of that; and the copy, if there is one that holds the old content.
fn put_back(disk: &dyn Disk, file: &File, copy: &Path, old: &[u8]) -> Result<(), (Failed, Option<PathBuf>)> {
    if let Err(error) = overwrite(disk, file, old) {
        // The copy is what the next start takes, and it holds what was refused.
        let copied = write_copy(disk, copy, old);
        return Err((error, copied.is_ok().then(|| copy.to_owned())));
    }
    remove_copy(disk, copy);
    Ok(())
}

/// Removes a copy that is out of date. Should it stay, the next start removes it.
pub(super) fn remove_copy(disk: &dyn Disk, copy: &Path) {
    let _ = disk.remove(copy);
}

/// Writes what makes the file longer: here a full disk shows, and bytes behind a JSON value change
/// nothing.
fn lengthen(disk: &dyn Disk, file: &File, length: usize, bytes: &[u8]) -> Result<(), Failed> {
    match bytes.get(length..) {
        Some(longer) => write_at(disk, file, longer, length),
        None => Ok(()),
    }
}

/// Makes `bytes` the content of the file. Where this fails before the mark is on the disk nothing else
/// is written; after that the mark stays until all is.
fn overwrite(disk: &dyn Disk, file: &File, bytes: &[u8]) -> Result<(), Failed> {
    write_at(disk, file, &[MARK], 0)?;
    sync(disk, file)?;
    write_at(disk, file, bytes.get(1..).unwrap_or_default(), 1)?;
    let length = disk.set_length(file, bytes.len() as u64);
    length.map_err(|error| (Step::SetLength, error))?;
    sync(disk, file)?;
    write_at(disk, file, bytes.get(..1).unwrap_or_default(), 0)?;
    sync(disk, file)
}

type Failed = (Step, io::Error);

fn write_at(disk: &dyn Disk, file: &File, bytes: &[u8], at: usize) -> Result<(), Failed> {
    disk.write_at(file, bytes, at as u64).map_err(|error| (Step::Write, error))
}

fn sync(disk: &dyn Disk, file: &File) -> Result<(), Failed> {
    disk.sync(file).map_err(|error| (Step::Sync, error))
}
