//! What is written to a file: bytes, or a policy that becomes bytes while they are written, so that they never
//! stand in memory together.

use std::fs::File;
use std::io;
use std::thread;

use sha2::{Digest as _, Sha256};

use super::disk::Disk;
use super::write::write_to;
use crate::policy::Snapshot;

/// What tells whether two contents are the same.
pub(super) type Fingerprint = [u8; 32];

/// Something that can be written, as often as it takes.
pub(super) trait Content {
    fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()>;

    /// All of it, where a part is not enough.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes)?;
        Ok(bytes)
    }
}

impl Content for &[u8] {
    fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(self)
    }
}

impl Content for Snapshot {
    fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write_to(self, out)
    }
}

/// The fingerprint of bytes.
pub(super) fn fingerprint(bytes: &[u8]) -> Fingerprint {
    Sha256::digest(bytes).into()
}

/// The fingerprint of what would be written.
pub(super) fn fingerprint_of(content: &dyn Content) -> io::Result<Fingerprint> {
    let mut digest = Sha256::new();
    content.write_to(&mut digest)?;
    Ok(digest.finalize().into())
}

/// From how many bytes on a thread of its own is worth it.
const MANY: usize = 4 << 20;

/// The fingerprint of bytes, made while something else is done, if they are many.
pub(super) fn fingerprint_beside<T>(bytes: &[u8], work: impl FnOnce() -> T) -> (Fingerprint, T) {
    if bytes.len() < MANY {
        return (fingerprint(bytes), work());
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || fingerprint(bytes));
        let done = work();
        let made = thread.ok().and_then(|thread| thread.join().ok());
        (made.unwrap_or_else(|| fingerprint(bytes)), done)
    })
}

/// Writes a content to a file, from its start, piece by piece.
pub(super) fn write(disk: &dyn Disk, file: &File, content: &dyn Content) -> io::Result<Fingerprint> {
    let mut pieces = Pieces { disk, file, offset: 0, digest: Sha256::new() };
    content.write_to(&mut pieces)?;
    Ok(pieces.digest.finalize().into())
}

struct Pieces<'d> {
    disk: &'d dyn Disk,
    file: &'d File,
    offset: u64,
    digest: Sha256,
}

impl io::Write for Pieces<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.disk.write_at(self.file, piece, self.offset)?;
        self.digest.update(piece);
        self.offset = self.offset.saturating_add(piece.len() as u64);
        // The broker's thread may want the processor, and a long file takes long.
        thread::yield_now();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
