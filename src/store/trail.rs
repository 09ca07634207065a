//! A file that is only added to, in another thread, in order: the audit trail.
//!
//! What cannot be written is kept, up to a bound, and tried again. Before each write it is looked whether the path still
//! leads to the file that is open, so that whoever moves it away (logrotate) gets a new one.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// The bytes that wait for a file that cannot be written.
const MOST_WAITING: usize = 4_194_304;

/// Lines on their way to a file.
#[derive(Debug)]
pub struct Trail {
    path: PathBuf,
    file: Option<File>,
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// How much of the first line is written: the rest has to follow it in the same file.
    written: usize,
    lost: u64,
    is_broken: bool,
}

/// What an operator should hear.
#[derive(Debug)]
pub enum TrailNews {
    /// It cannot be written any more.
    Broken(io::Error),
    /// It can be written again; so many lines are lost.
    Mended {
        /// The lines that could not be kept.
        lost: u64,
    },
}

impl Trail {
    /// The file at `path`, which is not touched yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, waiting: VecDeque::new(), bytes: 0, written: 0, lost: 0, is_broken: false }
    }

    /// Adds a line, with its line feed, to those that are to be written.
    pub fn add(&mut self, line: Vec<u8>) {
        let bytes = self.bytes.saturating_add(line.len());
        if bytes > MOST_WAITING {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.bytes = bytes;
        self.waiting.push_back(line);
    }

    /// Opens the file; what an operator should hear of that.
    pub fn open(&mut self) -> Option<TrailNews> {
        let error = self.open_if_moved().err()?;
        self.is_broken = true;
        Some(TrailNews::Broken(error))
    }

    /// Counts lines that did not get here.
    pub fn lose(&mut self, count: u64) {
        self.lost = self.lost.saturating_add(count);
    }

    /// Whether there is anything to write.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.lost > 0
    }

    /// Writes what waits, and waits for the disk if `sync`. `line_of_lost` makes the line that says how many could not
    /// be kept.
    pub fn write(&mut self, sync: bool, line_of_lost: impl FnOnce(u64) -> Vec<u8>) -> Option<TrailNews> {
        match self.try_write(sync, line_of_lost) {
            Ok(lost) => std::mem::take(&mut self.is_broken).then_some(TrailNews::Mended { lost }),
            Err(error) => {
                // Another one may be opened the next time; but for the rest of a line.
                if self.written == 0 {
                    self.file = None;
                }
                let is_news = !std::mem::replace(&mut self.is_broken, true);
                is_news.then_some(TrailNews::Broken(error))
            }
        }
    }

    fn try_write(&mut self, sync: bool, line_of_lost: impl FnOnce(u64) -> Vec<u8>) -> io::Result<u64> {
        if self.written == 0 {
            self.open_if_moved()?;
        }
        let mut lost = 0;
        self.write_waiting()?;
        if self.lost > 0 {
            lost = std::mem::take(&mut self.lost);
            let line = line_of_lost(lost);
            self.bytes = self.bytes.saturating_add(line.len());
            self.waiting.push_back(line);
            self.write_waiting()?;
        }
        if sync && let Some(file) = &self.file {
            sync_data(file)?;
        }
        Ok(lost)
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        while let Some(line) = self.waiting.front() {
            let rest = line.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.bytes = self.bytes.saturating_sub(line.len());
                self.written = 0;
                self.waiting.pop_front();
                continue;
            }
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written = self.written.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Opens the file, unless it is open and still the one that the path leads to.
    fn open_if_moved(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file
            && let (Ok(open), Ok(there)) = (file.metadata(), std::fs::metadata(&self.path))
            && (open.dev(), open.ino()) == (there.dev(), there.ino())
        {
            return Ok(());
        }
        self.file = None;
        self.file = Some(OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?);
        Ok(())
    }
}

/// A pipe or a terminal has nothing to wait for.
fn sync_data(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn lost(count: u64) -> Vec<u8> {
        format!("lost {count}\n").into_bytes()
    }

    #[test]
    fn lines_are_added_in_order_to_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let mut trail = Trail::new(path.clone());
        assert!(!trail.has_waiting() && !path.exists());
        trail.add(b"1\n".to_vec());
        trail.add(b"2\n".to_vec());
        assert!(trail.write(true, lost).is_none());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut trail = Trail::new(path.clone());
        trail.add(b"3\n".to_vec());
        assert!(trail.write(false, lost).is_none());
        assert_eq!(fs::read(&path).unwrap(), b"1\n2\n3\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let [path, old] = ["audit", "audit.1"].map(|name| folder.path().join(name));
        let mut trail = Trail::new(path.clone());
        trail.add(b"1\n".to_vec());
        trail.write(false, lost);
        fs::rename(&path, &old).unwrap();
        trail.add(b"2\n".to_vec());
        trail.write(false, lost);
        assert_eq!([fs::read(&old).unwrap(), fs::read(&path).unwrap()], [b"1\n", b"2\n"]);
    }

    #[test]
    fn what_cannot_be_written_is_kept_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut trail = Trail::new(path.clone());
        trail.add(b"1\n".to_vec());
        let news = trail.write(true, lost);
        assert!(
            matches!(&news, Some(TrailNews::Broken(error)) if error.raw_os_error() == Some(28)),
            "{news:?}"
        );
        trail.add(b"2\n".to_vec());
        assert!(trail.write(true, lost).is_none() && trail.has_waiting());
        fs::remove_file(&path).unwrap();
        assert!(matches!(trail.write(true, lost), Some(TrailNews::Mended { lost: 0 })));
        assert_eq!(fs::read(&path).unwrap(), b"1\n2\n");
        assert!(trail.write(true, lost).is_none());
    }

    #[test]
    fn what_waits_is_bounded_and_what_is_lost_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder");
        let mut trail = Trail::new(path.clone());
        let line = vec![b'x'; 100_000];
        for _ in 0..60 {
            trail.add(line.clone());
        }
        assert!(trail.bytes <= MOST_WAITING);
        assert!(matches!(trail.write(false, lost), Some(TrailNews::Broken(_))));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(matches!(trail.write(false, lost), Some(TrailNews::Mended { lost: 19 })));
        let text = fs::read(&path).unwrap();
        assert!(text.ends_with(b"xlost 19\n"));
        assert_eq!(text.len(), 41 * 100_000 + 8);
        assert_eq!((trail.bytes, trail.has_waiting()), (0, false));
    }
}
