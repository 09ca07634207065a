//! Brokers that tell each of three listeners of a reload.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::*;
use crate::store::{Disk, RealDisk};

const LISTENERS: usize = 3;

/// A disk on which nobody can look at the policy file as long as it hangs.
#[derive(Clone, Debug, Default)]
struct Hanging(Arc<(Mutex<bool>, Condvar)>);

impl Hanging {
    fn hang(&self, hangs: bool) {
        *self.0.0.lock() = hangs;
        self.0.1.notify_all();
    }
}

/// What is left to the real disk.
macro_rules! as_real {
    ($($name:ident($($given:ident: $of:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($given: $of),*) -> io::Result<$result> {
            RealDisk.$name($($given),*)
        })*
    };
}

impl Disk for Hanging {
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.0.1.wait_while(&mut self.0.0.lock(), |hangs| *hangs);
        RealDisk.metadata(path)
    }

    as_real! {
        read(path: &Path) -> Vec<u8>;
        read_open(file: &File) -> Vec<u8>;
        metadata_open(file: &File) -> Metadata;
        resolve(path: &Path) -> PathBuf;
        names_in(directory: &Path) -> Vec<OsString>;
        open(path: &Path) -> File;
        open_for_writing(path: &Path) -> File;
        create(path: &Path) -> File;
        write_at(file: &File, bytes: &[u8], offset: u64) -> ();
        set_length(file: &File, length: u64) -> ();
        sync(file: &File) -> ();
        set_owner(file: &File, owner: Option<u32>, group: Option<u32>) -> ();
        set_mode(file: &File, mode: u32) -> ();
        link(file: &Path, name: &Path) -> ();
        rename(from: &Path, to: &Path) -> ();
        remove(path: &Path) -> ();
    }
}

/// Whoever waits for the disk has done so for a second already, and says that it will be looked at later.
struct Impatient;

impl Broker for Impatient {
    fn log(&self, _: LogLevel, line: &[u8]) {
        called(String::from_utf8_lossy(line).into_owned());
    }

    fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
        Ok(())
    }

    fn kick_username(&self, _: &[u8]) {}

    fn kick_clientid(&self, _: &[u8]) {}

    fn now(&self) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(1)).unwrap()
    }
}

fn tell(contexts: &[Arc<Context>; LISTENERS], family: BrokerFamily) {
    let answer = if family == BrokerFamily::V2_0 { 17 } else { 0 };
    for context in contexts {
        assert_eq!(call(callbacks::on_reload, context, &mut reload()), answer);
    }
}

fn round(contexts: &[Arc<Context>; LISTENERS]) {
    for context in contexts {
        assert_eq!(call(callbacks::on_tick, context, &mut tick()), 0);
    }
}

/// How many lines of the log have this in them, since the last time.
fn logged(part: &str) -> usize {
    calls().iter().filter(|line| line.contains(part)).count()
}

#[test]
fn one_reload_waits_for_the_disk_once_however_many_listeners_there_are() {
    for family in [BrokerFamily::V2_0, BrokerFamily::V2_1] {
        let (directory, disk) = (tempfile::tempdir().unwrap(), Hanging::default());
        let file = directory.path().join("policy.json");
        fs::write(&file, POLICY).unwrap();
        let on_disk = || -> Box<dyn Disk> { Box::new(disk.clone()) };
        let options = PluginOptions::new(file.clone());
        let plugin = Plugin::start_on(&options, Arc::new(Impatient), family, &on_disk).unwrap();
        let functions = functions(family);
        let served = Arc::new(Served::new(plugin));
        (0..LISTENERS).for_each(|_| served.rounds.add_line());
        let contexts = [(); LISTENERS].map(|()| {
            Arc::new(Context::new(functions, Arc::new(HostBroker::new(functions)), Arc::clone(&served)))
        });
        round(&contexts);
        calls();
        for number in 1..=2 {
            // Another one, in another round, brings another edit.
            let edit = POLICY.replace("\"ann\"", &format!("\"ann\", \"textname\": \"{number}\""));
            fs::write(&file, edit).unwrap();
            disk.hang(true);
            tell(&contexts, family);
            let mut waited = vec![logged("is looked at later")];
            if number == 2 {
                // And one that comes before the file was read for that one.
                round(&contexts);
                tell(&contexts, family);
                waited.push(logged("is looked at later"));
            }
            // The plugin's end would wait for it, should this fail.
            disk.hang(false);
            assert!(waited.iter().all(|count| *count == 1), "{family:?} {waited:?}");
            while !served.is_idle() {
                round(&contexts);
            }
            assert_eq!(logged("reloaded: 1 record"), 1, "{family:?}");
        }
    }
}
