//! Somebody else changes the file: it is noticed, kept, and loaded if that is asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::faults::{Faulty, Place, policy_of_length};
use super::write;
use crate::policy::Compat;
use crate::store::{Notice, OpenError, RealDisk, SaveError, Store};

fn place() -> (Place, Store) {
    let place = Place::with(&write(&policy_of_length(100)));
    let (_, store) = place.open(Box::new(RealDisk));
    (place, store)
}

/// The copies that the store says it has kept, and those that it says it has removed.
fn kept_and_removed(store: &mut Store) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut kept, mut removed) = (Vec::new(), Vec::new());
    for notice in store.take_notices() {
        match notice {
            Notice::EditKept { copy, .. } => kept.push(copy),
            Notice::EditRemoved { copy } => removed.push(copy),
            other => panic!("{other}"),
        }
    }
    (kept, removed)
}

fn kept(store: &mut Store) -> Vec<PathBuf> {
    let (kept, removed) = kept_and_removed(store);
    assert_eq!(removed, Vec::<PathBuf>::new());
    kept
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
fn a_pipe_in_the_files_place_is_not_waited_for() {
    let (place, mut store) = place();
    fs::remove_file(&place.file).unwrap();
    assert!(Command::new("mkfifo").arg(&place.file).status().unwrap().success());
    assert!(matches!(store.reload(Compat::V2_1, false), Err(OpenError::NotAFile { .. })));
    store.save(&policy_of_length(200)).unwrap();
    assert_eq!(fs::read(&place.file).unwrap(), write(&policy_of_length(200)));
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
    for (edit, strict, told) in [
        ("{\n  \"clients\": [}", false, "line 2 column 15"),
        ("", false, "line 1 column 1: not JSON: nothing in it"),
        ("\0\0\0", false, "line 1 column 1: not JSON: nothing in it"),
        ("# half a policy", false, "begins with `#`"),
        (imperfect, true, "only the first counts"),
    ] {
        fs::write(&place.file, edit).unwrap();
        for _ in 0..2 {
            let error = store.reload(Compat::V2_1, strict).unwrap_err();
            assert!(error.to_string().contains(told), "{edit:?}: {error}");
        }
        assert_eq!(fs::read_to_string(&place.file).unwrap(), edit);
        store.save(&policy_of_length(200)).unwrap();
        assert_eq!(fs::read_to_string(&kept(&mut store)[0]).unwrap(), edit);
    }
}

#[test]
fn an_edit_that_is_made_again_and_again_is_kept_once() {
    let (place, mut store) = place();
    for number in 0..10 {
        fs::write(&place.file, "what a program writes").unwrap();
        store.save(&policy_of_length(200 + number)).unwrap();
        let copies = kept(&mut store);
        assert_eq!(copies, place.others());
        // That it is the same file is seen by what is done to it.
        let mode = if number == 0 { 0o600 } else { 0o400 };
        assert_eq!(fs::metadata(&copies[0]).unwrap().permissions().mode() & 0o777, mode);
        fs::set_permissions(&copies[0], fs::Permissions::from_mode(0o400)).unwrap();
        if number == 4 {
            // A restart knows nothing of the copy but that it is there.
            store = place.open(Box::new(RealDisk)).1;
        }
    }
    assert_eq!(fs::read_to_string(&place.others()[0]).unwrap(), "what a program writes");
}

#[test]
fn edits_that_take_turns_are_kept_once_each_and_the_last_is_the_youngest() {
    let (place, mut store) = place();
    let mut last = PathBuf::new();
    for number in 0..10 {
        fs::write(&place.file, format!("edit {}", number % 2)).unwrap();
        store.save(&policy_of_length(200 + number)).unwrap();
        last = kept(&mut store).remove(0);
    }
    let mut copies = place.others();
    copies.sort();
    assert_eq!(copies.iter().map(|copy| fs::read(copy).unwrap()).collect::<Vec<_>>(), [b"edit 0", b"edit 1"]);
    assert_eq!(copies[1], last);
}

#[test]
fn of_edits_that_differ_the_youngest_are_kept_and_it_is_said_which_go() {
    let (place, mut store) = place();
    fs::write(&place.file, "edit 0").unwrap();
    store.save(&policy_of_length(200)).unwrap();
    // One of a time when the clock was ahead, and names that are not ours.
    let first = kept(&mut store).remove(0);
    let name = first.to_str().unwrap();
    let (prefix, _) = name.rsplit_once('-').unwrap();
    fs::rename(&first, format!("{prefix}-9999999999")).unwrap();
    let foreign = ["1-of-mine", "x", ""].map(|end| PathBuf::from(format!("{prefix}-{end}")));
    for path in &foreign {
        fs::write(path, "edit 0").unwrap();
    }
    let mut gone = Vec::new();
    for number in 1..30 {
        fs::write(&place.file, format!("edit {number}")).unwrap();
        store.save(&policy_of_length(200 + number)).unwrap();
        let (kept, removed) = kept_and_removed(&mut store);
        assert_eq!(fs::read_to_string(&kept[0]).unwrap(), format!("edit {number}"));
        assert!(removed.len() == usize::from(number >= 20) && !removed.iter().any(|copy| copy.exists()));
        gone.extend(removed);
    }
    let mut copies = place.others();
    copies.retain(|copy| !foreign.contains(copy));
    copies.sort();
    let texts: Vec<_> = copies.iter().map(|copy| fs::read_to_string(copy).unwrap()).collect();
    assert_eq!(texts, (10..30).map(|number| format!("edit {number}")).collect::<Vec<_>>());
    assert_eq!((gone.len(), place.others().len()), (10, 23));
}

/// As an editor does that writes into the file, and one that puts another one in its place.
fn overwrites(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
}

fn replaces(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}

const DEEDS: [fn(&Path, &str); 2] = [overwrites, replaces];

/// A place, its disk, and a store that saves in that way.
fn on_a_disk(in_place: bool, kind: std::io::ErrorKind) -> (Place, Faulty, Store) {
    let place = Place::with(&write(&policy_of_length(100)));
    let disk = Faulty::new(in_place.then_some(place.home.as_path()), kind);
    let (_, store) = place.open(Box::new(disk.clone()));
    (place, disk, store)
}

#[test]
fn what_somebody_else_writes_while_a_save_is_made_ready_is_kept_too() {
    let all = [&["edited"][..], &["edited", "edited again"], &["1", "12", "123", "1234", "12345"]];
    for (in_place, deed, edits) in [false, true]
        .into_iter()
        .flat_map(|way| DEEDS.map(|deed| all.map(|edits| (way, deed, edits))))
        .flatten()
    {
        let (place, disk, mut store) = on_a_disk(in_place, std::io::ErrorKind::Other);
        for edit in edits {
            disk.meanwhile(deed, &place.file, edit);
        }
        store.save(&policy_of_length(200)).unwrap();
        assert_eq!(fs::read(&place.file).unwrap(), write(&policy_of_length(200)));
        let copies = kept(&mut store);
        let texts: Vec<_> = copies.iter().map(|copy| fs::read_to_string(copy).unwrap()).collect();
        assert_eq!(texts.last().unwrap(), edits.last().unwrap(), "{in_place} {edits:?}");
        // In place there are two syncs before the last look, and the first edit of two is written over by the second.
        assert!(edits.len() > if in_place { 1 } else { 2 } || texts == edits, "{edits:?}: {texts:?}");
        store.save(&policy_of_length(300)).unwrap();
        assert_eq!(kept(&mut store), Vec::<PathBuf>::new());
        assert_eq!(place.others().len(), copies.len());
    }
}

#[test]
fn a_file_that_is_written_all_the_time_is_not_saved_over() {
    for in_place in [false, true] {
        let (place, disk, mut store) = on_a_disk(in_place, std::io::ErrorKind::Other);
        for number in 0..200 {
            disk.meanwhile(overwrites, &place.file, &"x".repeat(1 + number));
        }
        let error = store.save(&policy_of_length(200)).unwrap_err();
        assert!(matches!(error, SaveError::EditNotKept(_)), "{error}");
        assert!(error.to_string().ends_with("it is changed again and again"), "{error}");
        let last = fs::read_to_string(&place.file).unwrap();
        assert!(disk.to_come() > 0 && last.starts_with('x'));
        while disk.to_come() > 0 {
            let _ = store.save(&policy_of_length(200));
        }
        store.save(&policy_of_length(200)).unwrap();
        assert_eq!(fs::read(&place.file).unwrap(), write(&policy_of_length(200)));
        let kept = kept_and_removed(&mut store).0;
        assert_eq!(fs::read_to_string(kept.last().unwrap()).unwrap(), "x".repeat(200));
    }
}

#[test]
fn what_somebody_else_wrote_meanwhile_stays_when_the_save_fails() {
    for (in_place, deed) in [false, true].into_iter().flat_map(|way| DEEDS.map(|deed| (way, deed))) {
        let mut failed = 0;
        for call in 0.. {
            let (place, disk, mut store) = on_a_disk(in_place, std::io::ErrorKind::StorageFull);
            disk.meanwhile(deed, &place.file, "edited");
            disk.fail(call, call + 1);
            if store.save(&policy_of_length(200)).is_ok() {
                if disk.calls() <= call {
                    break;
                }
                continue;
            }
            failed += 1;
            let held = fs::read(&place.file).unwrap();
            let expected =
                if disk.to_come() > 0 { write(&policy_of_length(100)) } else { b"edited".to_vec() };
            assert_eq!(held.escape_ascii().to_string(), expected.escape_ascii().to_string(), "call {call}");
            disk.fail(usize::MAX, usize::MAX);
            store.save(&policy_of_length(200)).unwrap();
            assert_eq!(fs::read_to_string(&kept(&mut store)[0]).unwrap(), "edited");
        }
        assert!(failed > 10, "{failed}");
    }
}

#[test]
fn a_copy_that_is_taken_away_after_a_save_that_failed_is_made_again() {
    for in_place in [false, true] {
        let mut taken_away = 0;
        for call in 0.. {
            let (place, disk, mut store) = on_a_disk(in_place, std::io::ErrorKind::StorageFull);
            fs::write(&place.file, "edited").unwrap();
            disk.fail(call, call + 1);
            let saved = store.save(&policy_of_length(200));
            if disk.calls() <= call {
                break;
            }
            let copies = kept(&mut store);
            if saved.is_ok() || copies.is_empty() {
                continue;
            }
            taken_away += 1;
            for copy in copies {
                fs::remove_file(copy).unwrap();
            }
            disk.fail(usize::MAX, usize::MAX);
            store.save(&policy_of_length(200)).unwrap();
            let copies = kept(&mut store);
            assert_eq!(copies.len(), 1, "call {call}");
            assert_eq!(fs::read_to_string(&copies[0]).unwrap(), "edited");
        }
        assert!(taken_away > 3, "{taken_away}");
    }
}

#[test]
fn what_was_refused_and_could_not_be_put_back_is_no_edit() {
    let (running, refused) = (policy_of_length(100), policy_of_length(5000));
    for in_place in [false, true] {
        let (mut left, mut looked_at) = (0, 0);
        for (first, end) in (0..40).flat_map(|first| (first + 1..40).map(move |end| (first, end))) {
            let (place, disk, mut store) = on_a_disk(in_place, std::io::ErrorKind::Other);
            disk.fail(first, end);
            let Err(SaveError::NotPutBack { .. }) = store.save(&refused) else { continue };
            let knows = disk.calls() > end;
            disk.fail(usize::MAX, usize::MAX);
            let held = fs::read(&place.file).unwrap();
            let reloaded = store.reload(Compat::V2_1, false);
            if held == write(&refused) {
                left += 1;
                assert!(matches!(reloaded, Err(OpenError::Left { .. })), "{first} {end}");
            }
            // Where nobody knows what the file was left as, the old policy may be taken for an edit.
            let loaded = reloaded.ok().flatten().map(|loaded| write(&loaded.policy));
            assert!(loaded.is_none_or(|loaded| !knows && loaded == write(&running)), "{first} {end}");
            if knows {
                looked_at += 1;
                fs::write(&place.file, "edited").unwrap();
            }
            store.save(&running).unwrap();
            assert_eq!(fs::read(&place.file).unwrap(), write(&running));
            let copies = kept(&mut store);
            let texts: Vec<_> = copies.iter().map(|copy| fs::read_to_string(copy).unwrap()).collect();
            assert_eq!(texts, if knows { vec!["edited"] } else { vec![] }, "{first} {end}");
            assert!(store.reload(Compat::V2_1, false).unwrap().is_none());
        }
        assert!(left > 5 && looked_at > 0, "{left} {looked_at}");
    }
}

#[test]
fn what_a_save_has_left_can_be_edited_and_loaded() {
    let left = (0..).find_map(|first| {
        let (place, disk, mut store) = on_a_disk(false, std::io::ErrorKind::Other);
        disk.fail(first, first + 2);
        let saved = store.save(&policy_of_length(5000));
        assert!(disk.calls() > first, "there is such a call");
        disk.fail(usize::MAX, usize::MAX);
        matches!(saved, Err(SaveError::NotPutBack { .. })).then_some((place, store))
    });
    let (place, mut store) = left.unwrap();
    for _ in 0..2 {
        let error = store.reload(Compat::V2_1, false).map(|loaded| loaded.is_some()).unwrap_err();
        assert!(error.to_string().ends_with("the next save gives it the running policy"), "{error}");
    }
    let edit = write(&policy_of_length(300));
    fs::write(&place.file, &edit).unwrap();
    let loaded = store.reload(Compat::V2_1, false).unwrap().unwrap();
    assert_eq!(write(&loaded.policy), edit);
    store.accept();
    assert!(store.reload(Compat::V2_1, false).unwrap().is_none());
    store.save(&policy_of_length(400)).unwrap();
    assert_eq!(kept(&mut store), Vec::<PathBuf>::new());
}
