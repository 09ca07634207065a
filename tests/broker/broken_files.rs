//! Policy files that are wrong: those that nothing can be made of keep the broker from starting, untouched;
//! those with wrong elements load.

use serde_json::{Value, json};

use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

cases! {
    what_is_not_json_is_refused: theirs_fails(
        "all",
        "starts with an empty policy, and the next command overwrites the file",
        "the broker started"
    ),
    an_empty_file_is_refused: theirs_fails(
        "all",
        "starts with an empty policy, and the next command overwrites the file",
        "the broker started"
    ),
    wrong_containers_are_refused: theirs_fails(
        "all",
        "starts with a part of the policy, and the next command saves no more than that",
        "the broker started"
    ),
    groups_that_are_null_are_none,
    a_file_that_is_not_there_makes_no_policy,
    a_file_that_cannot_be_read_is_refused: theirs_fails(
        "all",
        "starts with an empty policy",
        "the broker started"
    ),
    a_number_of_any_length_is_read,
    wrong_elements_are_inert,
    wrong_elements_stay_in_the_file: theirs_fails(
        "all",
        "what it does not understand of the file is gone when it saves"
    ),
    members_that_nobody_knows_stay_in_the_file: theirs_fails(
        "all",
        "what it does not understand of the file is gone when it saves"
    ),
    strict_config_refuses_wrong_elements: theirs_fails(
        "all",
        "has no such option",
        "the broker started"
    ),
}

/// cJSON had room for 63 characters before 1.7.19, and refused files with longer ones; Debian's has had none of that since
/// 2025 (CVE-2023-26819).
fn a_number_of_any_length_is_read(trial: &Trial) {
    for length in [63, 64, 1000] {
        let made = with_something_wrong(trial, |policy| policy["changeIndex"] = json!("a number"));
        let text = made.replace("\"a number\"", &"1".repeat(length));
        let broker = trial.broker().policy(text).start();
        broker.admin().fine(&json!({"command": "listClients"}));
    }
}

/// The broker refuses this file, says where it is wrong, and leaves it as it is.
fn refused(trial: &Trial, text: &str, position: &str) {
    let refusal = trial.broker().policy(text).refused();
    assert!(!refusal.status.success(), "{refusal}");
    let file = refusal.folder.path().join("dynamic-security.json");
    let shown = trial.place.inside(&file);
    let told = refusal
        .log
        .lines()
        .any(|line| line.contains(&shown.display().to_string()) && line.contains(position));
    assert!(told, "no line names {} and {position}:\n{}", shown.display(), refusal.log);
    assert_eq!(std::fs::read(&file).unwrap(), text.as_bytes());
}

fn what_is_not_json_is_refused(trial: &Trial) {
    refused(trial, "not json", "line 1 column 1");
    refused(trial, "{\n  \"clients\": [\n    {\"username\": \"a\",}\n  ]\n}\n", "line 3 column 22");
    // The first half of a file, as a crash or a full disk leaves it.
    refused(trial, "{\"clients\": [{\"username\": \"admin\", \"textna", "line 1 column");
}

fn an_empty_file_is_refused(trial: &Trial) {
    refused(trial, "", "line 1 column 1");
    refused(trial, "\n\n", "line 3 column 1");
}

fn wrong_containers_are_refused(trial: &Trial) {
    refused(trial, "{\n\"clients\": {}\n}", "line 2 column 12");
    refused(trial, "{\"clients\": [],\n\n\"groups\": \"none\"}", "line 3 column 11");
    refused(trial, "{\"roles\": 5}", "line 1 column 11");
}

fn groups_that_are_null_are_none(trial: &Trial) {
    let text = with_something_wrong(trial, |policy| policy["groups"] = Value::Null);
    let broker = trial.broker().policy(text).start();
    let mut admin = broker.admin();
    assert_eq!(admin.fine(&json!({"command": "listGroups"}))["totalCount"], 0);
    admin.fine(&json!({"command": "createGroup", "groupname": "g"}));
    assert_eq!(broker.policy()["groups"][0]["groupname"], "g");
}

fn a_file_that_is_not_there_makes_no_policy(trial: &Trial) {
    if trial.like_2_1() {
        // It does there, and what it makes `first_run.rs` looks at.
        let broker = trial.broker().no_policy().try_start().expect("a start that makes a policy");
        assert!(broker.policy_path().exists());
        return;
    }
    match trial.broker().no_policy().try_start() {
        Ok(broker) => {
            let admin = broker.client("any").login(ADMIN, ADMIN_PASSWORD);
            assert_eq!(admin.refused(), NOT_AUTHORIZED);
            assert!(!broker.policy_path().exists());
        }
        Err(refusal) => {
            let path = refusal.folder.path().join("dynamic-security.json");
            assert!(refusal.log.contains("dynamic-security.json"), "{refusal}");
            assert!(!path.exists());
        }
    }
}

fn a_file_that_cannot_be_read_is_refused(trial: &Trial) {
    let refusal = trial.broker().run_by_mosquitto_who_cannot_read().refused();
    assert!(refusal.log.contains("dynamic-security.json"), "{refusal}");
}

/// Takes what `init` made and lets the case put something wrong into it.
fn with_something_wrong(trial: &Trial, change: impl Fn(&mut Value)) -> String {
    let made = trial.broker().start();
    let mut policy = made.policy();
    change(&mut policy);
    serde_json::to_string_pretty(&policy).unwrap()
}

fn push(policy: &mut Value, list: &str, element: Value) {
    if policy.get(list).is_none() {
        policy[list] = json!([]);
    }
    policy[list].as_array_mut().unwrap().push(element);
}

fn wrong_elements_are_inert(trial: &Trial) {
    let text = with_something_wrong(trial, |policy| {
        push(policy, "clients", json!({"textname": "no username"}));
        push(policy, "clients", json!(5));
        push(
            policy,
            "clients",
            json!({"username": "hashless", "password": "!", "salt": "!",
            "iterations": 101}),
        );
        push(
            policy,
            "groups",
            json!({"groupname": "g", "clients": [
                {"username": "none"}, {"username": "admin"}, 7,
            ]}),
        );
        push(
            policy,
            "roles",
            json!({"rolename": "r", "acls": [
                {"acltype": "nonsense", "topic": "t", "allow": true},
                {"acltype": "publishClientSend", "topic": "x/#/y", "allow": true},
                {"acltype": "publishClientSend", "topic": "t", "allow": true},
            ]}),
        );
        policy["clients"][0]["roles"].as_array_mut().unwrap().push(json!({"rolename": "none"}));
        policy["anonymousGroup"] = json!("none");
    });
    let broker = trial.broker().policy(text).start();
    let mut admin = broker.admin();
    let data = admin.fine(&json!({"command": "getClient", "username": ADMIN}));
    assert_eq!(data["client"]["roles"], json!([{"rolename": "admin"}]));
    assert_eq!(data["client"]["groups"], json!([{"groupname": "g"}]));
    let data = admin.fine(&json!({"command": "getGroup", "groupname": "g"}));
    assert_eq!(data["group"]["clients"], json!([{"username": "admin"}]));
    let data = admin.fine(&json!({"command": "getAnonymousGroup"}));
    assert_eq!(data["group"]["groupname"], "");
    assert_eq!(broker.client("any").login("hashless", "!").refused(), NOT_AUTHORIZED);
    admin.create_client("john");
    admin.fine(&json!({"command": "addClientRole", "username": "john", "rolename": "r"}));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.publish("x/a/y", "x"), NOT_AUTHORIZED);
    // 2.0 passes over a filter that is none; in 2.1 it denies what reaches it.
    assert_eq!(john.publish("t", "x") == NOT_AUTHORIZED, trial.like_2_1());
}

fn wrong_elements_stay_in_the_file(trial: &Trial) {
    let wrong = json!({"username": "hashless", "password": "!", "salt": "!", "iterations": 101});
    let dangling = json!({"rolename": "none"});
    let text = with_something_wrong(trial, |policy| {
        push(policy, "clients", wrong.clone());
        policy["clients"][0]["roles"].as_array_mut().unwrap().push(dangling.clone());
        policy["anonymousGroup"] = json!("none");
    });
    let broker = trial.broker().policy(text).start();
    broker.admin().fine(&json!({"command": "createGroup", "groupname": "g"}));
    let saved = broker.policy();
    let mut clients = saved["clients"].as_array().unwrap().iter();
    let hashless = clients.find(|client| client["username"] == "hashless");
    let hashless = hashless.unwrap_or_else(|| panic!("it is gone from {saved:#}"));
    for (member, value) in wrong.as_object().unwrap() {
        assert_eq!(hashless.get(member), Some(value), "{member}");
    }
    assert!(saved["clients"][0]["roles"].as_array().unwrap().contains(&dangling), "{saved:#}");
    assert_eq!(saved["anonymousGroup"], "none");
}

fn members_that_nobody_knows_stay_in_the_file(trial: &Trial) {
    let note = json!({"by": ["somebody", null, 1.5]});
    let text = with_something_wrong(trial, |policy| {
        policy["note"] = note.clone();
        policy["clients"][0]["note"] = note.clone();
        policy["roles"][0]["note"] = note.clone();
        policy["roles"][0]["acls"][0]["note"] = note.clone();
    });
    let broker = trial.broker().policy(text).start();
    broker.admin().fine(&json!({"command": "createGroup", "groupname": "g"}));
    let saved = broker.policy();
    for pointer in ["/note", "/clients/0/note", "/roles/0/note", "/roles/0/acls/0/note"] {
        assert_eq!(saved.pointer(pointer), Some(&note), "{pointer} in {saved:#}");
    }
}

fn strict_config_refuses_wrong_elements(trial: &Trial) {
    let text = with_something_wrong(trial, |policy| {
        policy["clients"][0]["roles"].as_array_mut().unwrap().push(json!({"rolename": "none"}));
    });
    let strict = "plugin_opt_strict_config true";
    let refusal = trial.broker().policy(text.clone()).line(strict).refused();
    assert!(refusal.log.contains("none"), "{refusal}");
    assert!(refusal.log.contains("plugin_opt_strict_config"), "{refusal}");
    let file = refusal.folder.path().join("dynamic-security.json");
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    // Of many parts each has a line: one alone would be cut off, by the broker's bound of a thousand bytes.
    let name = |number: usize| format!("{number:02}-{}", "n".repeat(90));
    let many = with_something_wrong(trial, |policy| {
        let roles = policy["clients"][0]["roles"].as_array_mut().unwrap();
        roles.extend((0..20).map(|number| json!({"rolename": name(number)})));
    });
    let refusal = trial.broker().policy(many).line(strict).refused();
    for number in 0..20 {
        assert!(refusal.log.contains(&name(number)), "{number}: {refusal}");
    }
    let last = refusal.log.lines().rfind(|line| line.contains("plugin_opt_strict_config"));
    assert!(last.is_some_and(|line| line.contains("20 parts")), "{refusal}");
    // A file with nothing wrong in it passes.
    trial.broker().line(strict).start().admin();
}
