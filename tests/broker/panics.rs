//! A panic in each callback of a real broker: it lives, the client is denied, the log says why, the next request
//! works, and the file is whole. That takes a library built with the feature `panic-injection`: `make test-panics`.

mod callbacks;
mod prone;

use serde_json::json;

use crate::harness::packet::NOT_AUTHORIZED;
use prone::Wishes;
pub(crate) use prone::{Prone, trial};

/// The parts of a tick, as `src/plugin/tick.rs` calls them.
const PARTS_OF_A_TICK: [&str; 9] = [
    "logins",
    "denials",
    "questions",
    "the audit trail",
    "merged roles",
    "metrics",
    "disconnects",
    "new hashes",
    "commands",
];

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_login_is_refused() {
    let prone = Prone::start();
    for place in ["a login", "a login, the policy being read"] {
        prone.panic_in(place);
        assert_eq!(prone.broker().client("john").login("john", "pw").refused(), NOT_AUTHORIZED);
        prone.ended("a login", place);
    }
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn what_an_acl_check_is_for_is_denied() {
    let prone = Prone::start();
    let mut john = prone.broker().client("j1").login("john", "pw").connect();
    for place in ["an ACL check", "an ACL check, the policy being read"] {
        prone.panic_in(place);
        assert_eq!(john.publish("t", "x"), NOT_AUTHORIZED);
        prone.ended("an ACL check", place);
        prone.panic_in(place);
        assert_eq!(john.subscribe("t"), NOT_AUTHORIZED);
        prone.ended("an ACL check", place);
        john = john.subscribed("t");
        john.publish("t", "comes");
        john.receives("t", "comes");
        john.unsubscribe("t");
    }
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn commands_are_answered_with_an_error_and_undone() {
    let prone = Prone::start();
    let mut admin = prone.broker().admin();
    for place in ["a control payload", "commands, before they are saved"] {
        let before = prone.broker().policy_bytes();
        prone.panic_in(place);
        let answers = admin.batch(&json!([
            {"command": "createClient", "username": "new", "password": "pw"},
            {"command": "deleteClient", "username": "john"},
        ]));
        for answer in answers {
            assert_eq!(answer["error"], "Internal error", "{answer}");
        }
        assert_eq!(prone.broker().policy_bytes(), before);
        assert_eq!(prone.broker().client("new").login("new", "pw").refused(), NOT_AUTHORIZED);
        admin.error(&json!({"command": "getClient", "username": "new"}));
        admin.fine(&json!({"command": "getClient", "username": "john"}));
        prone.ended("a control payload", place);
        // Its own answers, and not those of others.
        admin.reconnect();
    }
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_save_that_panics_has_not_been() {
    let prone = Prone::start();
    let mut admin = prone.broker().admin();
    let before = prone.broker().policy_bytes();
    prone.panic_in("a save");
    let error = admin.error(&json!({"command": "createClient", "username": "new", "password": "pw"}));
    assert_eq!(error, "Not saved, nothing was changed: Internal error");
    assert_eq!(prone.broker().policy_bytes(), before);
    admin.error(&json!({"command": "getClient", "username": "new"}));
    prone.ended("a save", "a save");
}

/// A worker that panics hashes nothing; the broker's thread does it.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_password_is_hashed_all_the_same() {
    let prone = Prone::start();
    let mut admin = prone.broker().admin();
    prone.panic_in("a password that is hashed");
    admin.create_client("new");
    prone.broker().client("new").login("new", "pw").connect().disconnect();
    admin.fine(&json!({"command": "deleteClient", "username": "new"}));
    prone.still_works();
}

/// What is on the disk by then stays, whatever the answer could be.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn after_a_panic_behind_a_save_memory_is_what_is_on_the_disk() {
    let prone = Prone::start();
    let mut admin = prone.broker().admin();
    prone.panic_in("a save that has ended");
    let error = admin.error(&json!({"command": "createClient", "username": "new", "password": "pw"}));
    assert_eq!(error, "Internal error");
    let listed = admin.fine(&json!({"command": "listClients"}))["clients"].take();
    assert_eq!(listed, json!(prone.usernames()));
    let _ = admin.command(&json!({"command": "deleteClient", "username": "new"}));
    admin.disconnect();
    prone.ended("a control payload", "a save that has ended");
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_tick_is_left_out() {
    let prone = Prone::start();
    for _ in 0..3 {
        prone.panic_in("a tick");
        prone.ended("a tick", "a tick");
    }
    // The disconnects that later ticks bring still come.
    let mut admin = prone.broker().admin();
    let mut john = prone.broker().client("j1").login("john", "pw").connect();
    prone.panic_in("a tick");
    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    john.disconnected();
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_part_of_a_tick_is_left_out() {
    let prone = Prone::start();
    for part in PARTS_OF_A_TICK {
        prone.panic_in(part);
        prone.ended(&format!("a tick's part of {part}"), part);
    }
}

/// One that panics at every tick keeps nobody from being answered and disconnected.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_part_of_a_tick_that_always_panics_keeps_no_other_from_being_done() {
    let prone = Prone::start();
    for part in PARTS_OF_A_TICK.into_iter().filter(|part| !["commands", "disconnects"].contains(part)) {
        let mut john = prone.broker().client("j1").login("john", "pw").connect();
        let mut admin = prone.broker().admin();
        prone.panic_in(&format!("{part}!"));
        prone.broker().wait_for_log(&format!("a bug in the plugin ended a tick's part of {part}: "));
        // More than the callback waits for.
        let many: Vec<_> = (0..10)
            .map(|n| json!({"command": "createClient", "username": format!("c{n}"), "password": "pw"}))
            .collect();
        admin.all_fine(&json!(many));
        admin.fine(&json!({"command": "disableClient", "username": "john"}));
        john.disconnected();
        prone.no_more();
        let gone: Vec<_> =
            (0..10).map(|n| json!({"command": "deleteClient", "username": format!("c{n}")})).collect();
        admin.all_fine(&json!(gone));
        admin.fine(&json!({"command": "enableClient", "username": "john"}));
        admin.disconnect();
        prone.still_works();
    }
}

/// SIGHUP: until the policy is changed it stays what it was, and the edit in the file; from then on it is the new one,
/// and those whom it concerns are disconnected.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_reload_is_not_or_is_done() {
    for (place, is_done) in [
        ("a reload", false),
        ("a reload, the file being read", false),
        ("a reload, the policy being changed", false),
        ("a reload, the policy changed", true),
    ] {
        let mut prone = Prone::start();
        let mut admin = prone.broker().admin();
        let mut john = prone.broker().client("j1").login("john", "pw").connect();
        let edit = prone.edit(|client| client["disabled"] = json!(true));
        prone.panic_in(place);
        prone.broker_mut().reload();
        let line = prone.broker().wait_for_log(&format!("asked for a panic in `{place}`; please report it"));
        assert!(line.contains("a bug in the plugin"), "{line}");
        assert_eq!(prone.broker().policy_bytes(), edit);
        if !is_done {
            assert_eq!(admin.fine(&json!({"command": "listClients"}))["clients"], json!(["admin", "john"]));
            assert_ne!(john.publish("t", "as before"), NOT_AUTHORIZED);
            // It is still an edit, for the next SIGHUP.
            prone.broker_mut().reload_again();
        }
        john.disconnected();
        admin.reconnect();
        assert_eq!(
            admin.fine(&json!({"command": "listClients"}))["clients"],
            json!(["admin", "edited", "john"])
        );
        admin.fine(&json!({"command": "deleteClient", "username": "edited"}));
        admin.fine(&json!({"command": "enableClient", "username": "john"}));
        admin.disconnect();
        prone.still_works();
    }
}

/// What a reload could not take over is kept elsewhere before a command writes over it.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn an_edit_is_not_lost_with_its_reload() {
    for place in ["a reload, the file being read", "a reload, the policy being changed"] {
        let mut prone = Prone::start();
        let edit = prone.edit(|_| {});
        prone.panic_in(place);
        prone.broker_mut().reload();
        prone.broker().wait_for_log(&format!("asked for a panic in `{place}`"));
        prone.still_works();
        let kept = std::fs::read_dir(prone.broker().folder()).unwrap();
        let kept =
            kept.filter(|entry| std::fs::read(entry.as_ref().unwrap().path()).unwrap_or_default() == edit);
        assert_eq!(kept.count(), 1, "{place}");
    }
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_disconnect_goes_on() {
    let prone = Prone::start();
    let john = prone.broker().client("j1").login("john", "pw").connect();
    prone.panic_in("a disconnect");
    john.vanish();
    prone.ended("a disconnect", "a disconnect");
    prone.broker().client("j1").login("john", "pw").connect();
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_start_is_refused_and_an_end_is_orderly() {
    let trial = trial();
    let wishes = Wishes::new(&trial);
    let setup = || trial.broker().env("DYNSEC_PANIC_FILE", &wishes.variable(&trial));
    wishes.panic_in("the start of the plugin");
    let refusal = setup().refused();
    assert!(refusal.log.contains("a bug in the plugin ended the start of the plugin"), "{refusal}");
    let mut broker = setup().start();
    broker.admin().create_client("john");
    let policy = broker.policy_bytes();
    wishes.panic_in("the end of the plugin");
    broker.stop();
    broker.wait_for_log("a bug in the plugin ended the end of the plugin");
    assert_eq!(broker.policy_bytes(), policy);
}
