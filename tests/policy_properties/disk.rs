//! A disk of which nothing is sure before it is synced, and what a power cut can leave of it.
//!
//! Everything happens on real files too, so that what runs on it sees what it did. A file's content is sure once the
//! file is synced; that a name leads to it, or no longer does, once its directory is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use mosquitto_dynsec::store::{Disk, RealDisk};

type Inode = u64;

/// A change of a directory that may not have reached the disk.
#[derive(Clone, Debug)]
enum Change {
    Name(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Change {
    fn directory(&self) -> Option<&Path> {
        match self {
            Self::Name(path, _) | Self::Rename(path, _) | Self::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Inode>) {
        match self {
            Self::Name(path, inode) => drop(names.insert(path.clone(), *inode)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Self::Remove(path) => drop(names.remove(path)),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Content {
    sure: Vec<u8>,
    now: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    /// How many more calls come through.
    left: usize,
    contents: BTreeMap<Inode, Content>,
    names: BTreeMap<PathBuf, Inode>,
    changes: Vec<Change>,
    /// Whether calls wait, and how many do.
    held: bool,
    waiting: usize,
}

/// A disk that can be cut off from its power.
#[derive(Clone, Debug)]
pub(crate) struct Volatile {
    state: Arc<Mutex<State>>,
    released: Arc<Condvar>,
    /// Where nothing can be made, so that files there are written in place.
    unwritable: Option<PathBuf>,
}

/// What is found after a power cut: each file and its content.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

impl Volatile {
    /// A disk on which these files are.
    pub(crate) fn with(files: &[&Path], unwritable: Option<&Path>) -> Self {
        let mut state = State { left: usize::MAX, ..State::default() };
        for &file in files {
            let (inode, bytes) = (fs::metadata(file).unwrap().ino(), fs::read(file).unwrap());
            state.names.insert(file.to_owned(), inode);
            state.contents.insert(inode, Content { sure: bytes.clone(), now: bytes });
        }
        let unwritable = unwritable.map(Path::to_owned);
        Self { state: Arc::new(Mutex::new(state)), released: Arc::default(), unwritable }
    }

    /// Lets all calls wait, or no longer; none waits where the power is off.
    pub(crate) fn hold(&self, held: bool) {
        self.state.lock().unwrap().held = held;
        self.released.notify_all();
    }

    /// Whether a call waits, or will get no answer.
    pub(crate) fn is_waited_for(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.waiting > 0 || state.left == 0
    }

    /// After so many calls more the power is off: no call does anything any more.
    pub(crate) fn cut_after(&self, calls: usize) {
        self.state.lock().unwrap().left = calls;
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.state.lock().unwrap().left == 0
    }

    /// What can be found when the power is back: of the changes of directories that were not synced any first part,
    /// and of contents that were not, nothing, all, or the first half.
    pub(crate) fn possible(&self) -> Vec<Files> {
        let state = self.state.lock().unwrap();
        let nothing = |content: &Content| content.sure.clone();
        let all = |content: &Content| content.now.clone();
        let torn = |content: &Content| {
            if content.sure == content.now {
                return content.now.clone();
            }
            let half = content.now.len() / 2;
            let rest = content.sure.get(half..).unwrap_or_default();
            [&content.now[..half], rest].concat()
        };
        let mut possible = Vec::new();
        for changes in 0..=state.changes.len() {
            let mut names = state.names.clone();
            for change in &state.changes[..changes] {
                change.apply(&mut names);
            }
            for content_of in [&nothing as &dyn Fn(&Content) -> Vec<u8>, &all, &torn] {
                let file = |(path, inode): (&PathBuf, &Inode)| {
                    (path.clone(), state.contents.get(inode).map(content_of).unwrap_or_default())
                };
                possible.push(names.iter().map(file).collect());
            }
        }
        possible.dedup();
        possible
    }

    /// Counts a call.
    fn call(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        state = self.released.wait_while(state, |state| state.held && state.left > 0).unwrap();
        state.waiting -= 1;
        state.left = state.left.checked_sub(1).ok_or(io::ErrorKind::Other)?;
        Ok(())
    }

    fn change(&self, change: Change) {
        self.state.lock().unwrap().changes.push(change);
    }

    fn write(&self, file: &File, write: impl FnOnce(&mut Vec<u8>)) {
        let inode = file.metadata().unwrap().ino();
        write(&mut self.state.lock().unwrap().contents.entry(inode).or_default().now);
    }
}

impl Disk for Volatile {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.call().and_then(|()| RealDisk.read(path))
    }

    fn read_open(&self, file: &File) -> io::Result<Vec<u8>> {
        self.call().and_then(|()| RealDisk.read_open(file))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.call().and_then(|()| RealDisk.metadata(path))
    }

    fn metadata_open(&self, file: &File) -> io::Result<Metadata> {
        self.call().and_then(|()| RealDisk.metadata_open(file))
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.call().and_then(|()| RealDisk.resolve(path))
    }

    fn names_in(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.call().and_then(|()| RealDisk.names_in(directory))
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.call().and_then(|()| RealDisk.open(path))
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<File> {
        self.call().and_then(|()| RealDisk.open_for_writing(path))
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.call()?;
        if path.parent() == self.unwritable.as_deref() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let file = RealDisk.create(path)?;
        self.write(&file, |_| {});
        self.change(Change::Name(path.to_owned(), file.metadata().unwrap().ino()));
        Ok(file)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.call()?;
        let start = usize::try_from(offset).unwrap();
        self.write(file, |content| {
            content.resize(content.len().max(start + bytes.len()), 0);
            content[start..start + bytes.len()].copy_from_slice(bytes);
        });
        RealDisk.write_at(file, bytes, offset)
    }

    fn set_length(&self, file: &File, length: u64) -> io::Result<()> {
        self.call()?;
        self.write(file, |content| content.resize(usize::try_from(length).unwrap(), 0));
        RealDisk.set_length(file, length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.call()?;
        let metadata = file.metadata().unwrap();
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        if metadata.is_dir() {
            let is_of = |change: &Change| {
                change.directory().is_some_and(|of| fs::metadata(of).unwrap().ino() == metadata.ino())
            };
            for change in std::mem::take(&mut state.changes) {
                if is_of(&change) {
                    change.apply(&mut state.names);
                } else {
                    state.changes.push(change);
                }
            }
        } else if let Some(content) = state.contents.get_mut(&metadata.ino()) {
            content.sure.clone_from(&content.now);
        }
        Ok(())
    }

    fn set_owner(&self, file: &File, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
        self.call().and_then(|()| RealDisk.set_owner(file, owner, group))
    }

    fn set_mode(&self, file: &File, mode: u32) -> io::Result<()> {
        self.call().and_then(|()| RealDisk.set_mode(file, mode))
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        self.call()?;
        RealDisk.link(file, name)?;
        self.change(Change::Name(name.to_owned(), fs::metadata(name).unwrap().ino()));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        // An inode must not be used again for what is another file: the old one stays open.
        let _old = File::open(to);
        RealDisk.rename(from, to)?;
        self.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        RealDisk.remove(path)?;
        self.change(Change::Remove(path.to_owned()));
        Ok(())
    }
}
