//! Every system call of a save fails once, and from then on: the file stays whole.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::{load, write};
use crate::policy::{Client, Compat, Policy, Text, Username};
use crate::store::{Disk, RealDisk, SaveError, Store, Writable};

/// A disk of which some calls fail.
#[derive(Clone, Debug)]
pub(super) struct Faulty(Arc<Plan>);

#[derive(Debug)]
struct Plan {
    /// In this directory nothing can be made.
    unwritable: Option<PathBuf>,
    /// The calls until the first that fails, the one after the last that does, and how.
    calls: AtomicUsize,
    first: AtomicUsize,
    end: AtomicUsize,
    kind: io::ErrorKind,
    /// What somebody else does at each of the next syncs.
    others: Mutex<VecDeque<Deed>>,
}

/// What somebody else does to a file, and what it then holds.
type Deed = (fn(&Path, &str), PathBuf, String);

impl Faulty {
    pub(super) fn new(unwritable: Option<&Path>, kind: io::ErrorKind) -> Self {
        let never = || AtomicUsize::new(usize::MAX);
        let unwritable = unwritable.map(Path::to_owned);
        let (calls, others) = (AtomicUsize::new(0), Mutex::default());
        Self(Arc::new(Plan { unwritable, calls, first: never(), end: never(), kind, others }))
    }

    /// At the next sync somebody else does this to a file, at the one after that what is asked for next.
    pub(super) fn meanwhile(&self, deed: fn(&Path, &str), file: &Path, text: &str) {
        self.0.others.lock().unwrap().push_back((deed, file.to_owned(), text.to_owned()));
    }

    /// How many of these deeds are still to be done.
    pub(super) fn to_come(&self) -> usize {
        self.0.others.lock().unwrap().len()
    }

    /// Lets fail the calls from `first` to before `end`, counted from now.
    pub(super) fn fail(&self, first: usize, end: usize) {
        self.0.calls.store(0, Relaxed);
        self.0.first.store(first, Relaxed);
        self.0.end.store(end, Relaxed);
    }

    pub(super) fn calls(&self) -> usize {
        self.0.calls.load(Relaxed)
    }

    fn fails(&self) -> io::Result<()> {
        let call = self.0.calls.fetch_add(1, Relaxed);
        let failing = self.0.first.load(Relaxed)..self.0.end.load(Relaxed);
        if failing.contains(&call) { Err(self.0.kind.into()) } else { Ok(()) }
    }
}

impl Disk for Faulty {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.fails()?;
        RealDisk.read(path)
    }

    fn read_open(&self, file: &File) -> io::Result<Vec<u8>> {
        self.fails()?;
        RealDisk.read_open(file)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.fails()?;
        RealDisk.metadata(path)
    }

    fn metadata_open(&self, file: &File) -> io::Result<Metadata> {
        self.fails()?;
        RealDisk.metadata_open(file)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        self.fails()?;
        RealDisk.resolve(path)
    }

    fn names_in(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.fails()?;
        RealDisk.names_in(directory)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.fails()?;
        RealDisk.open(path)
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<File> {
        self.fails()?;
        RealDisk.open_for_writing(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.fails()?;
        if self.0.unwritable.as_deref() == path.parent() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        RealDisk.create(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = self.fails() {
            RealDisk.write_at(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        RealDisk.write_at(file, bytes, offset)
    }

    fn set_length(&self, file: &File, length: u64) -> io::Result<()> {
        self.fails()?;
        RealDisk.set_length(file, length)
    }

    // What is written is there without it, and a test on many files is quick.
    fn sync(&self, _file: &File) -> io::Result<()> {
        if let Some((deed, file, text)) = self.0.others.lock().unwrap().pop_front() {
            deed(&file, &text);
        }
        self.fails()
    }

    fn set_owner(&self, file: &File, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
        self.fails()?;
        RealDisk.set_owner(file, owner, group)
    }

    fn set_mode(&self, file: &File, mode: u32) -> io::Result<()> {
        self.fails()?;
        RealDisk.set_mode(file, mode)
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        self.fails()?;
        RealDisk.link(file, name)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.fails()?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.fails()?;
        RealDisk.remove(path)
    }
}

/// A policy whose file is about that long.
pub(super) fn policy_of_length(bytes: usize) -> Policy {
    let mut policy = Policy::new(Compat::V2_1);
    let client = Client::new(Username::new(b"u").unwrap());
    policy.put_client(client.with_text_name(Some(Text::new(&vec![b'x'; bytes])))).unwrap();
    policy.set_change_index(i64::try_from(bytes).unwrap());
    policy.keep();
    policy
}

/// A directory with a policy file, and one for state.
pub(super) struct Place {
    // Deleted at the end.
    _directory: tempfile::TempDir,
    pub(super) home: PathBuf,
    pub(super) file: PathBuf,
    pub(super) state: PathBuf,
}

impl Place {
    pub(super) fn with(content: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (home, state) = (root.join("home"), root.join("state"));
        fs::create_dir(&home).unwrap();
        fs::create_dir(&state).unwrap();
        let file = home.join("policy.json");
        fs::write(&file, content).unwrap();
        Self { _directory: directory, home, file, state }
    }

    pub(super) fn open(&self, disk: Box<dyn Disk>) -> (Vec<u8>, Store) {
        self.open_with_state(disk, &self.state)
    }

    pub(super) fn open_with_state(&self, disk: Box<dyn Disk>, state: &Path) -> (Vec<u8>, Store) {
        let (loaded, store) = Store::open_on(disk, &self.file, Some(state), Compat::V2_1, false).unwrap();
        assert_eq!(loaded.issues, []);
        (write(&loaded.policy), store)
    }

    pub(super) fn others(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.home).unwrap().chain(fs::read_dir(&self.state).unwrap());
        entries.map(|entry| entry.unwrap().path()).filter(|path| *path != self.file).collect()
    }
}

const KINDS: [io::ErrorKind; 3] =
    [io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied, io::ErrorKind::Other];

/// Saves `new` over `old` while call after call fails, and lets `check` see what came of it.
fn each_fault(in_place: bool, forever: bool, check: impl Fn(&Place, Result<(), SaveError>, &[u8], &[u8])) {
    for (old, new) in [(100, 5000), (5000, 100), (100, 100)] {
        let (old, mut new) = (write(&policy_of_length(old)), policy_of_length(new));
        new.set_change_index(7);
        let new_bytes = write(&new);
        for kind in KINDS {
            for call in 0.. {
                let place = Place::with(&old);
                let disk = Faulty::new(in_place.then_some(place.home.as_path()), kind);
                let (_, mut store) = place.open(Box::new(disk.clone()));
                assert_eq!(matches!(store.writable(), Writable::InPlace { .. }), in_place);
                disk.fail(call, if forever { usize::MAX } else { call + 1 });
                let saved = store.save(&new);
                if disk.calls() <= call {
                    assert!(saved.is_ok() && call > 5);
                    break;
                }
                check(&place, saved, &old, &new_bytes);
            }
        }
    }
}

#[test]
fn a_save_in_which_one_call_fails_is_whole_or_has_not_been() {
    for in_place in [false, true] {
        each_fault(in_place, false, |place, saved, old, new| {
            let content = fs::read(&place.file).unwrap();
            match saved {
                Ok(()) => assert_eq!(content, new),
                Err(error) => assert_eq!(content, old, "{error}"),
            }
            let stale_copy_at_most = usize::from(in_place);
            assert!(place.others().len() <= stale_copy_at_most, "{:?}", place.others());
            let (found, _) = place.open(Box::new(RealDisk));
            assert_eq!(found, content);
            assert_eq!(place.others(), Vec::<PathBuf>::new(), "the next start cleans");
        });
    }
}

#[test]
fn when_the_disk_dies_during_a_save_the_next_start_finds_all_of_it_or_nothing() {
    for in_place in [false, true] {
        each_fault(in_place, true, |place, saved, old, new| {
            let (found, _) = place.open(Box::new(RealDisk));
            match saved {
                Ok(()) => assert_eq!(found, new),
                Err(_) => assert!(found == old || found == new),
            }
            // Behind the old policy can be a part of the new one, which no reader looks at.
            assert!(fs::read(&place.file).unwrap().starts_with(&found));
            assert_eq!(place.others(), Vec::<PathBuf>::new());
        });
    }
}

#[test]
fn a_save_after_one_that_could_not_be_put_back_makes_the_file_whole() {
    let (old, new) = (write(&policy_of_length(100)), policy_of_length(5000));
    let mut broken = 0;
    for call in 0..60 {
        let place = Place::with(&old);
        let disk = Faulty::new(Some(&place.home), io::ErrorKind::Other);
        let (_, mut store) = place.open(Box::new(disk.clone()));
        disk.fail(call, usize::MAX);
        let Err(SaveError::NotPutBack { .. }) = store.save(&new) else { continue };
        broken += 1;
        // Once more it fails, at the last step; then it does not.
        disk.fail(call, call + 1);
        let _ = store.save(&new);
        disk.fail(usize::MAX, usize::MAX);
        store.save(&new).unwrap();
        assert_eq!(fs::read(&place.file).unwrap(), write(&new));
        assert_eq!(place.others(), Vec::<PathBuf>::new());
    }
    assert!(broken > 3, "{broken}");
}

#[test]
fn a_start_during_which_a_call_fails_changes_nothing() {
    let old = write(&policy_of_length(100));
    for call in 0..30 {
        let place = Place::with(&old);
        let disk = Faulty::new(None, io::ErrorKind::Other);
        disk.fail(call, call + 1);
        let opened =
            Store::open_on(Box::new(disk.clone()), &place.file, Some(&place.state), Compat::V2_1, false);
        assert_eq!(fs::read(&place.file).unwrap(), old);
        disk.fail(usize::MAX, usize::MAX);
        if let Ok((_, mut store)) = opened {
            let new = policy_of_length(200);
            store.save(&new).unwrap();
            let (found, _) = load(fs::read(&place.file).unwrap(), Compat::V2_1);
            assert_eq!(write(&found), write(&new));
        }
    }
}
