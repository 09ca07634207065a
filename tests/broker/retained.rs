//! Retained messages: who may leave one, who is given it, and what becomes of it when its sender loses the right.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::BOTH;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

cases! {
    a_retained_message_waits_for_its_readers,
    a_denied_retained_message_is_not_kept,
    a_denied_sender_cannot_clear_a_retained_message,
    a_retained_message_is_only_given_to_who_may_receive_it,
    a_sender_who_lost_the_right_takes_the_message_along,
}

fn a_retained_message_waits_for_its_readers(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "news/+", true]]));
    admin.create_client_with("jane", &json!([["subscribePattern", "news/#", true]]));
    for protocol in BOTH {
        let john = broker.client("john").protocol(protocol).login("john", "pw");
        john.connect().retain("news/today", "rain");
        let jane = broker.client("jane").protocol(protocol).login("jane", "pw");
        let mut jane = jane.connect().subscribed("news/#");
        assert!(jane.receives("news/today", "rain").retain);
        jane.received_nothing();
    }
}

fn a_denied_retained_message_is_not_kept(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "open/+", true]]));
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        john.retain("closed/x", "rain");
        john.retain("open/x", "sun");
    }
    let connector = broker.client("later").login(ADMIN, ADMIN_PASSWORD);
    let mut later = connector.connect().subscribed("#");
    later.receives("open/x", "sun");
    later.received_nothing();
}

fn a_denied_sender_cannot_clear_a_retained_message(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "#", true]]));
    admin.create_client("jane");
    let john = broker.client("john").login("john", "pw");
    john.connect().retain("news", "rain");
    let jane = broker.client("jane").login("jane", "pw");
    jane.connect().retain("news", "");
    let connector = broker.client("later").login(ADMIN, ADMIN_PASSWORD);
    connector.connect().subscribed("#").receives("news", "rain");
}

fn a_retained_message_is_only_given_to_who_may_receive_it(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "#", true]]));
    admin.create_client_with(
        "jane",
        &json!([["subscribePattern", "#", true], ["publishClientReceive", "secret/#", false],]),
    );
    let mut john = broker.client("john").login("john", "pw").connect();
    john.retain("secret/x", "rain");
    john.retain("open/x", "sun");
    for protocol in BOTH {
        let jane = broker.client("jane").protocol(protocol).login("jane", "pw");
        let mut jane = jane.connect().subscribed("#");
        jane.receives("open/x", "sun");
        jane.received_nothing();
        assert_eq!(jane.subscribe("secret/x"), 1);
        jane.received_nothing();
    }
}

fn a_sender_who_lost_the_right_takes_the_message_along(trial: &Trial) {
    let broker = trial.broker().line("check_retain_source true").start();
    let mut admin = broker.admin();
    for username in ["john", "jim"] {
        admin.create_client_with(username, &json!([["publishClientSend", username, true]]));
        let connector = broker.client(username).login(username, "pw");
        connector.connect().retain(username, "here");
    }
    let later = broker.client("later").login(ADMIN, ADMIN_PASSWORD);
    assert_eq!(later.connect().subscribed("john").receive().text(), "here");

    // The broker asks whether he could send it now, though he is not connected.
    admin.fine(&json!({"command": "removeClientRole", "username": "john", "rolename": "john"}));
    later.connect().subscribed("john").received_nothing();
    later.connect().subscribed("jim").receives("jim", "here");

    admin.fine(&json!({"command": "deleteClient", "username": "jim"}));
    later.connect().subscribed("jim").received_nothing();
}
