//! Several listeners, and `per_listener_settings true`, where 2.0 brokers before 2.0.15 give their plugins no tick.

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{NOT_AUTHORIZED, Protocol};
use crate::harness::plugin::Plugin;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD, Setup};

const PLUGIN: &str = "\
plugin {plugin}
plugin_opt_config_file {policy}
";

cases! {
    one_policy_holds_on_every_listener,
    per_listener_settings_hold_on_their_listener,
    per_listener_settings_leave_answers_and_disconnects_working,
    per_listener_settings_and_changing_ones_own_login,
    two_listeners_share_the_policy_they_name: theirs_fails(
        "2.0.11",
        "loads the file once more and saves everything twice"
    ),
}

fn two_listeners<'a>(trial: &'a Trial, before: &str, first: &str, second: &str) -> Setup<'a> {
    let text = format!("{before}listener {{port0}} 127.0.0.1\n{first}listener {{port1}} 127.0.0.1\n{second}");
    trial.broker().configuration(&text)
}

fn one_policy_holds_on_every_listener(trial: &Trial) {
    let broker = two_listeners(trial, "allow_anonymous false\n", "", PLUGIN).start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "t", true]]));
    for connector in [broker.client("john"), broker.client_on_second_listener("john")] {
        assert_eq!(connector.refused(), Protocol::V5.refusal());
        let mut john = connector.login("john", "pw").connect();
        assert_ne!(john.publish("t", "x"), NOT_AUTHORIZED);
        assert_eq!(john.publish("u", "x"), NOT_AUTHORIZED);
        admin.fine(&json!({"command": "setClientId", "username": "john"}));
        john.disconnected();
    }
}

/// The plugin on the first listener; the second takes anybody.
fn apart(trial: &Trial) -> Broker {
    two_listeners(
        trial,
        "per_listener_settings true\n",
        &format!("allow_anonymous false\n{PLUGIN}"),
        "allow_anonymous true\n",
    )
    .start()
}

fn per_listener_settings_hold_on_their_listener(trial: &Trial) {
    let broker = apart(trial);
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["subscribePattern", "#", true]]));
    assert_eq!(broker.client("any").refused(), Protocol::V5.refusal());
    assert_eq!(broker.client("any").login("john", "wrong").refused(), Protocol::V5.refusal());
    let mut john = broker.client("john").login("john", "pw").connect().subscribed("#");
    assert_eq!(john.publish("t", "x"), NOT_AUTHORIZED);

    let mut any = broker.client_on_second_listener("any").connect();
    assert!(any.publish("t", "from there") < 0x80);
    john.receives("t", "from there");
    // Names mean nothing there, not even to the control topic.
    let john_there = broker.client_on_second_listener("john2").login("john", "wrong");
    let mut john_there = john_there.connect();
    assert!(john_there.publish("t", "again") < 0x80);
    john.receives("t", "again");
}

fn per_listener_settings_leave_answers_and_disconnects_working(trial: &Trial) {
    let mut broker = apart(trial);
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "t", true]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    for allowed in [false, true] {
        let command = if allowed { "addClientRole" } else { "removeClientRole" };
        admin.fine(&json!({"command": command, "username": "john", "rolename": "john"}));
        john.disconnected();
        john = broker.client("john").login("john", "pw").connect();
        assert_eq!(john.publish("t", "x") != NOT_AUTHORIZED, allowed);
    }
    // Saved, too.
    drop((admin, john));
    broker.restart();
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_ne!(john.publish("t", "x"), NOT_AUTHORIZED);
}

/// Without a tick the disconnect cannot wait for the answer, which the broker sends after the command; C's never waits on
/// 2.0. Others get it.
fn per_listener_settings_and_changing_ones_own_login(trial: &Trial) {
    let broker = apart(trial);
    let mut admin = broker.admin();
    admin.create_client("watch");
    admin.fine(&json!({"command": "addClientRole", "username": "watch", "rolename": "admin"}));
    let mut watch = Admin::connect(broker.client("watch").login("watch", "pw"));
    let command = json!({"command": "setClientPassword", "username": ADMIN, "password": "new"});
    admin.send(json!({"commands": [command]}).to_string());
    let waits = match trial.plugin {
        Plugin::Ours => trial.ticks_with_per_listener_settings(),
        Plugin::Theirs => trial.like_2_1(),
    };
    let answer = json!({"responses": [{"command": "setClientPassword"}]});
    let heard = admin.client().messages_until_the_end();
    let heard: Vec<Value> =
        heard.iter().map(|heard| serde_json::from_slice(&heard.payload).unwrap()).collect();
    assert_eq!(heard, vec![answer.clone(); usize::from(waits)]);
    assert_eq!(watch.response(), answer);
    let connector = broker.client("admin");
    assert_eq!(connector.clone().login(ADMIN, ADMIN_PASSWORD).refused(), NOT_AUTHORIZED);
    Admin::connect(connector.login(ADMIN, "new")).fine(&json!({"command": "listGroups"}));
}

fn two_listeners_share_the_policy_they_name(trial: &Trial) {
    let listener = format!("allow_anonymous false\n{PLUGIN}");
    let setup = two_listeners(trial, "per_listener_settings true\n", &listener, &listener);
    // 2.1's broker gives a control topic to one plugin only. It has to be told which line is too many.
    if trial.like_2_1() {
        let refusal = setup.refused();
        assert!(refusal.log.contains("once"), "{refusal}");
        return;
    }
    let mut broker = setup.start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "t", true]]));
    let there = broker.client_on_second_listener("admin").login(ADMIN, ADMIN_PASSWORD);
    let mut admin_there = Admin::connect(there);
    admin_there.create_client_with("jane", &json!([["publishClientSend", "t", true]]));
    for run in 0..2 {
        for username in ["john", "jane"] {
            for connector in [broker.client(username), broker.client_on_second_listener(username)] {
                let mut client = connector.login(username, "pw").connect();
                assert_ne!(client.publish("t", "x"), NOT_AUTHORIZED, "{username}, run {run}");
                assert_eq!(client.publish("u", "x"), NOT_AUTHORIZED, "{username}, run {run}");
            }
        }
        let names = |list: &str, name: &str| -> Vec<String> {
            let policy = broker.policy();
            let list = policy[list].as_array().unwrap().iter();
            list.map(|element| element[name].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("clients", "username"), ["admin", "jane", "john"], "run {run}");
        assert_eq!(names("roles", "rolename"), ["admin", "jane", "john"], "run {run}");
        if run == 0 {
            broker.restart();
        }
    }
}
