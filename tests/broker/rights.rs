//! Rights come and go with commands, while the broker runs.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, acl};
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    a_group_brings_rights_and_takes_them,
    every_way_to_give_a_role_gives_its_rights,
    every_way_to_take_a_role_takes_its_rights,
    acls_of_one_role_are_added_and_removed,
    a_new_password_does_not_change_rights,
}

fn may_subscribe(broker: &Broker, filter: &str) -> bool {
    let mut john = broker.client("john").login("john", "pw").connect();
    john.subscribe(filter) == 1
}

fn a_group_brings_rights_and_takes_them(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let filters = ["simple/topic", "one/bob/topic", "many/topic/#"];
    for filter in filters {
        assert!(!may_subscribe(&broker, filter));
    }
    let mut john = broker.client("john").login("john", "pw").connect();
    let add = |acltype: &str, topic: &str, allow: bool| {
        let mut add = acl(&json!([acltype, topic, allow]));
        add["command"] = json!("addRoleACL");
        add["rolename"] = json!("r");
        add
    };
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "g"},
        {"command": "createRole", "rolename": "r"},
        {"command": "addGroupRole", "groupname": "g", "rolename": "r"},
        add("subscribeLiteral", "simple/topic", true),
        add("subscribePattern", "one/+/topic", true),
        add("subscribePattern", "many/#", true),
        add("unsubscribeLiteral", "simple/topic", false),
        {"command": "addGroupClient", "groupname": "g", "username": "john"},
    ]));
    john.disconnected();
    let mut john = broker.client("john").login("john", "pw").connect();
    for filter in filters {
        assert_eq!(john.subscribe(filter), 1, "{filter}");
        assert_eq!(john.publish(filter.trim_end_matches("/#"), "x"), NOT_AUTHORIZED, "{filter}");
    }

    let mut denied = add("publishClientSend", "one/deny/deny", false);
    denied["priority"] = json!(10);
    admin.all_fine(&json!([
        add("publishClientSend", "simple/topic", true),
        denied,
        add("publishClientSend", "one/+/+", true),
        add("publishClientSend", "many/topic/#", true),
        add("publishClientReceive", "one/bob/bob", false),
        add("publishClientReceive", "many/topic/topic/denied", false),
    ]));
    john.disconnected();
    let mut john = broker.client("john").login("john", "pw").connect();
    for filter in filters {
        assert_eq!(john.subscribe(filter), 1, "{filter}");
    }
    for topic in ["simple/topic", "one/bob/topic", "many/topic/topic/allowed"] {
        assert_eq!(john.publish(topic, "message"), 0, "{topic}");
        john.receives(topic, "message");
    }
    assert_eq!(john.publish("one/deny/deny", "message"), NOT_AUTHORIZED);
    assert_eq!(john.publish("many/topic/topic/denied", "message"), 0);
    john.received_nothing();
    assert_eq!(john.unsubscribe("simple/topic"), NOT_AUTHORIZED);
    assert_eq!(john.unsubscribe("one/bob/topic"), 0);
    assert_eq!(john.unsubscribe("many/topic/#"), 0);

    admin.fine(&json!({"command": "deleteRole", "rolename": "r"}));
    john.disconnected();
    let mut john = broker.client("john").login("john", "pw").connect();
    for filter in filters {
        assert_eq!(john.subscribe(filter), NOT_AUTHORIZED, "{filter}");
        assert_eq!(john.publish(filter.trim_end_matches("/#"), "x"), NOT_AUTHORIZED, "{filter}");
    }
}

/// john, a group `g` and a role `r` that allows to subscribe to `t`; none of it joined.
fn apart(admin: &mut Admin) {
    admin.create_client("john");
    admin.create_role("r", &json!([["subscribeLiteral", "t", true]]));
    admin.fine(&json!({"command": "createGroup", "groupname": "g"}));
}

fn role() -> Value {
    json!([{"rolename": "r"}])
}

fn every_way_to_give_a_role_gives_its_rights(trial: &Trial) {
    let in_the_group = json!({"command": "addGroupClient", "groupname": "g", "username": "john"});
    let ways = [
        json!([{"command": "addClientRole", "username": "john", "rolename": "r"}]),
        json!([{"command": "modifyClient", "username": "john", "roles": role()}]),
        json!([
            {"command": "deleteClient", "username": "john"},
            {"command": "createClient", "username": "john", "password": "pw", "roles": role()},
        ]),
        json!([in_the_group, {"command": "addGroupRole", "groupname": "g", "rolename": "r"}]),
        json!([in_the_group, {"command": "modifyGroup", "groupname": "g", "roles": role()}]),
        json!([
            {"command": "modifyGroup", "groupname": "g", "roles": role(),
             "clients": [{"username": "john"}]},
        ]),
        json!([
            {"command": "addGroupRole", "groupname": "g", "rolename": "r"},
            {"command": "modifyClient", "username": "john", "groups": [{"groupname": "g"}]},
        ]),
        json!([
            {"command": "deleteGroup", "groupname": "g"},
            {"command": "createGroup", "groupname": "g", "roles": role()},
            in_the_group,
        ]),
    ];
    for way in ways {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        apart(&mut admin);
        assert!(!may_subscribe(&broker, "t"));
        admin.all_fine(&way);
        assert!(may_subscribe(&broker, "t"), "{way}");
    }
}

fn every_way_to_take_a_role_takes_its_rights(trial: &Trial) {
    let directly = json!([{"command": "addClientRole", "username": "john", "rolename": "r"}]);
    let by_group = json!([
        {"command": "addGroupClient", "groupname": "g", "username": "john"},
        {"command": "addGroupRole", "groupname": "g", "rolename": "r"},
    ]);
    let ways = [
        (&directly, json!({"command": "removeClientRole", "username": "john", "rolename": "r"})),
        (&directly, json!({"command": "modifyClient", "username": "john", "roles": []})),
        (&directly, json!({"command": "modifyRole", "rolename": "r", "acls": []})),
        (&directly, json!({"command": "deleteRole", "rolename": "r"})),
        (&by_group, json!({"command": "removeGroupRole", "groupname": "g", "rolename": "r"})),
        (&by_group, json!({"command": "removeGroupClient", "groupname": "g", "username": "john"})),
        (&by_group, json!({"command": "modifyGroup", "groupname": "g", "roles": []})),
        (&by_group, json!({"command": "modifyGroup", "groupname": "g", "clients": []})),
        (&by_group, json!({"command": "modifyClient", "username": "john", "groups": []})),
        (&by_group, json!({"command": "deleteGroup", "groupname": "g"})),
        (&by_group, json!({"command": "deleteRole", "rolename": "r"})),
    ];
    for (given, way) in ways {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        apart(&mut admin);
        admin.all_fine(given);
        assert!(may_subscribe(&broker, "t"));
        admin.fine(&way);
        assert!(!may_subscribe(&broker, "t"), "{way}");
    }
}

fn acls_of_one_role_are_added_and_removed(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([]));
    let acl = |command: &str, topic: &str, allow: bool| {
        json!({
            "command": command, "rolename": "john",
            "acltype": "subscribePattern", "topic": topic, "allow": allow,
        })
    };
    let steps = [
        (acl("addRoleACL", "a/#", true), true, false),
        (acl("addRoleACL", "b/#", true), true, true),
        (acl("removeRoleACL", "a/#", true), false, true),
        (acl("addRoleACL", "a/#", false), false, true),
        (acl("removeRoleACL", "a/#", true), false, true),
        (acl("addRoleACL", "#", true), true, true),
        (acl("removeRoleACL", "b/#", true), true, true),
        (acl("removeRoleACL", "#", true), false, false),
    ];
    for (step, a, b) in steps {
        admin.fine(&step);
        assert_eq!((may_subscribe(&broker, "a/x"), may_subscribe(&broker, "b/x")), (a, b), "{step}");
    }
}

fn a_new_password_does_not_change_rights(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["subscribeLiteral", "t", true]]));
    admin.all_fine(&json!([
        {"command": "setClientPassword", "username": "john", "password": "pw"},
        {"command": "modifyClient", "username": "john", "textname": "John"},
        {"command": "disableClient", "username": "john"},
        {"command": "enableClient", "username": "john"},
    ]));
    assert!(may_subscribe(&broker, "t"));
    assert!(!may_subscribe(&broker, "u"));
}
