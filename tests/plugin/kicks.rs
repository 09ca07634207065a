//! Who is disconnected: every connection once, and none that is not there.

use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::options::SaveMode;
use mosquitto_dynsec::plugin::{Actor, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::{Value, json};

use crate::host::{Place, command};

fn place() -> (Place, Plugin) {
    let place = Place::with(&json!({ "clients": [{"username": "ann"}, {"username": "bob"}] }));
    let plugin = place.start(BrokerFamily::V2_0, |options| options.save_mode = SaveMode::Sync).unwrap();
    plugin.on_tick();
    for username in ["ann", "bob"] {
        let password = json!({"command": "setClientPassword", "username": username, "password": "pw"});
        command(&place, &plugin, &password);
    }
    kicked(&place, &plugin);
    (place, plugin)
}

/// Who was disconnected by the next ticks: client ids, and usernames.
fn kicked(place: &Place, plugin: &Plugin) -> Vec<String> {
    (0..3).for_each(|_| plugin.on_tick());
    std::mem::take(&mut *place.host.kicked_names.lock().unwrap())
}

fn login(plugin: &Plugin, session: usize, username: &str, clientid: &str, password: &str) -> Effect {
    let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
    let password = Some(password.as_bytes()).filter(|password| !password.is_empty());
    plugin.on_basic_auth(SessionId(session), &LoginRequest { subject, address: None, password })
}

fn connect(plugin: &Plugin, session: usize, username: &str, clientid: &str) {
    assert_eq!(login(plugin, session, username, clientid, "pw"), Effect::Allow);
}

/// A change that concerns ann.
fn change(plugin: &Plugin) {
    let payload = json!({"commands": [{"command": "setClientId", "username": "ann"}]}).to_string();
    plugin.on_control(&Actor::default(), payload.as_bytes());
}

#[test]
fn changes_at_the_same_time_disconnect_once() {
    let (place, plugin) = place();
    connect(&plugin, 1, "ann", "a1");
    change(&plugin);
    change(&plugin);
    assert_eq!(kicked(&place, &plugin), ["a1"]);
}

#[test]
fn disconnects_come_on_the_second_tick_after_the_answer() {
    let (place, plugin) = place();
    connect(&plugin, 1, "ann", "a1");
    let answers = place.host.answers().len();
    change(&plugin);
    assert_eq!(place.host.answers().len(), answers + 1);
    let gone = || std::mem::take(&mut *place.host.kicked_names.lock().unwrap());
    assert_eq!(gone(), [""; 0]);
    plugin.on_tick();
    assert_eq!(gone(), [""; 0], "2.0 would lose the answer");
    plugin.on_tick();
    assert_eq!(gone(), ["a1"]);
}

#[test]
fn who_leaves_while_others_are_disconnected_is_not_disconnected() {
    let (place, plugin) = place();
    for session in 1..=40 {
        connect(&plugin, session, "ann", &format!("a{session}"));
    }
    // There is time for the fewest at a tick.
    place.host.set_clock(Instant::now(), Duration::from_secs(1));
    change(&plugin);
    plugin.on_tick();
    plugin.on_tick();
    let first = std::mem::take(&mut *place.host.kicked_names.lock().unwrap());
    assert!((1..30).contains(&first.len()), "{first:?}");
    for session in 1..=40 {
        plugin.on_disconnect(SessionId(session));
    }
    // One of them is back at once, where it was.
    connect(&plugin, 40, "ann", "a40");
    assert_eq!(kicked(&place, &plugin), Vec::<String>::new());
}

#[test]
fn what_a_reload_asks_about_may_be_a_session_only() {
    let (place, plugin) = place();
    connect(&plugin, 1, "ann", "absent");
    plugin.on_disconnect(SessionId(1));
    connect(&plugin, 2, "ann", "a2");
    plugin.on_reload();
    connect(&plugin, 1, "ann", "absent");
    connect(&plugin, 2, "ann", "a2");
    change(&plugin);
    // Should it be a connection that came right then, it is found by its name.
    assert_eq!(kicked(&place, &plugin), ["ann"]);
}

#[test]
fn a_session_that_a_reload_asked_about_is_known_once_its_client_is_back() {
    let (place, plugin) = place();
    connect(&plugin, 1, "ann", "absent");
    plugin.on_disconnect(SessionId(1));
    plugin.on_reload();
    connect(&plugin, 1, "ann", "absent");
    plugin.on_tick();
    change(&plugin);
    connect(&plugin, 2, "ann", "absent");
    assert_eq!(kicked(&place, &plugin), Vec::<String>::new(), "it came under the new policy");
    plugin.on_disconnect(SessionId(2));
    connect(&plugin, 3, "ann", "other");
    change(&plugin);
    assert_eq!(kicked(&place, &plugin), ["other"]);
}

#[test]
fn who_was_let_in_beside_a_deleted_client_is_not_disconnected_for_its_session() {
    let (place, plugin) = place();
    connect(&plugin, 1, "ann", "a1");
    plugin.on_disconnect(SessionId(1));
    command(&place, &plugin, &json!({"command": "deleteClient", "username": "ann"}));
    kicked(&place, &plugin);
    assert_eq!(login(&plugin, 2, "ann", "a2", "of the password file"), Effect::Defer);
    let subject = Subject::known(Some(b"ann"), Some(b"a1"));
    let action = mosquitto_dynsec::policy::Action::PublishClientReceive;
    let request = mosquitto_dynsec::policy::AclRequest { subject, action, topic: b"t" };
    let each_time = &mosquitto_dynsec::plugin::EachTime;
    assert_eq!(plugin.on_acl_check(SessionId(1), request, each_time, &()), Effect::Defer);
    assert_eq!(kicked(&place, &plugin), Vec::<String>::new());
}

/// ann is connected as `x` and `y`, and somebody asks for `x` whom others decide on.
fn contested() -> (Place, Plugin) {
    let (place, plugin) = place();
    connect(&plugin, 1, "ann", "x");
    connect(&plugin, 2, "ann", "y");
    assert_eq!(login(&plugin, 3, "bob", "x", ""), Effect::Defer);
    (place, plugin)
}

#[test]
fn a_refused_login_hides_nobody() {
    let (place, plugin) = contested();
    plugin.on_disconnect(SessionId(3));
    change(&plugin);
    assert_eq!(kicked(&place, &plugin), ["x", "y"]);
}

#[test]
fn a_login_that_others_let_in_takes_the_client_id_over() {
    let (place, plugin) = contested();
    plugin.on_disconnect(SessionId(1));
    assert!(plugin.knows(SessionId(3)));
    change(&plugin);
    assert_eq!(kicked(&place, &plugin), ["y"]);
    let of_bob = json!({"command": "setClientId", "username": "bob"});
    command(&place, &plugin, &of_bob);
    assert_eq!(kicked(&place, &plugin), ["x"]);
    plugin.on_disconnect(SessionId(3));
    assert!(!plugin.knows(SessionId(3)));
}

#[test]
fn as_long_as_others_decide_both_are_disconnected() {
    let (place, plugin) = contested();
    connect(&plugin, 4, "bob", "b");
    let of_bob = |command: &str| -> Value { json!({"command": command, "username": "bob"}) };
    command(&place, &plugin, &of_bob("setClientId"));
    assert_eq!(kicked(&place, &plugin), ["bob"]);
    change(&plugin);
    assert_eq!(kicked(&place, &plugin), ["x", "y"]);
}
