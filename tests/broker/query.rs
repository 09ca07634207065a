//! The topic for commands that change nothing: a monitor needs no right to change anything.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::admin::{CONTROL, RESPONSE};
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    a_monitor_asks_and_changes_nothing: theirs_fails("all", "has no such topic"),
    the_query_topic_takes_rights_of_its_own: theirs_fails("all", "has no such topic"),
    mosquitto_ctrl_does_not_hear_questions_on_other_topics: theirs_fails("2.0", "has no such topics"),
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

/// It takes the first answer that comes on the administrators' topic for its own.
fn mosquitto_ctrl_does_not_hear_questions_on_other_topics(trial: &Trial) {
    const OWN: &str = "$CONTROL/dynamic-security/v1/self";
    const OWN_RESPONSE: &str = "$CONTROL/dynamic-security/v1/self/response";
    const ENOUGH: usize = 20;
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let mut rights = monitors_rights();
    let own = [
        ["publishClientSend", OWN],
        ["subscribeLiteral", OWN_RESPONSE],
        ["publishClientReceive", OWN_RESPONSE],
    ];
    rights.as_array_mut().unwrap().extend(own.map(|[acltype, topic]| json!([acltype, topic, true])));
    admin.create_client_with("monitor", &rights);
    let mut monitor = broker.client("m").login("monitor", "pw").connect();
    monitor = monitor.subscribed(QUERY_RESPONSE).subscribed(OWN_RESPONSE);
    let about = json!({"command": "explainACL", "acltype": "subscribe", "topic": "a"});
    let mut about_admin = about.clone();
    about_admin["username"] = "admin".into();
    let questions = [
        (OWN, OWN_RESPONSE, json!({"commands": [{"command": "whoAmI"}, about]}).to_string()),
        (
            QUERY,
            QUERY_RESPONSE,
            json!({"commands": [about_admin, {"command": "listClients"}, {"command": "lintPolicy"},
                {"command": "getMetrics"}, {"command": "getEffectiveACLs", "username": "admin"},
                {"command": "explainLogin", "username": "nobody"}]})
            .to_string(),
        ),
    ];
    let mut ask = |topic: &str, response: &str, question: &str| {
        assert_eq!(monitor.publish(topic, question), 0);
        assert_eq!(monitor.receive().topic, *response);
    };
    for (topic, response, question) in &questions {
        ask(topic, response, question);
    }
    let done = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while asked < ENOUGH || !done.load(Ordering::Relaxed) {
                for (topic, response, question) in &questions {
                    ask(topic, response, question);
                    asked += 1;
                }
            }
            asked
        });
        for number in 0..5 {
            let (role, client) = (format!("role-{number}"), format!("client-{number}"));
            assert_eq!(broker.ctrl(&["createRole", &role]).fine(), "");
            assert_eq!(broker.ctrl(&["createClient", &client, "-p", "pw"]).fine(), "");
            assert_eq!(broker.ctrl(&["addClientRole", &client, &role, "5"]).fine(), "");
            let shown = format!("Username: {client}\nClientid:\nRoles: {role} (priority: 5)\n");
            assert!(broker.ctrl(&["getClient", &client]).words().starts_with(&shown));
            assert!(broker.ctrl(&["listRoles"]).fine().starts_with("admin\nmonitor\nrole-0\n"));
            let twice = broker.ctrl(&["createRole", &role]);
            assert!(twice.complaint().contains("Role already exists"), "{twice:?}");
        }
        done.store(true, Ordering::Relaxed);
        asking.join().unwrap()
    });
    assert!(asked >= ENOUGH);
    // Its answers were all there is on that topic.
    let mut answers = 0;
    while answers < 5 * 6 {
        let answer = admin.response();
        let command = answer["responses"][0]["command"].as_str().unwrap().to_owned();
        let is_of_ctrl = ["createRole", "createClient", "addClientRole", "getClient", "listRoles"]
            .contains(&command.as_str());
        assert!(is_of_ctrl, "{answer}");
        answers += 1;
    }
    admin.client().received_nothing();
}
