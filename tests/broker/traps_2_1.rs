//! What 2.1's broker does that a plugin written for 2.0 trips over: new kinds of listeners, logins that are asked
//! again, plugins that are loaded for all listeners. `http_api` has the calls from another thread.
//!
//! What 2.0 has too is tried there as well; what it has not is not applicable.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::{ADMINISTRATIVE_ACTION, NOT_AUTHORIZED, Protocol};
use crate::harness::wait_for;
use crate::websocket::WebSocket;
use crate::wire::{Ask, Hello, Wire, dial};

cases! {
    a_client_on_websockets_is_as_any_other,
    a_global_plugin_holds_on_every_listener,
    a_reload_reaches_the_plugins_after_this_one,
    a_reload_asks_for_every_login_again,
    a_reload_makes_no_second_connection_of_a_client,
    an_absent_client_is_listed_as_long_as_its_session,
    connections_are_those_of_the_name_or_of_the_id_it_is_bound_to,
    a_will_of_who_was_not_let_in_is_not_sent,
    many_subscriptions_are_checked_when_their_clients_are_disconnected,
}

const ON_TWO_LISTENERS: &str = "\
plugin {plugin}
plugin_opt_config_file {policy}
listener {port0} 127.0.0.1
listener {port1} 127.0.0.1
";

/// A broker whose second listener speaks another protocol.
pub(crate) fn on_two_listeners(trial: &Trial, before: &str, second: &str) -> Broker {
    let text = format!("{before}\n{ON_TWO_LISTENERS}protocol {second}\n");
    trial.broker().configuration(&text).start()
}

/// Whether there is what 2.1 brought; else the case is not applicable and ends.
pub(crate) fn has_2_1s_own(trial: &Trial) -> bool {
    let has = trial.like_2_1();
    if !has {
        println!("not applicable to {}", trial.place.version());
    }
    has
}

/// From how many places a client is connected, as the control API tells.
pub(crate) fn connections(admin: &mut Admin, username: &str) -> usize {
    let data = admin.fine(&json!({"command": "getClient", "username": username}));
    let connections = data["client"]["connections"].as_array();
    connections.unwrap_or_else(|| panic!("no connections in {data}")).len()
}

fn a_client_on_websockets_is_as_any_other(trial: &Trial) {
    let connected = |admin: &mut Admin, count| {
        // 2.0's answers do not have that.
        assert!(!trial.like_2_1() || connections(admin, "john") == count);
    };
    let broker = on_two_listeners(trial, "allow_anonymous false", "websockets");
    let mut admin = broker.admin();
    admin.create_client_with(
        "john",
        &json!([["publishClientSend", "t", true], ["subscribeLiteral", "t", true]]),
    );
    let connect = |username, password| {
        let hello = Hello { client_id: "web", login: Some((username, password)), will: None };
        Wire::connect(WebSocket::dial(broker.second_port()), &hello)
    };
    for (username, password) in [("john", "wrong"), ("nobody", "pw"), ("john", "")] {
        assert_eq!(connect(username, password).err(), Some(Some(NOT_AUTHORIZED)), "{username}");
    }
    let mut john = connect("john", "pw").expect("the password is right");
    let topics = ["t", "u"].map(str::to_owned);
    let asked = [topics.clone().map(Ask::Subscribe), topics.map(Ask::Publish)].concat();
    assert_eq!(john.ask(&asked), [0, NOT_AUTHORIZED, 0, NOT_AUTHORIZED]);
    assert_eq!(john.messages(), ["t"]);
    connected(&mut admin, 1);
    let mut elsewhere = broker.client("elsewhere").login("john", "pw").connect();
    connected(&mut admin, 2);
    admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "new"}));
    assert_eq!(john.disconnected(), Some(ADMINISTRATIVE_ACTION));
    elsewhere.disconnected();
    connected(&mut admin, 0);
    assert_eq!(connect("john", "pw").err(), Some(Some(NOT_AUTHORIZED)));
    assert!(connect("john", "new").is_ok());
}

fn a_global_plugin_holds_on_every_listener(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let text = "\
per_listener_settings true
listener {port0} 127.0.0.1
allow_anonymous false
listener {port1} 127.0.0.1
allow_anonymous false
global_plugin {plugin}
plugin_opt_config_file {policy}
";
    let mut broker = trial.broker().configuration(text).start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "t", true]]));
    for round in 0..3 {
        let mut admin = broker.admin();
        for connector in [broker.client("john"), broker.client_on_second_listener("john")] {
            assert_eq!(connector.refused(), Protocol::V5.refusal());
            assert_eq!(connector.clone().login("john", "wrong").refused(), NOT_AUTHORIZED);
            let mut john = connector.login("john", "pw").connect();
            assert_ne!(john.publish("t", "x"), NOT_AUTHORIZED);
            assert_eq!(john.publish("u", "x"), NOT_AUTHORIZED);
            assert_eq!(connections(&mut admin, "john"), 1);
            admin.fine(&json!({"command": "setClientId", "username": "john"}));
            john.disconnected();
        }
        drop(admin);
        match round {
            0 => broker.reload(),
            _ => broker.restart(),
        }
    }
}

/// `filed`, password `file-pw`.
const PASSWORDS: &str = "\
filed:$7$101$99/racmeiHjYy3hu$omjgFIj6iypMVxlMSg+vbGqsGSG1ffs9q+HA3UjJH4bLMxhVVFB95MTdS8OwxpjmkLaw/P7UzuHMBAgiwlkg0A==
";

/// 2.0 brings no plugin that could come after.
fn a_reload_reaches_the_plugins_after_this_one(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let after = "\
plugin /usr/lib/x86_64-linux-gnu/mosquitto/mosquitto_password_file.so
plugin_opt_password_file {dir}/passwords";
    let mut broker = trial.broker().line(after).file("passwords", "").start();
    let filed = broker.client("filed").login("filed", "file-pw");
    assert_eq!(filed.refused(), NOT_AUTHORIZED);
    std::fs::write(broker.folder().join("passwords"), PASSWORDS).expect("it can be written");
    for _ in 0..3 {
        broker.reload();
        filed.connect().round_trip();
        broker.admin().fine(&json!({"command": "listClients"}));
    }
}

fn a_reload_asks_for_every_login_again(trial: &Trial) {
    let line = "password_file {dir}/passwords";
    let mut broker = trial.broker().line(line).file("passwords", PASSWORDS).start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.create_client("bound");
    admin.fine(&json!({"command": "setClientId", "username": "bound", "clientid": "bound"}));
    let mut clients = [("john", "any", "pw"), ("bound", "bound", "pw"), ("filed", "filed", "file-pw")]
        .map(|(username, client_id, password)| broker.client(client_id).login(username, password).connect());
    broker.reload();
    for client in &mut clients {
        client.round_trip();
    }
    std::fs::write(broker.folder().join("passwords"), "").expect("it can be written");
    broker.reload();
    let [mut john, mut bound, mut filed] = clients;
    filed.disconnected();
    john.round_trip();
    bound.round_trip();
    admin.client().round_trip();
}

fn a_reload_makes_no_second_connection_of_a_client(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.fine(&json!({"command": "createGroup", "groupname": "anybody"}));
    let mut johns = ["one", "two"].map(|id| broker.client(id).login("john", "pw").connect());
    let mut anonymous = broker.client("anonymous").connect();
    for _ in 0..3 {
        broker.reload();
        if trial.like_2_1() {
            assert_eq!(connections(&mut admin, "john"), 2);
        }
    }
    // They are found, each once, and who comes back is not disconnected again.
    admin.fine(&json!({"command": "setClientId", "username": "john"}));
    admin.fine(&json!({"command": "setAnonymousGroup", "groupname": "anybody"}));
    for client in johns.iter_mut().chain([&mut anonymous]) {
        client.disconnected();
    }
    let mut johns = ["one", "two"].map(|id| broker.client(id).login("john", "pw").connect());
    admin.create_client("sentinel");
    let mut sentinel = broker.client("sentinel").login("sentinel", "pw").connect();
    admin.fine(&json!({"command": "setClientId", "username": "sentinel"}));
    sentinel.disconnected();
    for john in &mut johns {
        john.round_trip();
    }
}

fn an_absent_client_is_listed_as_long_as_its_session(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let line = "persistence true\npersistence_location {dir}/";
    let mut broker = trial.broker().line(line).start();
    let mut admin = broker.admin();
    let mut observer = broker.observer();
    admin.create_client_with("john", &json!([["publishClientSend", "wills/john", true]]));
    let connector = broker.client("john").login("john", "pw").durable().will("wills/john", "gone", false);
    for _ in 0..3 {
        let mut john = connector.connect();
        assert_eq!(connections(&mut admin, "john"), 1);
        // Another connection takes the session over.
        let taking_over = connector.connect();
        john.disconnected();
        assert_eq!(connections(&mut admin, "john"), 1);
        taking_over.vanish();
        observer.receives("wills/john", "gone");
        assert_eq!(connections(&mut admin, "john"), 1, "of an absent client");
        // Nobody is there to be disconnected; who comes then stays.
        admin.fine(&json!({"command": "setClientId", "username": "john"}));
        let mut back = connector.connect();
        assert!(back.session_present());
        assert_eq!(connections(&mut admin, "john"), 1);
        back.round_trip();
        back.disconnect();
    }
    // A session that the broker has from its own file came from nowhere.
    drop((admin, observer));
    broker.restart();
    let mut admin = broker.admin();
    let data = admin.fine(&json!({"command": "getClient", "username": "john"}));
    assert_eq!(data["client"]["connections"], json!([{}]));
    let data = admin.fine(&json!({"command": "listClients", "verbose": true}));
    assert_eq!(data["clients"][1]["connections"], json!([{}]));
    assert!(data["clients"][0]["connections"][0]["address"].is_string(), "the administrator's, in {data}");
    broker.client("john").login("john", "pw").connect().disconnect();
    wait_for("the end of the session", || (connections(&mut admin, "john") == 0).then_some(()));
}

fn connections_are_those_of_the_name_or_of_the_id_it_is_bound_to(trial: &Trial) {
    if !has_2_1s_own(trial) {
        return;
    }
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.create_client("bound");
    let mut johns: Vec<_> = (0..5)
        .map(|n| broker.client(&format!("john-{n}")))
        .map(|client| client.login("john", "pw").connect())
        .collect();
    // One that is bound is looked for by its client id, which somebody else may have.
    let other = broker.client("its-id").login("john", "pw").connect();
    admin.fine(&json!({"command": "setClientId", "username": "bound", "clientid": "its-id"}));
    for client in &mut johns {
        client.round_trip();
    }
    let listed = |admin: &mut Admin| {
        let data = admin.fine(&json!({"command": "listClients", "verbose": true}));
        let clients = data["clients"].as_array().expect("clients").clone();
        let count =
            |client: &Value| (client["username"].clone(), client["connections"].as_array().map(Vec::len));
        clients.iter().map(count).collect::<Vec<_>>()
    };
    assert_eq!(
        listed(&mut admin),
        [(json!("admin"), Some(1)), (json!("bound"), Some(0)), (json!("john"), Some(6))]
    );
    other.disconnect();
    let bound = broker.client("its-id").login("bound", "pw").connect();
    assert_eq!(
        listed(&mut admin),
        [(json!("admin"), Some(1)), (json!("bound"), Some(1)), (json!("john"), Some(5))]
    );
    drop(bound);
}

fn a_will_of_who_was_not_let_in_is_not_sent(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let mut observer = broker.observer();
    admin.create_client_with("john", &json!([["publishClientSend", "#", true]]));
    admin.create_client_with("off", &json!([["publishClientSend", "#", true]]));
    admin.create_client_with("bound", &json!([["publishClientSend", "#", true]]));
    admin.all_fine(&json!([
        {"command": "disableClient", "username": "off"},
        {"command": "setClientId", "username": "bound", "clientid": "elsewhere"},
        {"command": "setDefaultACLAccess", "acls": [{"acltype": "publishClientSend", "allow": true}]},
    ]));
    let with_will = |login, will| Hello { client_id: "will", login, will: Some(will) };
    for login in
        [Some(("john", "wrong")), Some(("nobody", "pw")), Some(("off", "pw")), Some(("bound", "pw")), None]
    {
        let hello = with_will(login, "wills/refused");
        assert_eq!(Wire::connect(dial(broker.port()), &hello).err(), Some(Some(NOT_AUTHORIZED)), "{login:?}");
        // Gone before the answer, or before the whole was said.
        let bytes = hello.bytes();
        for length in [bytes.len(), bytes.len() - 1] {
            dial(broker.port()).write_all(&bytes[..length]).expect("the broker reads");
        }
    }
    // This one's comes, so all before it have been dealt with.
    let hello = with_will(Some(("john", "pw")), "wills/john");
    drop(Wire::connect(dial(broker.port()), &hello).map_err(|code| panic!("refused: {code:?}")));
    observer.receives("wills/john", "gone");
    observer.received_nothing();
}

fn many_subscriptions_are_checked_when_their_clients_are_disconnected(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_role("lost", &json!([["subscribePattern", "lost/#", true]]));
    admin.create_client_with("john", &json!([["subscribePattern", "kept/#", true]]));
    admin.fine(&json!({"command": "addClientRole", "username": "john", "rolename": "lost"}));
    let connectors = ["one", "two", "three"].map(|id| broker.client(id).login("john", "pw").durable());
    let filters: Vec<String> = (0..200).flat_map(|n| [format!("kept/{n}"), format!("lost/{n}")]).collect();
    let filters: Vec<(&str, u8)> = filters.iter().map(|filter| (filter.as_str(), 1)).collect();
    let mut johns = connectors.clone().map(|connector| connector.connect());
    for john in &mut johns {
        assert!(filters.chunks(50).all(|filters| john.subscribe_all(filters).iter().all(|code| *code == 1)));
    }
    admin.fine(&json!({"command": "removeClientRole", "username": "john", "rolename": "lost"}));
    for john in &mut johns {
        john.disconnected();
    }
    admin.create_client_with("jane", &json!([["publishClientSend", "#", true]]));
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    for topic in ["lost/0", "lost/199", "kept/0", "kept/199"] {
        jane.publish(topic, "x");
    }
    for connector in connectors {
        let mut john = connector.connect();
        assert!(john.session_present());
        john.receives("kept/0", "x");
        john.receives("kept/199", "x");
        john.received_nothing();
    }
}
