//! SIGHUP, after somebody else has changed the policy file or not.

use std::time::Duration;

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::password::Iterations;
use mosquitto_dynsec::plugin::{Actor, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
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
        let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
        let request = LoginRequest { subject, address: None, password: Some(b"pw") };
        let session = SessionId(usize::from(name.as_bytes()[0]));
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

/// Whoever makes a new policy then loses the one that runs, at the next reload.
#[test]
fn where_the_file_is_gone_a_reload_says_how_to_have_it_written_and_not_to_make_one() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    for content in [None, Some("# half a policy")] {
        std::fs::remove_file(place.policy_path()).unwrap();
        if let Some(content) = content {
            edit(&place, content);
        }
        place.host.log.lock().unwrap().clear();
        plugin.on_reload();
        let [(LogLevel::Error, line)] = &place.logged("not reloaded")[..] else { panic!() };
        assert!(
            line.contains("`mosquitto_ctrl dynsec enableClient`") && line.contains("make no new one"),
            "{line}"
        );
        assert!(!line.contains("dynsec init") && !line.contains("config_init"), "{line}");
        assert!(!line.contains("backup") && !line.contains("empty file"), "{line}");
        plugin.on_tick();
        let enable = json!({"command": "enableClient", "username": "ann"});
        assert_eq!(command(&place, &plugin, &enable), json!({"command": "enableClient"}));
        assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 2, "the policy that runs");
        plugin.on_reload();
        plugin.on_tick();
        assert_eq!(place.logged("not reloaded").len(), 1);
    }
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
}

#[test]
fn a_strict_plugin_reloads_no_imperfect_file() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_0, |options| options.strict_config = true).unwrap();
    edit(&place, &policy(&[json!({"username": "eve", "roles": [{"rolename": "none"}]})]).to_string());
    plugin.on_reload();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    let [(LogLevel::Error, line)] = &place.logged("not reloaded")[..] else { panic!() };
    assert!(line.contains("plugin_opt_strict_config"), "{line}");
    let [(LogLevel::Warning, line)] = &place.logged(".json: line 1 column")[..] else { panic!() };
    assert!(line.contains("none"), "{line}");
}

#[test]
fn what_is_under_way_comes_before_the_reload() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    place.host.has_waited(Duration::from_secs(1));
    let payload = json!({"commands": [{"command": "createClient", "username": "eve", "password": "pw"}]});
    plugin.on_control(&Actor::default(), payload.to_string().as_bytes());
    disk.until_a_save_waits(&plugin);
    disk.set(Mood::Works);
    place.host.has_time();
    plugin.on_reload();
    assert!(plugin.is_idle());
    assert_eq!(place.host.answers().len(), 1);
    assert_eq!(login(&plugin, "eve", "pw"), Effect::Allow);
    assert_eq!(place.logged("reloaded").len(), 0);
    settle(&place, &plugin);
}

/// They are many, and not named one by one.
#[test]
fn of_all_whom_an_edited_role_concerns_those_who_are_connected_are_disconnected() {
    let holder = |number: usize| {
        let mut holder = client(&format!("holder{number}"));
        holder["roles"] = json!([{"rolename": "r"}]);
        holder
    };
    let mut clients: Vec<Value> = (0..150).map(holder).collect();
    clients.push(client("ann"));
    let mut policy = policy(&clients);
    policy["roles"] = json!([{"rolename": "r", "acls": []}]);
    let (place, disk) = (Place::with(&policy), Moody::new());
    place.host.has_time();
    let plugin = place.start_on(&disk, |_| ());
    for (session, name) in ["holder7", "ann"].into_iter().enumerate() {
        let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
        let request = LoginRequest { subject, address: None, password: Some(b"pw") };
        assert_eq!(plugin.on_basic_auth(SessionId(session + 1), &request), Effect::Allow);
    }
    policy["roles"][0]["acls"] = json!([{"acltype": "publishClientSend", "topic": "t", "allow": false}]);
    edit(&place, &policy.to_string());
    plugin.on_reload();
    let [(LogLevel::Notice, line)] = &place.logged("and reloaded")[..] else { panic!() };
    assert!(line.contains("1 record differ, which concerns 150 clients"), "{line}");
    (0..5).for_each(|_| plugin.on_tick());
    assert_eq!(*place.host.kicked_names.lock().unwrap(), ["holder7"]);
}

/// A payload whose passwords are hashed.
fn create_with_password(name: &str) -> String {
    json!({"commands": [{"command": "createClient", "username": name, "password": "pw"}]}).to_string()
}

/// What is run later is saved later, and would write over the edit before it is read.
#[test]
fn an_edit_is_in_force_also_if_a_command_that_came_before_still_waits() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |options| {
        // Its password is hashed for a while.
        options.password_iterations = Iterations::try_from(2_000_000).unwrap();
    });
    plugin.on_control(&Actor::default(), create_with_password("eve").as_bytes());
    edit(&place, &policy(&[client("ann"), client("bob"), client("new")]).to_string());
    plugin.on_reload();
    assert!(!plugin.is_idle(), "the command waits for its password");
    assert_eq!(login(&plugin, "new", "pw"), Effect::Allow);
    assert_eq!(place.host.answers(), [Value::Null; 0]);
    settle(&place, &plugin);
    assert_eq!(place.host.answers().len(), 1);
    let names = place.policy();
    let names: Vec<_> =
        names["clients"].as_array().unwrap().iter().map(|client| &client["username"]).collect();
    assert_eq!(names, ["ann", "bob", "eve", "new"]);
    assert_eq!(kept(&place), Vec::<String>::new());
}

#[test]
fn an_edit_is_in_force_also_if_a_save_fails_and_commands_are_run_again() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    let send = |command: Value| {
        plugin.on_control(&Actor::default(), json!({ "commands": [command] }).to_string().as_bytes());
    };
    disk.set(Mood::Waits);
    place.host.has_waited(Duration::from_secs(1));
    send(json!({"command": "createRole", "rolename": "held"}));
    disk.until_a_save_waits(&plugin);
    send(json!({"command": "deleteClient", "username": "bob"}));
    edit(&place, &policy(&[client("ann"), client("bob"), client("new")]).to_string());
    plugin.on_reload();
    place.host.has_time();
    disk.fail_once();
    settle(&place, &plugin);
    let answers = place.host.answers();
    let errors: Vec<bool> =
        answers.iter().map(|answer| answer["responses"][0]["error"].is_string()).collect();
    assert_eq!(errors, [true, false], "{answers:?}");
    let names = place.policy();
    let names: Vec<_> =
        names["clients"].as_array().unwrap().iter().map(|client| &client["username"]).collect();
    assert_eq!((names, &place.policy()["roles"]), (vec![&json!("ann"), &json!("new")], &json!([])));
    assert_eq!(kept(&place), Vec::<String>::new());
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
