//! The system calls that the store makes on the policy file and what lies beside it, each in one place, so that a test can
//! let any of them fail. The audit trail and the metrics file make their own.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// What the store asks of the operating system. Each method is one system call, or one that is
/// repeated until all is done; its error is what the operating system says.
#[expect(clippy::missing_errors_doc, reason = "the same for all of them: see the trait")]
pub trait Disk: Debug + Send {
    /// All of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// All of an open file, from its start.
    fn read_open(&self, file: &File) -> io::Result<Vec<u8>>;
    /// What is known of a file, or of what a symbolic link leads to.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// What is known of an open file.
    fn metadata_open(&self, file: &File) -> io::Result<Metadata>;
    /// The path without symbolic links.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;
    /// The names in a directory.
    fn names_in(&self, directory: &Path) -> io::Result<Vec<OsString>>;
    /// Opens a file or directory for reading.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// Opens a file for writing, its content as it is.
    fn open_for_writing(&self, path: &Path) -> io::Result<File>;
    /// Makes a file that only its owner can read and write; an error if there is something already.
    fn create(&self, path: &Path) -> io::Result<File>;
    /// Writes all bytes at that offset.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or fills a file to that length.
    fn set_length(&self, file: &File, length: u64) -> io::Result<()>;
    /// Waits until what was written to a file or directory is on the disk.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Changes the owner, the group, or both.
    fn set_owner(&self, file: &File, owner: Option<u32>, group: Option<u32>) -> io::Result<()>;
    /// Changes the permissions.
    fn set_mode(&self, file: &File, mode: u32) -> io::Result<()>;
    /// Gives a file a second name; an error if there is something of that name already.
    fn link(&self, file: &Path, name: &Path) -> io::Result<()>;
    /// Renames a file over another one.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// Opens a file. A pipe that somebody puts in its place is not waited for: nobody may ever open its other end. A file that
/// another program has a lease of, as file servers do, is: the system takes that away from whoever does not give it up.
pub(super) fn open_at(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    match options.custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_file(path) => {
            options.custom_flags(0).open(path)
        }
        opened => opened,
    }
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// Whether a file cannot be synced since there is nothing to wait for: a pipe, a terminal, a directory on some file systems.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// The operating system itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read_open(&self.open(path)?)
    }

    fn read_open(&self, mut file: &File) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(content)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path)
    }

    fn metadata_open(&self, file: &File) -> io::Result<Metadata> {
        file.metadata()
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn names_in(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        open_at(path, OpenOptions::new().read(true))
    }

    fn open_for_writing(&self, path: &Path) -> io::Result<File> {
        open_at(path, OpenOptions::new().write(true))
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn set_length(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn set_owner(&self, file: &File, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
        fchown(file, owner, group)
    }

    fn set_mode(&self, file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(mode))
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        fs::hard_link(file, name)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
