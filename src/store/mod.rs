//! The policy file: read, and saved so that a crash at any moment leaves a whole one. Its system calls are in `disk.rs`.
//!
//! Here also are the other files that are written, with system calls of their own: the audit trail (`trail.rs`) and that
//! with the metrics (`metrics_file.rs`).

mod content;
mod disk;
mod edits;
mod file;
mod in_place;
mod init;
mod issue;
mod keepsakes;
mod known;
mod members;
mod metrics_file;
mod mounts;
mod named;
mod open_error;
mod read;
mod replace;
mod save_error;
mod trail;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::policy::{Compat, Policy, Snapshot};

pub use disk::{Disk, RealDisk};
use file::PolicyFile;
pub use file::Writable;
pub use init::{FirstRun, InitError, Made, PASSWORD_VARIABLE, PasswordFrom};
pub use issue::{Imperfection, Issue, Shown};
pub use keepsakes::Notice;
use known::Known;
pub use metrics_file::{is_one_file, replace_metrics_file};
pub use open_error::{OpenError, WhileRunning};
use read::read_text;
pub use read::{Malformed, MalformedBy, read};
pub use save_error::{Failure, SaveError, Step};
pub use trail::{Missing, Trail, TrailNews};
#[cfg(fuzzing)]
pub use write::names_what_was_deleted;
pub use write::{write, write_to};

/// A policy and the file that it is saved in.
#[derive(Debug)]
pub struct Store {
    file: PolicyFile,
    /// What the file was when a reload read it that was not accepted yet.
    reloaded: Option<Known>,
}

/// What was found at the start.
#[derive(Debug)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// What is wrong with the file, in the order in which it stands there. All of it takes no part in
    /// decisions, or not as it is written, and stays in the file.
    pub issues: Vec<Issue>,
    /// A crash had interrupted a save.
    pub recovered: Option<Recovered>,
}

/// A save that a crash interrupted was completed from its copy.
#[derive(Debug)]
pub struct Recovered {
    /// The copy.
    pub copy: PathBuf,
    /// Why the file itself could not be completed; the copy stays then.
    pub not_completed: Option<SaveError>,
}

impl Store {
    /// Loads the policy from the file at `path`, and finds out how it can be saved. Where it cannot be
    /// replaced, copies go to `state_dir`, or else to the broker's usual state directory. `strict`
    /// refuses whatever would be an [`Issue`]. Nothing is written, unless a crash left something to
    /// complete or to clean.
    ///
    /// # Errors
    /// There is no file, it cannot be read, or it is no policy. It is left as it is.
    pub fn open(
        path: &Path,
        state_dir: Option<&Path>,
        compat: Compat,
        strict: bool,
    ) -> Result<(Loaded, Self), OpenError> {
        Self::open_on(Box::new(RealDisk), path, state_dir, compat, strict)
    }

    /// [`Self::open`], with system calls that a test can let fail.
    ///
    /// # Errors
    /// As in [`Self::open`].
    pub fn open_on(
        disk: Box<dyn Disk>,
        path: &Path,
        state_dir: Option<&Path>,
        compat: Compat,
        strict: bool,
    ) -> Result<(Loaded, Self), OpenError> {
        let (mut file, content) =
            PolicyFile::open(disk, path, state_dir).map_err(|error| OpenError::unreadable(path, error))?;
        let (fingerprint, read) =
            content::fingerprint_beside(&content.bytes, || read_text(&content.bytes, compat));
        file.note(&content, fingerprint);
        let read = read.map_err(|what| OpenError::Malformed {
            path: content.recovered_from.clone().unwrap_or_else(|| file.path().to_owned()),
            what,
        })?;
        if strict && !read.issues.is_empty() {
            return Err(OpenError::Imperfect { path: file.path().to_owned(), issues: read.issues });
        }
        let recovered = content
            .recovered_from
            .map(|copy| Recovered { copy, not_completed: file.save(&content.bytes.as_slice()).err() });
        // The text and the policy's tables need not be in memory together.
        drop(content.bytes);
        let (policy, issues) = read.fill();
        let broken = recovered.as_ref().is_some_and(|recovered| recovered.not_completed.is_some());
        if !broken {
            file.remove_leftovers();
        }
        Ok((Loaded { policy, issues, recovered }, Self { file, reloaded: None }))
    }

    /// The absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether and how the policy can be saved.
    #[must_use]
    pub fn writable(&self) -> Writable<'_> {
        self.file.writable()
    }

    /// Saves the policy. When this returns without an error it is on the disk.
    ///
    /// # Errors
    /// Why not. The file holds what it held, save after [`SaveError::NotPutBack`].
    pub fn save(&mut self, policy: &Policy) -> Result<(), SaveError> {
        self.save_snapshot(&policy.snapshot())
    }

    /// Saves what a policy was. When this returns without an error it is on the disk.
    ///
    /// # Errors
    /// As in [`Self::save`].
    pub fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), SaveError> {
        self.file.save(snapshot)
    }

    /// Keeps so many last versions in the state directory from now on.
    pub fn keep_versions(&mut self, backups: usize) {
        self.file.keep_versions(backups);
    }

    /// What an operator should know of the saves since this was last asked.
    #[must_use]
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.file.take_notices()
    }

    /// The policy in the file, if somebody else has changed it since it was last read or saved here. It counts as
    /// known with [`Self::accept`]; till then the next save keeps it elsewhere.
    ///
    /// # Errors
    /// As in [`Self::open`]; or the file is as a save has left it that could not be put back.
    pub fn reload(&mut self, compat: Compat, strict: bool) -> Result<Option<Loaded>, OpenError> {
        let path = self.path().to_owned();
        let edited = self.file.read_if_edited().map_err(|error| OpenError::unreadable(&path, error))?;
        let Some((bytes, known)) = edited else { return Ok(None) };
        let read = read_text(&bytes, compat);
        let read = read.map_err(|what| OpenError::Malformed { path: path.clone(), what })?;
        if strict && !read.issues.is_empty() {
            return Err(OpenError::Imperfect { path, issues: read.issues });
        }
        drop(bytes);
        let (policy, issues) = read.fill();
        self.reloaded = Some(known);
        Ok(Some(Loaded { policy, issues, recovered: None }))
    }

    /// What [`Self::reload`] gave is in force now.
    pub fn accept(&mut self) {
        if let Some(known) = self.reloaded.take() {
            self.file.accept(known);
        }
    }

    /// The policy that is in the file now.
    ///
    /// # Errors
    /// It cannot be read, or it is no policy.
    pub fn read_again(&self, compat: Compat) -> Result<Policy, OpenError> {
        let bytes = self.file.read().map_err(|error| OpenError::unreadable(self.path(), error))?;
        let read = read_text(&bytes, compat);
        let read = read.map_err(|what| OpenError::Malformed { path: self.path().to_owned(), what })?;
        drop(bytes);
        Ok(read.fill().0)
    }
}
