//! The audit trail: who did what, and what came of it.

use std::fs::File;
use std::io::BufRead;
use std::os::fd::AsRawFd;
use std::process::Command;

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::options::PluginOptions;
use mosquitto_dynsec::plugin::{Actor, ControlTopic, Plugin};
use serde_json::{Value, json};

use crate::host::Place;

fn started() -> (Place, Plugin) {
    let place = Place::with(&json!({"defaultACLAccess": {}, "clients": [], "groups": [], "roles": []}));
    let file = place.directory.path().join("audit.jsonl");
    let plugin = place.start(BrokerFamily::V2_0, |options| options.audit_file = Some(file)).unwrap();
    plugin.on_tick();
    (place, plugin)
}

fn send(plugin: &Plugin, payload: &str) {
    let actor = Actor {
        clientid: Some(b"console".to_vec()),
        username: Some(b"admin".to_vec()),
        address: Some(b"10.0.0.9".to_vec()),
        ..Actor::default()
    };
    plugin.on_control(&actor, payload.as_bytes());
}

/// The lines of the file, without their times.
fn lines(place: &Place) -> Vec<Value> {
    let text = std::fs::read_to_string(place.directory.path().join("audit.jsonl")).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let without_time = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let time = line.as_object_mut().unwrap().shift_remove("time").unwrap();
        assert_eq!(time.as_str().unwrap().len(), "2026-11-26T11:36:02.000Z".len());
        line
    };
    text.lines().map(without_time).collect()
}

#[test]
fn every_command_has_a_line_with_who_and_what_came_of_it_and_no_secret() {
    let (place, plugin) = started();
    send(
        &plugin,
        r#"{"commands":[{"command":"createClient","username":"u","password":"hunter2"},
            {"command":"createClient","username":"u","password":"hunter2"},
            {"command":"noSuchThing","x":"hunter2"}, {"x":"hunter2"}, {"command":"listClients"}]}"#,
    );
    send(&plugin, "hunter2");
    plugin.shutdown();
    let lines = lines(&place);
    let who = json!({"username": "admin", "clientid": "console", "address": "10.0.0.9"});
    let expected = [
        (json!("createClient"), json!({"username": "u", "password": "*****"}), "done"),
        (json!("createClient"), json!({"username": "u", "password": "*****"}), "Client already exists"),
        (json!("noSuchThing"), json!({}), "Unknown command"),
        (json!("Unknown command"), Value::Null, "Missing command"),
        (json!("listClients"), json!({}), "done"),
        (json!("Unknown command"), Value::Null, "Payload not valid JSON"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, (command, target, outcome)) in lines.iter().zip(expected) {
        let mut wanted = who.clone();
        wanted["command"] = command;
        if target != Value::Null {
            wanted["target"] = target;
        }
        wanted["outcome"] = outcome.into();
        assert_eq!(line, &wanted);
    }
    assert!(!format!("{lines:?}").contains("hunter2"));
}

#[test]
fn what_could_not_be_saved_is_told_so() {
    let (place, plugin) = started();
    let home = place.policy_path();
    std::fs::remove_dir_all(home.parent().unwrap()).unwrap();
    send(&plugin, r#"{"commands":[{"command":"createRole","rolename":"r"}]}"#);
    for _ in 0..1000 {
        if !place.host.published.lock().unwrap().is_empty() {
            break;
        }
        plugin.on_tick();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    plugin.shutdown();
    let lines = lines(&place);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0]["outcome"].as_str().unwrap().starts_with("Not saved, nothing was changed"), "{lines:?}");
    assert_eq!(lines[0]["target"], json!({"rolename": "r"}));
}

#[test]
fn questions_are_told_with_their_topic_but_not_those_of_clients_about_themselves() {
    let (place, plugin) = started();
    for topic in [ControlTopic::Query, ControlTopic::SelfService] {
        let actor = Actor { clientid: Some(b"m".to_vec()), topic, ..Actor::default() };
        plugin.on_control(&actor, br#"{"commands":[{"command":"getRole","rolename":"r"}]}"#);
    }
    plugin.shutdown();
    assert_eq!(
        lines(&place),
        [json!({"clientid": "m", "topic": "query", "command": "getRole", "target": {"rolename": "r"},
                "outcome": "Role not found"})]
    );
}

/// Lets the broker tick until such a line is in the log.
fn until_logged(place: &Place, plugin: &Plugin, part: &str) -> Vec<(LogLevel, String)> {
    for _ in 0..1000 {
        plugin.on_tick();
        if !place.logged(part).is_empty() {
            return place.logged(part);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not in the log: {part}");
}

#[test]
fn a_full_disk_stops_nothing_and_is_reported_once() {
    let (place, plugin) = started();
    let file = place.directory.path().join("audit.jsonl");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    send(&plugin, r#"{"commands":[{"command":"createRole","rolename":"r"}]}"#);
    let told = until_logged(&place, &plugin, "cannot be written");
    assert_eq!(told[0].0, LogLevel::Error);
    send(&plugin, r#"{"commands":[{"command":"createRole","rolename":"s"}]}"#);
    std::fs::remove_file(&file).unwrap();
    let told = until_logged(&place, &plugin, "can be written again; nothing is missing");
    assert_eq!(told[0].0, LogLevel::Notice);
    plugin.shutdown();
    assert_eq!(place.logged("audit trail").len(), 2);
    let targets: Vec<Value> = lines(&place).into_iter().map(|mut line| line["target"].take()).collect();
    assert_eq!(targets, [json!({"rolename": "r"}), json!({"rolename": "s"})]);
}

#[test]
fn a_start_says_if_the_file_cannot_be_made() {
    let place = Place::with(&json!({}));
    let file = place.directory.path().join("no/such/folder");
    let plugin = place.start(BrokerFamily::V2_1, |options| options.audit_file = Some(file)).unwrap();
    assert_eq!(place.logged("cannot be written: No such file").len(), 1);
    plugin.shutdown();
}

#[test]
fn an_edited_file_that_is_reloaded_has_a_line_and_so_has_one_that_is_refused() {
    let (place, plugin) = started();
    plugin.on_reload();
    plugin.on_tick();
    let edited = json!({"clients": [{"username": "new"}], "groups": [], "roles": [{"rolename": "r"}]});
    std::fs::write(place.policy_path(), edited.to_string()).unwrap();
    plugin.on_reload();
    plugin.on_tick();
    std::fs::write(place.policy_path(), "not JSON").unwrap();
    plugin.on_reload();
    plugin.shutdown();
    let mut lines = lines(&place);
    let why = lines[1].as_object_mut().unwrap().shift_remove("outcome").unwrap();
    assert!(why.as_str().unwrap().contains("not JSON") || why.as_str().unwrap().contains("line 1"), "{why}");
    assert_eq!(
        lines,
        [
            json!({"actor": "file", "command": "reload", "target": {"records": 2}, "outcome": "done"}),
            json!({"actor": "file", "command": "reload"}),
        ]
    );
}

#[test]
fn a_payload_of_many_commands_has_all_its_lines() {
    let (place, plugin) = started();
    let command = |number: usize| json!({"command": "deleteRole", "rolename": format!("r{number}")});
    let mut commands: Vec<Value> = (0..30_000).map(command).collect();
    commands.push(json!({"command": "createRole", "rolename": "last"}));
    send(&plugin, &json!({ "commands": commands }).to_string());
    plugin.shutdown();
    let names: Vec<_> = lines(&place).into_iter().map(|mut line| line["target"]["rolename"].take()).collect();
    let sent: Vec<_> = commands.iter().map(|command| command["rolename"].clone()).collect();
    assert_eq!(names.len(), sent.len());
    assert!(names == sent);
    assert_eq!(place.logged("audit trail").len(), 0);
}

/// A plugin whose trail is a pipe, and its reading end. It is made without a child: until that is a program of its own, it
/// would have the reading ends of other tests open.
fn started_with_pipe() -> (Place, Plugin, File) {
    let (place, plugin) = started();
    let file = place.directory.path().join("audit.jsonl");
    std::fs::remove_file(&file).unwrap();
    let (reader, _) = std::io::pipe().unwrap();
    // Open at both ends, it waits for nobody.
    let pipe = File::options().read(true).write(true).open(path_of(&reader)).unwrap();
    std::os::unix::fs::symlink(path_of(&pipe), &file).unwrap();
    (place, plugin, pipe)
}

/// A path that leads to what is open.
fn path_of(open: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", open.as_raw_fd())
}

#[test]
fn a_pipe_that_nobody_reads_is_not_waited_for() {
    let place = Place::with(&json!({"defaultACLAccess": {}, "clients": [], "groups": [], "roles": []}));
    let file = place.directory.path().join("audit.jsonl");
    // The only child of these tests: see `started_with_pipe`.
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let options = |options: &mut PluginOptions| options.audit_file = Some(file.clone());
    let plugin = place.start(BrokerFamily::V2_1, options).unwrap();
    assert_eq!(place.logged("cannot be written: No such device").len(), 1);
    send(&plugin, r#"{"commands":[{"command":"createRole","rolename":"r"}]}"#);
    let pipe = File::options().read(true).write(true).open(&file).unwrap();
    let mut reader = std::io::BufReader::new(pipe);
    let mut line = String::new();
    until_logged(&place, &plugin, "can be written again; nothing is missing");
    reader.read_line(&mut line).unwrap();
    assert!(line.contains(r#""target":{"rolename":"r"}"#), "{line}");
    // The reader goes, and comes back no more.
    drop(reader);
    send(&plugin, r#"{"commands":[{"command":"createRole","rolename":"s"}]}"#);
    until_logged(&place, &plugin, "cannot be written: Broken pipe");
    plugin.shutdown();
    assert_eq!(place.logged("was written: 1 commands are missing there").len(), 1);
}

/// Commands whose lines are longer together than what may wait.
fn send_more_than_may_wait(plugin: &Plugin) -> usize {
    let roles = vec![json!({"rolename": "r".repeat(1000)}); 100];
    let command = json!({"command": "deleteRole", "rolename": "r", "roles": roles});
    let payload = json!({"commands": vec![command; 100]}).to_string();
    for _ in 0..4 {
        send(plugin, &payload);
    }
    400
}

#[test]
fn what_a_disk_that_hangs_does_not_take_in_time_is_reported() {
    let (place, plugin, pipe) = started_with_pipe();
    send(&plugin, r#"{"commands":[{"command":"listRoles"}]}"#);
    let sent = send_more_than_may_wait(&plugin) + 1;
    plugin.on_tick();
    assert_eq!(place.logged("does not take the audit trail").len(), 1);
    let (mut written, mut lost) = (0, 0);
    for line in std::io::BufReader::new(&pipe).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        match line["lost"].as_u64() {
            None => written += 1,
            Some(count) => lost += usize::try_from(count).unwrap(),
        }
        if written + lost == sent {
            break;
        }
    }
    assert!(lost > 0 && written > 0);
    plugin.shutdown();
    let told = place.logged("is not complete");
    assert_eq!(told.len(), 1);
    assert!(told[0].1.ends_with(&format!(": {lost} commands are missing")), "{told:?}");
    assert_eq!(place.logged("ended before").len(), 0);
}

#[test]
fn what_waits_for_a_disk_that_hangs_at_the_end_is_counted() {
    let (place, plugin, pipe) = started_with_pipe();
    let sent = send_more_than_may_wait(&plugin);
    place.host.has_waited(std::time::Duration::from_secs(8));
    plugin.shutdown();
    let told = place.logged("ended before the audit trail");
    assert_eq!(told.len(), 1);
    assert!(told[0].1.contains(&format!(" was written: {sent} commands are missing there, or ")), "{told:?}");
    drop(pipe);
}

#[test]
fn what_waits_for_a_full_disk_at_the_end_is_counted() {
    let (place, plugin) = started();
    let file = place.directory.path().join("audit.jsonl");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    send(&plugin, r#"{"commands":[{"command":"createRole","rolename":"r"},{"command":"listRoles"}]}"#);
    plugin.shutdown();
    assert_eq!(place.logged("cannot be written").len(), 1);
    assert_eq!(place.logged("was written: 2 commands are missing there, or not known").len(), 1);
}
