//! A disk that does what a test tells it: it waits, fails, or panics when a save begins to write.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use mosquitto_dynsec::plugin::Plugin;
use mosquitto_dynsec::store::{Disk, RealDisk};

/// What becomes of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Works,
    /// It waits until this changes.
    Waits,
    Fails,
    Panics,
}

/// Shared by the test and the plugin.
#[derive(Clone, Debug)]
pub(crate) struct Moody(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug)]
struct State {
    mood: Mood,
    /// Whether whoever looks at the policy file waits too.
    hides: bool,
    fails_once: bool,
    /// How many saves that wait go on.
    passes: usize,
    /// How many saves have begun, and how many of them wait.
    begun: usize,
    waiting: usize,
}

impl Moody {
    pub(crate) fn new() -> Self {
        let state =
            State { mood: Mood::Works, hides: false, fails_once: false, passes: 0, begun: 0, waiting: 0 };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    /// What becomes of saves from now on, those that wait included.
    pub(crate) fn set(&self, mood: Mood) {
        self.0.0.lock().unwrap().mood = mood;
        self.0.1.notify_all();
    }

    /// Lets everybody wait who looks at the policy file, or no longer.
    pub(crate) fn hide(&self, hides: bool) {
        self.0.0.lock().unwrap().hides = hides;
        self.0.1.notify_all();
    }

    /// The save that waits, or the next one, fails; the others work.
    pub(crate) fn fail_once(&self) {
        let mut state = self.0.0.lock().unwrap();
        (state.mood, state.fails_once) = (Mood::Works, true);
        self.0.1.notify_all();
    }

    /// The save that waits goes on, and works. The next one waits again.
    pub(crate) fn let_one_pass(&self) {
        self.0.0.lock().unwrap().passes += 1;
        self.0.1.notify_all();
    }

    /// How many saves have begun so far.
    pub(crate) fn saves(&self) -> usize {
        self.0.0.lock().unwrap().begun
    }

    /// Lets the broker's loop come round until so many saves have begun.
    pub(crate) fn until_saves(&self, begun: usize, plugin: &Plugin) {
        while self.saves() < begun {
            thread::sleep(Duration::from_millis(2));
            plugin.on_tick();
        }
    }

    /// Waits until so many saves have begun, while the broker's loop does not come round.
    pub(crate) fn until_begun(&self, begun: usize) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.begun < begun).unwrap());
    }

    /// Lets the broker's loop come round until a save waits.
    pub(crate) fn until_a_save_waits(&self, plugin: &Plugin) {
        let mut state = self.0.0.lock().unwrap();
        while state.waiting == 0 {
            state = self.0.1.wait_timeout(state, Duration::from_millis(2)).unwrap().0;
            drop(state);
            plugin.on_tick();
            state = self.0.0.lock().unwrap();
        }
    }

    /// A save makes its new file.
    fn begin(&self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.begun += 1;
        state.waiting += 1;
        self.0.1.notify_all();
        state = self.0.1.wait_while(state, |state| state.mood == Mood::Waits && state.passes == 0).unwrap();
        state.waiting -= 1;
        state.passes = state.passes.saturating_sub(1);
        let mood = if std::mem::take(&mut state.fails_once) { Mood::Fails } else { state.mood };
        drop(state);
        match mood {
            Mood::Fails => Err(io::ErrorKind::StorageFull.into()),
            Mood::Panics => panic!("a bug in a save"),
            Mood::Works | Mood::Waits => Ok(()),
        }
    }
}

impl Disk for Moody {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn read_open(&self, file: &File) -> io::Result<Vec<u8>> {
        RealDisk.read_open(file)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.hides).unwrap());
        RealDisk.metadata(path)
    }

    fn metadata_open(&self, file: &File) -> io::Result<Metadata> {
        RealDisk.metadata_open(file)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        RealDisk.resolve(path)
    }

    fn names_in(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        RealDisk.names_in(directory)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        RealDisk.open(path)
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<File> {
        RealDisk.open_for_writing(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.begin()?;
        RealDisk.create(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        RealDisk.write_at(file, bytes, offset)
    }

    fn set_length(&self, file: &File, length: u64) -> io::Result<()> {
        RealDisk.set_length(file, length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        RealDisk.sync(file)
    }

    fn set_owner(&self, file: &File, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
        RealDisk.set_owner(file, owner, group)
    }

    fn set_mode(&self, file: &File, mode: u32) -> io::Result<()> {
        RealDisk.set_mode(file, mode)
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        RealDisk.link(file, name)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
}
