//! Whose the file is after a save, where the broker's user cannot give it back to those who had it. These tests must run
//! as root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::faults::{Faulty, policy_of_length};
use super::mounts::{CHILD, run_as};
use super::write;
use crate::policy::Compat;
use crate::store::{Notice, Store, Writable};

const BROKER: u32 = 65534;
const ADMINS: u32 = 65531;
const STAFF: u32 = 65532;

/// Not a test but what the next one starts as another user.
#[test]
fn saves_twice_and_says_what_there_is_to_say_if_asked() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let root = Path::new(&root);
    let file = root.join("home/policy.json");
    let mut store = Store::open(&file, Some(root), Compat::V2_1, false).unwrap().1;
    assert!(matches!(store.writable(), Writable::Replaced), "{}", store.writable());
    for length in [500, 600] {
        store.save(&policy_of_length(length)).unwrap();
        for notice in store.take_notices() {
            println!("told: {notice}");
        }
    }
}

/// Not a test but what the next one starts as another user: a save in each folder, where
/// another call fails, or all from that on.
#[test]
fn saves_on_a_disk_that_fails_and_says_what_there_is_to_say_if_asked() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let root = Path::new(&root);
    for (call, forever) in (0..FAULTS).flat_map(|call| [(call, false), (call, true)]) {
        let file = folder(root, call, forever).join("policy.json");
        let disk = Faulty::new(None, io::ErrorKind::Other);
        let opened = Store::open_on(Box::new(disk.clone()), &file, Some(root), Compat::V2_1, false);
        let mut store = opened.unwrap().1;
        disk.fail(call, if forever { usize::MAX } else { call + 1 });
        let saved = store.save(&policy_of_length(500));
        assert!(disk.calls() < FAULTS);
        let lost = store.take_notices().iter().any(|notice| matches!(notice, Notice::GroupNotKept { .. }));
        assert_eq!(lost, fs::metadata(&file).unwrap().gid() != ADMINS, "{call} {forever} {saved:?}");
    }
    println!("all of them");
}

/// More calls than a save makes.
const FAULTS: usize = 40;

fn folder(root: &Path, call: usize, forever: bool) -> PathBuf {
    root.join(format!("{call}-{forever}"))
}

#[test]
fn a_group_that_is_lost_is_told_of_also_where_the_save_fails() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    for (call, forever) in (0..FAULTS).flat_map(|call| [(call, false), (call, true)]) {
        let home = folder(&root, call, forever);
        fs::create_dir(&home).unwrap();
        fs::write(home.join("policy.json"), write(&policy_of_length(10))).unwrap();
        chown(&home, Some(BROKER), Some(STAFF)).expect("run the tests as root");
        chown(home.join("policy.json"), Some(BROKER), Some(ADMINS)).unwrap();
    }
    let test = "rights::saves_on_a_disk_that_fails_and_says_what_there_is_to_say_if_asked";
    let output = run_as((BROKER, STAFF), &root, test);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("all of them"), "{said}");
}

#[test]
fn a_group_that_the_file_did_not_have_may_do_no_more_than_everybody() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let (home, file) = (root.join("home"), root.join("home/policy.json"));
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(&home).unwrap();
    chown(&home, Some(BROKER), Some(STAFF)).expect("run the tests as root");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o2775)).unwrap();
    for (broker_is_in, owner, mode, expected) in [
        (STAFF, BROKER, 0o660, (STAFF, 0o600)),
        (STAFF, BROKER, 0o664, (STAFF, 0o644)),
        (STAFF, BROKER, 0o604, (STAFF, 0o644)),
        (STAFF, 0, 0o664, (STAFF, 0o644)),
        (ADMINS, BROKER, 0o660, (ADMINS, 0o660)),
        (ADMINS, 0, 0o660, (ADMINS, 0o660)),
    ] {
        fs::write(&file, write(&policy_of_length(10))).unwrap();
        chown(&file, Some(owner), Some(ADMINS)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let output = run_as(
            (BROKER, broker_is_in),
            &root,
            "rights::saves_twice_and_says_what_there_is_to_say_if_asked",
        );
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read(&file).unwrap(), write(&policy_of_length(600)));
        let after = fs::metadata(&file).unwrap();
        assert_eq!((after.gid(), after.mode() & 0o7777), expected, "{mode:o} of {owner}");
        for part in ["could not be left in the group 65531", "default ACL of its directory"] {
            assert_eq!(said.matches(part).count(), usize::from(after.gid() != ADMINS), "{said}");
        }
    }
}
