//! Places where saving is not easy: full, read-only, not ours, mounted. These tests mount file
//! systems, for which they must run as root.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::faults::policy_of_length;
use super::write;
use crate::policy::Compat;
use crate::store::{SaveError, Store, Writable};

/// A mount that ends with the test.
struct Mount(PathBuf);

impl Mount {
    fn new(arguments: &[&str], at: &Path) -> Self {
        mount(arguments, at);
        Self(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status().unwrap();
    assert!(status.success(), "cannot mount `{}`: run the tests as root", at.display());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A temporary directory with `home/policy.json` and `state`.
struct Place {
    directory: tempfile::TempDir,
    home: PathBuf,
    file: PathBuf,
    state: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let (home, state) = (root.join("home"), root.join("state"));
    fs::create_dir(&home).unwrap();
    fs::create_dir(&state).unwrap();
    let file = home.join("policy.json");
    fs::write(&file, write(&policy_of_length(10))).unwrap();
    Place { directory, home, file, state }
}

fn open(place: &Place) -> Store {
    Store::open(&place.file, Some(&place.state), Compat::V2_1, false).unwrap().1
}

fn holds(place: &Place, length: usize) -> bool {
    fs::read(&place.file).unwrap() == write(&policy_of_length(length))
}

fn fill(directory: &Path) {
    let mut block = 65536;
    let filler = fs::File::create(directory.join("filler")).unwrap();
    while block > 0 {
        if io::Write::write_all(&mut &filler, &vec![0; block]).is_err() {
            block /= 2;
        }
    }
}

#[test]
fn on_a_full_disk_the_old_file_stays() {
    let mut place = place();
    let _tmpfs = Mount::new(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], &place.home);
    fs::write(&place.file, write(&policy_of_length(10))).unwrap();
    let mut store = open(&place);
    fill(&place.home);
    let SaveError::Failed(failure) = store.save(&policy_of_length(50_000)).unwrap_err() else { panic!() };
    assert_eq!(failure.error.kind(), io::ErrorKind::StorageFull);
    assert!(failure.to_string().ends_with("; free space on its file system"), "{failure}");
    assert!(holds(&place, 10));
    assert_eq!(fs::read_dir(&place.home).unwrap().count(), 2, "the file and the filler");
    // A start on the full disk is one that says so.
    store = open(&place);
    println!("{}", store.writable());
    fs::remove_file(place.home.join("filler")).unwrap();
    store.save(&policy_of_length(50_000)).unwrap();
    assert!(holds(&place, 50_000));
    place.home.clear();
}

#[test]
fn a_file_that_is_a_mount_of_its_own_is_written_in_place() {
    let place = place();
    let source = place.directory.path().join("a source with blanks\\");
    fs::write(&source, write(&policy_of_length(10))).unwrap();
    let _bind = Mount::new(&["--bind", text(&source)], &place.file);
    let mut store = open(&place);
    let shown = store.writable().to_string();
    assert!(shown.contains("mount its directory instead"), "{shown}");
    for length in [20_000, 30, 40_000] {
        store.save(&policy_of_length(length)).unwrap();
        assert!(holds(&place, length));
        assert_eq!(fs::read(&source).unwrap(), fs::read(&place.file).unwrap());
        assert_eq!(fs::read_dir(&place.state).unwrap().count(), 0, "no copy stays");
        assert_eq!(fs::read_dir(&place.home).unwrap().count(), 1);
    }
}

#[test]
fn a_copy_that_may_be_gone_before_the_file_is_told_of() {
    // Kinds that a container's own files are on, and one that stands for all others.
    for (kind_of_file, kind_of_copy, is_told) in [
        ("ramfs", "tmpfs", true),
        ("ramfs", "ramfs", false),
        ("tmpfs", "tmpfs", false),
        ("tmpfs", "ramfs", false),
    ] {
        let place = place();
        let disk = place.directory.path().join("disk with blanks");
        fs::create_dir(&disk).unwrap();
        let _disk = Mount::new(&["-t", kind_of_file, kind_of_file], &disk);
        let _state = Mount::new(&["-t", kind_of_copy, kind_of_copy], &place.state);
        fs::copy(&place.file, disk.join("source")).unwrap();
        let _file = Mount::new(&["--bind", text(&disk.join("source"))], &place.file);
        // Also where a link leads there.
        let link = place.directory.path().join("link");
        std::os::unix::fs::symlink(&place.state, &link).unwrap();
        for state in [&place.state, &link] {
            let store = Store::open(&place.file, Some(state), Compat::V2_1, false).unwrap().1;
            let shown = store.writable().to_string();
            assert!(shown.starts_with("saved in place"), "{shown}");
            assert_eq!(shown.contains("may be gone after a crash"), is_told, "{kind_of_file}: {shown}");
        }
    }
}

#[test]
fn a_file_that_becomes_a_mount_later_is_written_in_place() {
    let place = place();
    let source = place.directory.path().join("source");
    fs::write(&source, write(&policy_of_length(10))).unwrap();
    let mut store = open(&place);
    assert!(matches!(store.writable(), Writable::Replaced));
    let _bind = Mount::new(&["--bind", text(&source)], &place.file);
    store.save(&policy_of_length(500)).unwrap();
    assert!(matches!(store.writable(), Writable::InPlace { .. }));
    assert!(holds(&place, 500));
    assert_eq!(fs::read_dir(&place.home).unwrap().count(), 1);
}

#[test]
fn a_mounted_file_that_is_replaced_where_it_comes_from_is_not_written_any_more() {
    let place = place();
    let source = place.directory.path().join("source");
    fs::write(&source, write(&policy_of_length(10))).unwrap();
    let bind = Mount::new(&["--bind", text(&source)], &place.file);
    let mut store = open(&place);
    store.save(&policy_of_length(20)).unwrap();
    // As `sed -i`, most editors and `git pull` do it.
    fs::write(source.with_extension("new"), write(&policy_of_length(30))).unwrap();
    fs::rename(source.with_extension("new"), &source).unwrap();
    let advice =
        "it was replaced on the other side of its mount: restart the container, or mount its directory";
    for _ in 0..2 {
        let error = store.reload(Compat::V2_1, false).map(|loaded| loaded.is_some()).unwrap_err();
        assert!(error.while_running(true).to_string().ends_with(advice), "{error}");
        let error = store.save(&policy_of_length(40)).unwrap_err();
        assert!(error.to_string().ends_with(advice), "{error}");
        assert!(holds(&place, 20), "who reads it there sees what was saved last");
    }
    assert_eq!(fs::read(&source).unwrap(), write(&policy_of_length(30)));
    // A start without a new mount says it at once.
    let shown = open(&place).writable().to_string();
    assert!(shown.starts_with("not saved: ") && shown.ends_with(advice), "{shown}");
    assert_eq!(fs::read_dir(&place.state).unwrap().count(), 0, "no copy is left for another start to take");
    // What a restart of the container does.
    drop(bind);
    let _bind = Mount::new(&["--bind", text(&source)], &place.file);
    assert!(holds(&place, 30));
    open(&place).save(&policy_of_length(40)).unwrap();
    assert_eq!(fs::read(&source).unwrap(), write(&policy_of_length(40)));
}

#[test]
fn a_mounted_file_on_a_full_disk_keeps_what_it_holds() {
    let place = place();
    let disk = place.directory.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let _tmpfs = Mount::new(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], &disk);
    fs::write(disk.join("source"), write(&policy_of_length(10_000))).unwrap();
    fill(&disk);
    let _bind = Mount::new(&["--bind", text(&disk.join("source"))], &place.file);
    let mut store = open(&place);
    let error = store.save(&policy_of_length(60_000)).unwrap_err();
    assert!(
        matches!(&error, SaveError::Failed(failure) if failure.error.kind() == io::ErrorKind::StorageFull)
    );
    assert!(holds(&place, 10_000));
    assert_eq!(fs::read_dir(&place.state).unwrap().count(), 0);
    store.save(&policy_of_length(5_000)).unwrap();
    assert!(holds(&place, 5_000));
}

#[test]
fn in_a_read_only_directory_a_writable_file_is_written_in_place() {
    let place = place();
    let source = place.directory.path().join("source");
    fs::write(&source, write(&policy_of_length(10))).unwrap();
    let _directory = Mount::new(&["--bind", text(&place.home)], &place.home);
    let _file = Mount::new(&["--bind", text(&source)], &place.file);
    mount(&["-o", "remount,bind,ro"], &place.home);
    let mut store = open(&place);
    store.save(&policy_of_length(500)).unwrap();
    assert!(holds(&place, 500));
}

#[test]
fn where_nothing_can_be_written_it_starts_and_every_save_says_why() {
    let place = place();
    let _directory = Mount::new(&["--bind", text(&place.home)], &place.home);
    mount(&["-o", "remount,bind,ro"], &place.home);
    let mut store = open(&place);
    assert!(store.writable().to_string().starts_with("not saved: "), "{}", store.writable());
    for _ in 0..2 {
        let SaveError::NoWay { replace, in_place } = store.save(&policy_of_length(500)).unwrap_err() else {
            panic!();
        };
        assert_eq!(replace.error.kind(), io::ErrorKind::ReadOnlyFilesystem);
        assert_eq!(in_place.error.kind(), io::ErrorKind::ReadOnlyFilesystem);
    }
    assert!(holds(&place, 10));
    mount(&["-o", "remount,bind,rw"], &place.home);
    store.save(&policy_of_length(500)).unwrap();
    assert!(matches!(store.writable(), Writable::Replaced));
    assert!(holds(&place, 500));
}

/// Runs a test of the store in a process of that user and that group alone, which is told of `root`.
pub(super) fn run_as((user, group): (u32, u32), root: &Path, test: &str) -> Output {
    let program = root.join("program");
    // By another process: a file that this one has open for writing, a child that is started by another
    // test at that moment has open too, and it cannot be run until that child is a program of its own.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    Command::new(program)
        .args(["--exact", &format!("store::tests::{test}"), "--nocapture"])
        .env(CHILD, root)
        .current_dir("/")
        .uid(user)
        .gid(group)
        .output()
        .unwrap()
}

pub(super) const CHILD: &str = "DYNSEC_TEST_AS_SOMEBODY";

/// Not a test but what the next one starts as another user.
#[test]
fn saves_as_somebody_else_if_asked() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let root = Path::new(&root);
    let (home, state) = (root.join("home"), root.join("state"));
    let file = home.join("policy.json");
    let mut store = Store::open(&file, Some(&state), Compat::V2_1, false).unwrap().1;
    assert!(matches!(store.writable(), Writable::InPlace { .. }), "{}", store.writable());
    store.save(&policy_of_length(500)).unwrap();
    assert_eq!(fs::read(&file).unwrap(), write(&policy_of_length(500)));
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    // Without a place for the copy nothing is written.
    let mut store = Store::open(&file, Some(root), Compat::V2_1, false).unwrap().1;
    let error = store.save(&policy_of_length(10)).unwrap_err();
    assert!(matches!(error, SaveError::NoWay { .. }), "{error}");
    assert!(error.to_string().contains("let the user that the broker runs as write there"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), write(&policy_of_length(500)));
}

#[test]
fn a_file_of_ours_in_a_directory_that_is_not_is_written_in_place() {
    let place = place();
    let root = place.directory.path();
    let nobody = 65534;
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    // `/etc/mosquitto`, where root's directory holds a file of the broker's, and a sticky one, where
    // everybody may make files but only rename over their own.
    for (mode, owner) in [(0o755, Some(nobody)), (0o1777, None)] {
        fs::write(&place.file, write(&policy_of_length(10))).unwrap();
        fs::set_permissions(&place.home, fs::Permissions::from_mode(mode)).unwrap();
        fs::set_permissions(&place.file, fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::chown(&place.file, owner, None).expect("run the tests as root");
        std::os::unix::fs::chown(&place.state, Some(nobody), None).unwrap();
        let output = run_as((nobody, nobody), root, "mounts::saves_as_somebody_else_if_asked");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode:o}: {said}");
        assert!(holds(&place, 500), "the other process has run: {said}");
        std::os::unix::fs::chown(&place.file, Some(0), None).unwrap();
    }
}
