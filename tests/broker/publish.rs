//! Sending and receiving: `publishClientSend`, `publishClientReceive`, their order and their defaults.

use serde_json::json;

use crate::harness::admin::{Admin, CONTROL};
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED, Protocol};

cases! {
    a_denied_message_goes_nowhere_at_every_qos,
    a_denied_message_says_so_in_mqtt_5_only,
    patterns_match_as_mqtt_filters_do,
    a_message_that_may_not_be_received_is_not_delivered,
    a_higher_priority_decides_within_a_role,
    roles_are_asked_by_priority_then_name,
    a_clients_roles_come_before_its_groups,
    groups_are_asked_by_priority_then_name,
    without_a_rule_the_default_decides,
    the_default_never_opens_the_control_topic,
    a_deny_decides_where_the_default_allows,
    large_messages_pass,
}

fn set_default(admin: &mut Admin, acltype: &str, allow: bool) {
    let acls = json!([{"acltype": acltype, "allow": allow}]);
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": acls}));
}

fn a_denied_message_goes_nowhere_at_every_qos(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "open", true]]));
    let mut observer = broker.observer();
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        for qos in [0, 1, 2] {
            let text = format!("{protocol:?} {qos}");
            john.publish_with("closed", text.clone(), qos, false);
            john.publish_with("open", text.clone(), qos, false);
            observer.receives("open", &text);
        }
        john.round_trip();
    }
    observer.received_nothing();
}

fn a_denied_message_says_so_in_mqtt_5_only(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client("john");
    let connector = broker.client("john").login("john", "pw");
    for qos in [1, 2] {
        let mut john = connector.connect();
        assert_eq!(john.publish_with("closed", "x", qos, false), NOT_AUTHORIZED);
        let mut john = connector.clone().protocol(Protocol::V311).connect();
        assert_eq!(john.publish_with("closed", "x", qos, false), 0);
        john.round_trip();
    }
}

fn patterns_match_as_mqtt_filters_do(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["publishClientSend", "plain/topic", true],
            ["publishClientSend", "one/+/level", true],
            ["publishClientSend", "many/#", true],
            ["publishClientSend", "+/end", true],
            ["publishClientSend", "/", true],
        ]),
    );
    let mut john = broker.client("john").login("john", "pw").connect();
    let table = [
        ("plain/topic", true),
        ("plain/topic/", false),
        ("plain", false),
        ("Plain/topic", false),
        ("one/x/level", true),
        ("one//level", true),
        ("one/x/y/level", false),
        ("one/x", false),
        ("many", true),
        ("many/", true),
        ("many/x/y/z", true),
        ("manyx", false),
        ("x/end", true),
        ("/end", true),
        ("$x/end", false),
        ("/", true),
        ("//", false),
    ];
    for (topic, allowed) in table {
        let code = john.publish(topic, "x");
        assert_eq!(code != NOT_AUTHORIZED, allowed, "{topic}: {code:#x}");
    }
}

fn a_message_that_may_not_be_received_is_not_delivered(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with(
        "john",
        &json!([
            ["subscribePattern", "#", true],
            ["publishClientReceive", "secret/#", false],
            ["publishClientReceive", "secret/but/this", true, 1],
        ]),
    );
    admin.create_client_with("jane", &json!([["publishClientSend", "#", true]]));
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect().subscribed("#");
        for topic in ["secret", "secret/x", "open/x", "secret/but/this", "open"] {
            jane.publish(topic, topic);
        }
        for topic in ["open/x", "secret/but/this", "open"] {
            john.receives(topic, topic);
        }
        john.received_nothing();
    }
}

fn a_higher_priority_decides_within_a_role(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["publishClientSend", "a/#", true, 1],
            ["publishClientSend", "a/b", false, 2],
            ["publishClientSend", "c/#", false, -5],
            ["publishClientSend", "c/d", true, -4],
            // The same priority: the order in which they were added.
            ["publishClientSend", "e/f", true],
            ["publishClientSend", "e/#", false],
            ["publishClientSend", "g/#", false],
            ["publishClientSend", "g/h", true],
        ]),
    );
    let mut john = broker.client("john").login("john", "pw").connect();
    let table = [
        ("a/x", true),
        ("a/b", false),
        ("c/x", false),
        ("c/d", true),
        ("e/f", true),
        ("e/x", false),
        ("g/h", false),
    ];
    for (topic, allowed) in table {
        assert_eq!(john.publish(topic, "x") != NOT_AUTHORIZED, allowed, "{topic}");
    }
}

/// Three roles about `t`, of which the first that is asked decides.
fn roles_of_the_same_topic(admin: &mut Admin) {
    admin.create_role("allow", &json!([["publishClientSend", "t", true]]));
    admin.create_role("deny", &json!([["publishClientSend", "t", false]]));
    admin.create_role("other", &json!([["publishClientSend", "x", true, 99]]));
}

fn roles_are_asked_by_priority_then_name(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    roles_of_the_same_topic(&mut admin);
    admin.create_client("john");
    let table = [
        (json!([["allow", 1], ["deny", 2]]), false),
        (json!([["allow", 2], ["deny", 1]]), true),
        (json!([["deny", -1], ["allow", -1]]), true),
        (json!([["deny", 7], ["allow", 7]]), true),
        (json!([["other", 9], ["deny", 7], ["allow", 6]]), false),
        (json!([["allow", 2_147_483_647], ["deny", 5]]), true),
        (json!([["allow", -2_147_483_648_i64], ["deny", -1]]), false),
    ];
    for (roles, allowed) in table {
        let list = roles.as_array().unwrap().iter();
        let list: Vec<_> = list.map(|role| json!({"rolename": role[0], "priority": role[1]})).collect();
        admin.fine(&json!({"command": "modifyClient", "username": "john", "roles": list}));
        let mut john = broker.client("john").login("john", "pw").connect();
        assert_eq!(john.publish("t", "x") != NOT_AUTHORIZED, allowed, "{roles}");
    }
}

fn a_clients_roles_come_before_its_groups(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    roles_of_the_same_topic(&mut admin);
    admin.create_client("john");
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "g"},
        {"command": "addGroupRole", "groupname": "g", "rolename": "allow", "priority": 100},
        {"command": "addGroupClient", "groupname": "g", "username": "john", "priority": 100},
    ]));
    let connector = broker.client("john").login("john", "pw");
    assert_ne!(connector.connect().publish("t", "x"), NOT_AUTHORIZED);
    let role = json!({"command": "addClientRole", "username": "john", "rolename": "deny"});
    admin.fine(&role);
    assert_eq!(connector.connect().publish("t", "x"), NOT_AUTHORIZED);
}

fn groups_are_asked_by_priority_then_name(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    roles_of_the_same_topic(&mut admin);
    admin.create_client("john");
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "a-denies"},
        {"command": "addGroupRole", "groupname": "a-denies", "rolename": "deny"},
        {"command": "createGroup", "groupname": "b-allows"},
        {"command": "addGroupRole", "groupname": "b-allows", "rolename": "allow"},
        {"command": "addGroupRole", "groupname": "b-allows", "rolename": "other", "priority": 5},
    ]));
    let table = [((1, 2), true), ((2, 1), false), ((3, 3), false)];
    for ((denies, allows), allowed) in table {
        admin.fine(&json!({"command": "modifyClient", "username": "john", "groups": [
            {"groupname": "b-allows", "priority": allows},
            {"groupname": "a-denies", "priority": denies},
        ]}));
        let mut john = broker.client("john").login("john", "pw").connect();
        assert_eq!(john.publish("t", "x") != NOT_AUTHORIZED, allowed, "{denies} {allows}");
    }
}

fn without_a_rule_the_default_decides(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let expected = |send: bool, receive: bool, subscribe: bool, unsubscribe: bool| {
        json!({"acls": [
            {"acltype": "publishClientSend", "allow": send},
            {"acltype": "publishClientReceive", "allow": receive},
            {"acltype": "subscribe", "allow": subscribe},
            {"acltype": "unsubscribe", "allow": unsubscribe},
        ]})
    };
    let get = json!({"command": "getDefaultACLAccess"});
    assert_eq!(admin.fine(&get), expected(false, true, false, true));

    // None of this disconnects him.
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe("t"), NOT_AUTHORIZED);
    set_default(&mut admin, "subscribe", true);
    assert_eq!(john.subscribe("t"), 1);

    assert_eq!(john.publish("t", "1"), NOT_AUTHORIZED);
    set_default(&mut admin, "publishClientSend", true);
    assert_ne!(john.publish("t", "2"), NOT_AUTHORIZED);
    john.receives("t", "2");

    set_default(&mut admin, "publishClientReceive", false);
    assert_ne!(john.publish("t", "3"), NOT_AUTHORIZED);
    john.received_nothing();

    set_default(&mut admin, "unsubscribe", false);
    assert_eq!(john.unsubscribe("t"), NOT_AUTHORIZED);
    set_default(&mut admin, "unsubscribe", true);
    assert_eq!(john.unsubscribe("t"), 0);
    assert_eq!(admin.fine(&get), expected(true, false, true, true));
}

fn the_default_never_opens_the_control_topic(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    set_default(&mut admin, "publishClientSend", true);
    set_default(&mut admin, "subscribe", true);
    admin.create_client("john");
    let mut john = broker.client("john").login("john", "pw").connect();
    for topic in [CONTROL, "$CONTROL/x", "$CONTROL"] {
        let command = json!({"commands": [{"command": "createGroup", "groupname": "g"}]});
        assert_eq!(john.publish(topic, &command.to_string()), NOT_AUTHORIZED, "{topic}");
        assert_eq!(john.subscribe(topic), NOT_AUTHORIZED, "{topic}");
    }
    let groups = admin.fine(&json!({"command": "listGroups"}));
    assert_eq!(groups["totalCount"], 0);
}

fn a_deny_decides_where_the_default_allows(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    set_default(&mut admin, "publishClientSend", true);
    admin.create_client_with("john", &json!([["publishClientSend", "closed/#", false]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_ne!(john.publish("open", "x"), NOT_AUTHORIZED);
    assert_eq!(john.publish("closed/x", "x"), NOT_AUTHORIZED);
}

fn large_messages_pass(trial: &Trial) {
    let broker = trial.broker().start();
    let acls = json!([["publishClientSend", "t", true], ["subscribeLiteral", "t", true]]);
    broker.admin().create_client_with("john", &acls);
    let connector = broker.client("john").login("john", "pw");
    let mut john = connector.connect().subscribed("t");
    let large = "x".repeat(1_000_000);
    john.publish("t", &large);
    assert_eq!(john.receive().payload.len(), large.len());
}
