//! Clients that a pre-shared key (PSK) lets in: the broker asks no plugin about their logins, and they show no certificate.

use std::time::Instant;

use serde_json::json;

use crate::certificates::Tls;
use crate::harness::DEADLINE;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::wire::{Ask, Hello, Wire};

cases! {
    who_has_a_key_is_disconnected_beside_who_has_a_password,
    who_has_a_key_is_left_to_others_once_its_client_is_deleted,
    a_disabled_clients_key_opens_nothing: theirs_fails("all", "lets it in, with all its rights", "may publish"),
}

const CONFIGURATION: &str = "\
allow_anonymous false
acl_file {dir}/acls
psk_file {dir}/keys
plugin {plugin}
plugin_opt_config_file {policy}
listener {port0} 127.0.0.1
listener {port1} 127.0.0.1
psk_hint works
use_identity_as_username true
";

const KEY: &str = "0123456789abcdef";

fn start(trial: &Trial) -> Broker {
    let broker = trial.broker().configuration(CONFIGURATION).file("keys", format!("ann:{KEY}\n"));
    broker.file("acls", "user ann\ntopic readwrite of/acls\n").start()
}

fn connect(broker: &Broker, client_id: &str) -> Wire<Tls> {
    let tls = Tls::open(broker, &["-tls1_2", "-psk_identity", "ann", "-psk", KEY]);
    match Wire::connect(tls, &Hello { client_id, login: None, will: None }) {
        Ok(wire) => wire,
        Err(code) => panic!("{client_id} is not connected: {code:?}"),
    }
}

/// The broker ends the connection, before the pipe to it ends by itself.
fn is_ended(client: &mut Wire<Tls>, dialled: Instant) {
    client.disconnected();
    assert!(dialled.elapsed() < DEADLINE, "it stays connected");
}

fn who_has_a_key_is_disconnected_beside_who_has_a_password(trial: &Trial) {
    let broker = start(trial);
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["subscribePattern", "secret/#", true]]));
    let dialled = Instant::now();
    let mut with_key = connect(&broker, "k");
    let mut with_password = broker.client("p").login("ann", "pw").connect();
    assert_eq!(with_key.ask(&[Ask::Subscribe("secret/#".to_owned())]), [0]);
    admin.fine(&json!({"command": "setClientPassword", "username": "ann", "password": "new"}));
    with_password.disconnected();
    is_ended(&mut with_key, dialled);
}

fn who_has_a_key_is_left_to_others_once_its_client_is_deleted(trial: &Trial) {
    let broker = start(trial);
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    admin.fine(&json!({"command": "deleteClient", "username": "ann"}));
    for _ in 0..4 {
        admin.fine(&json!({"command": "listGroups"}));
    }
    let mut ann = connect(&broker, "k");
    for _ in 0..3 {
        assert!(ann.try_publish("of/acls").is_some_and(|code| code != NOT_AUTHORIZED));
        assert_eq!(ann.try_publish("of/dynsec"), Some(NOT_AUTHORIZED));
        admin.fine(&json!({"command": "listGroups"}));
    }
}

fn a_disabled_clients_key_opens_nothing(trial: &Trial) {
    let broker = start(trial);
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    admin.fine(&json!({"command": "disableClient", "username": "ann"}));
    for _ in 0..4 {
        admin.fine(&json!({"command": "listGroups"}));
    }
    let dialled = Instant::now();
    let mut ann = connect(&broker, "k");
    let code = ann.try_publish("of/dynsec");
    assert!(code.is_none_or(|code| code == NOT_AUTHORIZED), "ann may publish: {code:?}");
    is_ended(&mut ann, dialled);
}
