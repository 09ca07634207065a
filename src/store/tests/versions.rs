//! The last versions of the policy, where they are to be kept.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind::StorageFull;
use std::path::PathBuf;

use super::faults::{Faulty, Place, policy_of_length};
use super::write;
use crate::policy::Compat;
use crate::store::{Notice, RealDisk, Store, read};

fn place() -> (Place, Store) {
    let place = Place::with(&write(&policy_of_length(100)));
    let (_, store) = place.open(Box::new(RealDisk));
    (place, store)
}

/// The copies in the order of their names.
fn paths(place: &Place) -> Vec<PathBuf> {
    let mut paths = place.others();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("policy.json."));
    paths.sort();
    paths
}

/// The lengths of the policies that they hold; none of what is no policy.
fn versions(place: &Place) -> Vec<i64> {
    let bytes = paths(place).into_iter().map(|path| fs::read(path).unwrap());
    let policies = bytes.filter_map(|bytes| read(&bytes, Compat::V2_1).ok());
    policies.map(|(policy, _)| policy.change_index()).collect()
}

#[test]
fn the_last_versions_are_kept_where_that_is_asked_for() {
    let (place, mut store) = place();
    store.keep_versions(3);
    for length in 101..110 {
        store.save(&policy_of_length(length)).unwrap();
    }
    assert_eq!(place.others().len(), 3);
    assert_eq!(versions(&place), [106, 107, 108]);
    // It has to be possible, but it need not be for a save.
    fs::remove_dir_all(&place.state).unwrap();
    store.save(&policy_of_length(200)).unwrap();
    assert!(matches!(store.take_notices()[..], [Notice::NotBackedUp(_)]));
}

#[test]
fn saves_that_fail_push_no_version_out() {
    let place = Place::with(&write(&policy_of_length(100)));
    let disk = Faulty::new(None, StorageFull);
    let (_, mut store) = place.open(Box::new(disk.clone()));
    store.keep_versions(3);
    for length in 101..106 {
        store.save(&policy_of_length(length)).unwrap();
    }
    let mut failed = 0;
    for call in 0..disk.calls() {
        disk.fail(call, call + 1);
        failed += usize::from(store.save(&policy_of_length(200 + call)).is_err());
        let versions = versions(&place);
        assert!(versions.len() >= 3);
        assert_eq!(versions.iter().collect::<HashSet<_>>().len(), versions.len(), "call {call}");
    }
    assert!(failed > 3, "{failed}");
    disk.fail(usize::MAX, usize::MAX);
    for length in 1000..1005 {
        store.save(&policy_of_length(length)).unwrap();
    }
    assert_eq!(versions(&place), [1001, 1002, 1003]);
}

#[test]
fn the_youngest_versions_stay_when_the_clock_is_set_back() {
    let (place, mut store) = place();
    store.keep_versions(3);
    for length in 101..104 {
        store.save(&policy_of_length(length)).unwrap();
    }
    // Those before were made a century later.
    for path in paths(&place) {
        let (before, number) = path.to_str().unwrap().rsplit_once('-').unwrap();
        let later = number.parse::<u64>().unwrap() + 100 * 366 * 86_400 * 1_000_000_000;
        fs::rename(&path, format!("{before}-{later:020}")).unwrap();
    }
    assert_eq!(versions(&place), [100, 101, 102]);
    for length in 104..106 {
        store.save(&policy_of_length(length)).unwrap();
    }
    assert_eq!(versions(&place), [102, 103, 104]);
}

#[test]
fn what_is_only_called_like_a_version_is_none() {
    let (place, mut store) = place();
    store.keep_versions(1);
    store.save(&policy_of_length(101)).unwrap();
    let first = paths(&place).remove(0);
    let (before, _) = first.to_str().unwrap().rsplit_once('-').unwrap();
    for name in ["mine", "1", "99999999999999999999", "0000000000000000000000001"] {
        fs::write(format!("{before}-{name}"), "mine").unwrap();
    }
    for length in 102..104 {
        store.save(&policy_of_length(length)).unwrap();
    }
    assert_eq!(versions(&place), [102]);
    assert_eq!(paths(&place).len(), 5);
}

#[test]
fn what_a_crash_left_of_a_copy_is_removed_at_the_next_start() {
    let (place, mut store) = place();
    store.keep_versions(1);
    store.save(&policy_of_length(101)).unwrap();
    fs::write(&place.file, write(&policy_of_length(102))).unwrap();
    store.save(&policy_of_length(103)).unwrap();
    let copies = place.others();
    assert_eq!(copies.len(), 2, "a version and an edit");
    for copy in &copies {
        let name = copy.file_name().unwrap().to_str().unwrap();
        for directory in [&place.state, &place.home] {
            fs::write(directory.join(format!(".{name}.1-2-3.dynsec-tmp")), "half").unwrap();
        }
    }
    let mine = place.state.join(".mine.dynsec-tmp");
    fs::write(&mine, "mine").unwrap();
    drop(place.open(Box::new(RealDisk)));
    let mut left = place.others();
    left.sort();
    let mut expected = [&copies[..], &[mine]].concat();
    expected.sort();
    assert_eq!(left, expected);
}
