//! The power fails at each call of a save in place, and of what was not synced any part is lost.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::faults::{Place, policy_of_length};
use super::write;
use crate::store::{Disk, RealDisk, Writable};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A change of the file that is not on the disk yet.
#[derive(Clone, Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Pending {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(*length, 0),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    calls_left: usize,
    /// What is on the disk for sure, and what is on its way.
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

/// A disk in whose policy file nothing is sure before it is synced.
#[derive(Clone, Debug)]
struct Volatile {
    home: PathBuf,
    inode: u64,
    state: Arc<Mutex<State>>,
}

impl Volatile {
    fn new(place: &Place) -> Self {
        let durable = fs::read(&place.file).unwrap();
        let state = State { calls_left: usize::MAX, durable, pending: Vec::new() };
        let inode = fs::metadata(&place.file).unwrap().ino();
        Self { home: place.home.clone(), inode, state: Arc::new(Mutex::new(state)) }
    }

    /// Counts a call; after the last one nothing happens any more.
    fn call(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let left = state.calls_left.checked_sub(1).ok_or(io::ErrorKind::Other)?;
        state.calls_left = left;
        Ok(())
    }

    fn change(&self, file: &File, pending: impl IntoIterator<Item = Pending>) {
        if file.metadata().unwrap().ino() == self.inode {
            self.state.lock().unwrap().pending.extend(pending);
        }
    }

    /// What the file can hold after the power failed.
    fn possible_contents(&self) -> Vec<Vec<u8>> {
        let state = self.state.lock().unwrap();
        let count = u32::try_from(state.pending.len()).unwrap();
        assert!(count < 14, "too many to try all");
        let arrived = |subset: u32| {
            let mut content = state.durable.clone();
            for (index, pending) in state.pending.iter().enumerate() {
                if subset & (1 << index) != 0 {
                    pending.apply(&mut content);
                }
            }
            content
        };
        (0..1 << count).map(arrived).collect()
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
        if path.parent() == Some(&self.home) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        RealDisk.create(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.call()?;
        let mut at = usize::try_from(offset).unwrap();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (sector, more) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
            self.change(file, [Pending::Write(at, sector.to_vec())]);
            at += sector.len();
            rest = more;
        }
        RealDisk.write_at(file, bytes, offset)
    }

    fn set_length(&self, file: &File, length: u64) -> io::Result<()> {
        self.call()?;
        self.change(file, [Pending::Length(usize::try_from(length).unwrap())]);
        RealDisk.set_length(file, length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.call()?;
        if file.metadata().unwrap().ino() == self.inode {
            let mut state = self.state.lock().unwrap();
            for pending in std::mem::take(&mut state.pending) {
                pending.apply(&mut state.durable);
            }
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
        self.call().and_then(|()| RealDisk.link(file, name))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call().and_then(|()| RealDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call().and_then(|()| RealDisk.remove(path))
    }
}

#[test]
fn a_power_failure_during_a_save_in_place_loses_nothing_that_was_saved() {
    for (old, new) in [(100, 2500), (2500, 100), (1500, 1500)] {
        let (old, mut new) = (write(&policy_of_length(old)), policy_of_length(new));
        new.set_change_index(7);
        let new_bytes = write(&new);
        let mut recovered = 0;
        for calls in 0.. {
            let place = Place::with(&old);
            let disk = Volatile::new(&place);
            let (_, mut store) = place.open(Box::new(disk.clone()));
            assert!(matches!(store.writable(), Writable::InPlace { .. }));
            disk.state.lock().unwrap().calls_left = calls;
            let saved = store.save(&new);
            let copies: Vec<_> =
                place.others().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
            for content in disk.possible_contents() {
                fs::write(&place.file, &content).unwrap();
                for (path, copy) in &copies {
                    fs::write(path, copy).unwrap();
                }
                let (found, _) = place.open(Box::new(RealDisk));
                assert!(
                    found == new_bytes || (saved.is_err() && found == old),
                    "{saved:?} {}",
                    content.escape_ascii()
                );
                recovered += usize::from(content[0] == b'#');
            }
            if saved.is_ok() && disk.state.lock().unwrap().calls_left > 0 {
                break;
            }
        }
        assert!(recovered > 5, "{recovered}");
    }
}
