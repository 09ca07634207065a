//! Clients without a username: the anonymous group, or nothing but the defaults.

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED};
use crate::harness::raw::{RawClient, RawConnect};

cases! {
    without_an_anonymous_group_the_defaults_hold,
    the_anonymous_group_decides_for_who_gives_no_username,
    the_anonymous_group_says_nothing_about_who_gives_a_username,
    naming_another_group_disconnects_anonymous_clients,
    a_change_to_the_groups_roles_disconnects_anonymous_clients,
    a_change_to_a_role_of_the_group_disconnects_anonymous_clients,
    an_empty_username_disconnects_no_anonymous_clients: theirs_fails(
        "2.1",
        "disconnects all anonymous clients",
        "cut off"
    ),
    who_has_not_said_a_name_yet_is_not_anonymous: theirs_fails(
        "all",
        "ends every connection without a username, also those that have not sent their CONNECT yet",
        "cut off"
    ),
    the_anonymous_group_survives_a_restart,
    the_anonymous_group_cannot_be_deleted: theirs_fails(
        "2.0.11",
        "deletes it and goes on with a pointer to freed memory"
    ),
}

fn anonymous_group(admin: &mut Admin) -> Value {
    admin.fine(&json!({"command": "getAnonymousGroup"}))["group"]["groupname"].take()
}

/// A group `anybody` with a role `open` that allows to subscribe to `open`.
fn create_group(admin: &mut Admin) {
    admin.create_role("open", &json!([["subscribeLiteral", "open", true]]));
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "anybody"},
        {"command": "addGroupRole", "groupname": "anybody", "rolename": "open"},
    ]));
}

fn set_anonymous_group(admin: &mut Admin, groupname: &str) {
    admin.fine(&json!({"command": "setAnonymousGroup", "groupname": groupname}));
}

fn without_an_anonymous_group_the_defaults_hold(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    assert_eq!(anonymous_group(&mut admin), "");
    for protocol in BOTH {
        let mut any = broker.client("any").protocol(protocol).connect();
        assert_eq!(any.subscribe("open"), protocol.denial());
        assert!(any.unsubscribe("open") < 0x80);
    }
    let acls = json!([{"acltype": "subscribe", "allow": true}]);
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": acls}));
    for protocol in BOTH {
        let mut any = broker.client("any").protocol(protocol).connect();
        assert_eq!(any.subscribe("open"), 1);
    }
}

fn the_anonymous_group_decides_for_who_gives_no_username(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    let subscribe = |expected: bool| {
        for protocol in BOTH {
            let mut any = broker.client("any").protocol(protocol).connect();
            let expected = if expected { 1 } else { protocol.denial() };
            assert_eq!(any.subscribe("open"), expected);
            assert_eq!(any.subscribe("closed"), protocol.denial());
        }
    };
    subscribe(false);
    set_anonymous_group(&mut admin, "anybody");
    assert_eq!(anonymous_group(&mut admin), "anybody");
    subscribe(true);
}

fn the_anonymous_group_says_nothing_about_who_gives_a_username(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    set_anonymous_group(&mut admin, "anybody");
    admin.create_client("john");
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe("open"), NOT_AUTHORIZED);
}

fn naming_another_group_disconnects_anonymous_clients(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    admin.create_client("john");
    let mut john = broker.client("john").login("john", "pw").connect();
    let mut old = broker.client("old").protocol(BOTH[0]).connect();
    let mut new = broker.client("new").connect();
    set_anonymous_group(&mut admin, "anybody");
    old.disconnected();
    new.disconnected();
    john.round_trip();
}

fn a_change_to_the_groups_roles_disconnects_anonymous_clients(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    set_anonymous_group(&mut admin, "anybody");
    admin.create_role("more", &json!([["subscribeLiteral", "more", true]]));
    let commands = [
        json!({"command": "addGroupRole", "groupname": "anybody", "rolename": "more"}),
        json!({"command": "removeGroupRole", "groupname": "anybody", "rolename": "more"}),
        json!({"command": "modifyGroup", "groupname": "anybody", "textname": "Anybody"}),
    ];
    for command in commands {
        let mut any = broker.client("any").connect();
        any.round_trip();
        admin.fine(&command);
        any.disconnected();
    }
}

fn a_change_to_a_role_of_the_group_disconnects_anonymous_clients(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    set_anonymous_group(&mut admin, "anybody");
    let mut any = broker.client("any").connect();
    assert_eq!(any.subscribe("more"), NOT_AUTHORIZED);
    let acl = json!({
        "command": "addRoleACL", "rolename": "open",
        "acltype": "subscribeLiteral", "topic": "more", "allow": true,
    });
    admin.fine(&acl);
    any.disconnected();

    let mut any = broker.client("any").connect().subscribed("more");
    admin.fine(&json!({
        "command": "removeRoleACL", "rolename": "open",
        "acltype": "subscribeLiteral", "topic": "more",
    }));
    any.disconnected();

    let mut any = broker.client("any").connect().subscribed("open");
    assert_eq!(any.subscribe("more"), NOT_AUTHORIZED);
    admin.fine(&json!({"command": "deleteRole", "rolename": "open"}));
    any.disconnected();
    let mut any = broker.client("any").connect();
    assert_eq!(any.subscribe("open"), NOT_AUTHORIZED);
}

fn an_empty_username_disconnects_no_anonymous_clients(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    admin.create_client("john");
    for command in ["addGroupClient", "removeGroupClient"] {
        let mut any = broker.client("any").connect();
        let mut john = broker.client("john").login("john", "pw").connect();
        admin.error(&json!({"command": command, "groupname": "anybody", "username": ""}));
        // Disconnects come in order.
        admin.fine(&json!({"command": "setClientId", "username": "john"}));
        john.disconnected();
        assert!(any.is_there(), "cut off by {command}");
    }
}

fn who_has_not_said_a_name_yet_is_not_anonymous(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    admin.create_client("john");
    admin.create_client("jane");
    // Before any anonymous client was ever there, and after.
    for anonymous_before in [false, true] {
        if anonymous_before {
            broker.client("any").connect().round_trip();
        }
        for protocol in BOTH {
            let mut waiting = RawClient::dial(broker.port());
            // The broker accepts in order, so it has accepted that one too.
            let mut jane = broker.client("jane").login("jane", "pw").connect();
            set_anonymous_group(&mut admin, "anybody");
            // Disconnects come in order as well.
            admin.fine(&json!({"command": "setClientId", "username": "jane"}));
            jane.disconnected();
            let code = waiting.connect(&RawConnect {
                protocol,
                client_id: b"john",
                username: Some(b"john"),
                password: Some(b"pw"),
            });
            assert_eq!(code, Some(0), "the connection was cut off");
        }
    }
}

fn the_anonymous_group_survives_a_restart(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    set_anonymous_group(&mut admin, "anybody");
    drop(admin);
    broker.restart();
    assert_eq!(anonymous_group(&mut broker.admin()), "anybody");
    broker.client("any").connect().subscribed("open").round_trip();
}

fn the_anonymous_group_cannot_be_deleted(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    create_group(&mut admin);
    set_anonymous_group(&mut admin, "anybody");
    let mut any = broker.client("any").connect();
    let delete = json!({"command": "deleteGroup", "groupname": "anybody"});
    let refusal = "Deleting the anonymous group is forbidden";
    assert_eq!(admin.error(&delete), refusal);
    assert_eq!(anonymous_group(&mut admin), "anybody");
    any.subscribe("open");
    any.round_trip();

    // Another one can go once it is no longer the anonymous group.
    admin.fine(&json!({"command": "createGroup", "groupname": "other"}));
    set_anonymous_group(&mut admin, "other");
    admin.fine(&delete);
    assert_eq!(admin.error(&json!({"command": "deleteGroup", "groupname": "other"})), refusal);
}
