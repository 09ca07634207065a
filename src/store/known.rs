//! What the file held when it was last read or written here, so that the hand of somebody else is noticed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use super::content::Fingerprint;

/// A file as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// `None` if that could not be found out: then its content tells.
    pub(super) stat: Option<Stat>,
    pub(super) fingerprint: Fingerprint,
}

/// What changes whenever a file is written, replaced, or linked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
