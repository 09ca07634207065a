//! Tests of the store.

#![expect(clippy::arithmetic_side_effects, reason = "where a test overflows it fails")]

mod faults;
mod files;
mod first_run;
mod imperfect;
mod leases;
mod members;
mod mounts;
mod other_hands;
mod passwords;
mod power;
mod properties;
mod rights;
mod samples;
mod several_acls;
mod several_records;
mod versions;

use super::{Issue, read};
use crate::policy::{Action, Compat, Policy};

/// The file's bytes for a policy.
fn write(policy: &Policy) -> Vec<u8> {
    super::write(&policy.snapshot())
}

/// Reads a file that must be readable.
fn load(file: impl AsRef<[u8]>, compat: Compat) -> (Policy, Vec<Issue>) {
    let file = file.as_ref();
    read(file, compat).unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(file)))
}

/// What is wrong, without where: what was set aside moves behind the rest when it is saved.
fn whats(issues: &[Issue]) -> Vec<String> {
    let mut whats: Vec<String> = issues.iter().map(|issue| issue.what.to_string()).collect();
    whats.sort();
    whats
}

/// All that decides, and all that is kept.
#[track_caller]
fn assert_same(a: &Policy, b: &Policy) {
    let (text_a, text_b) = (write(a), write(b));
    let texts = || format!("{}\n{}", String::from_utf8_lossy(&text_a), String::from_utf8_lossy(&text_b));
    assert!(a.clients().eq(b.clients()), "{}", texts());
    assert!(a.groups().eq(b.groups()), "{}", texts());
    assert!(a.roles().eq(b.roles()), "{}", texts());
    for action in Action::ALL {
        assert_eq!(a.default_access().allows(action), b.default_access().allows(action));
    }
    assert_eq!(a.anonymous_group(), b.anonymous_group());
    assert_eq!(a.change_index(), b.change_index());
    assert_eq!(a.extra(), b.extra());
}

/// Saves and loads again: nothing may have changed. Gives back what was saved.
#[track_caller]
fn assert_survives_saving(policy: &Policy, issues: &[Issue]) -> Vec<u8> {
    let saved = write(policy);
    let (again, issues_again) = load(&saved, policy.compat());
    assert_eq!(whats(issues), whats(&issues_again), "{}", String::from_utf8_lossy(&saved));
    assert_same(policy, &again);
    assert_eq!(saved.escape_ascii().to_string(), write(&again).escape_ascii().to_string());
    saved
}
