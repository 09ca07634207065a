//! A file that is only added to, in another thread, in order: the audit trail.
//!
//! What cannot be written is kept, up to a bound, and tried again. What is missing all the same is counted until the
//! file itself says so, on the disk. Before each write it is looked whether the path still leads to the file that is
//! open, so that whoever moves it away (logrotate) gets a new one. A line that was written in part is ended in the file
//! that it was begun in, as long as that can be done; else it is written anew.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::disk::{is_unsupported, open_at};

/// The bytes that wait for a file that cannot be written; a line that is longer waits alone.
const MOST_WAITING: usize = 4_194_304;

/// How long the thread waits for the reader of a pipe that is full, again and again.
const UNTIL_ROOM: Duration = Duration::from_millis(2);

/// Lines on their way to a file.
#[derive(Debug)]
pub struct Trail {
    path: PathBuf,
    file: Option<File>,
    waiting: VecDeque<Line>,
    bytes: usize,
    /// How much of the first line is written to the file that is open: the rest has to follow it there.
    written: usize,
    /// How many lines were written since the file was last synced.
    unsynced: u64,
    /// Whether what was written has to be on the disk. It stays so until it is.
    needs_sync: bool,
    /// What no line tells of yet.
    missing: Missing,
    /// What lines tell of that were written since the file was last synced.
    told: Missing,
    is_broken: bool,
    write: fn(&File, &[u8]) -> io::Result<usize>,
    sync: fn(&File) -> io::Result<()>,
}

/// Where the file is that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    /// Where the path leads.
    There,
    /// It has another name, as far as that can be known.
    Elsewhere,
    /// What was written to it is in no file any more.
    Gone,
}

#[derive(Debug)]
struct Line {
    bytes: Vec<u8>,
    /// What it tells of, if that is what it is for.
    tells: Missing,
}

/// Lines that are not in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Those that could not be kept until it could be written.
    pub lost: u64,
    /// Those that were written, but then the disk has failed: nobody knows whether it has them.
    pub doubtful: u64,
}

/// What an operator should hear.
#[derive(Debug)]
pub enum TrailNews {
    /// It cannot be written any more.
    Broken(io::Error),
    /// It can be written again, without these.
    Mended(Missing),
    /// It could be written all the time, but these did not get here.
    Missing(Missing),
}

impl Missing {
    /// Whether any line is.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Self::default()
    }

    /// How many lines these are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lost.saturating_add(self.doubtful)
    }

    fn add(&mut self, more: Self) {
        self.lost = self.lost.saturating_add(more.lost);
        self.doubtful = self.doubtful.saturating_add(more.doubtful);
    }
}

impl Trail {
    /// The file at `path`, which is not touched yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            waiting: VecDeque::new(),
            bytes: 0,
            written: 0,
            unsynced: 0,
            needs_sync: false,
            missing: Missing::default(),
            told: Missing::default(),
            is_broken: false,
            write: |mut file, bytes| file.write(bytes),
            sync: sync_data,
        }
    }

    /// Opens the file; what an operator should hear of that.
    pub fn open(&mut self) -> Option<TrailNews> {
        let error = self.open_if_moved().err()?;
        self.is_broken = true;
        Some(TrailNews::Broken(error))
    }

    /// Whether there is anything to write.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.missing.is_any()
    }

    /// How many lines are not known to be in the file.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        let waiting =
            self.waiting.iter().map(|line| if line.tells.is_any() { line.tells.count() } else { 1 });
        waiting.fold(self.missing.count(), u64::saturating_add)
    }

    /// Writes what waits and then these lines, each with its line feed, and waits for the disk if `sync`. So many more did
    /// not get here, after them. `line_of` makes the line that says what is missing.
    pub fn write(
        &mut self,
        lines: impl IntoIterator<Item = Vec<u8>>,
        lost: u64,
        sync: bool,
        line_of: impl Fn(Missing) -> Vec<u8>,
    ) -> Option<TrailNews> {
        self.needs_sync |= sync;
        match self.try_write(lines, lost, &line_of) {
            Ok(()) => {
                let missing = std::mem::take(&mut self.told);
                let was_broken = std::mem::take(&mut self.is_broken);
                if was_broken {
                    return Some(TrailNews::Mended(missing));
                }
                missing.is_any().then_some(TrailNews::Missing(missing))
            }
            Err(error) => {
                // Another one may be opened the next time; but for the rest of a line.
                if self.written == 0 {
                    self.close();
                }
                let is_news = !std::mem::replace(&mut self.is_broken, true);
                is_news.then_some(TrailNews::Broken(error))
            }
        }
    }

    fn try_write(
        &mut self,
        lines: impl IntoIterator<Item = Vec<u8>>,
        lost: u64,
        line_of: &dyn Fn(Missing) -> Vec<u8>,
    ) -> io::Result<()> {
        let mut result = self.finish_line().and_then(|()| self.open_if_moved());
        if result.is_ok() && self.missing.is_any() {
            result = self.write_waiting(line_of);
        }
        for line in lines {
            if result.is_ok() && !self.has_room_for(&line) {
                result = self.write_waiting(line_of);
            }
            if self.has_room_for(&line) {
                self.push(line, Missing::default());
            } else {
                self.missing.add(Missing { lost: 1, doubtful: 0 });
            }
        }
        self.missing.add(Missing { lost, doubtful: 0 });
        result?;
        self.write_waiting(line_of)?;
        self.sync()?;
        self.needs_sync = false;
        Ok(())
    }

    /// After a line that was lost none is kept until that is told of, so that it is told of in its place.
    fn has_room_for(&self, line: &[u8]) -> bool {
        let is_within = self.bytes.saturating_add(line.len()) <= MOST_WAITING;
        self.missing.lost == 0 && (self.waiting.is_empty() || is_within)
    }

    fn push(&mut self, bytes: Vec<u8>, tells: Missing) {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.waiting.push_back(Line { bytes, tells });
    }

    /// Writes what waits, and what is missing.
    fn write_waiting(&mut self, line_of: &dyn Fn(Missing) -> Vec<u8>) -> io::Result<()> {
        self.write_lines()?;
        if self.missing.is_any() {
            let missing = std::mem::take(&mut self.missing);
            self.push(line_of(missing), missing);
            self.needs_sync = true;
            self.write_lines()?;
        }
        Ok(())
    }

    fn write_lines(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            self.write_line()?;
        }
        Ok(())
    }

    /// Writes what is left of the first line.
    fn write_line(&mut self) -> io::Result<()> {
        let (Some(file), Some(line)) = (&self.file, self.waiting.front()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        while let Some(rest) = line.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            match (self.write)(file, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written = self.written.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(UNTIL_ROOM),
                Err(error) => return Err(error),
            }
        }
        self.bytes = self.bytes.saturating_sub(line.bytes.len());
        self.written = 0;
        if line.tells.is_any() {
            self.told.add(line.tells);
        } else {
            self.unsynced = self.unsynced.saturating_add(1);
        }
        self.waiting.pop_front();
        Ok(())
    }

    /// Ends a line that was written in part, in the file that it was begun in. If that is gone, or has made room for another
    /// one and cannot be written, the line is yet to be written.
    fn finish_line(&mut self) -> io::Result<()> {
        if self.written == 0 {
            return Ok(());
        }
        let whereabouts = self.whereabouts();
        let finished = if whereabouts == Whereabouts::Gone { Ok(()) } else { self.write_line() };
        if finished.is_err() && whereabouts == Whereabouts::There {
            return finished;
        }
        if self.written > 0 {
            self.written = 0;
            self.close();
        }
        Ok(())
    }

    /// Waits until what was written is on the disk, if it has to be. After an error the system may have dropped it: it is
    /// told of, and not written again, since it may be there too.
    fn sync(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref().filter(|_| self.needs_sync) else { return Ok(()) };
        let synced = (self.sync)(file);
        let unsynced = std::mem::take(&mut self.unsynced);
        if synced.is_err() {
            self.missing.add(Missing { lost: 0, doubtful: unsynced });
            self.missing.add(std::mem::take(&mut self.told));
        }
        synced
    }

    fn close(&mut self) {
        if self.unsynced > 0 || self.told.is_any() {
            // What comes of it is counted.
            let _ = self.sync();
        }
        self.unsynced = 0;
        self.file = None;
    }

    /// Opens the file, unless it is open and still the one that the path leads to.
    fn open_if_moved(&mut self) -> io::Result<()> {
        if self.whereabouts() == Whereabouts::There {
            return Ok(());
        }
        self.close();
        let mut options = OpenOptions::new();
        // A pipe that nobody reads is an error, and not waited for.
        let mut file = open_at(&self.path, options.append(true).create(true).mode(0o600))?;
        if last_line_is_cut(&file, &self.path)? {
            file.write_all(b"\n")?;
        }
        self.file = Some(file);
        Ok(())
    }

    fn whereabouts(&self) -> Whereabouts {
        let Some(Ok(open)) = self.file.as_ref().map(File::metadata) else { return Whereabouts::Elsewhere };
        // Whoever makes room may also have emptied it.
        let is_emptied = open.is_file() && open.len() < self.written as u64;
        if open.nlink() == 0 || is_emptied {
            return Whereabouts::Gone;
        }
        match std::fs::metadata(&self.path) {
            Ok(there) if (open.dev(), open.ino()) == (there.dev(), there.ino()) => Whereabouts::There,
            _ => Whereabouts::Elsewhere,
        }
    }
}

/// Whether a crash or a full disk has cut the last line short, to which the next one must not be added.
fn last_line_is_cut(file: &File, path: &Path) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let Some(last) = metadata.len().checked_sub(1).filter(|_| metadata.is_file()) else { return Ok(false) };
    let mut byte = [0];
    let is_read = File::open(path).and_then(|file| file.read_exact_at(&mut byte, last)).is_ok();
    Ok(!is_read || byte != *b"\n")
}

fn sync_data(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if is_unsupported(&error) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
