//! Payloads on their way: in which order they are answered, what is saved together, and what is undone.

use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::options::SaveMode;
use mosquitto_dynsec::plugin::{Actor, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, login, settle};

fn place() -> Place {
    Place::with(&json!({"clients": [{"username": "ann"}], "roles": []}))
}

fn send(plugin: &Plugin, commands: &[Value]) {
    plugin.on_control(&Actor::default(), json!({ "commands": commands }).to_string().as_bytes());
}

fn create(name: &str) -> Value {
    json!({"command": "createClient", "username": name, "password": "pw", "correlationData": name})
}

fn delete(name: &str) -> Value {
    json!({"command": "deleteClient", "username": name})
}

fn list() -> Value {
    json!({"command": "listClients"})
}

/// Each answer in short: the correlation data or the clients that it lists, or its error.
fn answers(place: &Place) -> Vec<String> {
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

fn names(place: &Place) -> Vec<String> {
    let policy = place.policy();
    let clients = policy["clients"].as_array().unwrap();
    clients.iter().map(|client| client["username"].as_str().unwrap().to_owned()).collect()
}

/// Of the password `pw`.
const HASH_OF_PW: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
const NOT_SAVED: &str = "Not saved, nothing was changed: no storage space";

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
fn a_save_that_fails_is_answered_with_the_error_and_undone_with_all_that_it_held() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    // Together in the second save:
    send(&plugin, &[create("two"), json!({"command": "getClient", "username": "ann"})]);
    send(&plugin, &[list()]);
    send(&plugin, &[delete("ann"), create("two")]);
    send(&plugin, &[delete("nobody")]);
    while login(&plugin, "two", "pw") != Effect::Allow {
        place.host.sleep();
        plugin.on_tick();
    }
    let before = place.policy();
    disk.set(Mood::Fails);
    settle(&place, &plugin);
    let both = format!("{NOT_SAVED}, {NOT_SAVED}");
    assert_eq!(answers(&place), [NOT_SAVED, &both, "ann", &both, "Client not found"]);
    assert_eq!(place.policy(), before);
    assert_eq!(login(&plugin, "two", "pw"), Effect::Defer);
    assert!(place.logged("commands refused").iter().all(|(level, _)| *level == LogLevel::Error));
    disk.set(Mood::Works);
    send(&plugin, &[create("three"), list()]);
    settle(&place, &plugin);
    assert_eq!(answers(&place).last().unwrap(), "three, ann three");
    assert_eq!(names(&place), ["ann", "three"]);
    assert_eq!(place.policy()["changeIndex"], 1);
}

#[test]
fn what_came_after_a_save_that_fails_is_run_again_without_it() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    let group = json!({"command": "createGroup", "groupname": "g"});
    send(&plugin, &[group]);
    disk.until_a_save_waits(&plugin);
    let member = json!({"command": "addGroupClient", "groupname": "g", "username": "ann"});
    send(&plugin, &[member]);
    send(&plugin, &[json!({"command": "setClientId", "username": "ann", "clientid": "x"})]);
    send(&plugin, &[list()]);
    assert_eq!(answers(&place), [""; 0]);
    disk.fail_once();
    settle(&place, &plugin);
    assert_eq!(answers(&place), [NOT_SAVED, "Group not found", "", "ann"]);
    assert_eq!(place.policy()["clients"][0]["clientid"], "x");
    assert_eq!(place.policy()["groups"], json!([]));
    assert_eq!(place.policy()["changeIndex"], 1);
}

#[test]
fn who_was_let_in_by_what_is_undone_is_disconnected() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("new")]);
    while login(&plugin, "new", "pw") != Effect::Allow {
        place.host.sleep();
        plugin.on_tick();
    }
    disk.set(Mood::Fails);
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "new", "pw"), Effect::Defer);
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(*place.host.kicked_names.lock().unwrap(), ["any"]);
    // What failed at once has let nobody in.
    place.host.kicked_names.lock().unwrap().clear();
    disk.set(Mood::Works);
    let place = self::place();
    let plugin = place.start_on(&disk, |options| options.save_mode = SaveMode::Sync);
    disk.set(Mood::Fails);
    send(&plugin, &[create("new")]);
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(answers(&place), [NOT_SAVED]);
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
}

#[test]
fn who_may_have_used_a_default_access_that_is_undone_is_disconnected() {
    for (before, during, kicks) in [(false, true, vec!["any", "guest"]), (true, false, vec![])] {
        let place = Place::with(&json!({
            "defaultACLAccess": {"subscribe": before},
            "clients": [{"username": "ann", "encoded_password": HASH_OF_PW}],
        }));
        let disk = Moody::new();
        let plugin = place.start_on(&disk, |_| ());
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        let subject = Subject { username: None, clientid: Some(b"guest") };
        let anonymous = LoginRequest { subject, address: None, password: None };
        assert_eq!(plugin.on_basic_auth(SessionId(99), &anonymous), Effect::Defer);
        disk.set(Mood::Waits);
        let set =
            json!({"command": "setDefaultACLAccess", "acls": [{"acltype": "subscribe", "allow": during}]});
        send(&plugin, &[set]);
        disk.until_a_save_waits(&plugin);
        disk.set(Mood::Fails);
        settle(&place, &plugin);
        assert_eq!(answers(&place), [NOT_SAVED]);
        plugin.on_tick();
        plugin.on_tick();
        plugin.on_tick();
        let mut kicked = place.host.kicked_names.lock().unwrap().clone();
        kicked.sort();
        assert_eq!(kicked, kicks);
    }
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
fn too_many_payloads_are_refused_in_their_order() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("first")]);
    disk.until_a_save_waits(&plugin);
    for _ in 0..1100 {
        send(&plugin, &[list(), json!({"command": "getDetails", "correlationData": "mine"})]);
    }
    assert_eq!(answers(&place), [""; 0]);
    disk.set(Mood::Works);
    settle(&place, &plugin);
    let answers = place.host.answers();
    assert_eq!(answers.len(), 1101);
    let text = "Too many commands are waiting to be saved; nothing was changed, send them again later";
    let refused = json!([
        {"command": "listClients", "error": text},
        {"command": "getDetails", "error": text, "correlationData": "mine"},
    ]);
    let is_refused: Vec<bool> = answers.iter().map(|answer| answer["responses"] == refused).collect();
    assert_eq!(is_refused.iter().filter(|refused| **refused).count(), 1101 - 1024);
    assert!(is_refused.is_sorted());
    // And then they are taken again.
    send(&plugin, &[list()]);
    settle(&place, &plugin);
    assert_eq!(self::answers(&place).last().unwrap(), "ann first");
}

#[test]
fn a_panic_in_the_writer_is_an_error_and_the_next_save_works() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Panics);
    send(&plugin, &[create("one")]);
    settle(&place, &plugin);
    assert_eq!(answers(&place), ["Not saved, nothing was changed: Internal error"]);
    assert_eq!(login(&plugin, "one", "pw"), Effect::Defer);
    assert_eq!(place.logged("a bug in the plugin").len(), 1);
    disk.set(Mood::Works);
    send(&plugin, &[create("two")]);
    settle(&place, &plugin);
    assert_eq!(names(&place), ["ann", "two"]);
}

#[test]
fn a_panic_that_is_not_a_payload_s_own_answers_all_that_wait() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    send(&plugin, &[create("two")]);
    send(&plugin, &[list()]);
    disk.set(Mood::Works);
    // As the boundary does when a callback has panicked.
    plugin.answer_after_panic(&Actor::default());
    let answers = answers(&place);
    assert_eq!(answers, ["one", "Internal error", "Internal error"], "the save under way counts");
    assert!(plugin.is_idle());
    assert_eq!(login(&plugin, "two", "pw"), Effect::Defer);
    send(&plugin, &[create("three"), list()]);
    settle(&place, &plugin);
    assert_eq!(self::answers(&place).last().unwrap(), "three, ann one three");
    assert_eq!(names(&place), ["ann", "one", "three"]);
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

#[test]
fn payloads_that_wait_are_run_for_two_milliseconds_at_a_time() {
    // The time goes on by as much with each payload, and then the broker has its turn.
    for (step, at_a_time) in
        [(Duration::ZERO, 6), (Duration::from_millis(1), 2), (Duration::from_millis(2), 1)]
    {
        let (place, disk) = (place(), Moody::new());
        let plugin = place.start_on(&disk, |_| ());
        // They wait for the file that is to be read.
        disk.hide(true);
        place.host.has_waited(Duration::from_secs(1));
        plugin.on_reload();
        for _ in 0..6 {
            send(&plugin, &[list()]);
        }
        assert_eq!(answers(&place), [""; 0]);
        disk.hide(false);
        place.host.set_clock(Instant::now(), step);
        while answers(&place).is_empty() {
            place.host.sleep();
            plugin.on_tick();
        }
        for tick in 1..=6 / at_a_time {
            assert_eq!(answers(&place).len(), tick * at_a_time);
            plugin.on_tick();
        }
        assert!(plugin.is_idle());
    }
}

#[test]
fn clients_are_disconnected_for_a_millisecond_at_a_time() {
    for (step, kicks) in [(Duration::ZERO, vec![40, 40, 40]), (Duration::from_millis(1), vec![16, 32, 40])] {
        let place = Place::with(&json!({"clients": [{"username": "ann", "encoded_password": HASH_OF_PW}]}));
        let disk = Moody::new();
        let plugin = place.start_on(&disk, |_| ());
        for number in 0..40 {
            let clientid = format!("c{number}");
            let subject = Subject { username: Some(b"ann"), clientid: Some(clientid.as_bytes()) };
            let request = LoginRequest { subject, address: None, password: Some(b"pw") };
            assert_eq!(plugin.on_basic_auth(SessionId(number), &request), Effect::Allow);
        }
        send(&plugin, &[delete("ann")]);
        while answers(&place).is_empty() {
            place.host.sleep();
            plugin.on_tick();
        }
        place.host.set_clock(Instant::now(), step);
        plugin.on_tick();
        let seen = [(); 3].map(|()| {
            plugin.on_tick();
            *place.host.kicked.lock().unwrap()
        });
        assert_eq!(seen[..], kicks);
    }
}
