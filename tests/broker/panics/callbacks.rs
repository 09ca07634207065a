//! Each callback that the broker has of the plugin has a case in which it panics, and so has each kind of access that it
//! asks about.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::prone::{Prone, trial};
use crate::harness::admin::CONTROL;
use crate::harness::packet::NOT_AUTHORIZED;
use crate::panics_2_1;
use crate::traps_2_1::has_2_1s_own;

const QUERY: &str = "$CONTROL/dynamic-security/v1/query";
const OWN: &str = "$CONTROL/dynamic-security/v1/self";

/// A callback, by its event (`MOSQ_EVT_…` of `mosquitto_broker.h`) and topic, and the cases in which it panics.
type Callback = (&'static str, &'static [fn()]);

/// Those that every broker has of the plugin.
const CALLBACKS: [Callback; 8] = [
    (
        "6 $CONTROL/dynamic-security/v1",
        &[
            super::commands_are_answered_with_an_error_and_undone,
            a_payload_whose_answer_panics_is_not_answered,
        ],
    ),
    ("6 $CONTROL/dynamic-security/v1/query", &[a_question_on_another_topic_is_answered_with_an_error]),
    ("6 $CONTROL/dynamic-security/v1/self", &[a_question_on_another_topic_is_answered_with_an_error]),
    // BASIC_AUTH
    ("3", &[super::a_login_is_refused]),
    // ACL_CHECK
    (
        "2",
        &[
            super::what_an_acl_check_is_for_is_denied,
            a_message_is_not_delivered,
            a_subscription_stays_that_is_to_end,
        ],
    ),
    // TICK
    ("9", &[super::a_tick_is_left_out]),
    // DISCONNECT
    ("10", &[super::a_disconnect_goes_on]),
    // RELOAD
    ("1", &[super::a_reload_is_not_or_is_done, a_reload_whose_answer_panics_is_the_next_ones]),
];

/// And those of 2.1.
const CALLBACKS_OF_2_1: [Callback; 2] = [
    // CONNECT
    ("11", &[panics_2_1::who_connects_while_it_panics_is_disconnected_as_any_other]),
    // CLIENT_OFFLINE
    ("28", &[panics_2_1::a_durable_session_goes_on]),
];

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn each_callback_that_the_broker_has_panics_in_some_case() {
    let prone = Prone::start();
    let newer = if has_2_1s_own(&trial()) { &CALLBACKS_OF_2_1[..] } else { &[] };
    let with_cases: BTreeSet<String> =
        CALLBACKS.iter().chain(newer).map(|(callback, _)| (*callback).to_owned()).collect();
    assert_eq!(prone.callbacks(), with_cases);
}

fn rights_on(topic: &str) -> Value {
    let response = format!("{topic}/response");
    json!([
        ["publishClientSend", topic, true],
        ["subscribeLiteral", response, true],
        ["publishClientReceive", response, true],
    ])
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_question_on_another_topic_is_answered_with_an_error() {
    let prone = Prone::start();
    for (topic, command) in [(QUERY, "listRoles"), (OWN, "whoAmI")] {
        let mut admin = prone.broker().admin();
        admin.create_client_with("asker", &rights_on(topic));
        let asker = prone.broker().client("a").login("asker", "pw").connect();
        let mut asker = asker.subscribed(&format!("{topic}/response"));
        let question = json!({"commands": [{"command": command}]}).to_string();
        let mut ask = || {
            assert_eq!(asker.publish(topic, &question), 0);
            let mut answer: Value = serde_json::from_slice(&asker.receive().payload).unwrap();
            answer["responses"][0].take()
        };
        let before = prone.broker().policy_bytes();
        prone.panic_in("a control payload");
        assert_eq!(ask()["error"], "Internal error");
        assert_eq!(prone.broker().policy_bytes(), before);
        // Nobody else has heard it, and the next is answered.
        assert!(ask()["data"].is_object());
        admin.client().received_nothing();
        asker.disconnect();
        admin.all_fine(&json!([
            {"command": "deleteClient", "username": "asker"}, {"command": "deleteRole", "rolename": "asker"},
        ]));
        admin.disconnect();
        prone.ended("a control payload", "a control payload");
    }
}

/// What is around the guard of the payload itself: there is nothing left that could answer.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_payload_whose_answer_panics_is_not_answered() {
    let prone = Prone::start();
    let mut admin = prone.broker().admin();
    admin
        .create_role("asker", &json!([["publishClientSend", QUERY, true], ["publishClientSend", OWN, true]]));
    admin.fine(&json!({"command": "addClientRole", "username": "admin", "rolename": "asker"}));
    admin.reconnect();
    for topic in [CONTROL, QUERY, OWN] {
        let before = prone.broker().policy_bytes();
        prone.panic_in("the answer to a control payload");
        let commands = json!({"commands": [{"command": "deleteClient", "username": "john"}]});
        // It stays connected.
        assert_eq!(admin.client().publish(topic, &commands.to_string()), 0);
        admin.client().received_nothing();
        assert_eq!(prone.broker().policy_bytes(), before);
        admin.fine(&json!({"command": "getClient", "username": "john"}));
        prone.ended("the answer to a control payload", "the answer to a control payload");
        admin.reconnect();
    }
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_message_is_not_delivered() {
    let prone = Prone::start();
    let mut john = prone.broker().client("j1").login("john", "pw").connect().subscribed("t");
    for place in ["an ACL check", "an ACL check, the policy being read"] {
        // The first is whether it may be sent.
        prone.panic_in(&format!("{place}+"));
        assert_ne!(john.publish("t", "for nobody"), NOT_AUTHORIZED);
        john.received_nothing();
        john.publish("t", "comes");
        john.receives("t", "comes");
        prone.ended("an ACL check", place);
        // From the others' look whether everything works.
        john.receives("t", "still there");
    }
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_subscription_stays_that_is_to_end() {
    let prone = Prone::start();
    let mut john = prone.broker().client("j1").login("john", "pw").connect().subscribed("t");
    for place in ["an ACL check", "an ACL check, the policy being read"] {
        prone.panic_in(place);
        assert_eq!(john.unsubscribe("t"), NOT_AUTHORIZED);
        john.publish("t", "comes");
        john.receives("t", "comes");
        prone.ended("an ACL check", place);
        john.receives("t", "still there");
    }
    assert_eq!(john.unsubscribe("t"), 0);
    john.publish("t", "for nobody");
    john.received_nothing();
}

/// What is around the guard of the reload itself.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_reload_whose_answer_panics_is_the_next_ones() {
    let mut prone = Prone::start();
    let edit = prone.edit(|_| {});
    prone.panic_in("the answer to a reload");
    prone.broker_mut().reload();
    prone.broker().wait_for_log("a bug in the plugin ended the answer to a reload: ");
    assert_eq!(prone.broker().policy_bytes(), edit);
    let mut admin = prone.broker().admin();
    assert_eq!(admin.fine(&json!({"command": "listClients"}))["clients"], json!(["admin", "john"]));
    admin.disconnect();
    prone.broker_mut().reload_again();
    prone.broker().wait_for_log("by another hand, and reloaded");
    let mut admin = prone.broker().admin();
    admin.fine(&json!({"command": "deleteClient", "username": "edited"}));
    admin.disconnect();
    prone.still_works();
}
