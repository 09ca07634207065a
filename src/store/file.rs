//! The policy file: how it can be saved, found out at the start and again when that fails.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::content::{self, Content, Fingerprint};
use super::disk::Disk;
use super::edits::{self, Edits, Place};
use super::in_place;
use super::keepsakes::{self, Notice};
use super::known::{Known, Stat};
use super::mounts;
use super::replace::{self, Replaced};
use super::save_error::{Failure, SaveError, Step};

/// Where the broker's packages and images let it keep state, should no directory be given.
const USUAL_STATE_DIRS: [&str; 2] = ["/var/lib/mosquitto", "/mosquitto/data"];

/// A file that is saved as a whole, so that after a crash it holds what one save wrote.
#[derive(Debug)]
pub(super) struct PolicyFile {
    disk: Box<dyn Disk>,
    path: PathBuf,
    /// What `path` led to when it was last looked at.
    target: PathBuf,
    state_dirs: Vec<PathBuf>,
    method: Method,
    edits: Edits,
    /// How many last versions are kept, and which was kept last.
    backups: usize,
    backed_up: Option<(Fingerprint, PathBuf)>,
    notices: Vec<Notice>,
}

/// How the file is saved.
#[derive(Debug)]
enum Method {
    Replace,
    InPlace { why: Failure, copy: PathBuf, copy_passes: bool },
    None(SaveError),
}

/// Whether and how the file can be saved, for the line that is logged at the start.
#[derive(Clone, Copy, Debug)]
pub enum Writable<'f> {
    /// A new file is renamed over it.
    Replaced,
    /// It is written in place, after a copy.
    InPlace {
        /// Why it cannot be replaced.
        why: &'f Failure,
        /// The copy that a start after a crash takes.
        copy: &'f Path,
        /// Whether that is on a file system that may end before the file does.
        copy_passes: bool,
    },
    /// It cannot be saved; every save tries again.
    No(&'f SaveError),
}

impl fmt::Display for Writable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced => f.write_str("saved by replacing it"),
            Self::InPlace { why, copy, copy_passes } => {
                let copy = copy.display();
                write!(f, "saved in place, after a copy to `{copy}`, because it cannot be replaced: {why}")?;
                if *copy_passes {
                    f.write_str(COPY_PASSES)?;
                }
                Ok(())
            }
            Self::No(error) => write!(f, "not saved: commands that change it are refused: {error}"),
        }
    }
}

const COPY_PASSES: &str = "; the copy is on a file system that may be gone after a crash (tmpfs, or a container's own): let \
                           plugin_opt_state_dir name a directory that lasts as long as the file";

/// What a file held at the start.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    /// A save was interrupted, and this copy is what was taken.
    pub(super) recovered_from: Option<PathBuf>,
    stat: Option<Stat>,
}

/// Why a file could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    NotAFile,
    /// A save was interrupted, and there is no copy at any of these places.
    Interrupted(Vec<PathBuf>),
    /// It may hold what was refused, since a save could not be put back.
    Left,
    /// It is a mount whose file is not there any more where it comes from.
    LeftBehind,
}

impl PolicyFile {
    /// The file at `path`, read, and how it can be saved found out. If it cannot be replaced, copies
    /// go to `state_dir`, or else to the broker's usual one.
    pub(super) fn open(
        disk: Box<dyn Disk>,
        path: &Path,
        state_dir: Option<&Path>,
    ) -> Result<(Self, Found), ReadError> {
        let path = std::path::absolute(path).map_err(ReadError::Io)?;
        let state_dirs = state_dirs(state_dir).map_err(ReadError::Io)?;
        let target = disk.resolve(&path).map_err(ReadError::Io)?;
        let metadata = disk.metadata(&target).map_err(ReadError::Io)?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile);
        }
        let bytes = disk.read(&target).map_err(ReadError::Io)?;
        let mut file = Self {
            disk,
            path,
            target,
            state_dirs,
            method: Method::Replace,
            edits: Edits::default(),
            backups: 0,
            backed_up: None,
            notices: Vec::new(),
        };
        let content = file.recover(bytes)?;
        file.method = file.probe();
        Ok((file, Found { stat: Some(Stat::of(&metadata)), ..content }))
    }

    /// Takes note of what the file held when it was found. What was recovered is not in it.
    pub(super) fn note(&mut self, found: &Found, fingerprint: Fingerprint) {
        if found.recovered_from.is_none() {
            self.edits.know(Known { stat: found.stat, fingerprint });
        }
    }

    /// Its absolute path, symbolic links as they were given.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether and how it can be saved.
    #[must_use]
    pub(super) fn writable(&self) -> Writable<'_> {
        match &self.method {
            Method::Replace => Writable::Replaced,
            Method::InPlace { why, copy, copy_passes } => {
                Writable::InPlace { why, copy, copy_passes: *copy_passes }
            }
            Method::None(error) => Writable::No(error),
        }
    }

    /// Keeps so many last versions from now on.
    pub(super) fn keep_versions(&mut self, backups: usize) {
        self.backups = backups;
    }

    /// What an operator should know of the saves since this was last asked.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = self.edits.take_notices();
        notices.append(&mut self.notices);
        notices
    }

    /// Gives the file that content. When this returns without an error it is on the disk. What somebody else
    /// has written into it since it was last read or saved is kept elsewhere before, also what is written while the save is
    /// made ready.
    ///
    /// # Errors
    /// Why not. The file holds what it held, save after [`SaveError::NotPutBack`].
    pub(super) fn save(&mut self, content: &dyn Content) -> Result<(), SaveError> {
        // A link may lead elsewhere by now; where it leads nowhere, the file is made anew.
        if let Ok(target) = self.disk.resolve(&self.path) {
            self.target = target;
        }
        self.edits.keep(&Place::new(self.disk.as_ref(), &self.path, &self.target, &self.state_dirs))?;
        self.back_up();
        match self.write(content) {
            Ok(known) => {
                self.edits.know(known);
                Ok(())
            }
            Err(error) => {
                if matches!(error, SaveError::NotPutBack { .. }) {
                    let place = Place::new(self.disk.as_ref(), &self.path, &self.target, &self.state_dirs);
                    self.edits.leave(&place, content);
                }
                Err(error)
            }
        }
    }

    fn write(&mut self, content: &dyn Content) -> Result<Known, SaveError> {
        let disk = self.disk.as_ref();
        let place = Place::new(disk, &self.path, &self.target, &self.state_dirs);
        let not_written = |error| Failure::new(Step::Write, &self.path, error);
        if let Method::InPlace { copy, .. } = &self.method {
            let mut look = || self.edits.keep_again(&place);
            let bytes = content.bytes().map_err(not_written)?;
            return in_place::write(disk, &self.target, copy, &bytes, &mut look);
        }
        let replaced = replace::replace(disk, &self.target, content, &mut || self.edits.keep_again(&place));
        let saved = replaced.and_then(|Replaced { saved, lost_group }| {
            let notice = |group| Notice::GroupNotKept { file: self.path.clone(), group };
            self.notices.extend(lost_group.map(notice));
            saved
        });
        let why = match saved {
            Err(SaveError::Failed(why)) if why.is_about_permission_or_place() => why,
            Err(error) => return Err(error),
            Ok(known) => {
                self.method = Method::Replace;
                return Ok(known);
            }
        };
        // What could be replaced at the start may have become a mount, or its directory read-only.
        match self.place_for_copy() {
            Ok(copy) => {
                let mut look = || self.edits.keep_again(&place);
                let bytes = content.bytes().map_err(not_written)?;
                let saved = in_place::write(disk, &self.target, &copy, &bytes, &mut look);
                self.method = self.in_place(why, copy);
                saved
            }
            Err(in_place) => Err(SaveError::NoWay { replace: why, in_place }),
        }
    }

    /// Keeps the last version, where that is asked for, once however often it is not saved over. Should it fail, the change
    /// counts more.
    fn back_up(&mut self) {
        if self.backups == 0 {
            return;
        }
        if let Err(failure) = self.try_to_back_up() {
            self.notices.push(Notice::NotBackedUp(failure));
        }
    }

    fn try_to_back_up(&mut self) -> Result<(), Failure> {
        let disk = self.disk.as_ref();
        let bytes = disk.read(&self.target).map_err(|error| Failure::new(Step::Read, &self.target, error))?;
        let fingerprint = content::fingerprint(&bytes);
        if let Some((backed_up, copy)) = &self.backed_up
            && *backed_up == fingerprint
            && disk.metadata(copy).is_ok()
        {
            return Ok(());
        }
        let copy = keepsakes::back_up(disk, &self.path, &self.state_dirs, &bytes, self.backups)?;
        self.backed_up = Some((fingerprint, copy));
        Ok(())
    }

    /// What is in the file now, if somebody else has made it something else than was last read from it or saved to it.
    pub(super) fn read_if_edited(&mut self) -> Result<Option<(Vec<u8>, Known)>, ReadError> {
        self.target = self.disk.resolve(&self.path).map_err(ReadError::Io)?;
        let metadata = self.disk.metadata(&self.target).map_err(ReadError::Io)?;
        if !metadata.is_file() {
            return Err(ReadError::NotAFile);
        }
        if mounts::is_left_behind(self.disk.as_ref(), &self.target, &metadata) {
            return Err(ReadError::LeftBehind);
        }
        let stat = Stat::of(&metadata);
        if self.edits.is_untouched(stat) {
            return Ok(None);
        }
        let bytes = self.read()?;
        let known = Known { stat: Some(stat), fingerprint: content::fingerprint(&bytes) };
        match self.edits.judge(known) {
            edits::Found::Known => {
                self.edits.know(known);
                Ok(None)
            }
            edits::Found::Left => Err(ReadError::Left),
            edits::Found::Edited => Ok(Some((bytes, known))),
        }
    }

    /// What was read by [`Self::read_if_edited`] is in force now.
    pub(super) fn accept(&mut self, known: Known) {
        self.edits.know(known);
    }

    /// What is in the file now.
    pub(super) fn read(&self) -> Result<Vec<u8>, ReadError> {
        let target = self.disk.resolve(&self.path).map_err(ReadError::Io)?;
        let bytes = self.disk.read(&target).map_err(ReadError::Io)?;
        // One without anything was not made so by a save of this process, and is no policy.
        if in_place::bears_mark(&bytes) {
            return Err(ReadError::Interrupted(self.copies().collect()));
        }
        Ok(bytes)
    }

    /// Removes what crashes left. Only for a file that holds a whole policy: copies go too.
    pub(super) fn remove_leftovers(&self) {
        let disk = self.disk.as_ref();
        replace::remove_leftovers(disk, &self.target);
        let place = Place::new(disk, &self.path, &self.target, &self.state_dirs);
        keepsakes::remove_leftovers(disk, &self.path, &place.directories);
        for copy in self.copies() {
            replace::remove_leftovers(disk, &copy);
            in_place::remove_copy(disk, &copy);
        }
    }

    fn recover(&self, bytes: Vec<u8>) -> Result<Found, ReadError> {
        if !in_place::is_interrupted(&bytes) {
            return Ok(Found { bytes, recovered_from: None, stat: None });
        }
        for copy in self.copies() {
            if let Ok(copied) = self.disk.read(&copy)
                && !in_place::is_interrupted(&copied)
            {
                return Ok(Found { bytes: copied, recovered_from: Some(copy), stat: None });
            }
        }
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(Found { bytes, recovered_from: None, stat: None });
        }
        Err(ReadError::Interrupted(self.copies().collect()))
    }

    fn probe(&self) -> Method {
        let why = match replace::probe(self.disk.as_ref(), &self.target) {
            Ok(()) => return Method::Replace,
            Err(why) if why.is_about_permission_or_place() => why,
            Err(why) => return Method::None(why.into()),
        };
        match self.place_for_copy() {
            Ok(copy) => self.in_place(why, copy),
            Err(in_place) => Method::None(SaveError::NoWay { replace: why, in_place }),
        }
    }

    fn in_place(&self, why: Failure, copy: PathBuf) -> Method {
        let directory = replace::directory_of(&copy);
        let copy_passes = mounts::lasts_shorter(self.disk.as_ref(), directory, &self.target);
        Method::InPlace { why, copy, copy_passes }
    }

    /// The first place where a copy can be made, if the file can be written in place at all.
    fn place_for_copy(&self) -> Result<PathBuf, Failure> {
        let mut result = Err(Failure::new(Step::Create, &self.path, io::ErrorKind::NotFound.into()));
        for copy in self.copies() {
            result = in_place::probe(self.disk.as_ref(), &self.target, &copy).map(|()| copy);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn copies(&self) -> impl Iterator<Item = PathBuf> {
        copies(&self.state_dirs, &self.path)
    }
}

/// Where a copy may be kept: in the directory that was given, or else in the usual ones.
pub(super) fn state_dirs(given: Option<&Path>) -> io::Result<Vec<PathBuf>> {
    match given {
        Some(given) => Ok(vec![std::path::absolute(given)?]),
        None => Ok(USUAL_STATE_DIRS.map(PathBuf::from).to_vec()),
    }
}

/// The places of copies of the file at the absolute path `file`.
pub(super) fn copies(state_dirs: &[PathBuf], file: &Path) -> impl Iterator<Item = PathBuf> {
    state_dirs.iter().map(move |state_dir| in_place::copy_in(state_dir, file))
}
