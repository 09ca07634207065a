//! The topic for commands that change nothing: a monitor needs no right to change anything.

use serde_json::{Value, json};

use crate::harness::admin::{CONTROL, RESPONSE};
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    a_monitor_asks_and_changes_nothing: theirs_fails("all", "has no such topic"),
    the_query_topic_takes_rights_of_its_own: theirs_fails("all", "has no such topic"),
}

const QUERY: &str = "$CONTROL/dynamic-security/v1/query";
const QUERY_RESPONSE: &str = "$CONTROL/dynamic-security/v1/query/response";

fn monitors_rights() -> Value {
    json!([
        ["publishClientSend", QUERY, true],
        ["subscribeLiteral", QUERY_RESPONSE, true],
        ["publishClientReceive", QUERY_RESPONSE, true],
    ])
}

fn a_monitor_asks_and_changes_nothing(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("monitor", &monitors_rights());
    let before = broker.policy_bytes();
    let mut monitor = broker.client("m").login("monitor", "pw").connect().subscribed(QUERY_RESPONSE);
    let commands = json!({"commands": [
        {"command": "listClients", "correlationData": "1"},
        {"command": "deleteClient", "username": "admin", "correlationData": "2"},
        {"command": "getRole", "rolename": "monitor", "correlationData": "3"},
    ]});
    assert_eq!(monitor.publish(QUERY, &commands.to_string()), 0);
    let message = monitor.receive();
    assert_eq!(message.topic, QUERY_RESPONSE);
    let answer: Value = serde_json::from_str(&message.text()).unwrap();
    let responses = &answer["responses"];
    assert_eq!(responses[0]["data"]["clients"], json!(["admin", "monitor"]), "{answer}");
    assert_eq!(responses[1]["error"], "Not on this topic: the command changes the policy");
    assert_eq!(responses[1]["correlationData"], "2");
    assert_eq!(responses[2]["data"]["role"]["rolename"], "monitor", "{answer}");
    assert_eq!(broker.policy_bytes(), before);
    // The administrator's console sees answers on its own topic only.
    admin.client().received_nothing();
    // And the monitor nothing of what administrators do.
    assert_eq!(monitor.publish(CONTROL, &commands.to_string()), NOT_AUTHORIZED);
    assert_eq!(monitor.subscribe(RESPONSE), NOT_AUTHORIZED);
    admin.fine(&json!({"command": "listClients"}));
    monitor.received_nothing();
}

fn the_query_topic_takes_rights_of_its_own(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with(
        "operator",
        &json!([["publishClientSend", CONTROL, true], ["publishClientSend", "#", true]]),
    );
    let mut operator = broker.client("o").login("operator", "pw").connect();
    assert_eq!(operator.publish(QUERY, "{}"), NOT_AUTHORIZED);
    // Whoever has all of `$CONTROL/dynamic-security/` has this too, as the administrator of a new policy.
    let mut admin =
        broker.client("any").login("admin", "admin-password-1").connect().subscribed(QUERY_RESPONSE);
    assert_eq!(admin.publish(QUERY, "{}"), 0);
    admin.receives(
        QUERY_RESPONSE,
        r#"{"responses":[{"command":"Unknown command","error":"Invalid/missing commands"}]}"#,
    );
}
