//! Payloads on their way: in which order they are answered, and what is saved together.

use std::thread;

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::options::SaveMode;
use mosquitto_dynsec::plugin::{Actor, Plugin};
use mosquitto_dynsec::policy::Effect;
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, login, settle};

pub(crate) fn place() -> Place {
    Place::with(&json!({"clients": [{"username": "ann"}], "roles": []}))
}

pub(crate) fn send(plugin: &Plugin, commands: &[Value]) {
    plugin.on_control(&Actor::default(), json!({ "commands": commands }).to_string().as_bytes());
}

pub(crate) fn create(name: &str) -> Value {
    json!({"command": "createClient", "username": name, "password": "pw", "correlationData": name})
}

pub(crate) fn delete(name: &str) -> Value {
    json!({"command": "deleteClient", "username": name})
}

pub(crate) fn list() -> Value {
    json!({"command": "listClients"})
}

/// Each answer in short: the correlation data or the clients that it lists, or its error.
pub(crate) fn answers(place: &Place) -> Vec<String> {
    let short = |response: &Value| {
        let list = response["data"]["clients"].as_array();
        let list = list.map(|names| names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
        let error = response["error"].as_str().map(ToOwned::to_owned);
        let name = response["correlationData"].as_str().map(ToOwned::to_owned);
        error.or(list).or(name).unwrap_or_default()
    };
    let answers = place.host.answers();
    answers
        .iter()
        .map(|answer| {
            answer["responses"].as_array().unwrap().iter().map(short).collect::<Vec<_>>().join(", ")
        })
        .collect()
}

pub(crate) fn names(place: &Place) -> Vec<String> {
    let policy = place.policy();
    let clients = policy["clients"].as_array().unwrap();
    clients.iter().map(|client| client["username"].as_str().unwrap().to_owned()).collect()
}

/// Of the password `pw`.
pub(crate) const HASH_OF_PW: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
pub(crate) const NOT_SAVED: &str = "Not saved, nothing was changed: no storage space";

#[test]
fn payloads_are_answered_in_their_order_and_reads_behind_the_writes_before_them() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    send(&plugin, &[list()]);
    send(&plugin, &[create("two")]);
    send(&plugin, &[list(), list()]);
    send(&plugin, &[create("one")]);
    plugin.on_tick();
    assert_eq!(answers(&place), [""; 0]);
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(
        answers(&place),
        ["one", "ann one", "two", "ann one two, ann one two", "Client already exists"]
    );
    assert_eq!(names(&place), ["ann", "one", "two"]);
}

#[test]
fn what_comes_while_a_save_is_under_way_is_saved_together() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    let before = disk.saves();
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    for number in 0..100 {
        send(&plugin, &[create(&format!("c{number:02}"))]);
    }
    // All passwords are hashed before the first save is done.
    while login(&plugin, "c99", "pw") != Effect::Allow {
        place.host.sleep();
        plugin.on_tick();
    }
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(disk.saves() - before, 2);
    assert_eq!(answers(&place).len(), 101);
    assert_eq!(names(&place).len(), 102);
}

#[test]
fn a_change_is_in_force_before_it_is_saved() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    send(&plugin, &[create("bob")]);
    settle(&place, &plugin);
    disk.set(Mood::Waits);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    send(&plugin, &[json!({"command": "disableClient", "username": "bob"})]);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Deny);
    assert_eq!(answers(&place).len(), 1);
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(answers(&place).len(), 2);
}

#[test]
fn disconnects_come_on_the_second_tick_after_the_answer() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    send(&plugin, &[create("bob")]);
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    disk.set(Mood::Waits);
    send(&plugin, &[delete("bob")]);
    disk.until_a_save_waits(&plugin);
    for _ in 0..5 {
        plugin.on_tick();
    }
    assert_eq!((answers(&place).len(), *place.host.kicked.lock().unwrap()), (1, 0));
    disk.set(Mood::Works);
    while answers(&place).len() < 2 {
        place.host.sleep();
        plugin.on_tick();
    }
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
    plugin.on_tick();
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
    plugin.on_tick();
    assert_eq!(*place.host.kicked.lock().unwrap(), 1);
}

#[test]
fn without_ticks_or_where_it_is_asked_for_all_is_done_in_the_callback() {
    for mode in [SaveMode::Auto, SaveMode::Sync] {
        let place = place();
        let plugin = place.start(BrokerFamily::V2_0, |options| options.save_mode = mode).unwrap();
        if mode == SaveMode::Sync {
            plugin.on_tick();
        }
        for number in 1..20 {
            send(&plugin, &[create(&format!("c{number}")), list()]);
            assert_eq!(answers(&place).len(), number);
            assert_eq!(names(&place).len(), number + 1);
        }
    }
}

#[test]
fn one_command_with_a_password_is_in_force_when_it_is_acknowledged() {
    let (place, disk) = (place(), Moody::new());
    // As many as 2.1 has by default.
    let plugin = place.start_on(&disk, |options| options.password_iterations = 10_000.try_into().unwrap());
    place.host.has_time();
    send(&plugin, &[create("bob")]);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    assert_eq!(answers(&place), ["bob"]);
}

#[test]
fn who_sends_more_than_can_wait_is_slowed_down_before_anything_is_refused() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[delete("nobody"), json!({"command": "createClient", "username": "bob"})]);
    disk.until_a_save_waits(&plugin);
    for _ in 0..8191 {
        send(&plugin, &[list()]);
    }
    // What was waited for before does not count.
    plugin.on_tick();
    place.host.has_time();
    thread::scope(|scope| {
        scope.spawn(|| disk.set(Mood::Works));
        send(&plugin, &[delete("ann")]);
    });
    settle(&place, &plugin);
    let answers = answers(&place);
    assert_eq!((answers.len(), answers.last().unwrap().as_str()), (8193, ""));
    assert_eq!(names(&place), ["bob"]);
}

#[test]
fn too_many_payloads_are_refused_in_their_order() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("first")]);
    disk.until_a_save_waits(&plugin);
    for _ in 0..8268 {
        send(&plugin, &[list(), json!({"command": "getDetails", "correlationData": "mine"})]);
    }
    assert_eq!(answers(&place), [""; 0]);
    disk.set(Mood::Works);
    settle(&place, &plugin);
    let answers = place.host.answers();
    assert_eq!(answers.len(), 8269);
    let text = "Too many commands are waiting to be saved; nothing was changed, send them again later";
    let refused = json!([
        {"command": "listClients", "error": text},
        {"command": "getDetails", "error": text, "correlationData": "mine"},
    ]);
    let is_refused: Vec<bool> = answers.iter().map(|answer| answer["responses"] == refused).collect();
    assert_eq!(is_refused.iter().filter(|refused| **refused).count(), 8269 - 8192);
    assert!(is_refused.is_sorted());
    // And then they are taken again.
    send(&plugin, &[list()]);
    settle(&place, &plugin);
    assert_eq!(self::answers(&place).last().unwrap(), "ann first");
}

#[test]
fn refusals_that_wait_are_short_when_there_are_many() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("first")]);
    disk.until_a_save_waits(&plugin);
    for _ in 0..8191 {
        send(&plugin, &[list()]);
    }
    // Each answer is a hundred times longer than its payload.
    let commands = vec![json!({}); 10_000];
    for _ in 0..20 {
        send(&plugin, &commands);
    }
    send(&plugin, &[list()]);
    plugin.on_tick();
    // What is undone, and what is run again, does not change that.
    disk.fail_once();
    settle(&place, &plugin);
    let answers = place.host.answers();
    assert_eq!(answers.len(), 1 + 8191 + 20 + 1);
    let counts: Vec<usize> =
        answers.iter().map(|answer| answer["responses"].as_array().unwrap().len()).collect();
    let long = counts.iter().filter(|count| **count == 10_000).count();
    assert!((1..=4).contains(&long), "{long}");
    assert!(counts[8192..8192 + long].iter().all(|count| *count == 10_000));
    assert!(counts[8192 + long..].iter().all(|count| *count == 1));
    assert_eq!(answers[8212]["responses"][0]["error"], answers[8192]["responses"][0]["error"]);
}

#[test]
fn a_shutdown_finishes_what_was_begun_and_answers_no_more() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    for name in ["one", "two", "three"] {
        send(&plugin, &[create(name)]);
    }
    let saves = disk.saves();
    disk.set(Mood::Works);
    plugin.shutdown();
    assert_eq!(answers(&place), [""; 0]);
    assert_eq!(names(&place), ["ann", "one", "three", "two"]);
    assert!(disk.saves() >= saves);
    assert_eq!(place.logged("createClient").len(), 3);
}

#[test]
fn what_is_saved_already_is_not_saved_at_the_shutdown() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    send(&plugin, &[create("one")]);
    send(&plugin, &[list()]);
    settle(&place, &plugin);
    let saves = disk.saves();
    plugin.shutdown();
    drop(plugin);
    assert_eq!(disk.saves(), saves);
}

#[test]
fn each_client_gets_a_salt_of_its_own() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    let commands: Vec<Value> = (0..20).map(|number| create(&format!("c{number}"))).collect();
    send(&plugin, &[&commands[..], &[delete("c3"), create("c3"), create("c4")]].concat());
    settle(&place, &plugin);
    let policy = place.policy();
    let clients = policy["clients"].as_array().unwrap();
    let salts: std::collections::HashSet<_> =
        clients.iter().filter_map(|client| client["salt"].as_str()).collect();
    assert_eq!(salts.len(), 20);
    assert_eq!(login(&plugin, "c3", "pw"), Effect::Allow);
}
