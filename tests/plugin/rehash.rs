//! `plugin_opt_rehash_on_login`: when the new hash is saved, and what it does not do.

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::plugin::{Delay, LoginAnswer, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::{Value, json};

use crate::host::{Place, command, login, login_as, settle};

/// Of the password `pw`.
const OF_2_1: &str = "$7$101$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$bjfmK+rHVjYIU8g+zpNOWQFyrJyLFolfGFZPWhA6mO/EpkV26D+0zAxQxU5vWtiKEaqE9OQTQPIIqGj/o9gJ5A==";

fn place() -> Place {
    Place::with(&json!({"changeIndex": 7, "clients": [
        {"username": "ann", "note": "kept", "encoded_password": OF_2_1},
        {"username": "bob", "encoded_password": OF_2_1},
    ], "roles": []}))
}

fn start(place: &Place) -> Plugin {
    place.start(BrokerFamily::V2_0, |options| options.rehash_on_login = true).unwrap()
}

/// A client's iterations, where its hash is one for 2.0.
fn iterations(policy: &Value, username: &str) -> Option<i64> {
    let clients = policy["clients"].as_array().unwrap();
    let client = clients.iter().find(|client| client["username"] == username).unwrap();
    let of_2_0 = client.get("password").is_some() && client.get("salt").is_some();
    assert_eq!(client.get("encoded_password").is_none(), of_2_0);
    client["iterations"].as_i64().filter(|_| of_2_0)
}

#[test]
fn the_logins_between_two_ticks_are_saved_together_at_the_second() {
    let place = place();
    let plugin = start(&place);
    settle(&place, &plugin);
    let before = place.policy();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    assert_eq!(place.policy(), before);
    settle(&place, &plugin);
    let after = place.policy();
    assert_eq!(["ann", "bob"].map(|name| iterations(&after, name)), [Some(1000); 2]);
    assert_eq!(after["changeIndex"], 7, "it is no command");
    assert_eq!(after["clients"][0]["note"], "kept");
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(login(&plugin, "ann", "other"), Effect::Deny);
    settle(&place, &plugin);
    assert_eq!(place.policy(), after, "once is enough");
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
    assert_eq!(place.host.published.lock().unwrap().len(), 0);
    let [(LogLevel::Info, line), _] = &place.logged("hashed again at")[..] else { panic!() };
    assert!(line.ends_with("username=ann"), "{line}");
}

#[test]
fn of_logins_that_wait_each_password_is_hashed_again() {
    let names: Vec<String> = (0..6).map(|number| format!("client{number}")).collect();
    let client = |name: &String| json!({"username": name, "encoded_password": OF_2_1});
    let place = Place::with(&json!({"clients": names.iter().map(client).collect::<Vec<_>>()}));
    let plugin = start(&place);
    settle(&place, &plugin);
    for (session, name) in (1..).zip(&names) {
        let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
        let password = if session == 1 { "other" } else { "pw" };
        let request = LoginRequest { subject, address: None, password: Some(password.as_bytes()) };
        assert_eq!(plugin.on_login(SessionId(session), &request, Delay::Safe), LoginAnswer::Later);
    }
    while place.host.let_in.lock().unwrap().len() < names.len() - 1 {
        place.host.sleep();
        plugin.on_tick();
    }
    settle(&place, &plugin);
    let after = place.policy();
    let hashed = names.iter().map(|name| iterations(&after, name));
    assert_eq!(hashed.collect::<Vec<_>>(), [&[None][..], &[Some(1000); 5]].concat());
}

#[test]
fn the_audit_trail_has_a_line_for_it() {
    let place = place();
    let file = place.directory.path().join("audit.jsonl");
    let plugin = place
        .start(BrokerFamily::V2_0, |options| {
            options.rehash_on_login = true;
            options.audit_file = Some(file.clone());
        })
        .unwrap();
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    plugin.shutdown();
    let text = std::fs::read_to_string(file).unwrap();
    let mut line: Value = serde_json::from_str(&text).unwrap();
    line.as_object_mut().unwrap().shift_remove("time").unwrap();
    let wanted = json!({"actor": "plugin", "command": "rehashPassword", "target": {"username": "ann"},
                        "outcome": "done"});
    assert_eq!(line, wanted);
}

#[test]
fn where_the_broker_does_not_tick_it_is_saved_in_the_login() {
    let place = place();
    let plugin = start(&place);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
    assert_eq!(iterations(&place.policy(), "bob"), None);
}

#[test]
fn from_the_thread_of_http_api_nothing_is_saved_or_logged() {
    let place = place();
    let plugin = start(&place);
    let lines = place.logged("").len();
    assert_eq!(login_as(&plugin, "http-api", "ann", "pw"), Effect::Allow);
    assert_eq!(iterations(&place.policy(), "ann"), None);
    assert_eq!(place.logged("").len(), lines);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
}

#[test]
fn a_wrong_password_is_not_hashed() {
    let place = place();
    let plugin = start(&place);
    assert_eq!(login(&plugin, "ann", "other"), Effect::Deny);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), None);
}

#[test]
fn without_the_option_nothing_is_hashed_again() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_0, |_| ()).unwrap();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), None);
}

#[test]
fn a_save_that_fails_refuses_no_login_and_is_tried_again_at_the_next() {
    let place = place();
    let plugin = start(&place);
    settle(&place, &plugin);
    let home = place.policy_path().parent().unwrap().to_owned();
    let elsewhere = place.directory.path().join("elsewhere");
    std::fs::rename(&home, &elsewhere).unwrap();
    for _ in 0..2 {
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        settle(&place, &plugin);
    }
    let warnings = place.logged("not hashed again");
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|(level, _)| *level == LogLevel::Warning));
    std::fs::rename(&elsewhere, &home).unwrap();
    assert_eq!(iterations(&place.policy(), "ann"), None);
    // Another save does not carry what was undone.
    let answer = command(&place, &plugin, &json!({"command": "createRole", "rolename": "r"}));
    assert_eq!(answer, json!({"command": "createRole"}));
    assert_eq!(iterations(&place.policy(), "ann"), None);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
}

#[test]
fn a_password_set_between_login_and_tick_stays() {
    let place = place();
    let plugin = start(&place);
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    let set = json!({"command": "setClientPassword", "username": "ann", "password": "new"});
    assert_eq!(command(&place, &plugin, &set), json!({"command": "setClientPassword"}));
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Deny);
    assert_eq!(login(&plugin, "ann", "new"), Effect::Allow);
}
