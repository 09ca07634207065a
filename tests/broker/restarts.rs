//! The broker ends, starts again, or reloads its configuration: nobody notices.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, acl, without_2_1s};
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::setup::ADMIN;

cases! {
    everything_is_there_after_a_restart,
    a_killed_broker_has_lost_nothing_it_answered,
    a_reload_changes_nothing,
    a_reload_keeps_clients_connected,
    names_of_every_kind_survive,
}

/// A policy with a bit of everything.
pub(crate) fn fill(admin: &mut Admin) {
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "sender", "textname": "Sender",
         "textdescription": "may send", "acls": [
            acl(&json!(["publishClientSend", "t/#", true, 5])),
            acl(&json!(["publishClientSend", "t/secret", false, 6])),
         ]},
        {"command": "createRole", "rolename": "reader", "acls": [
            acl(&json!(["subscribeLiteral", "t/a", true, -3])),
            acl(&json!(["subscribePattern", "t/+", true])),
            acl(&json!(["publishClientReceive", "t/#", true])),
            acl(&json!(["unsubscribeLiteral", "t/a", false])),
            acl(&json!(["unsubscribePattern", "t/#", true])),
         ]},
        {"command": "createRole", "rolename": "against", "acls": [
            acl(&json!(["publishClientSend", "t/#", false])),
         ]},
        {"command": "createGroup", "groupname": "senders", "textname": "Senders",
         "textdescription": "send"},
        {"command": "createGroup", "groupname": "readers"},
        {"command": "addGroupRole", "groupname": "senders", "rolename": "sender", "priority": 9},
        {"command": "addGroupRole", "groupname": "readers", "rolename": "reader"},
        {"command": "addGroupRole", "groupname": "readers", "rolename": "against", "priority": 3},
        {"command": "createClient", "username": "john", "password": "pw", "clientid": "his",
         "textname": "John", "textdescription": "sends"},
        {"command": "createClient", "username": "jane", "password": "pw"},
        {"command": "createClient", "username": "jim", "password": "pw"},
        {"command": "createClient", "username": "nopw"},
        {"command": "disableClient", "username": "jim"},
        {"command": "addClientRole", "username": "jane", "rolename": "reader", "priority": -9},
        {"command": "addGroupClient", "groupname": "senders", "username": "john", "priority": 7},
        {"command": "addGroupClient", "groupname": "readers", "username": "john", "priority": 6},
        {"command": "setAnonymousGroup", "groupname": "readers"},
        {"command": "setDefaultACLAccess", "acls": [
            {"acltype": "publishClientReceive", "allow": false},
            {"acltype": "unsubscribe", "allow": false},
        ]},
    ]));
}

/// All that the control API tells.
pub(crate) fn told(admin: &mut Admin) -> Vec<Value> {
    let data = admin.all_fine(&json!([
        {"command": "listClients", "verbose": true},
        {"command": "listGroups", "verbose": true},
        {"command": "listRoles", "verbose": true},
        {"command": "getDefaultACLAccess"},
        {"command": "getAnonymousGroup"},
    ]));
    // Who is connected is not the policy's matter.
    data.into_iter().map(without_2_1s).collect()
}

/// What the policy means for its clients.
pub(crate) fn in_force(broker: &Broker) {
    assert_eq!(broker.client("hers").login("john", "pw").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.client("any").login("jim", "pw").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.client("any").login("nopw", "pw").refused(), NOT_AUTHORIZED);
    let mut john = broker.client("his").login("john", "pw").connect();
    assert_ne!(john.publish("t/x", "x"), NOT_AUTHORIZED);
    assert_eq!(john.publish("t/secret", "x"), NOT_AUTHORIZED);
    for mut reader in
        [broker.client("jane").login("jane", "pw").connect(), broker.client("anonymous").connect()]
    {
        assert_eq!(reader.publish("t/x", "x"), NOT_AUTHORIZED);
        assert_eq!(reader.subscribe("t/a"), 1);
        assert_eq!(reader.subscribe("t/+"), 1);
        assert_eq!(reader.subscribe("t/#"), NOT_AUTHORIZED);
        assert_eq!(reader.unsubscribe("t/a"), NOT_AUTHORIZED);
        assert_eq!(reader.unsubscribe("t/+"), 0);
        assert_eq!(reader.unsubscribe("u"), NOT_AUTHORIZED);
        john.publish("t/a", "x");
        reader.receives("t/a", "x");
    }
}

fn everything_is_there_after_a_restart(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    fill(&mut admin);
    let before = told(&mut admin);
    in_force(&broker);
    drop(admin);
    for _ in 0..2 {
        broker.restart();
        let mut admin = broker.admin();
        assert_eq!(told(&mut admin), before);
        in_force(&broker);
        // A change in between must not lose any of it either.
        admin.create_role("temporary", &json!([]));
        admin.fine(&json!({"command": "deleteRole", "rolename": "temporary"}));
    }
}

fn a_killed_broker_has_lost_nothing_it_answered(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    fill(&mut admin);
    let before = told(&mut admin);
    drop(admin);
    broker.kill_and_restart();
    assert_eq!(told(&mut broker.admin()), before);
    in_force(&broker);
}

fn a_reload_changes_nothing(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    fill(&mut admin);
    let before = told(&mut admin);
    for number in 1..4 {
        broker.reload();
        assert_eq!(told(&mut admin), before, "reload {number}");
        in_force(&broker);
        admin.create_client("temporary");
        broker.client("any").login("temporary", "pw").connect().round_trip();
        admin.fine(&json!({"command": "deleteClient", "username": "temporary"}));
    }
}

fn a_reload_keeps_clients_connected(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    fill(&mut admin);
    let mut john = broker.client("his").login("john", "pw").connect();
    let mut jane = broker.client("jane").login("jane", "pw").connect().subscribed("t/a");
    let mut anonymous = broker.client("anonymous").connect().subscribed("t/a");
    broker.reload();
    broker.reload();
    john.publish("t/a", "x");
    jane.receives("t/a", "x");
    anonymous.receives("t/a", "x");
    admin.fine(&json!({"command": "getClient", "username": ADMIN}));
}

fn names_of_every_kind_survive(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let names = [
        "with space",
        "ünïcödé",
        "\"quoted\"",
        "back\\slash",
        "a/b",
        "+",
        "#",
        "$SYS",
        "%u",
        "%c",
        "null",
        "0",
        "-1",
        "{}",
        "[]",
        "😀",
        "日本語",
    ];
    for name in names {
        admin.all_fine(&json!([
            {"command": "createRole", "rolename": name, "textname": name, "acls": [
                acl(&json!(["publishClientSend", "t", true])),
            ]},
            {"command": "createGroup", "groupname": name, "roles": [{"rolename": name}]},
            {"command": "createClient", "username": name, "password": name},
            {"command": "addGroupClient", "groupname": name, "username": name},
        ]));
    }
    let before = told(&mut admin);
    drop(admin);
    broker.restart();
    assert_eq!(told(&mut broker.admin()), before);
    for name in names {
        let mut client = broker.client("any").login(name, name).connect();
        assert_ne!(client.publish("t", "x"), NOT_AUTHORIZED, "{name}");
    }
}
