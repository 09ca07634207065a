//! Where the plugins run: on this system, or in the root folder of another one (`DYNSEC_DIFF_ROOT`), whose
//! broker's C plugin needs that system's libraries.

use std::collections::HashSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use plugin_host::HostProgram;
use tempfile::TempDir;

/// The programs and files that a plugin under test runs with; they go when the last of them does.
#[derive(Clone, Debug)]
pub struct Place {
    root: Option<PathBuf>,
    copies: Option<Arc<Copies>>,
}

/// What was copied into the root folder.
#[derive(Debug)]
struct Copies {
    directory: TempDir,
    /// The files of this system that are there already.
    brought: Mutex<HashSet<PathBuf>>,
}

/// The copies are the same for all tests of a run.
static COPIES: Mutex<Weak<Copies>> = Mutex::new(Weak::new());

impl Place {
    pub fn of_this_run() -> Self {
        let root = env::var_os("DYNSEC_DIFF_ROOT").map(PathBuf::from);
        let copies = root.as_deref().map(|root| {
            assert!(
                root.join("usr/lib").is_dir(),
                "DYNSEC_DIFF_ROOT: there is no system in {}",
                root.display()
            );
            let mut copies = COPIES.lock().expect("no test failed here");
            copies.upgrade().unwrap_or_else(|| {
                let directory = directory_in(&root.join("tmp"));
                let new = Arc::new(Copies { directory, brought: Mutex::default() });
                *copies = Arc::downgrade(&new);
                new
            })
        });
        Self { root, copies }
    }

    /// A path of the place as seen from here.
    pub fn outside(&self, inside: &Path) -> PathBuf {
        self.root.as_ref().map_or_else(
            || inside.to_owned(),
            |root| root.join(inside.strip_prefix("/").expect("paths in the root folder are absolute")),
        )
    }

    /// A path as the place has it.
    pub fn inside(&self, outside: &Path) -> PathBuf {
        self.root.as_ref().map_or_else(
            || outside.to_owned(),
            |root| Path::new("/").join(outside.strip_prefix(root).expect("the path is in the root folder")),
        )
    }

    /// A file of this system, there.
    pub fn bring(&self, file: &Path) -> PathBuf {
        let Some(copies) = &self.copies else {
            return file.to_owned();
        };
        let copy = copies.directory.path().join(file.file_name().expect("a file has a name"));
        let mut brought = copies.brought.lock().expect("no test failed here");
        if brought.insert(file.to_owned()) {
            // By another process: a file that this one has open for writing, a child that is started by another
            // test at that moment has open too, and it cannot be run until that child is a program of its own.
            let status = Command::new("cp").arg(file).arg(&copy).status().expect("cp runs");
            assert!(status.success(), "{} cannot be copied into the root folder", file.display());
        }
        self.inside(&copy)
    }

    pub fn program(&self, program: &Path) -> HostProgram {
        HostProgram {
            path: self.bring(program),
            root: self.root.clone(),
            wrapper: Vec::new(),
            patience: None,
        }
    }

    /// A command that runs a program of the place.
    pub fn command(&self, program: &str) -> Command {
        let Some(root) = &self.root else { return Command::new(program) };
        // It becomes the program, so that a signal to it reaches that.
        let mut command = Command::new("chroot");
        command.arg(root).arg(program);
        command
    }

    /// A directory that the place sees, in memory where that is possible: the C plugin writes its file with
    /// every command.
    pub fn directory(&self) -> TempDir {
        match &self.root {
            Some(root) => directory_in(&root.join("tmp")),
            None => TempDir::with_prefix_in("dynsec-", "/dev/shm")
                .or_else(|_| TempDir::new())
                .expect("there is room for a directory"),
        }
    }
}

fn directory_in(directory: &Path) -> TempDir {
    TempDir::with_prefix_in("dynsec-", directory)
        .unwrap_or_else(|error| panic!("no directory can be made in {}: {error}", directory.display()))
}
