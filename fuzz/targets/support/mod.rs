//! What the targets have in common.

#![allow(dead_code, reason = "no target uses all of it")]

use std::sync::OnceLock;

use mosquitto_dynsec::control::{Connection, Host};
use mosquitto_dynsec::password::{Iterations, PasswordHash};
use mosquitto_dynsec::policy::{ClientId, Compat, Extra, InertElement, InertIn, Member, Policy, Username};
use mosquitto_dynsec::store::{Issue, names_what_was_deleted, read, write};

use crate::snapshot::Snapshot;

/// Has one hash for all passwords, so that a command done twice comes to the same.
pub struct TestHost;

impl Host for TestHost {
    fn hash_password(&self, _: &[u8]) -> Option<PasswordHash> {
        static HASH: OnceLock<PasswordHash> = OnceLock::new();
        Some(
            HASH.get_or_init(|| PasswordHash::create(b"secret", Iterations::MIN).expect("randomness"))
                .clone(),
        )
    }

    fn connections(&self, _: &Username, _: Option<&ClientId>) -> Vec<Connection> {
        Vec::new()
    }
}

/// The rules that a byte stands for.
pub fn compat(byte: u8) -> Compat {
    match byte % 4 {
        0 => Compat::V2_0,
        1 => Compat::V2_0_21,
        2 => Compat::V2_1,
        _ => Compat::V2_0_15,
    }
}

/// A policy with some of everything.
pub fn sample(compat: Compat) -> Policy {
    let file = include_bytes!("../../../tests/data/2.1.2-broker.json");
    read(file, compat).expect("the sample is a policy").0
}

/// Saved and read again it is the same policy.
pub fn survives_saving(policy: &Policy) -> Vec<Issue> {
    let file = write(&policy.snapshot());
    let (again, issues) = read(&file, policy.compat()).expect("what was written can be read");
    let [read, kept] = [&again, policy].map(|policy| without_replaced(policy, Snapshot::of(policy)));
    assert_eq!(read, kept, "{}", file.escape_ascii());
    assert_eq!(write(&again.snapshot()).escape_ascii().to_string(), file.escape_ascii().to_string());
    issues
}

/// The same without what stays in memory, but is written no more: members that stood in the file and were not what they should
/// be, where a command may have replaced them, links to what was missing and is there now, and records that do not count and name
/// what was deleted.
fn without_replaced(policy: &Policy, mut snapshot: Snapshot) -> Snapshot {
    let written = policy.snapshot();
    let is_unwritten =
        |element: &InertElement| is_there(policy, element) || names_what_was_deleted(element, &written);
    let without = |extra: &mut Extra, names: &[&str]| {
        let is_other = |member: &&Member| !names.iter().any(|name| *name.as_bytes() == *member.name);
        let members = extra.members().iter().filter(is_other).cloned().collect();
        let inert = extra.all_inert().iter().filter(|element| !is_unwritten(element)).cloned().collect();
        *extra = Extra::new(members, inert);
    };
    without(&mut snapshot.extra, &["changeIndex"]);
    for client in &mut snapshot.clients {
        without(&mut client.extra, &["password", "salt", "iterations", "encoded_password"]);
    }
    for group in &mut snapshot.groups {
        without(&mut group.extra, &[]);
    }
    for role in &mut snapshot.roles {
        without(&mut role.extra, &["acls"]);
    }
    snapshot
}

/// Whether what an element links to was missing and is there now.
fn is_there(policy: &Policy, element: &InertElement) -> bool {
    element.missing.as_deref().is_some_and(|name| match element.array {
        InertIn::Roles => policy.role(name).is_some(),
        InertIn::Clients => policy.client(name).is_some(),
        InertIn::AnonymousGroup => policy.anonymous_group().is_some() || policy.group(name).is_some(),
        InertIn::Beside | InertIn::Groups | InertIn::Acls => false,
    })
}

/// Saved and read again it decides as before, of whatever file it was read. Where a member stood there twice,
/// what is kept of that may be written otherwise.
pub fn survives_saving_roughly(policy: &Policy) {
    let file = write(&policy.snapshot());
    let (again, _) = read(&file, policy.compat()).expect("what was written can be read");
    let (before, after) = (Snapshot::of(policy), Snapshot::of(&again));
    assert_eq!(before.rights_of_anonymous(), after.rights_of_anonymous());
    assert!(
        policy.clients().map(|client| &client.username).eq(again.clients().map(|client| &client.username))
    );
    for client in policy.clients() {
        let name = client.username.as_bytes();
        assert_eq!(before.rights_of(name), after.rights_of(name), "{}", file.escape_ascii());
    }
}

/// What is wrong, without where: what takes no part moves behind the rest when it is saved.
pub fn whats(issues: &[Issue]) -> Vec<String> {
    let mut whats: Vec<String> = issues.iter().map(|issue| issue.what.to_string()).collect();
    whats.sort();
    whats
}
