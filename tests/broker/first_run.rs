//! A first run: a policy is made where there is none, with 2.1 by itself, with 2.0 where that is asked for.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::admin::{Admin, without_2_1s};
use crate::harness::broker::{Broker, Refusal};
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::plugin::Plugin;
use crate::harness::setup::Setup;

cases! {
    random_passwords_are_beside_the_policy: theirs_fails("2.0", "makes no policy"),
    what_is_made_is_the_policy_of_2_1: theirs_fails("2.0", "makes no policy"),
    its_rights_are_as_their_names_say: theirs_fails("2.0", "makes no policy"),
    the_next_start_takes_what_was_made: theirs_fails("2.0", "makes no policy"),
    the_other_plugin_takes_what_was_made: theirs_fails("2.0", "makes no policy"),
    a_password_from_the_environment_is_the_administrators: theirs_fails("2.0", "makes no policy"),
    a_password_from_a_file_is_the_administrators: theirs_fails("2.0", "makes no policy"),
    without_a_password_nothing_is_made: theirs_fails(
        "all",
        "starts without a policy, and nobody can log in",
        "the broker started"
    ),
    what_is_there_is_not_written_over: theirs_fails(
        "all",
        "starts without a policy, and nobody can log in",
        "the broker started"
    ),
    a_folder_that_cannot_be_written_stops_the_start: theirs_fails(
        "all",
        "starts without a policy, and nobody can log in",
        "the broker started"
    ),
    it_can_be_forbidden: theirs_fails("all", "has no such option", "the broker started"),
}

const POLICY: &str = "dynamic-security.json";
const PASSWORDS: &str = "dynamic-security.json.pw";
const VARIABLE: &str = "MOSQUITTO_DYNSEC_PASSWORD";

/// A broker without a policy that may make one.
fn first(trial: &Trial) -> Setup<'_> {
    trial.broker().no_policy().line("plugin_opt_config_init true")
}

/// The policy and what lies beside it under a name like its own.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains(POLICY)).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The random passwords of `admin` and `democlient`.
fn passwords(broker: &Broker) -> [String; 2] {
    let text = std::fs::read_to_string(broker.folder().join(PASSWORDS)).expect("passwords were written");
    let mut lines = text.lines();
    let passwords = ["admin ", "democlient "].map(|name| {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no `{name}`")).to_owned()
    });
    assert_eq!(lines.next(), None);
    passwords
}

fn admin(broker: &Broker, password: &str) -> Admin {
    Admin::connect(broker.client("the-admin").login("admin", password))
}

/// The broker refuses, and there is nothing new in its folder.
fn refused(setup: Setup<'_>, there: &[&str]) -> Refusal {
    let refusal = setup.refused();
    assert_eq!(files(refusal.folder.path()), there);
    assert!(refusal.log.contains(POLICY), "{refusal}");
    refusal
}

fn random_passwords_are_beside_the_policy(trial: &Trial) {
    let broker = first(trial).start();
    let passwords = passwords(&broker);
    assert_ne!(passwords[0], passwords[1]);
    assert_eq!(files(broker.folder()), [POLICY, PASSWORDS]);
    for name in [POLICY, PASSWORDS] {
        assert_eq!(mode(&broker.folder().join(name)), 0o600, "{name}");
    }
    for (username, password) in ["admin", "democlient"].into_iter().zip(&passwords) {
        assert!(password.len() >= 20);
        broker.client("any").login(username, password).connect();
        assert_eq!(broker.client("any").login(username, "admin").refused(), NOT_AUTHORIZED);
        assert!(!broker.log().contains(password));
    }
    broker.wait_for_log(PASSWORDS);
}

fn acls(types: &[&str], topic: &str) -> Vec<Value> {
    let acl = |acltype| json!({"acltype": acltype, "topic": topic, "priority": 0, "allow": true});
    types.iter().map(acl).collect()
}

fn what_is_made_is_the_policy_of_2_1(trial: &Trial) {
    let broker = first(trial).start();
    let mut admin = admin(&broker, &passwords(&broker)[0]);
    let data = admin.all_fine(&json!([
        {"command": "getDefaultACLAccess"},
        {"command": "getAnonymousGroup"},
        {"command": "listClients", "verbose": true},
        {"command": "listGroups", "verbose": true},
        {"command": "listRoles", "verbose": true},
    ]));
    let data: Vec<Value> = data.into_iter().map(without_2_1s).collect();
    let defaults = json!([
        {"acltype": "publishClientSend", "allow": false},
        {"acltype": "publishClientReceive", "allow": true},
        {"acltype": "subscribe", "allow": false},
        {"acltype": "unsubscribe", "allow": true},
    ]);
    assert_eq!(data[0]["acls"], defaults);
    assert_eq!(data[1]["group"]["groupname"], "unauthenticated");
    let roles = ["super-admin", "sys-observe", "topic-observe"].map(|name| json!({"rolename": name}));
    let clients = json!([
        {"username": "admin", "textname": "Admin user", "roles": roles, "groups": []},
        {"username": "democlient",
         "textname": "Demonstration client with full read/write access to the '#' topic hierarchy.",
         "roles": [{"rolename": "client"}], "groups": []},
    ]);
    assert_eq!(data[2]["clients"], clients);
    let groups = json!([{
        "groupname": "unauthenticated",
        "textname": "Unauthenticated group",
        "textdescription": "If unauthenticated access is allowed, this group can be used to define roles for clients \
                            that connect without a password.",
        "roles": [], "clients": [],
    }]);
    assert_eq!(data[3]["groups"], groups);
    let all = ["publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern"];
    let sees = ["publishClientReceive", "subscribePattern"];
    let reads = ["publishClientReceive", "subscribePattern", "unsubscribePattern"];
    let expected: [(&str, &str, &str, &[&str]); 7] = [
        (
            "broker-admin",
            "Grants access to administer general broker configuration.",
            "$CONTROL/broker/#",
            &all,
        ),
        ("client", "Read/write access to the full application topic hierarchy.", "#", &all),
        (
            "dynsec-admin",
            "Grants access to administer clients/groups/roles.",
            "$CONTROL/dynamic-security/#",
            &all,
        ),
        ("super-admin", "Grants access to administer all kind of broker controls", "$CONTROL/#", &all),
        (
            "sys-notify",
            "Allow bridges to publish connection state messages.",
            "$SYS/broker/connection/%c/state",
            &all[..1],
        ),
        ("sys-observe", "Observe the $SYS topic hierarchy.", "$SYS/#", &sees),
        ("topic-observe", "Read only access to the full application topic hierarchy.", "#", &reads),
    ];
    let roles = expected.map(|(name, text, topic, types)| {
        json!({"rolename": name, "textdescription": text, "acls": acls(types, topic)})
    });
    assert_eq!(data[4]["roles"], json!(roles));
}

fn its_rights_are_as_their_names_say(trial: &Trial) {
    let broker = first(trial).anonymous().start();
    let [admin_password, demo_password] = passwords(&broker);
    let mut demo = broker.client("demo").login("democlient", &demo_password).connect().subscribed("#");
    demo.publish("some/topic", "x");
    demo.receives("some/topic", "x");
    // 2.0's `#` covers that filter, but nothing is delivered.
    let granted = demo.subscribe("$CONTROL/dynamic-security/#");
    assert_eq!(granted == NOT_AUTHORIZED, trial.like_2_1());
    assert_eq!(demo.publish("$CONTROL/dynamic-security/v1", "{}"), NOT_AUTHORIZED);
    let mut admin = admin(&broker, &admin_password);
    admin.fine(&json!({"command": "listClients"}));
    demo.received_nothing();
    let observer = broker.client("observer").login("admin", &admin_password);
    let mut observer = observer.connect().subscribed("#").subscribed("$SYS/#");
    assert_eq!(observer.publish("some/topic", "x"), NOT_AUTHORIZED);
    let mut anonymous = broker.client("anonymous").connect();
    assert_eq!(anonymous.subscribe("some/topic"), NOT_AUTHORIZED);
    assert_eq!(anonymous.publish("some/topic", "x"), NOT_AUTHORIZED);
}

fn the_next_start_takes_what_was_made(trial: &Trial) {
    let mut broker = first(trial).start();
    let [password, _] = passwords(&broker);
    let made = broker.policy_bytes();
    // That was the advice.
    std::fs::remove_file(broker.folder().join(PASSWORDS)).unwrap();
    broker.restart();
    assert_eq!(broker.policy_bytes(), made);
    assert_eq!(files(broker.folder()), [POLICY]);
    admin(&broker, &password).create_client("john");
    broker.kill_and_restart();
    broker.client("any").login("john", "pw").connect();
    assert_eq!(files(broker.folder()), [POLICY]);
}

fn the_other_plugin_takes_what_was_made(trial: &Trial) {
    let mut broker = first(trial).start();
    let [password, demo_password] = passwords(&broker);
    broker.restart_with(trial.plugin.other());
    let mut admin = admin(&broker, &password);
    let roles = admin.fine(&json!({"command": "listRoles"}));
    assert_eq!(roles["roles"].as_array().unwrap().len(), 7);
    broker.client("any").login("democlient", &demo_password).connect().round_trip();
}

fn a_password_from_the_environment_is_the_administrators(trial: &Trial) {
    let broker = first(trial).env(VARIABLE, "twelve chars").start();
    assert_eq!(files(broker.folder()), [POLICY]);
    let mut admin = admin(&broker, "twelve chars");
    let clients = admin.fine(&json!({"command": "listClients"}));
    assert_eq!(clients["clients"], json!(["admin"]));
    broker.wait_for_log(VARIABLE);
    assert!(!broker.log().contains("twelve chars"));
}

fn a_password_from_a_file_is_the_administrators(trial: &Trial) {
    let file = "plugin_opt_password_init_file {dir}/init";
    // It goes before the environment, may be short, and blanks behind it do not count.
    let setup = first(trial).line(file).file("init", "  short \t\r\nsecond line\n");
    let broker = setup.env(VARIABLE, "twelve chars").start();
    assert_eq!(files(broker.folder()), [POLICY]);
    let mut admin = admin(&broker, "  short");
    let clients = admin.fine(&json!({"command": "listClients"}));
    assert_eq!(clients["clients"], json!(["admin"]));
    assert_eq!(broker.client("any").login("admin", "twelve chars").refused(), NOT_AUTHORIZED);
    assert!(!broker.log().contains("short"));
}

fn without_a_password_nothing_is_made(trial: &Trial) {
    for password in ["", "eleven char"] {
        let refusal = refused(first(trial).env(VARIABLE, password), &[]);
        assert!(refusal.log.contains(VARIABLE), "{refusal}");
    }
    let file = "plugin_opt_password_init_file {dir}/init";
    refused(first(trial).line(file), &[]);
    for text in ["", "\n", " \t\r\n", "\nsecond line\n"] {
        let refusal = refused(first(trial).line(file).file("init", text), &[]);
        assert!(refusal.log.contains("/init"), "{refusal}");
    }
}

fn what_is_there_is_not_written_over(trial: &Trial) {
    let refusal = refused(first(trial).file(PASSWORDS, "old"), &[PASSWORDS]);
    assert_eq!(std::fs::read_to_string(refusal.folder.path().join(PASSWORDS)).unwrap(), "old");
    let refusal = refused(first(trial).link(POLICY, "elsewhere"), &[POLICY]);
    assert!(refusal.folder.path().join(POLICY).is_symlink());
    for text in ["", "\n", "half {"] {
        let refusal = refused(first(trial).policy(text), &[POLICY]);
        assert_eq!(std::fs::read_to_string(refusal.folder.path().join(POLICY)).unwrap(), text);
    }
}

fn a_folder_that_cannot_be_written_stops_the_start(trial: &Trial) {
    refused(first(trial).run_by_mosquitto(), &[]);
    let missing = "\
allow_anonymous false
listener {port0} 127.0.0.1
plugin {plugin}
plugin_opt_config_file {dir}/none/dynamic-security.json
plugin_opt_config_init true
";
    refused(trial.broker().no_policy().configuration(missing), &[]);
}

fn it_can_be_forbidden(trial: &Trial) {
    let setup = trial.broker().no_policy().line("plugin_opt_config_init false");
    refused(setup.env(VARIABLE, "twelve chars"), &[]);
    // And with 2.0 it is, as long as nothing is said.
    if !trial.like_2_1() && trial.plugin == Plugin::Ours {
        refused(trial.broker().no_policy().env(VARIABLE, "twelve chars"), &[]);
    }
}
