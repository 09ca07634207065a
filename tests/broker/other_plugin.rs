//! Another plugin (`other_plugin.c`) beside the one that is tested: after it, it decides what that leaves open, and
//! nothing else; before it, it comes first.

use std::sync::OnceLock;

use serde_json::json;

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::library;
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::setup::Setup;

cases! {
    another_plugin_lets_in_whom_the_policy_does_not_know,
    another_plugin_cannot_lift_a_refusal_that_came_first,
    another_plugin_decides_where_no_rule_does,
    a_plugin_that_comes_first_decides_first,
    whom_a_plugin_that_comes_first_lets_in_is_left_to_others_once_it_is_deleted,
    whom_a_plugin_that_comes_first_lets_in_is_disconnected_beside_whom_it_does_not,
}

/// The library, built once.
fn other_plugin() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| library::build("other_plugin.c"))
}

const OTHER: &str = "plugin {dir}/other_plugin.so\n";
const TRIED: &str = "plugin {plugin}\nplugin_opt_config_file {policy}\n";

fn start(trial: &Trial, plugins: [&str; 2]) -> Broker {
    set_up(trial, plugins).start()
}

fn set_up<'trial>(trial: &'trial Trial, plugins: [&str; 2]) -> Setup<'trial> {
    let lines = plugins.concat();
    let text = format!("allow_anonymous false\n{lines}listener {{port0}} 127.0.0.1\n");
    trial.broker().configuration(&text).file("other_plugin.so", other_plugin())
}

fn another_plugin_lets_in_whom_the_policy_does_not_know(trial: &Trial) {
    let broker = start(trial, [TRIED, OTHER]);
    let mut outsider = broker.client("outsider").login("outsider", "pw").connect();
    assert_ne!(outsider.publish("other/x", "x"), NOT_AUTHORIZED);
    assert_eq!(outsider.publish("x", "x"), NOT_AUTHORIZED);
    assert_eq!(broker.client("outsider").login("outsider", "no").refused(), NOT_AUTHORIZED);
    // When the policy gets to know the name, its password counts.
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "createClient", "username": "outsider", "password": "new"}));
    assert_eq!(broker.client("outsider").login("outsider", "pw").refused(), NOT_AUTHORIZED);
    broker.client("outsider").login("outsider", "new").connect().round_trip();
}

fn another_plugin_cannot_lift_a_refusal_that_came_first(trial: &Trial) {
    let broker = start(trial, [TRIED, OTHER]);
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "other/denied", false]]));
    assert_eq!(broker.client("john").login("john", "any").refused(), NOT_AUTHORIZED);
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.publish("other/denied", "x"), NOT_AUTHORIZED);
    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    assert_eq!(broker.client("john").login("john", "pw").refused(), NOT_AUTHORIZED);
}

fn another_plugin_decides_where_no_rule_does(trial: &Trial) {
    let broker = start(trial, [TRIED, OTHER]);
    broker.admin().create_client_with("john", &json!([["publishClientSend", "mine", true]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe("other/#"), 1);
    assert_eq!(john.subscribe("elsewhere/#"), NOT_AUTHORIZED);
    assert_ne!(john.publish("mine", "x"), NOT_AUTHORIZED);
    assert_ne!(john.publish("other/x", "x"), NOT_AUTHORIZED);
    john.receives("other/x", "x");
    assert_eq!(john.publish("elsewhere", "x"), NOT_AUTHORIZED);
}

fn a_plugin_that_comes_first_decides_first(trial: &Trial) {
    let broker = start(trial, [OTHER, TRIED]);
    let mut admin = broker.admin();
    let acls = json!([["publishClientSend", "other/denied", false], ["publishClientSend", "mine", true]]);
    // With its role from the start: who is let in by others is disconnected by name, also if it came just after a change.
    admin.create_role("john", &acls);
    let role = json!([{"rolename": "john"}]);
    admin.fine(&json!({"command": "createClient", "username": "john", "password": "pw", "roles": role}));
    let mut john = broker.client("john").login("john", "any").connect();
    assert_ne!(john.publish("other/denied", "x"), NOT_AUTHORIZED);
    assert_ne!(john.publish("mine", "x"), NOT_AUTHORIZED);
    assert_eq!(john.publish("elsewhere", "x"), NOT_AUTHORIZED);
    assert_eq!(broker.client("j").login("john", "wrong").refused(), NOT_AUTHORIZED);
    // Whom it let in is disconnected as anybody else.
    admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "new"}));
    john.disconnected();
}

fn whom_a_plugin_that_comes_first_lets_in_is_left_to_others_once_it_is_deleted(trial: &Trial) {
    let acls = "user john\ntopic readwrite file/#\n";
    let broker = set_up(trial, [OTHER, TRIED]).file("acls", acls).line("acl_file {dir}/acls").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let mut john = broker.client("john").login("john", "any").connect();
    admin.fine(&json!({"command": "deleteClient", "username": "john"}));
    john.disconnected();
    for clientid in ["john", "j"] {
        let mut john = broker.client(clientid).login("john", "any").connect();
        assert_eq!(john.subscribe("file/#"), 1);
        for _ in 0..3 {
            assert_ne!(john.publish("file/x", "x"), NOT_AUTHORIZED);
            john.receives("file/x", "x");
        }
        assert_eq!(john.publish("elsewhere", "x"), NOT_AUTHORIZED);
        // Whoever is not wanted is disconnected by now.
        for _ in 0..4 {
            admin.fine(&json!({"command": "listGroups"}));
        }
        john.round_trip();
    }
}

fn whom_a_plugin_that_comes_first_lets_in_is_disconnected_beside_whom_it_does_not(trial: &Trial) {
    let broker = start(trial, [OTHER, TRIED]);
    let mut admin = broker.admin();
    admin.create_role("r", &json!([["subscribePattern", "secret/#", true]]));
    let role = json!([{"rolename": "r"}]);
    // The other plugin does not take this password.
    let password = "wrong";
    admin.fine(&json!({"command": "createClient", "username": "john", "password": password, "roles": role}));
    let connect = |clientid, password| broker.client(clientid).login("john", password).connect();
    let mut johns = [connect("j1", password), connect("j2", "any"), connect("j3", "any")];
    for john in &mut johns {
        assert_eq!(john.subscribe("secret/#"), 1);
    }
    admin.fine(&json!({"command": "removeClientRole", "username": "john", "rolename": "r"}));
    for john in &mut johns {
        john.disconnected();
    }
}
