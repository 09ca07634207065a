//! SIGHUP, after somebody else has changed the policy file or not.

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::plugin::{Actor, Plugin};
use mosquitto_dynsec::policy::Effect;
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, command, login, settle};

/// Of the password `pw`.
const HASH: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";

fn client(name: &str) -> Value {
    json!({"username": name, "encoded_password": HASH})
}

fn policy(clients: &[Value]) -> Value {
    json!({"clients": clients, "groups": [], "roles": []})
}

/// A reload waits for the file there, however long reading it takes.
fn place() -> Place {
    let place = Place::with(&policy(&[client("ann"), client("bob")]));
    place.host.has_time();
    place
}

fn edit(place: &Place, content: &str) {
    std::fs::write(place.policy_path(), content).unwrap();
}

/// The names of the files in the state directory, without the policy's own.
fn kept(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.directory.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "home").collect()
}

fn create(place: &Place, plugin: &Plugin, name: &str) -> Value {
    command(place, plugin, &json!({"command": "createRole", "rolename": name}))
}

#[test]
fn an_unchanged_file_is_left_alone() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    create(&place, &plugin, "r");
    let (lines, saves) = (place.logged("").len(), disk.saves());
    for _ in 0..3 {
        plugin.on_reload();
        plugin.on_tick();
    }
    assert_eq!((place.logged("").len(), disk.saves()), (lines, saves));
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
}

#[test]
fn a_changed_file_is_in_force_and_only_whom_it_concerns_is_disconnected() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    for name in ["ann", "bob"] {
        let subject = mosquitto_dynsec::policy::Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
        let request =
            mosquitto_dynsec::policy::LoginRequest { subject, address: None, password: Some(b"pw") };
        let session = mosquitto_dynsec::plugin::SessionId(usize::from(name.as_bytes()[0]));
        assert_eq!(plugin.on_basic_auth(session, &request), Effect::Allow);
    }
    let disabled = json!({"username": "bob", "encoded_password": HASH, "disabled": true});
    edit(&place, &policy(&[client("ann"), disabled, client("eve")]).to_string());
    plugin.on_reload();
    assert_eq!(
        ["ann", "bob", "eve"].map(|name| login(&plugin, name, "pw")),
        [Effect::Allow, Effect::Deny, Effect::Allow]
    );
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(*place.host.kicked_names.lock().unwrap(), ["bob"]);
    let lines = place.logged("reloaded");
    assert!(lines[0].1.ends_with("reloaded: 2 records differ, which concerns 1 client"), "{lines:?}");
    // It is nobody else's hand any more.
    assert_eq!(create(&place, &plugin, "r"), json!({"command": "createRole"}));
    assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 3);
    assert_eq!(kept(&place), Vec::<String>::new());
}

#[test]
fn a_bad_file_is_refused_with_its_place_and_kept_when_the_policy_is_saved() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    edit(&place, "{\n  \"clients\": [}");
    plugin.on_reload();
    let [(LogLevel::Error, line)] = &place.logged("not reloaded")[..] else { panic!() };
    assert!(
        line.contains("the running policy stays in force") && line.contains("line 2 column 15"),
        "{line}"
    );
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(create(&place, &plugin, "r"), json!({"command": "createRole"}));
    let kept = kept(&place);
    assert_eq!(kept.len(), 1);
    let copy = std::fs::read_to_string(place.directory.path().join(&kept[0])).unwrap();
    assert_eq!(copy, "{\n  \"clients\": [}");
    let [(LogLevel::Warning, line)] = &place.logged("changed by another hand")[..] else { panic!() };
    assert!(line.contains(&kept[0]), "{line}");
    assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 2);
}

#[test]
fn a_strict_plugin_reloads_no_imperfect_file() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_0, |options| options.strict_config = true).unwrap();
    edit(&place, &policy(&[json!({"username": "eve", "roles": [{"rolename": "none"}]})]).to_string());
    plugin.on_reload();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(place.logged("not reloaded").len(), 1);
}

#[test]
fn what_is_under_way_comes_before_the_reload() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    let payload = json!({"commands": [{"command": "createClient", "username": "eve", "password": "pw"}]});
    plugin.on_control(&Actor::default(), payload.to_string().as_bytes());
    assert!(!plugin.is_idle());
    disk.set(Mood::Works);
    plugin.on_reload();
    assert!(plugin.is_idle());
    assert_eq!(place.host.answers().len(), 1);
    assert_eq!(login(&plugin, "eve", "pw"), Effect::Allow);
    assert_eq!(place.logged("reloaded").len(), 0);
    settle(&place, &plugin);
}

#[test]
fn versions_are_kept_where_they_are_asked_for() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |options| options.backups = 2);
    for name in ["a", "b", "c", "d"] {
        assert_eq!(create(&place, &plugin, name), json!({"command": "createRole"}));
    }
    assert_eq!(kept(&place).len(), 2);
    assert_eq!(place.names(), ["policy.json"]);
}
