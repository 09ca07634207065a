//! Files on a real disk.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::faults::{Faulty, policy_of_length};
use super::write;
use crate::policy::Compat;
use crate::store::{Loaded, OpenError, RealDisk, Store, Writable};

fn open(file: &Path, state: &Path) -> (Loaded, Store) {
    Store::open(file, Some(state), Compat::V2_1, false).unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn mode_and_owner_stay_and_nothing_else_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    // As somebody else than root this changes nothing, and so proves nothing.
    let owned = chown(&file, Some(12), Some(34)).is_ok();
    let before = fs::metadata(&file).unwrap();
    let (_, mut store) = open(&file, directory.path());
    assert!(matches!(store.writable(), Writable::Replaced));
    assert_eq!(fs::metadata(&file).unwrap().ino(), before.ino(), "a start writes nothing");
    assert_eq!(fs::metadata(&file).unwrap().mtime_nsec(), before.mtime_nsec());
    for length in [10, 10_000, 10] {
        store.save(&policy_of_length(length)).unwrap();
        let after = fs::metadata(&file).unwrap();
        assert_eq!(after.mode() & 0o7777, 0o640);
        if owned {
            assert_eq!((after.uid(), after.gid()), (12, 34));
        }
        assert_eq!(fs::read(&file).unwrap(), write(&policy_of_length(length)));
        assert_eq!(names(directory.path()), ["policy.json"]);
    }
}

#[test]
fn a_symbolic_link_stays_one() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/policy"), "{}").unwrap();
    symlink("real/policy", root.join("second")).unwrap();
    symlink("second", root.join("first")).unwrap();
    let (_, mut store) = open(&root.join("first"), root);
    assert_eq!(store.path(), root.join("first"));
    store.save(&policy_of_length(10)).unwrap();
    assert!(root.join("first").is_symlink() && root.join("second").is_symlink());
    assert_eq!(fs::read(root.join("real/policy")).unwrap(), write(&policy_of_length(10)));
    assert_eq!(names(&root.join("real")), ["policy"]);
    assert_eq!(names(root), ["first", "real", "second"]);
}

#[test]
fn a_file_that_was_deleted_is_made_anew_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    fs::write(&file, "{}").unwrap();
    let (_, mut store) = open(&file, directory.path());
    fs::remove_file(&file).unwrap();
    store.save(&policy_of_length(10)).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
}

#[test]
fn what_a_crash_left_is_removed_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    fs::write(&file, "{}").unwrap();
    let others = [".other.json.1-2-3.dynsec-tmp", ".policy.json.swp", "policy.json.bak", "policy.json.pw"];
    for name in others.iter().chain(&[".policy.json.1-2-3.dynsec-tmp"]) {
        fs::write(directory.path().join(name), "half").unwrap();
    }
    let (_, store) = open(&file, directory.path());
    drop(store);
    let mut left = others.to_vec();
    left.push("policy.json");
    left.sort_unstable();
    assert_eq!(names(directory.path()), left);
}

#[test]
fn what_is_no_policy_is_refused_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let refused = |name: &str, strict| {
        Store::open(&root.join(name), Some(root), Compat::V2_1, strict).map(drop).unwrap_err().to_string()
    };
    let show = |name: &str| root.join(name).display().to_string();
    fs::write(root.join("bad"), "{\n\t\"clients\": 5}").unwrap();
    assert_eq!(
        refused("bad", false),
        format!("`{}`, line 2 column 13, in `clients`: not a policy: expected an array", show("bad"))
    );
    assert_eq!(fs::read(root.join("bad")).unwrap(), b"{\n\t\"clients\": 5}");
    fs::write(root.join("empty"), "").unwrap();
    assert_eq!(
        refused("empty", false),
        format!("`{}`, line 1 column 1: not JSON: nothing in it", show("empty"))
    );
    fs::write(root.join("imperfect"), "{\"roles\":[1]}").unwrap();
    assert_eq!(
        refused("imperfect", true),
        format!(
            "`{}` is refused, as `plugin_opt_strict_config true` has it, for one part that cannot be used as it is \
             written: line 1 column 11: `roles[0]` is not an object: it is ignored",
            show("imperfect")
        )
    );
    assert!(refused("none", false).starts_with(&format!("there is no `{}`", show("none"))));
    assert_eq!(refused("", false).trim_end_matches("/` is not a file"), format!("`{}", root.display()));
    assert_eq!(names(root), ["bad", "empty", "imperfect"]);
    let error = Store::open(Path::new("no/such/file"), None, Compat::V2_1, false).map(drop).unwrap_err();
    let OpenError::Missing { path } = error else { panic!("{error}") };
    assert!(path.is_absolute());
}

/// The copy of a file in a state directory, as a save that was interrupted leaves it.
fn interrupted(file: &Path, state: &Path, content: &[u8], copied: &[u8]) -> std::path::PathBuf {
    fs::write(file, content).unwrap();
    let copy = crate::store::in_place::copy_in(state, file);
    fs::write(&copy, copied).unwrap();
    copy
}

#[test]
fn a_save_that_was_interrupted_is_completed_from_its_copy() {
    let whole = write(&policy_of_length(50));
    let mut half = whole.clone();
    half[0] = b'#';
    half.truncate(40);
    for content in [&half[..], b"", b"\0\0\0"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().canonicalize().unwrap().join("policy.json");
        let copy = interrupted(&file, directory.path(), content, &whole);
        let (loaded, _) = open(&file, directory.path());
        let recovered = loaded.recovered.unwrap();
        assert!(recovered.not_completed.is_none());
        assert_eq!(recovered.copy, copy);
        assert_eq!(loaded.policy.change_index(), 50);
        assert_eq!(fs::read(&file).unwrap(), whole);
        assert_eq!(names(directory.path()), ["policy.json"]);
    }
}

#[test]
fn without_its_copy_an_interrupted_save_is_refused_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    fs::write(&file, "#\n\t\"changeIndex\":\t1}").unwrap();
    let error = Store::open(&file, Some(directory.path()), Compat::V2_1, false).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Interrupted { .. }), "{error}");
    assert!(error.to_string().ends_with("recovery.json`; restore it from a backup"), "{error}");
    assert_eq!(names(directory.path()), ["policy.json"]);
}

#[test]
fn a_copy_beside_a_whole_file_is_out_of_date() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().canonicalize().unwrap().join("policy.json");
    let whole = write(&policy_of_length(60));
    interrupted(&file, directory.path(), &whole, &write(&policy_of_length(50)));
    let (loaded, _) = open(&file, directory.path());
    assert!(loaded.recovered.is_none());
    assert_eq!(loaded.policy.change_index(), 60);
    assert_eq!(fs::read(&file).unwrap(), whole);
    assert_eq!(names(directory.path()), ["policy.json"]);
}

#[test]
fn a_copy_does_not_replace_a_file_that_somebody_has_broken() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().canonicalize().unwrap().join("policy.json");
    interrupted(&file, directory.path(), b"{\"clients\":[,]}", &write(&policy_of_length(50)));
    let error = Store::open(&file, Some(directory.path()), Compat::V2_1, false).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Malformed { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"{\"clients\":[,]}");
    assert_eq!(names(directory.path()).len(), 2, "both are left to be looked at");
}

const CHILD: &str = "DYNSEC_TEST_SAVE_FOREVER";

/// Not a test but what the next one starts, in a process of its own.
#[test]
fn saves_until_it_is_killed_if_asked() {
    let Ok(file) = std::env::var(CHILD) else { return };
    let file = Path::new(&file);
    let home = file.parent().unwrap();
    let in_place = home.ends_with("in-place");
    let disk = Faulty::new(in_place.then_some(home), io::ErrorKind::Other);
    let (loaded, mut store) =
        Store::open_on(Box::new(disk), file, Some(&home.with_file_name("state")), Compat::V2_1, false)
            .unwrap();
    let mut done = OpenOptions::new().append(true).open(home.with_file_name("done")).unwrap();
    for index in loaded.policy.change_index() + 1.. {
        let mut policy = policy_of_length(if index % 2 == 0 { 100_000 } else { 50_000 });
        policy.set_change_index(index);
        store.save(&policy).unwrap();
        io::Write::write_all(&mut done, format!("{index}\n").as_bytes()).unwrap();
    }
}

#[test]
fn kill_9_during_saves_loses_nothing_that_was_saved() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    for name in ["replace", "in-place"] {
        let home = root.join(name);
        fs::create_dir(&home).unwrap();
        fs::create_dir_all(root.join("state")).unwrap();
        fs::write(root.join("done"), "0\n").unwrap();
        let file = home.join("policy.json");
        fs::write(&file, write(&policy_of_length(0))).unwrap();
        let mut recoveries = 0;
        let mut found = 0;
        for round in 0..25_u64 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "store::tests::files::saves_until_it_is_killed_if_asked", "--nocapture"])
                .env(CHILD, &file)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_micros(30_000 + round * 1_717));
            child.kill().unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(9), "it saves until it is killed");
            let done = fs::read_to_string(root.join("done")).unwrap();
            let acknowledged: i64 = done.lines().next_back().unwrap().parse().unwrap();
            let acknowledged = acknowledged.max(found);
            let (loaded, _) =
                Store::open_on(Box::new(RealDisk), &file, Some(&root.join("state")), Compat::V2_1, false)
                    .unwrap();
            recoveries += usize::from(loaded.recovered.is_some());
            found = loaded.policy.change_index();
            assert!(
                found == acknowledged || found == acknowledged + 1,
                "{name}: found {found}, acknowledged {acknowledged}"
            );
            let length = if found == 0 {
                0
            } else if found % 2 == 0 {
                100_000
            } else {
                50_000
            };
            let mut expected = policy_of_length(length);
            expected.set_change_index(found);
            assert_eq!(write(&loaded.policy), write(&expected));
            assert_eq!(names(&home), ["policy.json"]);
            assert_eq!(names(&root.join("state")), Vec::<String>::new());
        }
        println!("{name}: {recoveries} of 25 kills were recovered from a copy");
    }
}

#[test]
fn a_directory_in_the_place_of_the_file_stays_and_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    fs::create_dir(&file).unwrap();
    let opened = Store::open(&file, Some(directory.path()), Compat::V2_1, false);
    assert!(opened.is_err(), "a start refuses");
    fs::remove_dir(&file).unwrap();
    fs::write(&file, write(&policy_of_length(10))).unwrap();
    let (_, mut store) = Store::open(&file, Some(directory.path()), Compat::V2_1, false).unwrap();
    // One that is there later, be there something in it or not.
    for with_something in [false, true] {
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        if with_something {
            fs::write(file.join("something"), "of somebody").unwrap();
        }
        store.save(&policy_of_length(500)).unwrap_err();
        assert!(file.is_dir());
        assert_eq!(file.join("something").exists(), with_something);
        assert_eq!(names(directory.path()), ["policy.json"]);
        fs::remove_dir_all(&file).unwrap();
        store.save(&policy_of_length(700)).unwrap();
        assert_eq!(fs::read(&file).unwrap(), write(&policy_of_length(700)));
    }
}
