//! The plugin's lines in mosquitto.conf.

use serde_json::json;

use crate::harness::admin::CONTROL;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    without_a_config_file_the_plugin_is_inactive,
    an_unknown_option_is_reported_with_the_nearest_known_one: theirs_fails(
        "all",
        "says nothing about options that it does not know"
    ),
    a_start_is_reported_with_what_was_loaded: theirs_fails(
        "all",
        "says nothing about what it loaded"
    ),
    the_iterations_of_new_passwords_can_be_chosen: theirs_fails(
        "all",
        "has no such option"
    ),
    new_passwords_get_the_iterations_of_their_broker: theirs_fails(
        "all",
        "gives them 101 (2.0) or 1000 (2.1)"
    ),
    each_limit_has_an_option_and_an_error_that_names_it: theirs_fails(
        "all",
        "has none"
    ),
    a_wrong_value_is_refused: theirs_fails(
        "all",
        "has no such option",
        "the broker started"
    ),
    changes_are_logged_with_who_made_them,
    passwords_are_never_logged,
}

const WITHOUT_FILE: &str = "\
allow_anonymous true
listener {port0} 127.0.0.1
plugin {plugin}
";

fn without_a_config_file_the_plugin_is_inactive(trial: &Trial) {
    let broker = trial.broker().configuration(WITHOUT_FILE).start();
    let line = broker.wait_for_log("plugin_opt_config_file");
    assert!(line.contains("not be activated"), "{line}");
    // Nothing is checked, nobody answers.
    let mut any = broker.client("any").login("anybody", "x").connect().subscribed("#");
    any.publish("t", "x");
    any.receives("t", "x");
    // 2.1's broker itself answers for a topic that nobody serves.
    if !trial.like_2_1() {
        any.publish(CONTROL, "{}");
        any.received_nothing();
    }
}

fn an_unknown_option_is_reported_with_the_nearest_known_one(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_pasword_iteration 1000").start();
    let log = broker.log();
    let line = log.lines().find(|line| line.contains("plugin_opt_pasword_iteration"));
    let line = line.unwrap_or_else(|| panic!("no line about it:\n{log}"));
    assert!(line.contains("plugin_opt_password_iterations"), "{line}");
    // A warning, no more.
    broker.admin().create_client("john");
}

fn a_start_is_reported_with_what_was_loaded(trial: &Trial) {
    let mut broker = trial.broker().start();
    broker.admin().create_client("john");
    broker.admin().create_role("r", &json!([]));
    broker.restart();
    let path = trial.place.inside(&broker.policy_path());
    let log = broker.log();
    let line =
        log.lines().find(|line| line.contains(&path.display().to_string()) && line.contains("2 clients"));
    let line = line.unwrap_or_else(|| panic!("no such line:\n{log}"));
    assert!(line.contains("2 roles") && line.contains("0 groups"), "{line}");
}

fn the_iterations_of_new_passwords_can_be_chosen(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_password_iterations 4321").start();
    broker.admin().create_client("john");
    let policy = broker.policy();
    let john = policy["clients"].as_array().unwrap().iter();
    let john = john.clone().find(|client| client["username"] == "john").unwrap();
    assert_eq!(john["iterations"], 4321);
    broker.client("any").login("john", "pw").connect().round_trip();
    // The administrator's is as old as it was.
    broker.admin();
}

fn new_passwords_get_the_iterations_of_their_broker(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let iterations = |username: &str| {
        let policy = broker.policy();
        let clients = policy["clients"].as_array().unwrap();
        let client = clients.iter().find(|client| client["username"] == username).unwrap();
        // 2.1's C plugin writes `$7$iterations$…`.
        let encoded =
            client["encoded_password"].as_str().and_then(|text| text.split('$').nth(2)?.parse().ok());
        encoded.or_else(|| client["iterations"].as_u64()).unwrap_or_else(|| panic!("none in {client}"))
    };
    let expected = if trial.like_2_1() { 10_000 } else { 1_000 };
    admin.fine(&json!({"command": "createClient", "username": "created", "password": "pw"}));
    assert_eq!(iterations("created"), expected);
    let before = iterations("admin");
    admin.fine(&json!({"command": "createClient", "username": "set"}));
    admin.fine(&json!({"command": "setClientPassword", "username": "set", "password": "pw"}));
    admin.fine(&json!({"command": "modifyClient", "username": "created", "password": "other"}));
    assert_eq!((iterations("set"), iterations("created")), (expected, expected));
    // Hashes that were there stay as they are.
    assert_eq!(iterations("admin"), before);
    for (username, password) in [("set", "pw"), ("created", "other")] {
        broker.client("any").login(username, password).connect().round_trip();
    }
}

fn each_limit_has_an_option_and_an_error_that_names_it(trial: &Trial) {
    let limits = [
        "payload_bytes 3000",
        "commands 5",
        "json_depth 6",
        "name_bytes 9",
        "topic_bytes 10",
        "topic_levels 3",
        "acls_per_role 2",
        "response_bytes 4000",
    ];
    let setup =
        limits.iter().fold(trial.broker(), |setup, limit| setup.line(&format!("plugin_opt_max_{limit}")));
    let broker = setup.start();
    let mut admin = broker.admin();
    for name in ["c1", "c2", "c3"] {
        admin.fine(&json!({"command": "createClient", "username": name, "textname": "x".repeat(1500)}));
    }
    let get = json!({"command": "getDefaultACLAccess"});
    let acl = |topic: &str| json!({"acltype": "publishClientSend", "topic": topic, "allow": true});
    let role = |topics: &[&str]| {
        let acls: Vec<_> = topics.iter().map(|topic| acl(topic)).collect();
        json!({"command": "createRole", "rolename": "r", "acls": acls})
    };
    let add = |topic: &str| json!({"command": "addRoleACL", "rolename": "r", "acltype": "publishClientSend", "topic": topic});
    let too_much = [
        (json!([{"command": "listRoles", "x": "x".repeat(3000)}]), "Payload longer than 3000 bytes"),
        (json!(vec![&get; 6]), "More than 5 commands in a payload"),
        (json!([{"command": "listRoles", "x": [[[[]]]]}]), "Payload nested more than 6 levels deep"),
        (json!([{"command": "createClient", "username": "0123456789"}]), "Username longer than 9 bytes"),
        (json!([role(&["01234567890"])]), "Topic longer than 10 bytes"),
        (json!([{"command": "createRole", "rolename": "r"}, add("a/b/c/d/e")]), "Topic with more than 3 `/`"),
        (json!([role(&["a", "b", "c"])]), "More than 2 ACLs in a role"),
        (
            json!([{"command": "listClients", "verbose": true}]),
            "Response longer than 4000 bytes; ask for less, or for a part by count and offset",
        ),
    ];
    for (commands, error) in too_much {
        let answer = admin.exchange(json!({ "commands": commands }).to_string());
        let last = answer["responses"].as_array().unwrap().last().unwrap();
        assert_eq!(last["error"], error, "{commands}");
        admin.command(&json!({"command": "deleteRole", "rolename": "r"}));
    }
    assert_eq!(admin.fine(&json!({"command": "listClients"}))["clients"], json!(["admin", "c1", "c2", "c3"]));
}

fn a_wrong_value_is_refused(trial: &Trial) {
    for line in [
        "plugin_opt_password_iterations 100",
        "plugin_opt_password_iterations many",
        "plugin_opt_compat 3.0",
        "plugin_opt_strict_config perhaps",
    ] {
        let refusal = trial.broker().line(line).refused();
        let name = line.split(' ').next().unwrap();
        assert!(refusal.log.contains(name), "{line}: {refusal}");
    }
}

fn changes_are_logged_with_who_made_them(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "r"},
        {"command": "addRoleACL", "rolename": "r", "acltype": "publishClientSend", "topic": "t",
         "allow": true, "priority": 4},
        {"command": "addClientRole", "username": "john", "rolename": "r"},
        {"command": "getClient", "username": "john"},
        {"command": "setClientPassword", "username": "john", "password": "secret"},
        {"command": "deleteRole", "rolename": "r"},
    ]));
    for text in [
        "dynsec: the-admin/admin | createClient | username=john | password=*****",
        "dynsec: the-admin/admin | createRole | rolename=r",
        "dynsec: the-admin/admin | addRoleACL | rolename=r | acltype=publishClientSend \
         | topic=t | priority=4 | allow=true",
        "dynsec: the-admin/admin | addClientRole | username=john | rolename=r | priority=-1",
        "dynsec: the-admin/admin | getClient | username=john",
        "dynsec: the-admin/admin | setClientPassword | username=john | password=******",
        "dynsec: the-admin/admin | deleteRole | rolename=r",
    ] {
        broker.wait_for_log(text);
    }
}

fn passwords_are_never_logged(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let secrets = ["hunter2-one", "hunter2-two", "hunter2-three", "hunter2-four"];
    admin.all_fine(&json!([
        {"command": "createClient", "username": "john", "password": secrets[0]},
        {"command": "setClientPassword", "username": "john", "password": secrets[1]},
        {"command": "modifyClient", "username": "john", "password": secrets[2]},
    ]));
    let refused = broker.client("any").login("john", secrets[3]).refused();
    assert_eq!(refused, NOT_AUTHORIZED);
    admin.error(&json!({"command": "createClient", "username": "john", "password": secrets[0]}));
    let log = broker.log();
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}
