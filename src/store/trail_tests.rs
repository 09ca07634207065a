use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

thread_local! {
    /// Whether the disk of this test fails when it is synced, and how often it was synced.
    static DISK: Cell<(bool, usize)> = const { Cell::new((false, 0)) };
    /// How many bytes there is room for; any number if that is not said.
    static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
    /// The inode of a file on a disk that is dead.
    static DEAD: Cell<u64> = const { Cell::new(0) };
}

fn write(mut file: &File, bytes: &[u8]) -> io::Result<usize> {
    if file.metadata()?.ino() == DEAD.get() {
        return Err(io::ErrorKind::Other.into());
    }
    let Some(room) = ROOM.get() else { return file.write(bytes) };
    if room == 0 {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let count = file.write(&bytes[..room.min(bytes.len())])?;
    ROOM.set(Some(room.saturating_sub(count)));
    Ok(count)
}

fn sync(_: &File) -> io::Result<()> {
    let (fails, times) = DISK.get();
    DISK.set((fails, times.saturating_add(1)));
    if fails { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
}

fn syncs() -> usize {
    DISK.replace((DISK.get().0, 0)).1
}

fn disk_fails(fails: bool) {
    DISK.set((fails, DISK.get().1));
}

fn line_of(missing: Missing) -> Vec<u8> {
    format!("lost {} doubtful {}\n", missing.lost, missing.doubtful).into_bytes()
}

struct Place {
    folder: tempfile::TempDir,
    path: PathBuf,
    trail: Trail,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let trail = Trail { write, sync, ..Trail::new(path.clone()) };
        Self { folder, path, trail }
    }

    /// One with a line in its file, half of the next one, and another one that waits.
    fn with_half_a_line() -> Self {
        let mut place = Self::new();
        place.write(&["1\n"], true);
        ROOM.set(Some(3));
        assert!(is_broken(place.write(&["second\n", "3\n"], true).as_ref()));
        assert_eq!(place.text(), "1\nsec");
        assert!(place.write(&[], false).is_none(), "it was told");
        place
    }

    /// Everything is written now, and that is told.
    fn is_mended(&mut self) {
        let news = self.write(&["4\n"], false);
        assert!(matches!(news, Some(TrailNews::Mended(missing)) if !missing.is_any()), "{news:?}");
        assert!(!self.trail.has_waiting());
        assert!(self.write(&["5\n"], false).is_none());
    }

    /// One whose file is always full.
    fn full() -> Self {
        let place = Self::new();
        std::os::unix::fs::symlink("/dev/full", &place.path).unwrap();
        place
    }

    fn write(&mut self, lines: &[&str], sync: bool) -> Option<TrailNews> {
        self.trail.write(lines.iter().map(|line| line.as_bytes().to_vec()), 0, sync, line_of)
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }
}

fn is_broken(news: Option<&TrailNews>) -> bool {
    matches!(news, Some(TrailNews::Broken(_)))
}

#[test]
fn lines_are_added_in_order_to_what_is_there() {
    let mut place = Place::new();
    assert!(!place.trail.has_waiting() && !place.path.exists());
    assert!(place.write(&["1\n", "2\n"], true).is_none());
    assert_eq!(syncs(), 1);
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
    place.trail = Trail { write, sync, ..Trail::new(place.path.clone()) };
    assert!(place.write(&["3\n"], false).is_none());
    assert_eq!((syncs(), place.text().as_str()), (0, "1\n2\n3\n"));
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let mut place = Place::new();
    let old = place.folder.path().join("audit.1");
    place.write(&["1\n"], false);
    fs::rename(&place.path, &old).unwrap();
    place.write(&["2\n"], false);
    assert_eq!([fs::read_to_string(&old).unwrap(), place.text()], ["1\n", "2\n"]);
}

#[test]
fn what_cannot_be_written_is_kept_and_told_once() {
    let mut place = Place::full();
    let news = place.write(&["1\n"], true);
    assert!(matches!(&news, Some(TrailNews::Broken(error)) if error.raw_os_error() == Some(28)), "{news:?}");
    assert!(place.write(&["2\n"], false).is_none() && place.trail.has_waiting());
    assert_eq!(place.trail.unfinished(), 2);
    fs::remove_file(&place.path).unwrap();
    let news = place.write(&[], false);
    assert!(matches!(news, Some(TrailNews::Mended(missing)) if !missing.is_any()), "{news:?}");
    assert_eq!(place.text(), "1\n2\n");
    assert_eq!(syncs(), 1, "it was asked for, and is made up for");
    assert!(place.write(&[], false).is_none());
    assert_eq!((syncs(), place.trail.unfinished()), (0, 0));
}

#[test]
fn what_can_be_written_is_not_lost_however_much_it_is() {
    let mut place = Place::new();
    let line = |number: usize| format!("{number}{}\n", "x".repeat(100_000));
    let lines: Vec<String> = (0..100).map(line).collect();
    assert!(place.trail.write(lines.iter().cloned().map(String::into_bytes), 0, true, line_of).is_none());
    assert!(place.text() == lines.concat());
    assert_eq!(syncs(), 1, "at the end");
    let long = "x".repeat(MOST_WAITING + 1);
    assert!(place.write(&["1\n", &long, "\n"], false).is_none());
    assert!(place.text().ends_with(&["1\n", &long, "\n"].concat()));
}

#[test]
fn what_waits_is_bounded_and_what_is_lost_is_counted_in_its_place() {
    let mut place = Place::full();
    let line = format!("{}\n", "x".repeat(99_999));
    let mut lines = vec![line.as_str(); 60];
    lines.push("short\n");
    assert!(is_broken(place.write(&lines, false).as_ref()));
    assert!(place.trail.bytes <= MOST_WAITING);
    assert!(place.write(&["late\n"], false).is_none());
    assert!(place.trail.write([], 5, false, line_of).is_none());
    assert_eq!(place.trail.unfinished(), 67);
    fs::remove_file(&place.path).unwrap();
    let news = place.write(&["new\n"], false);
    let expected = Missing { lost: 26, doubtful: 0 };
    assert!(matches!(news, Some(TrailNews::Mended(missing)) if missing == expected), "{news:?}");
    assert!(place.text() == format!("{}lost 26 doubtful 0\nnew\n", line.repeat(41)));
    assert_eq!((place.trail.bytes, place.trail.has_waiting(), syncs()), (0, false, 1));
}

#[test]
fn what_did_not_get_to_a_file_that_can_be_written_is_told_too() {
    let mut place = Place::new();
    let news = place.trail.write([b"1\n".to_vec()], 3, false, line_of);
    let expected = Missing { lost: 3, doubtful: 0 };
    assert!(matches!(news, Some(TrailNews::Missing(missing)) if missing == expected), "{news:?}");
    assert_eq!(place.text(), "1\nlost 3 doubtful 0\n");
    assert!(place.write(&["2\n"], false).is_none());
}

#[test]
fn what_is_lost_is_told_though_the_line_about_it_cannot_be_written_at_first() {
    let mut place = Place::full();
    assert!(is_broken(place.trail.write([], 3, false, line_of).as_ref()));
    assert!(place.trail.write([], 2, false, line_of).is_none());
    assert_eq!(place.trail.unfinished(), 5);
    fs::remove_file(&place.path).unwrap();
    let news = place.write(&[], false);
    let expected = Missing { lost: 5, doubtful: 0 };
    assert!(matches!(news, Some(TrailNews::Mended(missing)) if missing == expected), "{news:?}");
    assert_eq!(place.text(), "lost 3 doubtful 0\nlost 2 doubtful 0\n");
}

#[test]
fn what_the_disk_perhaps_has_not_is_told_until_that_is_on_the_disk() {
    let mut place = Place::new();
    assert!(place.write(&["0\n"], true).is_none());
    assert!(place.write(&["1\n"], false).is_none());
    disk_fails(true);
    assert!(is_broken(place.trail.write([b"2\n".to_vec()], 4, true, line_of).as_ref()));
    assert_eq!(place.trail.unfinished(), 6);
    assert!(place.write(&[], false).is_none());
    disk_fails(false);
    syncs();
    let news = place.write(&["3\n"], false);
    let expected = Missing { lost: 4, doubtful: 2 };
    assert!(matches!(news, Some(TrailNews::Mended(missing)) if missing == expected), "{news:?}");
    assert_eq!((syncs(), place.trail.unfinished()), (1, 0));
    assert_eq!(place.text(), "0\n1\n2\nlost 4 doubtful 0\nlost 4 doubtful 2\nlost 4 doubtful 2\n3\n");
    assert!(place.write(&["4\n"], false).is_none());
    assert_eq!(syncs(), 0);
}

#[test]
fn what_has_to_be_on_the_disk_is_synced_before_another_file_is_opened() {
    for fails in [false, true] {
        let mut place = Place::new();
        place.write(&["1\n"], false);
        fs::rename(&place.path, place.folder.path().join("audit.1")).unwrap();
        fs::create_dir(&place.path).unwrap();
        disk_fails(fails);
        assert!(is_broken(place.write(&["2\n"], true).as_ref()));
        disk_fails(false);
        assert_eq!(syncs(), 1);
        fs::remove_dir(&place.path).unwrap();
        assert!(matches!(place.write(&[], false), Some(TrailNews::Mended(_))));
        assert_eq!(place.text(), if fails { "2\nlost 0 doubtful 1\n" } else { "2\n" });
        assert_eq!(syncs(), 1);
    }
}

#[test]
fn a_line_that_was_written_in_part_is_ended_when_there_is_room() {
    let mut place = Place::with_half_a_line();
    ROOM.set(None);
    place.is_mended();
    assert_eq!(place.text(), "1\nsecond\n3\n4\n5\n");
}

#[test]
fn a_line_whose_beginning_was_removed_is_written_anew() {
    let mut place = Place::with_half_a_line();
    fs::remove_file(&place.path).unwrap();
    ROOM.set(None);
    place.is_mended();
    assert_eq!(place.text(), "second\n3\n4\n5\n");
}

#[test]
fn a_line_whose_beginning_was_emptied_away_is_written_anew() {
    let mut place = Place::with_half_a_line();
    fs::write(&place.path, "").unwrap();
    ROOM.set(None);
    place.is_mended();
    assert_eq!(place.text(), "second\n3\n4\n5\n");
}

#[test]
fn a_removed_file_keeps_no_room() {
    let mut place = Place::with_half_a_line();
    fs::remove_file(&place.path).unwrap();
    assert!(place.write(&[], false).is_none(), "there is none yet");
    assert!(place.trail.file.is_none());
    assert_eq!((place.trail.unfinished(), place.text().as_str()), (2, ""));
}

#[test]
fn a_line_whose_beginning_was_moved_away_is_ended_there_and_no_other() {
    let mut place = Place::with_half_a_line();
    let old = place.folder.path().join("audit.1");
    fs::rename(&place.path, &old).unwrap();
    ROOM.set(None);
    place.is_mended();
    assert_eq!([fs::read_to_string(&old).unwrap(), place.text()], ["1\nsecond\n", "3\n4\n5\n"]);
}

#[test]
fn a_line_that_cannot_be_ended_where_it_was_begun_is_written_anew_to_another_file() {
    let mut place = Place::with_half_a_line();
    let old = place.folder.path().join("audit.1");
    DEAD.set(fs::metadata(&place.path).unwrap().ino());
    ROOM.set(None);
    assert!(place.write(&[], false).is_none(), "there is no other one yet");
    fs::rename(&place.path, &old).unwrap();
    fs::write(&place.path, "").unwrap();
    place.is_mended();
    assert_eq!([fs::read_to_string(&old).unwrap(), place.text()], ["1\nsec", "second\n3\n4\n5\n"]);
}

#[test]
fn a_line_that_was_cut_short_takes_no_other_with_it() {
    for (found, after) in [("", "1\n"), ("0\n", "0\n1\n"), ("0\n{\"ti", "0\n{\"ti\n1\n")] {
        let mut place = Place::new();
        fs::write(&place.path, found).unwrap();
        assert!(place.trail.open().is_none());
        assert!(place.write(&["1\n"], false).is_none());
        assert_eq!(place.text(), after);
    }
}
