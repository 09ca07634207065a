//! A payload and its answer: batches, order, correlation data, what is no command, and who sees it.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, CONTROL, RESPONSE, without_2_1s};
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED};
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

cases! {
    one_payload_gets_one_answer_with_the_responses_in_order,
    a_refused_command_does_not_stop_the_others,
    payloads_are_answered_in_their_order,
    the_answer_is_a_plain_message,
    the_answer_reaches_everybody_who_may_read_it,
    nobody_commands_without_the_right_to_send,
    payloads_that_are_no_commands_are_answered,
    elements_that_are_no_commands_are_answered,
    a_correlation_that_is_no_string_ends_the_payload,
    the_correlation_data_comes_back,
    names_of_commands_and_members_are_read_in_any_case,
    a_byte_after_the_payload_does_no_harm,
    a_large_batch_is_carried_out,
    two_administrators_at_once,
}

fn one_payload_gets_one_answer_with_the_responses_in_order(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let commands = json!({"commands": [
        {"command": "createRole", "rolename": "r"},
        {"command": "createGroup", "groupname": "g", "roles": [{"rolename": "r"}]},
        {"command": "createClient", "username": "c", "groups": [{"groupname": "g"}]},
        {"command": "listRoles"},
    ]});
    let expected = json!({"responses": [
        {"command": "createRole"},
        {"command": "createGroup"},
        {"command": "createClient"},
        {"command": "listRoles", "data": {"totalCount": 2, "roles": ["admin", "r"]}},
    ]});
    assert_eq!(admin.exchange(commands.to_string()), expected);
    admin.client().received_nothing();
}

fn a_refused_command_does_not_stop_the_others(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let responses = admin.batch(&json!([
        {"command": "createRole", "rolename": "admin"},
        {"command": "createRole", "rolename": "r"},
        {"command": "createRole"},
        {"command": "createRole", "rolename": "s"},
    ]));
    let errors: Vec<_> = responses.iter().map(|response| response["error"].as_str()).collect();
    assert_eq!(errors, [Some("Role already exists"), None, Some("Invalid/missing rolename"), None]);
}

fn payloads_are_answered_in_their_order(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let numbers = 0..100;
    // Slow ones and quick ones, and nothing but the order to tell them apart.
    for number in numbers.clone() {
        let command = if number % 3 == 0 {
            json!({"command": "createClient", "username": format!("c{number}"), "password": "pw"})
        } else if number % 3 == 1 {
            json!({"command": "getClient", "username": format!("c{}", number - 1)})
        } else {
            json!({"command": "deleteClient", "username": format!("c{}", number - 2)})
        };
        admin.send(json!({"commands": [command]}).to_string());
    }
    for number in numbers {
        let response = admin.response();
        let response = &response["responses"][0];
        let expected = ["createClient", "getClient", "deleteClient"][number % 3];
        assert_eq!(response["command"], expected, "{number}");
        assert_eq!(response.get("error"), None, "{number}: {response}");
        if number % 3 == 1 {
            assert_eq!(response["data"]["client"]["username"], format!("c{}", number - 1));
        }
    }
}

fn the_answer_is_a_plain_message(trial: &Trial) {
    let broker = trial.broker().start();
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login(ADMIN, ADMIN_PASSWORD);
        let mut client = connector.connect();
        assert_eq!(client.subscribe_all(&[(RESPONSE, 2)]), [2]);
        let payload = json!({"commands": [{"command": "listGroups", "correlationData": "1"}]});
        for qos in [0, 1, 2] {
            client.publish_with(CONTROL, payload.to_string(), qos, false);
            let message = client.receive();
            assert_eq!(message.topic, RESPONSE);
            assert_eq!((message.qos, message.retain, message.dup), (0, false, false));
            assert!(!message.properties, "{message:?}");
            let text = r#"{"responses":[{"command":"listGroups","data":{"totalCount":0,"groups":[]},"correlationData":"1"}]}"#;
            assert_eq!(message.text(), text);
        }
        client.received_nothing();
        // Nothing of it is retained.
        connector.connect().subscribed(RESPONSE).received_nothing();
    }
}

fn the_answer_reaches_everybody_who_may_read_it(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("watch", &json!([["subscribeLiteral", RESPONSE, true]]));
    admin.create_client_with(
        "blind",
        &json!([["subscribeLiteral", RESPONSE, true], ["publishClientReceive", "$CONTROL/#", false],]),
    );
    let allow = json!({
        "command": "addRoleACL", "rolename": "watch",
        "acltype": "publishClientReceive", "topic": RESPONSE, "allow": true,
    });
    admin.fine(&allow);
    let mut watch = broker.client("watch").login("watch", "pw").connect().subscribed(RESPONSE);
    let mut blind = broker.client("blind").login("blind", "pw").connect().subscribed(RESPONSE);
    let response = admin.fine(&json!({"command": "listGroups"}));
    assert_eq!(response["totalCount"], 0);
    assert!(watch.receive().text().contains("listGroups"));
    watch.received_nothing();
    blind.received_nothing();
}

fn nobody_commands_without_the_right_to_send(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "#", true]]));
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        let payload = json!({"commands": [{"command": "createGroup", "groupname": "g"}]});
        let code = john.publish(CONTROL, &payload.to_string());
        assert!(code == NOT_AUTHORIZED || protocol == BOTH[0]);
        john.round_trip();
    }
    assert_eq!(admin.fine(&json!({"command": "listGroups"}))["totalCount"], 0);
}

fn unknown(error: &str) -> Value {
    json!({"responses": [{"command": "Unknown command", "error": error}]})
}

fn payloads_that_are_no_commands_are_answered(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for payload in ["not json", "{", "{\"commands\":[", "\u{0}"] {
        let answer = admin.exchange(payload);
        assert_eq!(answer, unknown("Payload not valid JSON"), "{payload}");
    }
    for payload in ["{}", "[]", "5", "null", "{\"commands\":\"test\"}", "{\"commands\":{}}"] {
        let answer = admin.exchange(payload);
        assert_eq!(answer, unknown("Invalid/missing commands"), "{payload}");
    }
    assert_eq!(admin.exchange("{\"commands\":[]}"), json!({"responses": []}));
    admin.client().received_nothing();
}

fn elements_that_are_no_commands_are_answered(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let table = [
        (json!("bad"), "Unknown command", "Command not an object"),
        (json!([]), "Unknown command", "Command not an object"),
        (json!({}), "Unknown command", "Missing command"),
        (json!({"command": 6}), "Unknown command", "Missing command"),
        (json!({"command": "command"}), "command", "Unknown command"),
        (json!({"command": ""}), "", "Unknown command"),
    ];
    for (command, name, error) in table {
        let response = admin.command(&command);
        assert_eq!(response, json!({"command": name, "error": error}), "{command}");
    }
}

fn a_correlation_that_is_no_string_ends_the_payload(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let responses = admin.batch(&json!([
        {"command": "createGroup", "groupname": "before"},
        {"command": "createGroup", "groupname": "this", "correlationData": 6},
        {"command": "createGroup", "groupname": "after"},
    ]));
    let error = "Invalid correlationData data type.";
    assert_eq!(
        json!(responses),
        json!([{"command": "createGroup"}, {"command": "createGroup", "error": error}])
    );
    let groups = admin.fine(&json!({"command": "listGroups"}));
    assert_eq!(groups["groups"], json!(["before"]));
}

fn the_correlation_data_comes_back(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let text = "½ \"quoted\" \\ \u{8} / 😀";
    for command in [
        json!({"command": "createGroup", "groupname": "g"}),
        json!({"command": "createGroup", "groupname": "g"}),
        json!({"command": "getGroup", "groupname": "g"}),
        json!({"command": "nonsense"}),
    ] {
        let mut command = command;
        command["correlationData"] = json!(text);
        assert_eq!(admin.command(&command)["correlationData"], text, "{command}");
        command["correlationData"] = json!("");
        assert_eq!(admin.command(&command)["correlationData"], "", "{command}");
    }
}

fn names_of_commands_and_members_are_read_in_any_case(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let responses = admin.batch(&json!([
        {"COMMAND": "CREATErole", "RoleName": "r"},
        {"command": "addroleacl", "ROLENAME": "r", "AclType": "PUBLISHCLIENTSEND",
         "Topic": "t", "Allow": true, "Priority": 3},
        {"command": "GETROLE", "rolename": "r"},
    ]));
    let acl = json!({"acltype": "publishClientSend", "topic": "t", "priority": 3, "allow": true});
    // 2.1 gives a command's name back as it came, except with data.
    let names = if trial.like_2_1() { ["CREATErole", "addroleacl"] } else { ["createRole", "addRoleACL"] };
    let responses: Vec<Value> = responses.into_iter().map(without_2_1s).collect();
    assert_eq!(
        json!(responses),
        json!([
            {"command": names[0]},
            {"command": names[1]},
            {"command": "getRole", "data": {"role": {"rolename": "r", "acls": [acl]}}},
        ])
    );
}

fn a_byte_after_the_payload_does_no_harm(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for tail in ["\0", "\n", " trailing"] {
        let payload = format!("{{\"commands\":[{{\"command\":\"listGroups\"}}]}}{tail}");
        let answer = admin.exchange(payload);
        assert_eq!(answer["responses"][0]["data"]["totalCount"], 0, "{tail:?}");
    }
}

fn a_large_batch_is_carried_out(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let names: Vec<String> = (0..300).map(|number| format!("c{number:03}")).collect();
    let commands: Vec<Value> = names
        .iter()
        .map(|name| json!({"command": "createClient", "username": name}))
        .chain([json!({
            "command": "setClientPassword", "username": "c299", "password": "c299",
        })])
        .collect();
    admin.all_fine(&json!(commands));
    let all = |admin: &mut Admin| {
        let data = admin.fine(&json!({"command": "listClients"}));
        assert_eq!(data["totalCount"], 301);
        let list = data["clients"].as_array().unwrap()[1..].to_vec();
        assert_eq!(json!(list), json!(names));
    };
    all(&mut admin);
    drop(admin);
    broker.restart();
    all(&mut broker.admin());
    broker.client("any").login("c299", "c299").connect().round_trip();
}

fn two_administrators_at_once(trial: &Trial) {
    let broker = trial.broker().start();
    let mut first = broker.admin();
    let mut second = Admin::connect(broker.client("second").login(ADMIN, ADMIN_PASSWORD));
    for number in 0..20 {
        for (admin, name) in [(&first, "first"), (&second, "second")] {
            let command = json!({
                "command": "createGroup", "groupname": format!("{name}-{number}"),
                "correlationData": name,
            });
            admin.send(json!({"commands": [command]}).to_string());
        }
    }
    for admin in [&mut first, &mut second] {
        let mut seen = [0, 0];
        for _ in 0..40 {
            let answer = admin.response();
            let response = &answer["responses"][0];
            assert_eq!(response.get("error"), None, "{response}");
            seen[usize::from(response["correlationData"] == "second")] += 1;
        }
        assert_eq!(seen, [20, 20]);
    }
    let groups = first.fine(&json!({"command": "listGroups"}));
    assert_eq!(groups["totalCount"], 40);
}
