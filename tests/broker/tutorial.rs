//! The worked example of a popular tutorial on dynamic security, step by step.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{NOT_AUTHORIZED, Protocol};

cases! {
    john_and_his_two_roles,
}

/// Defaults: send deny, receive allow, subscribe deny, unsubscribe allow. role1 allows everything on `test`,
/// role2 denies to subscribe to it, and comes first.
fn john_and_his_two_roles(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let defaults = json!([
        {"acltype": "publishClientSend", "allow": false},
        {"acltype": "publishClientReceive", "allow": true},
        {"acltype": "subscribe", "allow": false},
        {"acltype": "unsubscribe", "allow": true},
    ]);
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": defaults}));
    let get = json!({"command": "getDefaultACLAccess"});
    assert_eq!(admin.fine(&get)["acls"], defaults);

    broker.ctrl(&["createClient", "john", "-p", "pw"]).fine();
    broker.ctrl(&["createRole", "role1"]).fine();
    for acltype in [
        "publishClientSend",
        "publishClientReceive",
        "subscribeLiteral",
        "subscribePattern",
        "unsubscribeLiteral",
        "unsubscribePattern",
    ] {
        broker.ctrl(&["addRoleACL", "role1", acltype, "test", "allow"]).fine();
    }
    broker.ctrl(&["addClientRole", "john", "role1", "-1"]).fine();

    // With role1 alone he may do both.
    let connector = broker.client("john").login("john", "pw");
    let mut john = connector.connect().subscribed("test");
    assert_ne!(john.publish("test", "hello"), NOT_AUTHORIZED);
    john.receives("test", "hello");

    // role2 comes first, and takes the subscription from him, though not the sending.
    broker.ctrl(&["createRole", "role2"]).fine();
    for acltype in ["subscribeLiteral", "subscribePattern"] {
        broker.ctrl(&["addRoleACL", "role2", acltype, "test", "deny"]).fine();
    }
    broker.ctrl(&["addClientRole", "john", "role2", "5"]).fine();
    john.disconnected();
    let shown = "Roles: role2 (priority: 5)\nrole1 (priority: -1)\n";
    assert!(broker.ctrl(&["getClient", "john"]).words().contains(shown));
    let mut john = connector.connect();
    assert_eq!(john.subscribe("test"), NOT_AUTHORIZED);
    assert!(john.publish("test", "still allowed") < 0x80);
    let mut old = connector.clone().protocol(Protocol::V311).connect();
    assert_eq!(old.subscribe("test"), Protocol::V311.denial());

    // role1 denies to send: that, too, is in force without a restart.
    broker.ctrl(&["removeRoleACL", "role1", "publishClientSend", "test"]).fine();
    broker.ctrl(&["addRoleACL", "role1", "publishClientSend", "test", "deny"]).fine();
    old.disconnected();
    let mut john = connector.connect();
    assert_eq!(john.publish("test", "no more"), NOT_AUTHORIZED);
    assert_eq!(john.subscribe("test"), NOT_AUTHORIZED);
}
