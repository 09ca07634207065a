//! What 2.1's plugin brought, which ours has on every broker.

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::case::{Trial, cases};
use crate::harness::client::Client;
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::plugin::Plugin;
use crate::traps_2_1::has_2_1s_own;

cases! {
    placeholders_stand_for_the_clients_own_id_and_name: theirs_fails("2.0", "takes them literally", "may"),
    an_id_or_name_with_wildcards_or_levels_in_it_opens_nothing,
    placeholders_in_literal_topics_are_literal,
    wildcard_subscriptions_can_be_forbidden: theirs_fails("2.0", "has no such rule", "+/b"),
    changes_are_counted_and_the_count_is_kept: theirs_fails("2.0", "does not count", "getDetails"),
    the_broker_is_told_the_name_of_the_plugin,
}

fn may_publish(client: &mut Client, topic: &str) -> bool {
    client.publish(topic, "x") != NOT_AUTHORIZED
}

fn may_subscribe(client: &mut Client, filter: &str) -> bool {
    client.subscribe(filter) != NOT_AUTHORIZED
}

/// A role for what lies under a client's id or name.
fn of_ones_own() -> Value {
    json!([
        ["publishClientSend", "id/%c/#", true],
        ["publishClientSend", "name/%u/x", true],
        ["publishClientSend", "both/%u/%c", true],
        ["subscribePattern", "id/%c/+", true],
        ["subscribePattern", "name/%u/#", true],
    ])
}

fn placeholders_stand_for_the_clients_own_id_and_name(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &of_ones_own());
    let mut john = broker.client("j-1").login("john", "pw").connect();
    for topic in ["id/j-1", "id/j-1/a/b", "name/john/x", "both/john/j-1"] {
        assert!(may_publish(&mut john, topic), "{topic}: he may");
    }
    for topic in
        ["id/%c/a", "id/j-2/a", "id/john/a", "name/j-1/x", "name/john/y", "both/j-1/john", "id/j-1x/a"]
    {
        assert!(!may_publish(&mut john, topic), "{topic}: he may not");
    }
    for filter in ["id/j-1/+", "id/j-1/a", "name/john/#", "name/john/+/b"] {
        assert!(may_subscribe(&mut john, filter), "{filter}: he may");
    }
    for filter in ["id/j-1/#", "id/+/+", "id/j-2/a", "name/+/x", "name/#", "#"] {
        assert!(!may_subscribe(&mut john, filter), "{filter}: he may not");
    }
}

/// Client ids and usernames are chosen by those who connect, or by who registers them.
fn an_id_or_name_with_wildcards_or_levels_in_it_opens_nothing(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_role("own", &of_ones_own());
    for username in ["+", "#", "+/x", "a/x", "john", "%c"] {
        admin.create_client(username);
        admin.fine(&json!({"command": "addClientRole", "username": username, "rolename": "own"}));
    }
    let topics = ["id/other/a", "id/a/b/c", "name/other/x", "name/a/x/x", "both/other/a", "both/a/x/a"];
    let filters = ["id/+/+", "id/+/a", "id/#", "id/a/b/c", "name/+/#", "name/+/x", "name/#", "name/a/x/x"];
    for (username, client_id) in [
        ("john", "+"),
        ("john", "#"),
        ("john", "a/b"),
        ("john", "+/+"),
        ("john", "%u"),
        ("+", "c"),
        ("#", "c"),
        ("+/x", "c"),
        ("a/x", "c"),
        ("a/x", "x"),
        ("%c", "c"),
    ] {
        let mut client = broker.client(client_id).login(username, "pw").connect();
        for topic in topics {
            assert!(
                !may_publish(&mut client, topic),
                "{username} with the id {client_id} may send to {topic}"
            );
        }
        for filter in filters {
            assert!(!may_subscribe(&mut client, filter), "{username} with the id {client_id} gets {filter}");
        }
    }
}

fn placeholders_in_literal_topics_are_literal(trial: &Trial) {
    let broker = trial.broker().start();
    let acls = json!([["subscribeLiteral", "id/%c", true], ["unsubscribeLiteral", "name/%u", false]]);
    broker.admin().create_client_with("john", &acls);
    let mut john = broker.client("j-1").login("john", "pw").connect();
    assert!(may_subscribe(&mut john, "id/%c"));
    assert!(!may_subscribe(&mut john, "id/j-1"));
    assert_eq!(john.unsubscribe("name/%u"), NOT_AUTHORIZED);
    assert_ne!(john.unsubscribe("name/john"), NOT_AUTHORIZED);
}

fn wildcard_subscriptions_can_be_forbidden(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "createClient", "username": "john", "password": "pw"}));
    admin.fine(&json!({
        "command": "createRole", "rolename": "plain", "allowwildcardsubs": false,
        "acls": [
            {"acltype": "subscribePattern", "topic": "#", "allow": true},
            {"acltype": "subscribeLiteral", "topic": "a/#", "allow": true},
        ],
    }));
    admin.fine(&json!({"command": "addClientRole", "username": "john", "rolename": "plain"}));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert!(may_subscribe(&mut john, "a/b"));
    for filter in ["+/b", "a/#", "#", "$share/g/a/+"] {
        assert!(!may_subscribe(&mut john, filter), "{filter}");
    }
    // A role of a higher priority comes first, and what it allows is allowed.
    admin.create_role("first", &json!([["subscribePattern", "b/#", true]]));
    admin.fine(&json!({"command": "addClientRole", "username": "john", "rolename": "first", "priority": 5}));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert!(may_subscribe(&mut john, "b/#"));
    assert!(!may_subscribe(&mut john, "+/b"));
    // Whoever has the role is disconnected by the change.
    admin.fine(&json!({"command": "modifyRole", "rolename": "plain", "allowwildcardsubs": true}));
    john.disconnected();
    let mut john = broker.client("john").login("john", "pw").connect();
    assert!(may_subscribe(&mut john, "+/b"));
    let role = admin.fine(&json!({"command": "getRole", "rolename": "plain"}));
    let shown = if trial.like_2_1() { json!(true) } else { Value::Null };
    assert_eq!(role["role"]["allowwildcardsubs"], shown, "{role}");
}

fn changes(admin: &mut Admin) -> i64 {
    let details = admin.fine(&json!({"command": "getDetails"}));
    details["changeIndex"].as_i64().unwrap_or_else(|| panic!("no count in {details}"))
}

fn changes_are_counted_and_the_count_is_kept(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let before = changes(&mut admin);
    admin.create_client("john");
    assert_eq!(changes(&mut admin), before + 1);
    admin.all_fine(&json!([
        {"command": "enableClient", "username": "john"},
        {"command": "listClients"},
        {"command": "createGroup", "groupname": "group"},
    ]));
    assert_eq!(changes(&mut admin), before + 3, "also what changes nothing, but not what only asks");
    admin.error(&json!({"command": "createGroup", "groupname": "group"}));
    assert_eq!(changes(&mut admin), before + 3);
    let details = admin.fine(&json!({"command": "getDetails"}));
    assert_eq!(
        details,
        json!({"clientCount": 2, "groupCount": 1, "roleCount": 1, "changeIndex": before + 3})
    );
    drop(admin);
    broker.restart();
    assert_eq!(changes(&mut broker.admin()), before + 3);
}

fn the_broker_is_told_the_name_of_the_plugin(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = trial.broker().line("enable_control_api true").start();
    let mut admin = broker.admin();
    let [control, response] = ["$CONTROL/broker/v1", "$CONTROL/broker/v1/response"];
    let acls = json!([
        ["publishClientSend", control, true],
        ["publishClientReceive", response, true],
        ["subscribeLiteral", response, true]
    ]);
    admin.create_client_with("john", &acls);
    let mut john = broker.client("john").login("john", "pw").connect().subscribed(response);
    john.publish(control, &json!({"commands": [{"command": "listPlugins"}]}).to_string());
    let answer: Value = serde_json::from_slice(&john.receive().payload).expect("JSON");
    let plugins = answer["responses"][0]["data"]["plugins"].as_array().expect("a list");
    let plugin = plugins.iter().find(|plugin| plugin["name"] == "dynamic-security");
    let plugin = plugin.unwrap_or_else(|| panic!("the plugin has no name in {answer}"));
    let topics = plugin["control-endpoints"].as_array().unwrap_or_else(|| panic!("no topics in {answer}"));
    assert!(topics.contains(&json!("$CONTROL/dynamic-security/v1")), "{answer}");
    if trial.plugin == Plugin::Ours {
        assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"), "{answer}");
        for topic in ["query", "self"] {
            assert!(topics.contains(&json!(format!("$CONTROL/dynamic-security/v1/{topic}"))), "{answer}");
        }
    }
}
