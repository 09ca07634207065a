//! Somebody else changes the file: it is noticed, kept, and loaded if that is asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::faults::{Faulty, Place, policy_of_length};
use super::write;
use crate::policy::Compat;
use crate::store::{Notice, OpenError, RealDisk, SaveError, Store};

fn place() -> (Place, Store) {
    let place = Place::with(&write(&policy_of_length(100)));
    let (_, store) = place.open(Box::new(RealDisk));
    (place, store)
}

/// The copies that the store says it has kept.
fn kept(store: &mut Store) -> Vec<PathBuf> {
    let copy = |notice| match notice {
        Notice::EditKept { copy, .. } => copy,
        Notice::NotBackedUp(failure) => panic!("{failure}"),
    };
    store.take_notices().into_iter().map(copy).collect()
}

#[test]
fn what_somebody_else_wrote_is_kept_before_it_is_saved_over() {
    let (place, mut store) = place();
    for number in 0..3 {
        let edit = format!("not even JSON {number}");
        fs::write(&place.file, &edit).unwrap();
        store.save(&policy_of_length(200 + number)).unwrap();
        assert_eq!(fs::read(&place.file).unwrap(), write(&policy_of_length(200 + number)));
        let copies = kept(&mut store);
        assert_eq!(copies.len(), 1);
        assert!(copies[0].starts_with(&place.state), "{copies:?}");
        assert_eq!(fs::read_to_string(&copies[0]).unwrap(), edit);
        assert_eq!(fs::metadata(&copies[0]).unwrap().permissions().mode() & 0o777, 0o600);
        store.save(&policy_of_length(300)).unwrap();
        assert_eq!(kept(&mut store), Vec::<PathBuf>::new(), "our own saves are no edits");
    }
    assert_eq!(place.others().len(), 3);
}

#[test]
fn a_file_that_is_touched_replaced_by_the_same_or_gone_is_not_edited() {
    let (place, mut store) = place();
    let touch = || fs::set_permissions(&place.file, fs::Permissions::from_mode(0o640)).unwrap();
    let replace = || {
        let beside = place.file.with_extension("new");
        fs::copy(&place.file, &beside).unwrap();
        fs::rename(&beside, &place.file).unwrap();
    };
    let remove = || fs::remove_file(&place.file).unwrap();
    for change in [&touch as &dyn Fn(), &replace, &remove] {
        change();
        assert!(place.file.exists() || store.save(&policy_of_length(150)).is_ok());
        assert!(store.reload(Compat::V2_1, false).unwrap().is_none());
        store.save(&policy_of_length(160)).unwrap();
        assert_eq!(kept(&mut store), Vec::<PathBuf>::new());
    }
    assert_eq!(place.others(), Vec::<PathBuf>::new());
}

#[test]
fn where_an_edit_cannot_be_kept_it_is_not_saved_over() {
    let (place, _) = place();
    let missing = place.state.join("missing");
    let (_, mut store) = place.open_with_state(Box::new(RealDisk), &missing);
    fs::write(&place.file, "edited").unwrap();
    // The file's own directory is the last place.
    store.save(&policy_of_length(200)).unwrap();
    assert_eq!(kept(&mut store)[0].parent(), place.file.parent());
    let disk = Faulty::new(Some(&place.home), std::io::ErrorKind::PermissionDenied);
    let (_, mut store) = place.open_with_state(Box::new(disk), &missing);
    fs::write(&place.file, "edited again").unwrap();
    let error = store.save(&policy_of_length(300)).unwrap_err();
    assert!(matches!(error, SaveError::EditNotKept(_)), "{error}");
    assert_eq!(fs::read_to_string(&place.file).unwrap(), "edited again");
}

#[test]
fn an_edit_is_kept_once_however_often_saving_fails() {
    let place = Place::with(&write(&policy_of_length(100)));
    let disk = Faulty::new(None, std::io::ErrorKind::StorageFull);
    let (_, mut store) = place.open(Box::new(disk.clone()));
    fs::write(&place.file, "edited").unwrap();
    for call in 0.. {
        disk.fail(call, call + 1);
        if store.save(&policy_of_length(200)).is_ok() {
            break;
        }
        assert_eq!(fs::read_to_string(&place.file).unwrap(), "edited");
    }
    let copies = kept(&mut store);
    assert_eq!(copies.len(), 1);
    assert_eq!(fs::read_to_string(&copies[0]).unwrap(), "edited");
}

#[test]
fn a_reload_gives_what_was_changed_and_only_that() {
    let (place, mut store) = place();
    assert!(store.reload(Compat::V2_1, false).unwrap().is_none());
    store.save(&policy_of_length(200)).unwrap();
    assert!(store.reload(Compat::V2_1, false).unwrap().is_none());
    let edit = write(&policy_of_length(300));
    fs::write(&place.file, &edit).unwrap();
    let loaded = store.reload(Compat::V2_1, false).unwrap().unwrap();
    assert_eq!(write(&loaded.policy), edit);
    assert!(store.reload(Compat::V2_1, false).unwrap().is_some(), "it is not in force yet");
    store.accept();
    assert!(store.reload(Compat::V2_1, false).unwrap().is_none(), "it is known now");
    store.save(&policy_of_length(400)).unwrap();
    assert_eq!(kept(&mut store), Vec::<PathBuf>::new());
}

#[test]
fn a_reload_refuses_what_a_start_would_refuse_and_the_next_save_keeps_it() {
    let (place, mut store) = place();
    let imperfect = r#"{"clients": [{"username": "a"}, {"username": "a"}], "groups": [], "roles": []}"#;
    for (edit, strict) in [("{\n  \"clients\": [}", false), ("", false), (imperfect, true)] {
        fs::write(&place.file, edit).unwrap();
        for _ in 0..2 {
            let error = store.reload(Compat::V2_1, strict).unwrap_err();
            if edit.starts_with("{\n") {
                assert!(matches!(error, OpenError::Malformed { .. }));
                assert!(error.to_string().contains("line 2 column 15"), "{error}");
            }
        }
        assert_eq!(fs::read_to_string(&place.file).unwrap(), edit);
        store.save(&policy_of_length(200)).unwrap();
        assert_eq!(fs::read_to_string(&kept(&mut store)[0]).unwrap(), edit);
    }
}

#[test]
fn the_last_versions_are_kept_where_that_is_asked_for() {
    let (place, mut store) = place();
    store.keep_versions(3);
    for length in 101..110 {
        store.save(&policy_of_length(length)).unwrap();
    }
    let mut versions = place.others();
    versions.sort();
    let versions: Vec<_> = versions.iter().map(|version| fs::read(version).unwrap()).collect();
    assert_eq!(versions, [106, 107, 108].map(|length| write(&policy_of_length(length))));
    // It has to be possible, but it need not be for a save.
    fs::remove_dir_all(&place.state).unwrap();
    store.save(&policy_of_length(200)).unwrap();
    assert!(matches!(store.take_notices()[..], [Notice::NotBackedUp(_)]));
}
