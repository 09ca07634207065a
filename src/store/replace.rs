//! Replacing a file: a temporary file beside it, synced, renamed over it, the directory synced. At
//! every moment the file is whole: what it was, or what it is to be. Making a new one likewise.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::content::{self, Content, Fingerprint};
use super::disk::{Disk, is_unsupported};
use super::known::{Known, Stat};
use super::mounts;
use super::save_error::{Failure, SaveError, Step};

/// What the names of our temporary files end with.
const SUFFIX: &[u8] = b".dynsec-tmp";
/// How much of a file's name the names bear that are made of it: they cannot be longer than 255 bytes.
const NAME_PART: usize = 128;
/// The sticky bit of a directory: only the owner of a file may rename over it.
const STICKY: u32 = 0o1000;

/// What is done right before a file is written over, until it says that nobody else has changed it.
pub(super) type LastLook<'l> = &'l mut dyn FnMut() -> Result<bool, SaveError>;

/// A file that was replaced, be it that the old content is back.
#[derive(Debug)]
pub(super) struct Replaced {
    /// What it is now, or why what it got does not count.
    pub(super) saved: Result<Known, SaveError>,
    /// The group that it had, if it could not get that again.
    pub(super) lost_group: Option<u32>,
}

/// Replaces `target` by a file with that content, with the mode of the old one, and its owner and
/// group as far as permitted; a new one is its owner's alone. If it has another group, that gets no more rights than all
/// others.
///
/// # Errors
/// A step failed, and the old file is what is there.
pub(super) fn replace(
    disk: &dyn Disk,
    target: &Path,
    content: &dyn Content,
    last_look: LastLook<'_>,
) -> Result<Replaced, SaveError> {
    let directory = directory_of(target);
    let open_directory =
        disk.open(directory).map_err(|error| Failure::new(Step::OpenDirectory, directory, error))?;
    let mut old = Old::open(disk, target)?;
    let (mut temporary, fingerprint) = Temporary::write(disk, target, content, old.as_ref())?;
    while last_look()? {
        old = Old::open(disk, target)?;
        if let Some(old) = &old {
            temporary.take_after(old);
            temporary.sync()?;
        }
    }
    let lost_group = temporary.lost_group;
    let stat = temporary.rename_over(target)?;
    let error = match disk.sync(&open_directory) {
        Err(error) if !is_unsupported(&error) => error,
        _ => return Ok(Replaced { saved: Ok(Known { stat, fingerprint }), lost_group }),
    };
    let failure = Failure::new(Step::SyncDirectory, directory, error);
    Ok(match put_back(disk, target, old.as_ref()) {
        Ok(lost_group) => Replaced { saved: Err(failure.into()), lost_group },
        Err(put_back) => {
            Replaced { saved: Err(SaveError::NotPutBack { failure, put_back, copy: None }), lost_group }
        }
    })
}

/// Makes a file at `target` that holds `bytes` and is its owner's alone. Whatever is there already stays.
/// When this returns without an error the file is on the disk.
///
/// # Errors
/// A step failed, and there is no new file.
pub(super) fn create(disk: &dyn Disk, target: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let directory = directory_of(target);
    let open_directory =
        disk.open(directory).map_err(|error| Failure::new(Step::OpenDirectory, directory, error))?;
    Temporary::write(disk, target, &bytes, None)?.0.name_it(target)?;
    match disk.sync(&open_directory) {
        Err(error) if !is_unsupported(&error) => {
            let _ = disk.remove(target);
            Err(Failure::new(Step::SyncDirectory, directory, error))
        }
        _ => Ok(()),
    }
}

/// Has a file that is there already, and its name, on the disk.
///
/// # Errors
/// A step failed.
pub(super) fn sync(disk: &dyn Disk, file: &Path) -> Result<(), Failure> {
    let directory = directory_of(file);
    for (step, path) in [(Step::Sync, file), (Step::SyncDirectory, directory)] {
        match disk.open(path).and_then(|open| disk.sync(&open)) {
            Err(error) if step == Step::Sync || !is_unsupported(&error) => {
                return Err(Failure::new(step, path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sees whether `target` can be replaced, and leaves nothing behind.
///
/// # Errors
/// The step that would fail.
pub(super) fn probe(disk: &dyn Disk, target: &Path) -> Result<(), Failure> {
    if mounts::is_mount_point(disk, target) {
        let busy = io::ErrorKind::ResourceBusy.into();
        return Err(Failure::new(Step::Rename, target, busy));
    }
    let directory = directory_of(target);
    let temporary = Temporary::create(disk, target)?;
    let user = disk.metadata_open(&temporary.file).map(|metadata| metadata.uid());
    temporary.remove()?;
    disk.open(directory).map_err(|error| Failure::new(Step::OpenDirectory, directory, error))?;
    let sticky = match (user, disk.metadata(directory), disk.metadata(target)) {
        (Ok(user), Ok(directory), Ok(file)) => {
            directory.mode() & STICKY != 0 && ![0, directory.uid(), file.uid()].contains(&user)
        }
        _ => false,
    };
    if sticky {
        let denied = io::ErrorKind::PermissionDenied.into();
        return Err(Failure::new(Step::Rename, target, denied));
    }
    Ok(())
}

/// Removes what a crash left of saving `target`.
pub(super) fn remove_leftovers(disk: &dyn Disk, target: &Path) {
    let directory = directory_of(target);
    let prefix = temporary_prefix(target);
    for name in disk.names_in(directory).unwrap_or_default() {
        let bytes = name.as_bytes();
        if bytes.starts_with(&prefix) && bytes.ends_with(SUFFIX) {
            // Should it stay, it does no harm, and the next start tries again.
            let _ = disk.remove(&directory.join(name));
        }
    }
}

/// The directory that a file is in.
pub(super) fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// What is to be replaced, kept open, so that it can be put back after it was renamed over.
struct Old {
    file: File,
    metadata: Metadata,
}

impl Old {
    /// `None` if there is nothing.
    fn open(disk: &dyn Disk, target: &Path) -> Result<Option<Self>, Failure> {
        let failure = |error| Failure::new(Step::Read, target, error);
        let file = match disk.open(target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failure)?,
        };
        let metadata = disk.metadata_open(&file).map_err(failure)?;
        Ok(Some(Self { file, metadata }))
    }
}

/// Says which group it could not get again.
fn put_back(disk: &dyn Disk, target: &Path, old: Option<&Old>) -> Result<Option<u32>, Failure> {
    let Some(old) = old else {
        let removed = disk.remove(target).map(|()| None);
        return removed.map_err(|error| Failure::new(Step::Remove, target, error));
    };
    let bytes = disk.read_open(&old.file).map_err(|error| Failure::new(Step::Read, target, error))?;
    let temporary = Temporary::write(disk, target, &bytes.as_slice(), Some(old))?.0;
    let lost_group = temporary.lost_group;
    temporary.rename_over(target)?;
    Ok(lost_group)
}

/// What file systems that know no second names say: link(2).
fn has_no_links(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied || is_unsupported(error)
}

/// A file beside the target that is gone when this is dropped, unless it was renamed.
struct Temporary<'d> {
    disk: &'d dyn Disk,
    path: PathBuf,
    file: File,
    done: bool,
    /// The group that it should have and has not.
    lost_group: Option<u32>,
}

impl<'d> Temporary<'d> {
    fn create(disk: &'d dyn Disk, target: &Path) -> Result<Self, Failure> {
        let path = directory_of(target).join(temporary_name(target));
        match disk.create(&path) {
            Ok(file) => Ok(Self { disk, path, file, done: false, lost_group: None }),
            Err(error) => Err(Failure::new(Step::Create, &path, error)),
        }
    }

    fn write(
        disk: &'d dyn Disk,
        target: &Path,
        content: &dyn Content,
        like: Option<&Old>,
    ) -> Result<(Self, Fingerprint), Failure> {
        let mut temporary = Self::create(disk, target)?;
        let fingerprint = content::write(disk, &temporary.file, content)
            .map_err(|error| Failure::new(Step::Write, &temporary.path, error))?;
        if let Some(like) = like {
            temporary.take_after(like);
        }
        temporary.sync()?;
        Ok((temporary, fingerprint))
    }

    fn sync(&self) -> Result<(), Failure> {
        self.disk.sync(&self.file).map_err(|error| Failure::new(Step::Sync, &self.path, error))
    }

    /// Takes owner, group and mode of another file, as far as permitted.
    fn take_after(&mut self, like: &Old) {
        let like = &like.metadata;
        let own = self.disk.metadata_open(&self.file);
        let (owner, group) = match own {
            Ok(own) => (own.uid() != like.uid(), own.gid() != like.gid()),
            Err(_) => (true, true),
        };
        let group = group.then(|| like.gid());
        // Both at once, as root.
        let has_both = owner && self.disk.set_owner(&self.file, Some(like.uid()), group).is_ok();
        self.lost_group =
            group.filter(|_| !has_both && self.disk.set_owner(&self.file, None, group).is_err());
        let mode = like.mode() & 0o7777;
        // What the old group might do is not for the one that the directory or the broker's user has.
        let mode = if self.lost_group.is_some() { (mode & !0o070) | ((mode & 0o007) << 3) } else { mode };
        let _ = self.disk.set_mode(&self.file, mode);
    }

    /// Says what the file is then, as far as that can be known.
    fn rename_over(mut self, target: &Path) -> Result<Option<Stat>, Failure> {
        self.disk.rename(&self.path, target).map_err(|error| Failure::new(Step::Rename, target, error))?;
        self.done = true;
        Ok(self.disk.metadata_open(&self.file).ok().map(|metadata| Stat::of(&metadata)))
    }

    /// Gives it the name of the target, which nothing may bear yet; its own goes.
    fn name_it(self, target: &Path) -> Result<(), Failure> {
        let disk = self.disk;
        let failure = |error| Failure::new(Step::Create, target, error);
        match disk.link(&self.path, target) {
            Err(error) if has_no_links(&error) => {
                drop(disk.create(target).map_err(failure)?);
                self.rename_over(target).map(drop).inspect_err(|_| {
                    let _ = disk.remove(target);
                })
            }
            linked => linked.map_err(failure),
        }
    }

    fn remove(mut self) -> Result<(), Failure> {
        self.done = true;
        self.disk.remove(&self.path).map_err(|error| Failure::new(Step::Remove, &self.path, error))
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.done {
            // Should it stay, the next start removes it.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// A file's own name, as much of it as names bear that are made of it.
pub(super) fn name_part(file: &Path) -> &[u8] {
    let name = file.file_name().unwrap_or(OsStr::new("policy")).as_bytes();
    name.get(..NAME_PART).unwrap_or(name)
}

fn temporary_prefix(target: &Path) -> Vec<u8> {
    [b".", name_part(target), b"."].concat()
}

/// A name that no other save uses, in this process or another one.
fn temporary_name(target: &Path) -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unique = format!(
        "{:x}-{:x}-{:x}",
        std::process::id(),
        since.as_nanos(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let name = [&temporary_prefix(target), unique.as_bytes(), SUFFIX].concat();
    OsStr::from_bytes(&name).to_owned()
}
