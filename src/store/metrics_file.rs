//! A file that others read and that is made anew each time: the metrics.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::disk::open_at;

/// As many bytes as no file of metrics has.
const MOST_ZEROS: u64 = 1_048_576;

/// Makes `bytes` the content of the file at `path`, so that who reads it sees the old or the new. Everybody may read it.
/// It is not waited for the disk. What is there already is replaced only if it is empty, all zeros or has this `beginning`, as
/// all that is written here has: whoever has named another file by mistake keeps it.
///
/// # Errors
/// The file could not be written. The old one is there as it was.
pub fn replace_metrics_file(path: &Path, bytes: &[u8], beginning: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".new");
    let new = path.with_file_name(name);
    may_replace(path, beginning)?;
    // What a crash left, and never something that a link leads to.
    if may_replace(&new, beginning)? {
        fs::remove_file(&new)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// Whether there is a file at all.
///
/// # Errors
/// What is there, or what a link there leads to, is none of ours, or nobody knows.
fn may_replace(path: &Path, beginning: &[u8]) -> io::Result<bool> {
    // A pipe is not waited for.
    let file = match open_at(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.is_symlink()),
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() {
        let mut found = Vec::new();
        (&file).take(beginning.len() as u64).read_to_end(&mut found)?;
        // A crash may have left a part of it.
        if beginning.starts_with(&found) {
            return Ok(true);
        }
        // Or as many zeros as it had bytes, as some file systems do after a power failure.
        if metadata.len() <= MOST_ZEROS && is_zeros(&found) {
            file.take(MOST_ZEROS).read_to_end(&mut found)?;
            if is_zeros(&found) {
                return Ok(true);
            }
        }
    }
    let what =
        format!("`{}` is something else, and stays: name another file, or move it away", path.display());
    Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Whether two paths lead to one file, be it there already or not.
#[must_use]
pub fn is_one_file(one: &Path, other: &Path) -> bool {
    if let (Ok(one), Ok(other)) = (fs::metadata(one), fs::metadata(other)) {
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    matches!((resolved(one), resolved(other)), (Ok(one), Ok(other)) if one == other)
}

/// The path without symbolic links, of a file that may not be there.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    fs::canonicalize(&path).or_else(|error| match (path.parent(), path.file_name()) {
        (Some(directory), Some(name)) => Ok(fs::canonicalize(directory)?.join(name)),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
        replace_metrics_file(path, bytes, b"# ours")
    }

    #[test]
    fn the_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dynsec.prom");
        for left_by_a_crash in ["", "# ou", "# ours, in part", "\0\0", &"\0".repeat(5000)] {
            fs::write(folder.path().join("dynsec.prom.new"), left_by_a_crash).unwrap();
            for text in ["# ours, first", "# ours, second"] {
                replace(&path, text.as_bytes()).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            fs::write(&path, left_by_a_crash).unwrap();
        }
    }

    #[test]
    fn what_is_not_ours_stays_and_so_does_what_a_link_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let [path, new, other] = ["p", "p.new", "other"].map(|name| folder.path().join(name));
        let foreign: [&dyn Fn(&Path); 5] = [
            &|place| fs::write(place, "theirs").unwrap(),
            // Images of disks begin like this.
            &|place| fs::write(place, [&[0; 1024][..], b"theirs"].concat()).unwrap(),
            &|place| std::os::unix::fs::symlink(&other, place).unwrap(),
            &|place| std::os::unix::fs::symlink("/dev/null", place).unwrap(),
            &|place| assert!(std::process::Command::new("mkfifo").arg(place).status().unwrap().success()),
        ];
        fs::write(&other, "theirs").unwrap();
        for place in [&path, &new] {
            for put in foreign {
                put(place);
                let there = fs::symlink_metadata(place).unwrap().ino();
                let error = replace(&path, b"# ours").unwrap_err().to_string();
                assert!(error.starts_with(&format!("`{}` is something else", place.display())), "{error}");
                assert_eq!(fs::symlink_metadata(place).unwrap().ino(), there);
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
                fs::remove_file(place).unwrap();
            }
        }
        // One of ours is elsewhere, or not there yet.
        for text in ["# ours, elsewhere", ""] {
            fs::write(&other, text).unwrap();
            std::os::unix::fs::symlink(&other, &path).unwrap();
            replace(&path, b"# ours").unwrap();
            assert_eq!([&path, &other].map(|path| fs::read_to_string(path).unwrap()), ["# ours", text]);
            fs::remove_file(&path).unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("missing"), &new).unwrap();
        replace(&path, b"# ours").unwrap();
        assert!(!new.is_symlink() && !folder.path().join("missing").exists());
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(&folder.path().join("no/such/folder"), b"# ours").is_err());
        assert!(replace(folder.path(), b"# ours").is_err(), "a folder is in its place");
    }

    #[test]
    fn one_file_is_known_by_all_its_paths() {
        let folder = tempfile::tempdir().unwrap();
        let [there, linked, named_twice, folder_too] =
            ["a", "b", "c", "d"].map(|name| folder.path().join(name));
        fs::write(&there, "").unwrap();
        std::os::unix::fs::symlink("a", &linked).unwrap();
        fs::hard_link(&there, &named_twice).unwrap();
        std::os::unix::fs::symlink(".", &folder_too).unwrap();
        for other in [there.clone(), linked, named_twice, folder_too.join("a"), folder.path().join("./a")] {
            assert!(is_one_file(&there, &other), "{}", other.display());
            assert!(!is_one_file(&folder.path().join("missing"), &other), "{}", other.display());
        }
        assert!(is_one_file(&folder.path().join("missing"), &folder_too.join("missing")));
        assert!(!is_one_file(&folder.path().join("missing"), &folder.path().join("missing.too")));
    }
}
