//! An administrator who changes what they themselves hold: the answer comes first, the disconnect after it.

use serde_json::{Value, json};

use crate::harness::admin::{CONTROL, RESPONSE};
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::client::Client;
use crate::harness::packet::BOTH;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

/// The rest of a line that loads the plugin, and its options.
const PLUGIN: &str = "\
{plugin}
plugin_opt_config_file {policy}
";

cases! {
    changing_ones_own_role_is_answered: theirs_fails(
        "2.0",
        "disconnects the administrator before it answers",
        "was disconnected instead of"
    ),
    changing_ones_own_password_is_answered: theirs_fails(
        "2.0",
        "disconnects the administrator before it answers",
        "was disconnected instead of"
    ),
    disabling_oneself_is_answered: theirs_fails(
        "2.0",
        "disconnects the administrator before it answers",
        "was disconnected instead of"
    ),
    it_is_answered_where_each_listener_has_a_line_of_the_plugin: theirs_fails(
        "2.0.11",
        "frees all that it has once for each line",
        "the broker did not end in order"
    ) & theirs_fails(
        "2.0.21",
        "disconnects the administrator before it answers",
        "was disconnected instead of"
    ),
    the_rest_of_the_payload_is_carried_out,
    others_are_still_answered_afterwards,
}

fn administrator(broker: &Broker, protocol: crate::harness::packet::Protocol) -> Client {
    let connector = broker.client("self").protocol(protocol).login(ADMIN, ADMIN_PASSWORD);
    connector.connect().subscribed(RESPONSE)
}

/// Sends commands as somebody whom they disconnect: acknowledgement and answer have to come before.
fn answered(broker: &Broker, commands: &Value, password_after: Option<&str>) {
    for protocol in BOTH {
        let mut client = administrator(broker, protocol);
        let payload = json!({ "commands": commands }).to_string();
        assert!(client.publish(CONTROL, &payload) < 0x80);
        let answer: Value = serde_json::from_slice(&client.receive().payload).unwrap();
        let responses = answer["responses"].as_array().unwrap();
        assert_eq!(responses.len(), commands.as_array().unwrap().len(), "{answer}");
        assert!(responses.iter().all(|response| response.get("error").is_none()), "{answer}");
        client.disconnected();
        let Some(password) = password_after else {
            broker.client("self").login(ADMIN, ADMIN_PASSWORD).refused();
            return;
        };
        broker.client("self").login(ADMIN, password).connect().round_trip();
    }
}

fn changing_ones_own_role_is_answered(trial: &Trial) {
    let broker = trial.broker().start();
    let topic = "some/topic";
    let commands = json!([
        {"command": "addRoleACL", "rolename": "admin",
         "acltype": "publishClientSend", "topic": topic, "allow": true},
        {"command": "removeRoleACL", "rolename": "admin",
         "acltype": "publishClientSend", "topic": topic},
    ]);
    answered(&broker, &commands, Some(ADMIN_PASSWORD));
}

fn changing_ones_own_password_is_answered(trial: &Trial) {
    let broker = trial.broker().start();
    let commands = json!([
        {"command": "setClientPassword", "username": ADMIN, "password": ADMIN_PASSWORD},
    ]);
    answered(&broker, &commands, Some(ADMIN_PASSWORD));
}

fn disabling_oneself_is_answered(trial: &Trial) {
    let broker = trial.broker().start();
    let commands = json!([{"command": "disableClient", "username": ADMIN}]);
    answered(&broker, &commands, None);
}

/// Where each of three listeners has it, the broker tells the plugin three times a round that its loop has come round.
/// 2.1 has a plugin only once, so there each listener uses that one.
fn it_is_answered_where_each_listener_has_a_line_of_the_plugin(trial: &Trial) {
    let (before, each) = if trial.like_2_1() {
        (format!("plugin_load dynsec {PLUGIN}"), "plugin_use dynsec\n".to_owned())
    } else {
        ("per_listener_settings true\n".to_owned(), format!("plugin {PLUGIN}"))
    };
    let listeners = ["{port0} 127.0.0.1", "{port1} 127.0.0.1", "0 {dir}/socket"]
        .map(|listener| format!("listener {listener}\nallow_anonymous false\n{each}"));
    let broker = trial.broker().configuration(&(before + &listeners.concat())).start();
    let commands = json!([
        {"command": "setClientPassword", "username": ADMIN, "password": ADMIN_PASSWORD},
    ]);
    if trial.ticks_with_per_listener_settings() {
        answered(&broker, &commands, Some(ADMIN_PASSWORD));
        return;
    }
    let mut client = administrator(&broker, BOTH[0]);
    client.send(CONTROL, json!({ "commands": commands }).to_string(), 1, false);
    let unheard = client.messages_until_the_end();
    assert!(unheard.is_empty(), "nothing would tell when the answer is out: {unheard:?}");
}

fn the_rest_of_the_payload_is_carried_out(trial: &Trial) {
    let broker = trial.broker().start();
    for (number, protocol) in BOTH.into_iter().enumerate() {
        let client = administrator(&broker, protocol);
        let payload = json!({"commands": [
            {"command": "setClientId", "username": ADMIN},
            {"command": "createGroup", "groupname": format!("g{number}")},
        ]});
        client.send(CONTROL, payload.to_string(), 1, false);
        let mut client = client;
        client.disconnected();
    }
    let groups = broker.admin().fine(&json!({"command": "listGroups"}));
    assert_eq!(groups["groups"], json!(["g0", "g1"]));
}

fn others_are_still_answered_afterwards(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("other-admin");
    let role = json!({"command": "addClientRole", "username": "other-admin", "rolename": "admin"});
    admin.fine(&role);
    let connector = broker.client("watch").login("other-admin", "pw");
    let mut watch = connector.connect().subscribed(RESPONSE);
    let payload = json!({"commands": [{"command": "setClientId", "username": ADMIN}]});
    admin.send(payload.to_string());
    admin.client().disconnected();
    assert_eq!(watch.receives(RESPONSE, r#"{"responses":[{"command":"setClientId"}]}"#).qos, 0);
    admin.reconnect();
    admin.fine(&json!({"command": "listGroups"}));
}
