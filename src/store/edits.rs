//! What somebody else writes into the policy file: it is noticed, and kept before it is saved over.

use std::io;
use std::path::{Path, PathBuf};

use super::content::{self, Content, Fingerprint};
use super::disk::Disk;
use super::keepsakes::{self, Notice};
use super::known::{Known, Stat};
use super::replace;
use super::save_error::{Failure, SaveError, Step};

/// How often a save looks again at a file that somebody writes at the same time: each look may take the place of an older copy.
const MOST_LOOKS: usize = 3;

/// What the file held when it was last read or saved here, and what somebody else has made of it.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// `None` if it may hold anything.
    known: Option<Known>,
    /// What was to be saved last, was refused, and may be in the file all the same, since it could not be put back.
    left: Option<Fingerprint>,
    /// What somebody else had written into it when that was last kept, and where.
    kept: Option<(Fingerprint, PathBuf)>,
    /// What it was when the save that is under way last looked at it, if it was there, and how often it was another one.
    seen: Option<Stat>,
    looks: usize,
    notices: Vec<Notice>,
}

/// What a reload finds in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What was last read from it or saved to it.
    Known,
    /// What a save has left there that could not be put back.
    Left,
    /// What somebody else has made of it.
    Edited,
}

/// The file, and where what it holds can be kept.
#[derive(Debug)]
pub(super) struct Place<'p> {
    disk: &'p dyn Disk,
    path: &'p Path,
    /// What the path leads to.
    target: &'p Path,
    /// Those for state, and at the worst the file's own.
    pub(super) directories: Vec<PathBuf>,
}

impl<'p> Place<'p> {
    pub(super) fn new(disk: &'p dyn Disk, path: &'p Path, target: &'p Path, state_dirs: &[PathBuf]) -> Self {
        let own = replace::directory_of(target).to_owned();
        let directories = state_dirs.iter().cloned().chain([own]).collect();
        Self { disk, path, target, directories }
    }

    fn stat(&self) -> Result<Option<(Stat, bool)>, Failure> {
        match self.disk.metadata(self.target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(error)),
            Ok(metadata) => Ok(Some((Stat::of(&metadata), metadata.is_file()))),
        }
    }

    fn unreadable(&self, error: io::Error) -> Failure {
        Failure::new(Step::Read, self.target, error)
    }
}

impl Edits {
    /// The file holds that, and nobody else has changed it.
    pub(super) fn know(&mut self, known: Known) {
        *self = Self { known: Some(known), notices: std::mem::take(&mut self.notices), ..Self::default() };
    }

    /// The file was left as it is by a save of that content, which could be neither ended nor put back.
    pub(super) fn leave(&mut self, place: &Place<'_>, content: &dyn Content) {
        self.left = content::fingerprint_of(content).ok();
        let stat = place.stat().ok().flatten().map(|(stat, _)| stat);
        // It may be half of it: nothing but the stat tells that it is nobody else's.
        self.known = self.known.filter(|_| stat.is_some()).map(|known| Known { stat, ..known });
    }

    /// What the file is that a reload has found.
    pub(super) fn judge(&self, found: Known) -> Found {
        let is_known = |is: &dyn Fn(&Known) -> bool| self.known.as_ref().is_some_and(is);
        if is_known(&|known| known.fingerprint == found.fingerprint) {
            Found::Known
        } else if self.left == Some(found.fingerprint) || is_known(&|known| known.stat == found.stat) {
            Found::Left
        } else {
            Found::Edited
        }
    }

    /// Whether the file is what it was when it was last read or saved here, as far as can be seen without reading it.
    pub(super) fn is_untouched(&self, stat: Stat) -> bool {
        self.left.is_none() && self.known.is_some_and(|known| known.stat == Some(stat))
    }

    /// What an operator should know of what was kept since this was last asked.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Keeps what somebody else has written into the file, as a save begins.
    ///
    /// # Errors
    /// It cannot be kept.
    pub(super) fn keep(&mut self, place: &Place<'_>) -> Result<(), SaveError> {
        self.looks = 0;
        self.keep_edit(place).map_err(SaveError::EditNotKept)
    }

    /// The last look before the file is written over: keeps what somebody else has written into it since it was last looked
    /// at. If there was anything it says so, and is to be called again, since that takes its time.
    ///
    /// # Errors
    /// It cannot be kept, or somebody writes it again and again.
    pub(super) fn keep_again(&mut self, place: &Place<'_>) -> Result<bool, SaveError> {
        if self.known.is_none() {
            return Ok(false);
        }
        let stat = place.stat().map_err(SaveError::EditNotKept)?.map(|(stat, _)| stat);
        if stat == self.seen {
            return Ok(false);
        }
        self.looks = self.looks.saturating_add(1);
        if self.looks > MOST_LOOKS {
            let error = io::Error::other("it is changed again and again");
            return Err(SaveError::EditNotKept(place.unreadable(error)));
        }
        self.keep_edit(place).map_err(SaveError::EditNotKept)?;
        Ok(true)
    }

    fn keep_edit(&mut self, place: &Place<'_>) -> Result<(), Failure> {
        let Some(edited) = self.edited(place)? else { return Ok(()) };
        let fingerprint = content::fingerprint(&edited);
        // A save that fails comes again, and somebody may have taken the copy away meanwhile.
        if let Some((kept, copy)) = &self.kept
            && *kept == fingerprint
            && keepsakes::holds(place.disk, copy, &edited)
        {
            return Ok(());
        }
        let (copy, removed) = keepsakes::keep_edit(place.disk, place.path, &place.directories, &edited)?;
        self.notices.push(Notice::EditKept { file: place.path.to_owned(), copy: copy.clone() });
        self.notices.extend(removed);
        self.kept = Some((fingerprint, copy));
        Ok(())
    }

    /// What the file holds, if that is not what was last read from it or saved to it.
    fn edited(&mut self, place: &Place<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let Some(known) = &mut self.known else { return Ok(None) };
        let found = place.stat()?;
        self.seen = found.map(|(stat, _)| stat);
        let Some((stat, true)) = found else { return Ok(None) };
        if known.stat == Some(stat) {
            return Ok(None);
        }
        let bytes = place.disk.read(place.target).map_err(|error| place.unreadable(error))?;
        let fingerprint = content::fingerprint(&bytes);
        if fingerprint == known.fingerprint || self.left == Some(fingerprint) {
            known.stat = Some(stat);
            return Ok(None);
        }
        Ok(Some(bytes))
    }
}
