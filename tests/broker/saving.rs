//! What a change leaves on disk: at once, whole, in the file's own place, and nothing beside it.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    an_answered_change_is_in_the_file,
    nothing_stays_beside_the_policy,
    an_unchanged_policy_is_not_written,
    the_files_mode_is_kept: theirs_fails(
        "2.0.21 2.1",
        "makes a new file with mode 0600, which locks out a group that could read it"
    ),
    a_link_to_the_policy_stays_a_link: theirs_fails(
        "2.0.21 2.1",
        "puts a file in the place of the link"
    ),
    a_policy_in_a_folder_of_roots_is_saved: theirs_fails(
        "2.0.21 2.1",
        "makes a new file beside the policy, which takes the right to write the folder"
    ),
    a_change_that_cannot_be_saved_is_refused: theirs_fails(
        "all",
        "answers success, lets the change come into force, and loses it at the next start"
    ),
    that_it_cannot_be_saved_can_be_asked: theirs_fails("all", "has no such command"),
}

fn names_in(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("broker-"))
        .collect();
    names.sort();
    names
}

fn usernames(broker: &Broker) -> Vec<String> {
    let policy = broker.policy();
    let clients = policy["clients"].as_array().unwrap().iter();
    clients.map(|client| client["username"].as_str().unwrap().to_owned()).collect()
}

fn an_answered_change_is_in_the_file(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for number in 0..10 {
        let username = format!("c{number}");
        admin.create_client(&username);
        assert!(usernames(&broker).contains(&username));
        admin.fine(&json!({"command": "deleteClient", "username": username}));
        assert_eq!(usernames(&broker), ["admin"]);
    }
}

fn nothing_stays_beside_the_policy(trial: &Trial) {
    let mut broker = trial.broker().start();
    let before = names_in(broker.folder());
    let mut admin = broker.admin();
    for number in 0..5 {
        admin.create_client(&format!("c{number}"));
        assert_eq!(names_in(broker.folder()), before);
    }
    drop(admin);
    broker.restart();
    broker.admin();
    assert_eq!(names_in(broker.folder()), before);
}

fn an_unchanged_policy_is_not_written(trial: &Trial) {
    let mut broker = trial.broker().start();
    let file = |broker: &Broker| {
        let metadata = broker.policy_path().metadata().unwrap();
        (broker.policy_bytes(), metadata.ino(), metadata.mtime_nsec())
    };
    let before = file(&broker);
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "listClients", "verbose": true}));
    admin.error(&json!({"command": "deleteClient", "username": "none"}));
    drop(admin);
    broker.client("any").login("nobody", "x").refused();
    broker.reload();
    broker.admin();
    broker.restart();
    broker.stop();
    assert_eq!(file(&broker), before);
}

fn the_files_mode_is_kept(trial: &Trial) {
    let broker = trial.broker().start();
    for mode in [0o600, 0o640, 0o604] {
        crate::harness::place::set_mode(&broker.policy_path(), mode);
        broker.admin().create_client(&format!("c{mode}"));
        let saved = broker.policy_path().metadata().unwrap().mode() & 0o777;
        assert_eq!(saved, mode, "{saved:o} instead of {mode:o}");
    }
}

fn a_link_to_the_policy_stays_a_link(trial: &Trial) {
    let broker = trial
        .broker()
        .configuration(
            "allow_anonymous false\nlistener {port0} 127.0.0.1\nplugin {plugin}\n\
             plugin_opt_config_file {dir}/link.json\n",
        )
        .link("link.json", "dynamic-security.json")
        .start();
    broker.admin().create_client("john");
    let link = broker.folder().join("link.json");
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(usernames(&broker), ["admin", "john"]);
}

fn a_policy_in_a_folder_of_roots_is_saved(trial: &Trial) {
    let mut broker = trial.broker().run_by_mosquitto().start();
    let owner = |broker: &Broker| {
        let metadata = broker.policy_path().metadata().unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o777)
    };
    let before = owner(&broker);
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "t", true]]));
    assert_eq!(usernames(&broker), ["admin", "john"]);
    assert_eq!(owner(&broker), before);
    drop(admin);
    broker.restart();
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_ne!(john.publish("t", "x"), NOT_AUTHORIZED);
    broker.admin().fine(&json!({"command": "deleteClient", "username": "john"}));
    assert_eq!(usernames(&broker), ["admin"]);
}

fn a_change_that_cannot_be_saved_is_refused(trial: &Trial) {
    let broker = trial.broker().run_by_mosquitto_who_cannot_save().start();
    let before = broker.policy_bytes();
    let mut admin = broker.admin();
    let commands = json!([
        {"command": "createClient", "username": "john", "password": "pw"},
        {"command": "createGroup", "groupname": "g"},
    ]);
    for response in admin.batch(&commands) {
        assert!(response["error"].is_string(), "{response}");
    }
    // Nothing of it is in force, and the broker goes on with what it has.
    assert_eq!(admin.fine(&json!({"command": "listClients"}))["clients"], json!(["admin"]));
    assert_eq!(admin.fine(&json!({"command": "listGroups"}))["groups"], json!([]));
    assert_eq!(broker.client("any").login("john", "pw").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.policy_bytes(), before);
    broker.wait_for_log("dynamic-security.json");
}

fn that_it_cannot_be_saved_can_be_asked(trial: &Trial) {
    let found = |broker: &Broker| {
        let lint = broker.admin().fine(&json!({"command": "lintPolicy"}));
        lint["findings"].as_array().unwrap().iter().find(|found| found["code"] == "unwritableFile").cloned()
    };
    let broker = trial.broker().run_by_mosquitto_who_cannot_save().start();
    let finding = found(&broker).expect("it is found");
    assert_eq!(finding["severity"], "error");
    let path = finding["objects"][0]["file"].as_str().unwrap();
    assert!(path.ends_with("/dynamic-security.json"), "{finding}");
    assert!(finding["message"].as_str().unwrap().contains(path), "{finding}");
    assert_eq!(found(&trial.broker().run_by_mosquitto().start()), None);
}
