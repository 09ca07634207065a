//! A file that others read and that is made anew each time: the metrics.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Makes `bytes` the content of the file at `path`, so that who reads it sees the old or the new. Everybody may read it.
/// It is not waited for the disk.
///
/// # Errors
/// The file could not be written. The old one is there as it was.
pub fn replace_metrics_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".new");
    let new = path.with_file_name(name);
    // What a crash left, and never something that a link leads to.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&new)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dynsec.prom");
        fs::write(folder.path().join("dynsec.prom.new"), "left by a crash").unwrap();
        for text in ["first", "second"] {
            replace_metrics_file(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [path, new, other] = ["p", "p.new", "other"].map(|name| folder.path().join(name));
        fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, &new).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        replace_metrics_file(&path, b"ours").unwrap();
        assert_eq!([&path, &other].map(|path| fs::read_to_string(path).unwrap()), ["ours", "theirs"]);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace_metrics_file(&folder.path().join("no/such/folder"), b"").is_err());
        assert!(replace_metrics_file(folder.path(), b"").is_err(), "a folder is in its place");
    }
}
