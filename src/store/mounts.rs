//! What is mounted where, as far as /proc says it: a file that is a mount of its own cannot be renamed over, and is not
//! another one when it is replaced where it comes from.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::disk::Disk;

/// What ends the root of a mount whose file or directory is gone.
const DELETED: &[u8] = b"//deleted";
/// The kinds of file systems that a container's own files are on, or that are gone when the machine stops.
const PASSING: [&[u8]; 2] = [b"overlay", b"tmpfs"];

/// Whether something is mounted on the file itself; renaming over it then fails. Its device number
/// does not tell: a bind mount has that of the directory.
pub(super) fn is_mount_point(disk: &dyn Disk, target: &Path) -> bool {
    roots_of_mounts_on(target, &mounts(disk)).next().is_some()
}

/// Whether what is mounted on `target`, of which this is known, was removed or renamed over where it comes from. The mount
/// leads to the old file as long as it is there, and to the new one once it is mounted again: nothing that is written
/// until then is ever seen.
pub(super) fn is_left_behind(disk: &dyn Disk, target: &Path, metadata: &Metadata) -> bool {
    // Some file systems know no number of links.
    metadata.nlink() == 0 && roots_of_mounts_on(target, &mounts(disk)).any(|root| root.ends_with(DELETED))
}

/// Whether the directory `copies` is on a file system that goes with a container or when the machine stops, and `file` is
/// not. No where that cannot be told.
pub(super) fn lasts_shorter(disk: &dyn Disk, copies: &Path, file: &Path) -> bool {
    let mounts = mounts(disk);
    let copies = disk.resolve(copies).unwrap_or_else(|_| copies.to_owned());
    let is_passing = |path| kind_of_mount_of(path, &mounts).map(|kind| PASSING.contains(&kind));
    is_passing(&copies) == Some(true) && is_passing(file) == Some(false)
}

/// What to say of such a file.
pub(super) fn left_behind() -> io::Error {
    io::Error::other(LEFT_BEHIND)
}

/// The same, after its path.
pub(super) const LEFT_BEHIND: &str =
    "it was replaced on the other side of its mount: restart the container, or mount its directory";

fn mounts(disk: &dyn Disk) -> Vec<u8> {
    disk.read(Path::new("/proc/self/mountinfo")).unwrap_or_default()
}

/// What is mounted there, of each file system its own path.
fn roots_of_mounts_on<'m>(target: &Path, mounts: &'m [u8]) -> impl Iterator<Item = &'m [u8]> {
    let target = target.as_os_str().as_bytes();
    // proc(5): the fourth field is the root of the mount, the fifth the mount point, its blanks and backslashes in octal.
    mounts.split(|&byte| byte == b'\n').filter_map(move |line| {
        let mut fields = line.split(|&byte| byte == b' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (without_octal(point) == target).then_some(root)
    })
}

/// The kind of the file system that a path is on.
fn kind_of_mount_of<'m>(path: &Path, mounts: &'m [u8]) -> Option<&'m [u8]> {
    let of_mount = |line: &'m [u8]| {
        let mut fields = line.split(|&byte| byte == b' ');
        let point = without_octal(fields.nth(4)?);
        let is_above = path.starts_with(OsStr::from_bytes(&point));
        // proc(5): some fields that may be there, a hyphen, the kind.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        is_above.then_some((point.len(), kind))
    };
    // Of several that are mounted on the same place, the last one is what is seen there.
    mounts
        .split(|&byte| byte == b'\n')
        .filter_map(of_mount)
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

fn without_octal(escaped: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                let digits = [a, b, c].map(|digit| digit & 7);
                Some((digits.iter().fold(0_u8, |value, digit| (value << 3) | digit), after))
            }
            _ => None,
        };
        let (byte, after) = octal.unwrap_or((byte, after));
        plain.push(byte);
        rest = after;
    }
    plain
}
