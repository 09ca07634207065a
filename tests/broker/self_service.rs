//! What a client may learn about itself, and that nobody else does.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, RESPONSE};
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::client::Client;
use crate::harness::packet::{BOTH, NOT_AUTHORIZED};

cases! {
    a_client_learns_who_it_is_and_nobody_else_does: theirs_fails("all", "has no such topic"),
    a_client_learns_why_it_may_not: theirs_fails("all", "has no such topic"),
    nobody_learns_anything_about_others: theirs_fails("all", "has no such topic"),
    without_rights_nobody_asks,
    an_option_lets_everybody_ask: theirs_fails("all", "has no such option"),
    who_may_not_read_the_answer_gets_none: theirs_fails(
        "2.1",
        "has no such topic, and the broker says so to whoever sends there",
        "endpoint not available"
    ),
    questions_are_limited: theirs_fails("all", "has no such topic"),
    it_works_where_the_broker_does_not_tick: theirs_fails("all", "has no such topic"),
}

const OWN: &str = "$CONTROL/dynamic-security/v1/self";
const OWN_RESPONSE: &str = "$CONTROL/dynamic-security/v1/self/response";

const FOR_EVERYBODY: &str = "plugin_opt_self_service true";

fn rights() -> Value {
    json!([
        ["publishClientSend", OWN, true],
        ["subscribeLiteral", OWN_RESPONSE, true],
        ["publishClientReceive", OWN_RESPONSE, true],
        ["publishClientSend", "door/%c", false],
    ])
}

fn who_am_i() -> String {
    json!({"commands": [{"command": "whoAmI", "correlationData": "1"}]}).to_string()
}

/// Asks; the responses.
#[track_caller]
fn ask(client: &mut Client, commands: &Value) -> Value {
    assert_eq!(client.publish(OWN, &json!({ "commands": commands }).to_string()), 0);
    answer(client)
}

#[track_caller]
fn answer(client: &mut Client) -> Value {
    let message = client.receive();
    assert_eq!(message.topic, OWN_RESPONSE, "{message:?}");
    let mut answer: Value = serde_json::from_str(&message.text()).unwrap();
    answer["responses"].take()
}

/// Somebody with all rights there are, who hears everything that anybody can.
fn listeners(broker: &Broker, admin: &mut Admin) -> Vec<Client> {
    let types = ["publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern"];
    let all: Vec<Value> = types
        .into_iter()
        .flat_map(|acltype| {
            ["#", "$CONTROL/#", "$share/g/#", "$share/g/$CONTROL/#"]
                .map(|topic| json!([acltype, topic, true]))
        })
        .collect();
    admin.create_client_with("listener", &json!(all));
    let mut listeners = Vec::new();
    for (number, filter) in
        ["#", "$CONTROL/#", OWN_RESPONSE, "$CONTROL/dynamic-security/v1/+/response"].into_iter().enumerate()
    {
        let connector = broker.client(&format!("listener-{number}")).login("listener", "pw");
        listeners.push(connector.connect().subscribed(filter));
    }
    listeners
}

fn a_client_learns_who_it_is_and_nobody_else_does(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &rights());
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "r", "textname": "a secret text",
         "acls": [{"acltype": "publishClientSend", "topic": "a/#", "allow": true}]},
        {"command": "createGroup", "groupname": "g", "roles": [{"rolename": "r"}]},
        {"command": "addGroupClient", "groupname": "g", "username": "john", "priority": 3},
        {"command": "modifyClient", "username": "john", "textname": "a secret text"},
    ]));
    let mut listeners = listeners(&broker, &mut admin);
    for protocol in BOTH {
        let connector = broker.client("d1").protocol(protocol).login("john", "pw");
        let mut john = connector.connect().subscribed(OWN_RESPONSE);
        assert_eq!(john.publish(OWN, &who_am_i()), 0);
        let answer = answer(&mut john);
        let data = &answer[0]["data"];
        assert_eq!(answer[0]["correlationData"], "1");
        assert_eq!(data["username"], "john");
        assert_eq!(data["clientid"], "d1");
        assert_eq!(data["groups"], json!([{"groupname": "g", "priority": 3}]));
        assert_eq!(data["roles"], json!([{"rolename": "john"}]));
        let acls = data["acls"].as_array().unwrap();
        let topics: Vec<&str> = acls.iter().map(|acl| acl["acl"]["topic"].as_str().unwrap()).collect();
        assert_eq!(topics, [OWN, "door/%c", "a/#", OWN_RESPONSE, OWN_RESPONSE]);
        assert!(!answer.to_string().contains("secret"), "{answer}");
        john.received_nothing();
        john.disconnect();
    }
    for listener in &mut listeners {
        listener.received_nothing();
    }
    admin.client().received_nothing();
}

fn a_client_learns_why_it_may_not(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &rights());
    let mut john = broker.client("d1").login("john", "pw").connect().subscribed(OWN_RESPONSE);
    let command = json!([{"command": "explainACL", "acltype": "publishClientSend", "topic": "door/d1"}]);
    let answer = ask(&mut john, &command);
    let data = &answer[0]["data"];
    assert_eq!(data["username"], "john");
    assert_eq!(data["clientid"], "d1");
    assert_eq!(data["allow"], false);
    assert_eq!(data["reason"], "acl");
    assert_eq!(data["role"]["rolename"], "john");
    assert_eq!(data["acl"]["topic"], "door/%c");
}

fn nobody_learns_anything_about_others(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &rights());
    let mut listeners = listeners(&broker, &mut admin);
    let mut john = broker.client("d1").login("john", "pw").connect().subscribed(OWN_RESPONSE);
    let explain = |member: &str, value: Value| {
        let mut command = json!({"command": "explainACL", "acltype": "subscribe", "topic": "t"});
        command[member] = value;
        command
    };
    for command in [
        json!({"command": "whoAmI", "username": "admin"}),
        json!({"command": "whoAmI", "clientid": "the-admin"}),
        explain("username", json!("admin")),
        explain("clientid", json!("the-admin")),
        explain("anonymous", json!(true)),
    ] {
        assert_eq!(ask(&mut john, &json!([command]))[0]["error"], "Only about oneself on this topic");
    }
    // The limit is for another case.
    let mut john = broker.client("d2").login("john", "pw").connect().subscribed(OWN_RESPONSE);
    let others = json!([
        {"command": "listClients"}, {"command": "getClient", "username": "admin"}, {"command": "getDetails"},
        {"command": "createRole", "rolename": "mine"}, {"command": "getDefaultACLAccess"},
        {"command": "explainLogin", "username": "admin"}, {"command": "getEffectiveACLs", "username": "admin"},
    ]);
    let answers = ask(&mut john, &others);
    for answer in answers.as_array().unwrap() {
        assert_eq!(answer["error"], "Not on this topic", "{answers}");
        assert_eq!(answer.get("data"), None, "{answers}");
    }
    for listener in &mut listeners {
        listener.received_nothing();
    }
    // On the administrators' topic nobody is told who an administrator is.
    assert_eq!(admin.error(&json!({"command": "whoAmI"})), "Only on $CONTROL/dynamic-security/v1/self");
}

fn without_rights_nobody_asks(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([["publishClientSend", "#", true], ["publishClientReceive", "#", true]]),
    );
    let mut john = broker.client("d1").login("john", "pw").connect();
    assert_eq!(john.publish(OWN, &who_am_i()), NOT_AUTHORIZED);
    assert_eq!(john.subscribe(OWN_RESPONSE), NOT_AUTHORIZED);
    john.received_nothing();
}

fn an_option_lets_everybody_ask(trial: &Trial) {
    let broker = trial.broker().anonymous().line(FOR_EVERYBODY).start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.create_client_with("mute", &json!([["publishClientSend", OWN, false]]));
    let mut john = broker.client("d1").login("john", "pw").connect().subscribed(OWN_RESPONSE);
    assert_eq!(ask(&mut john, &json!([{"command": "whoAmI"}]))[0]["data"]["username"], "john");
    let command = json!([{"command": "explainACL", "acltype": "publishClientSend", "topic": OWN}]);
    let answer = ask(&mut john, &command);
    assert_eq!(
        (&answer[0]["data"]["allow"], &answer[0]["data"]["reason"]),
        (&json!(true), &json!("selfService"))
    );
    // Nothing else under `$CONTROL` comes with it.
    for filter in [RESPONSE, "$CONTROL/#", "$CONTROL/dynamic-security/v1/self/#"] {
        assert_eq!(john.subscribe(filter), NOT_AUTHORIZED, "{filter}");
    }
    assert_eq!(john.publish("$CONTROL/dynamic-security/v1", "{}"), NOT_AUTHORIZED);
    assert_eq!(john.unsubscribe(OWN_RESPONSE), 0);
    let mut mute = broker.client("d2").login("mute", "pw").connect().subscribed(OWN_RESPONSE);
    assert_eq!(mute.publish(OWN, &who_am_i()), NOT_AUTHORIZED);
    let mut anybody = broker.client("d3").connect().subscribed(OWN_RESPONSE);
    let answer = ask(&mut anybody, &json!([{"command": "whoAmI"}]));
    assert_eq!(answer[0]["data"]["anonymous"], true, "{answer}");
    assert_eq!(answer[0]["data"]["clientid"], "d3", "{answer}");
    for client in [&mut john, &mut mute] {
        client.received_nothing();
    }
}

fn who_may_not_read_the_answer_gets_none(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", OWN, true]]));
    let mut john = broker.client("d1").login("john", "pw").connect();
    assert_eq!(john.publish(OWN, &who_am_i()), 0);
    john.received_nothing();
}

fn questions_are_limited(trial: &Trial) {
    let broker = trial.broker().line(FOR_EVERYBODY).start();
    broker.admin().create_client("john");
    let mut john = broker.client("d1").login("john", "pw").connect().subscribed(OWN_RESPONSE);
    let mut refused = 0;
    for _ in 0..50 {
        john.send(OWN, who_am_i(), 1, false);
    }
    for _ in 0..50 {
        refused += usize::from(answer(&mut john)[0]["error"] == "Too many requests");
    }
    assert!(refused >= 25, "{refused}");
    let many = vec![json!({"command": "whoAmI"}); 11];
    let long = "x".repeat(17_000);
    for (number, payload, error) in [
        (2, json!({ "commands": many }).to_string(), "More than 10 commands in a payload"),
        (3, json!({"commands": [{"command": "whoAmI", "x": long}]}).to_string(), "Payload too long"),
        (4, "{".to_owned(), "Payload not valid JSON"),
    ] {
        let connector = broker.client(&format!("d{number}")).login("john", "pw");
        let mut john = connector.connect().subscribed(OWN_RESPONSE);
        john.publish(OWN, &payload);
        assert_eq!(answer(&mut john)[0]["error"], error);
    }
}

const PER_LISTENER: &str = "\
per_listener_settings true
listener {port0} 127.0.0.1
allow_anonymous {anonymous}
plugin {plugin}
plugin_opt_config_file {policy}
plugin_opt_self_service true
";

fn it_works_where_the_broker_does_not_tick(trial: &Trial) {
    let broker = trial.broker().configuration(PER_LISTENER).start();
    broker.admin().create_client("john");
    let mut john = broker.client("d1").login("john", "pw").connect().subscribed(OWN_RESPONSE);
    assert_eq!(ask(&mut john, &json!([{"command": "whoAmI"}]))[0]["data"]["clientid"], "d1");
}
