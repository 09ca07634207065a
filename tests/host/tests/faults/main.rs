//! Each system call of a save fails, one after another and in each way, in the plugin as it is installed:
//! `make test-faults`, and with `DYNSEC_FAULTS=all` in all ways. The answer is an error, the policy in memory is that
//! on the disk, the next save works, and so does the next start. A save in which none fails makes those calls that it
//! has to, in their order: what it does not wait for is lost in a power cut.
//!
//! By strace(1), which makes the calls of any plugin fail; so the C plugin goes through the same, and is only counted:
//! `DYNSEC_FAULTS_OF` names it. If `DYNSEC_FAULTS_ROOT` is the root folder of another system, it is that system's, and
//! runs by chroot in there (scripts/theirs-under-stress.sh).
//!
//! What a half done write leaves, and a power cut, are for the tests of `src/store`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by a panic, and what it prints is shown on request"
)]

mod place;
mod plugged;
mod programs;
mod steps;
mod strace;

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use place::{Place, Way};
use plugged::{Plugged, Saver};
use programs::is_theirs;
use steps::{expected_steps, steps};
use strace::Strace;

/// The calls that can be part of a save.
const CALLS: [&str; 15] = [
    "openat",
    "pwrite64",
    "write",
    "lseek",
    "fsync",
    "fdatasync",
    "rename",
    "link",
    "unlink",
    "ftruncate",
    "fchmod",
    "fchown",
    "statx",
    "fstat",
    "close",
];

/// The ways in which they fail.
const ERRORS: [&str; 7] = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EBUSY", "EINTR"];

/// Calls without which nothing is saved, and errors for which there is no other way.
const NEEDED: [&str; 4] = ["pwrite64", "fsync", "rename", "ftruncate"];
const FINAL: [&str; 3] = ["EIO", "ENOSPC", "EDQUOT"];

/// What came of the runs.
#[derive(Debug, Default)]
struct Count {
    faults: usize,
    /// Answered with an error, and nothing was changed.
    refused: usize,
    /// Answered with success, and all of it was done: the call did not matter, or there was another way.
    done: usize,
    /// What must not be.
    wrong: BTreeMap<&'static str, usize>,
}

/// A plugin that has saved once, so that its threads are there.
fn started(place: &Place, saver: Saver) -> Plugged {
    let mut plugged = Plugged::start(place, saver);
    assert_eq!(plugged.make("first"), None);
    plugged
}

/// The calls of a save in which none fails.
fn calls_of_a_save(way: Way, saver: Saver) -> Vec<String> {
    let place = Place::new(way);
    let mut plugged = started(&place, saver);
    let length = place.length();
    let strace = Strace::attach(plugged.thread(saver), place.folder(), None);
    assert_eq!(plugged.make("a"), None);
    plugged.end();
    let calls = strace.calls();
    if !is_theirs() {
        assert_eq!(steps(&calls, place.folder()), expected_steps(way, length), "{saver:?}: {calls:#?}");
    }
    calls
}

/// Lets each call of a save fail.
fn each_fault(way: Way, saver: Saver) -> Count {
    let calls = calls_of_a_save(way, saver);
    let mut count = Count::default();
    for call in CALLS {
        let calls = calls.iter().filter(|line| line.starts_with(&format!("{call}("))).count();
        for number in 1..=calls {
            // By default two ways for each, another two each time; all of them if it is asked for.
            let turn = count.faults % ERRORS.len();
            let all = env::var_os("DYNSEC_FAULTS").is_some();
            let ways = if all { ERRORS.len() } else { 2 };
            for error in ERRORS.iter().cycle().skip(turn).take(ways) {
                let inject = format!("{call}:error={error}:when={number}");
                let comes = fault(way, saver, &inject, &mut count);
                assert!(comes, "{inject}: there is such a call");
            }
        }
    }
    println!("{way:?}, {saver:?}: {count:?}");
    count
}

/// One fault in the save of a command. Says whether it came.
fn fault(way: Way, saver: Saver, inject: &str, count: &mut Count) -> bool {
    let place = Place::new(way);
    let mut plugged = started(&place, saver);
    let strace = Strace::attach(plugged.thread(saver), place.folder(), Some(inject));
    count.faults += 1;
    let error = plugged.make("a");
    let mut wrong = |what| {
        println!("{inject}: {what}: {error:?}");
        *count.wrong.entry(what).or_default() += 1;
    };
    let done = error.is_none();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let expected = if done { names(&["admin", "first", "a"]) } else { names(&["admin", "first"]) };
    if plugged.usernames() != expected {
        wrong("memory is not what was answered");
    }
    match place.usernames() {
        None => wrong("the file is broken"),
        Some(found) if found != expected => wrong("the file is not what was answered"),
        Some(_) => {}
    }
    if plugged.make("b").is_some() {
        wrong("the next save fails");
    }
    let with_b = expected.iter().cloned().chain(["b".to_owned()]).collect::<BTreeSet<_>>();
    if place.usernames() != Some(with_b.clone()) {
        wrong("the next save does not hold all");
    }
    plugged.end();
    let comes = strace.has_injected();
    let is_one_of = |what: &[&str]| what.iter().any(|what| inject.contains(what));
    if !is_theirs() && comes && done && is_one_of(&NEEDED) && is_one_of(&FINAL) {
        wrong("answered with success all the same");
    }
    let mut again = Plugged::start(&place, saver);
    if again.usernames() != with_b {
        wrong("the next start does not find all");
    }
    again.end();
    if done {
        count.done += 1;
    } else {
        count.refused += 1;
    }
    comes
}

fn check(way: Way, saver: Saver) {
    let count = each_fault(way, saver);
    if !is_theirs() {
        assert!(count.wrong.is_empty(), "{count:?}");
    }
}

#[test]
#[ignore = "needs strace and root: make test-faults"]
fn each_call_of_a_save_that_replaces_fails() {
    check(Way::Replaced, Saver::Callback);
}

#[test]
#[ignore = "needs strace and root: make test-faults"]
fn each_call_of_a_save_that_replaces_fails_in_the_writers_thread() {
    check(Way::Replaced, Saver::Writer);
}

#[test]
#[ignore = "needs strace and root: make test-faults"]
fn each_call_of_a_save_in_place_fails() {
    check(Way::InPlace, Saver::Callback);
}

#[test]
#[ignore = "needs strace and root: make test-faults"]
fn each_call_of_a_save_in_place_fails_in_the_writers_thread() {
    check(Way::InPlace, Saver::Writer);
}

/// The test's own sanity: a call that never comes changes nothing.
#[test]
#[ignore = "needs strace and root: make test-faults"]
fn a_fault_that_does_not_come_changes_nothing() {
    let mut count = Count::default();
    let comes = fault(Way::Replaced, Saver::Callback, "rename:error=EIO:when=1000", &mut count);
    assert!(!comes && count.done == 1 && count.wrong.is_empty(), "{count:?}");
}
