//! The policy file: how it can be saved, found out at the start and again when that fails.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::in_place;
use super::replace;
use super::save_error::{Failure, SaveError, Step};

/// Where the broker's packages and images let it keep state, should no directory be given.
const USUAL_STATE_DIRS: [&str; 2] = ["/var/lib/mosquitto", "/mosquitto/data"];

/// A file that is saved as a whole, so that after a crash it holds what one save wrote.
#[derive(Debug)]
pub struct PolicyFile {
    disk: Box<dyn Disk>,
    path: PathBuf,
    /// What `path` led to when it was last looked at.
    target: PathBuf,
    state_dirs: Vec<PathBuf>,
    method: Method,
}

/// How the file is saved.
#[derive(Debug)]
enum Method {
    Replace,
    InPlace { why: Failure, copy: PathBuf },
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
    },
    /// It cannot be saved; every save tries again.
    No(&'f SaveError),
}

impl fmt::Display for Writable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced => f.write_str("saved by replacing it"),
            Self::InPlace { why, copy } => write!(
                f,
                "saved in place, after a copy to `{}`, because it cannot be replaced: {why}",
                copy.display()
            ),
            Self::No(error) => write!(f, "not saved: commands that change it are refused: {error}"),
        }
    }
}

/// What a file held at the start.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// A save was interrupted, and this copy is what was taken.
    pub(super) recovered_from: Option<PathBuf>,
}

/// Why a file could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    NotAFile,
    /// A save was interrupted, and there is no copy at any of these places.
    Interrupted(Vec<PathBuf>),
}

impl PolicyFile {
    /// The file at `path`, read, and how it can be saved found out. If it cannot be replaced, copies
    /// go to `state_dir`, or else to the broker's usual one.
    pub(super) fn open(
        disk: Box<dyn Disk>,
        path: &Path,
        state_dir: Option<&Path>,
    ) -> Result<(Self, Content), ReadError> {
        let path = std::path::absolute(path).map_err(ReadError::Io)?;
        let state_dirs = state_dirs(state_dir).map_err(ReadError::Io)?;
        let target = disk.resolve(&path).map_err(ReadError::Io)?;
        if !disk.metadata(&target).map_err(ReadError::Io)?.is_file() {
            return Err(ReadError::NotAFile);
        }
        let bytes = disk.read(&target).map_err(ReadError::Io)?;
        let method = Method::Replace;
        let mut file = Self { disk, path, target, state_dirs, method };
        let content = file.recover(bytes)?;
        file.method = file.probe();
        Ok((file, content))
    }

    /// Its absolute path, symbolic links as they were given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether and how it can be saved.
    #[must_use]
    pub fn writable(&self) -> Writable<'_> {
        match &self.method {
            Method::Replace => Writable::Replaced,
            Method::InPlace { why, copy } => Writable::InPlace { why, copy },
            Method::None(error) => Writable::No(error),
        }
    }

    /// Makes `bytes` the content of the file. When this returns without an error they are on the disk.
    ///
    /// # Errors
    /// Why not. The file holds what it held, save after [`SaveError::NotPutBack`].
    pub fn save(&mut self, bytes: &[u8]) -> Result<(), SaveError> {
        // A link may lead elsewhere by now; where it leads nowhere, the file is made anew.
        if let Ok(target) = self.disk.resolve(&self.path) {
            self.target = target;
        }
        let disk = self.disk.as_ref();
        if let Method::InPlace { copy, .. } = &self.method {
            return in_place::write(disk, &self.target, copy, bytes);
        }
        let why = match replace::replace(disk, &self.target, bytes) {
            Err(SaveError::Failed(why)) if why.is_about_permission_or_place() => why,
            saved => {
                if saved.is_ok() {
                    self.method = Method::Replace;
                }
                return saved;
            }
        };
        // What could be replaced at the start may have become a mount, or its directory read-only.
        match self.place_for_copy() {
            Ok(copy) => {
                let saved = in_place::write(disk, &self.target, &copy, bytes);
                self.method = Method::InPlace { why, copy };
                saved
            }
            Err(in_place) => Err(SaveError::NoWay { replace: why, in_place }),
        }
    }

    /// What is in the file now.
    pub(super) fn read(&self) -> Result<Vec<u8>, ReadError> {
        let target = self.disk.resolve(&self.path).map_err(ReadError::Io)?;
        let bytes = self.disk.read(&target).map_err(ReadError::Io)?;
        if in_place::is_interrupted(&bytes) {
            return Err(ReadError::Interrupted(self.copies().collect()));
        }
        Ok(bytes)
    }

    /// Removes what crashes left. Only for a file that holds a whole policy: copies go too.
    pub(super) fn remove_leftovers(&self) {
        let disk = self.disk.as_ref();
        replace::remove_leftovers(disk, &self.target);
        for copy in self.copies() {
            replace::remove_leftovers(disk, &copy);
            in_place::remove_copy(disk, &copy);
        }
    }

    fn recover(&self, bytes: Vec<u8>) -> Result<Content, ReadError> {
        if !in_place::is_interrupted(&bytes) {
            return Ok(Content { bytes, recovered_from: None });
        }
        for copy in self.copies() {
            if let Ok(copied) = self.disk.read(&copy)
                && !in_place::is_interrupted(&copied)
            {
                return Ok(Content { bytes: copied, recovered_from: Some(copy) });
            }
        }
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(Content { bytes, recovered_from: None });
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
            Ok(copy) => Method::InPlace { why, copy },
            Err(in_place) => Method::None(SaveError::NoWay { replace: why, in_place }),
        }
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
