//! Policy files: what can be read is written so that it reads the same, before and after commands.
//!
//! The first byte chooses the rules, the rest is the file.

#![no_main]

#[path = "../../tests/policy_properties/snapshot.rs"]
#[allow(dead_code, reason = "made for more than one target")]
mod snapshot;
mod support;

use libfuzzer_sys::fuzz_target;
use mosquitto_dynsec::control::{self, Actor};
use mosquitto_dynsec::policy::{AclRequest, Action, LoginRequest, Subject};
use mosquitto_dynsec::store::{Imperfection, Issue, read};

use snapshot::assert_invariants;
use support::{TestHost, compat, survives_saving, survives_saving_roughly, whats};

/// Commands that meet what takes no part in a file: they make and delete what it may name.
const COMMANDS: [&str; 8] = [
    r#"{"command":"createRole","rolename":"r"}"#,
    r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
    r#"{"command":"createClient","username":"c","groups":[{"groupname":"g"}]}"#,
    r#"{"command":"setClientPassword","username":"c","password":"p"}"#,
    r#"{"command":"addRoleACL","rolename":"r","acltype":"subscribePattern","topic":"a/#","allow":true}"#,
    r#"{"command":"deleteClient","username":"c"}"#,
    r#"{"command":"deleteRole","rolename":"r"}"#,
    r#"{"command":"deleteGroup","groupname":"g"}"#,
];

fuzz_target!(|data: &[u8]| {
    let Some((&choice, file)) = data.split_first() else { return };
    let Ok((mut policy, issues)) = read(file, compat(choice)) else { return };
    for issue in &issues {
        // It names a place, which has to be in the file.
        assert!(!issue.to_string().is_empty());
    }
    assert_invariants(&policy);
    let strict = !issues.iter().any(|issue| issue.what == Imperfection::DuplicateMember);
    if strict {
        let lasting: Vec<Issue> = issues.into_iter().filter(lasts).collect();
        assert_eq!(whats(&survives_saving(&policy)), whats(&lasting));
    } else {
        survives_saving_roughly(&policy);
    }
    ask(&policy);
    for command in COMMANDS {
        let payload = format!(r#"{{"commands":[{command}]}}"#);
        let outcome = control::handle(&mut policy, payload.as_bytes(), &Actor::default(), &TestHost);
        assert_invariants(&policy);
        if outcome.changed && strict {
            survives_saving(&policy);
        } else if outcome.changed {
            survives_saving_roughly(&policy);
        }
    }
    ask(&policy);
});

/// Whether it is still to be said of what is written: that is not `{}`, and has no second password.
fn lasts(issue: &Issue) -> bool {
    !matches!(
        issue.what,
        Imperfection::NothingInIt | Imperfection::SecondPassword | Imperfection::SecondEncoded
    )
}

/// What a broker asks.
fn ask(policy: &mosquitto_dynsec::policy::Policy) {
    let names = policy.clients().map(|client| client.username.as_bytes()).take(5);
    for username in names.map(Some).chain([None, Some(&b"c"[..])]) {
        let subject = Subject::known(username, Some(b"id"));
        for action in Action::ALL {
            for topic in [&b"a/b"[..], b"a/#", b"$CONTROL/x", b"", b"+"] {
                let _ = policy.authorize(&AclRequest { subject, action, topic });
            }
        }
        let _ = policy.authenticate(&LoginRequest { subject, address: None, password: Some(b"p") });
    }
}
