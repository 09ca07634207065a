//! The policy file is edited while the broker runs, and SIGHUP is sent or not; and many payloads at once.

use serde_json::{Value, json};

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    an_edit_is_in_force_after_a_reload_and_only_whom_it_concerns_goes:
        theirs_fails("all", "reads its file at the start only"),
    a_bad_edit_is_refused_and_kept: theirs_fails("all", "saves over it, and nobody has it any more"),
    an_edit_without_a_reload_is_kept_before_it_is_saved_over:
        theirs_fails("all", "saves over it, and nobody has it any more"),
    reloads_reach_where_the_broker_does_not_tick: theirs_fails("all", "reads its file at the start only"),
    many_payloads_at_once_are_answered_in_their_order,
    a_broker_that_ends_has_saved_what_it_has_answered,
}

/// Changes the policy behind the broker's back.
fn edit(broker: &Broker, change: impl FnOnce(&mut Value)) {
    let mut policy = broker.policy();
    change(&mut policy);
    std::fs::write(broker.policy_path(), policy.to_string()).unwrap();
}

fn disable(policy: &mut Value, name: &str) {
    let clients = policy["clients"].as_array_mut().unwrap();
    let client = clients.iter_mut().find(|client| client["username"] == name).unwrap();
    client["disabled"] = json!(true);
}

/// What was kept of edits.
fn kept(broker: &Broker) -> Vec<String> {
    let entries = std::fs::read_dir(broker.folder()).unwrap().map(|entry| entry.unwrap().path());
    let is_kept = |path: &std::path::PathBuf| path.to_string_lossy().contains(".edited-");
    entries.filter(is_kept).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn with_state(trial: &Trial) -> Broker {
    trial.broker().line("plugin_opt_state_dir {dir}").start()
}

fn an_edit_is_in_force_after_a_reload_and_only_whom_it_concerns_goes(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    for name in ["ann", "bob"] {
        admin.create_client_with(name, &json!([["publishClientSend", "t", true]]));
    }
    let mut ann = broker.client("ann").login("ann", "pw").connect();
    let mut bob = broker.client("bob").login("bob", "pw").connect();
    edit(&broker, |policy| disable(policy, "bob"));
    broker.reload();
    assert_eq!(broker.client("again").login("bob", "pw").refused(), NOT_AUTHORIZED);
    bob.disconnected();
    ann.round_trip();
    broker.wait_for_log("reloaded: 1 record differ");
    // The broker still takes commands and reloads.
    admin.fine(&json!({"command": "enableClient", "username": "bob"}));
    broker.reload();
    broker.client("bob").login("bob", "pw").connect();
    ann.round_trip();
}

fn a_bad_edit_is_refused_and_kept(trial: &Trial) {
    let mut broker = with_state(trial);
    let mut admin = broker.admin();
    admin.create_client("ann");
    std::fs::write(broker.policy_path(), "{\n  \"clients\": [}").unwrap();
    broker.reload();
    broker.client("ann").login("ann", "pw").connect();
    admin.create_client("bob");
    let names = broker.policy();
    assert_eq!(names["clients"].as_array().unwrap().len(), 3);
    assert!(kept(&broker).contains(&"{\n  \"clients\": [}".to_owned()), "{:?}", kept(&broker));
    let line = broker.wait_for_log("not reloaded");
    assert!(line.contains("line 2 column 15"), "{line}");
}

fn an_edit_without_a_reload_is_kept_before_it_is_saved_over(trial: &Trial) {
    let broker = with_state(trial);
    let mut admin = broker.admin();
    admin.create_client("ann");
    edit(&broker, |policy| disable(policy, "ann"));
    let edited = String::from_utf8(broker.policy_bytes()).unwrap();
    admin.create_client("bob");
    broker.client("ann").login("ann", "pw").connect();
    assert!(kept(&broker).contains(&edited));
    broker.wait_for_log("changed by another hand");
}

fn reloads_reach_where_the_broker_does_not_tick(trial: &Trial) {
    let text = "\
per_listener_settings true
listener {port0} 127.0.0.1
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {policy}
";
    let mut broker = trial.broker().configuration(text).start();
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["subscribeLiteral", "t", true]]));
    let mut ann = broker.client("ann").login("ann", "pw").connect();
    edit(&broker, |policy| {
        policy["roles"].as_array_mut().unwrap().retain(|role| role["rolename"] == "admin");
    });
    broker.reload();
    admin.error(&json!({"command": "getRole", "rolename": "ann"}));
    ann.disconnected();
    admin.fine(&json!({"command": "createRole", "rolename": "after"}));
    broker.reload();
    admin.fine(&json!({"command": "getRole", "rolename": "after"}));
}

fn many_payloads_at_once_are_answered_in_their_order(trial: &Trial) {
    const COUNT: usize = 100;
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for number in 0..COUNT {
        let name = format!("c{number:03}");
        let create =
            json!({"command": "createClient", "username": name, "password": "pw", "correlationData": name});
        let list = json!({"command": "listClients", "correlationData": format!("{name} list")});
        admin.send(json!({ "commands": [create] }).to_string());
        admin.send(json!({ "commands": [list] }).to_string());
    }
    for number in 0..COUNT {
        let created = admin.response();
        assert_eq!(created["responses"][0]["correlationData"], format!("c{number:03}"), "{created}");
        assert_eq!(created["responses"][0]["error"], Value::Null, "{created}");
        let listed = admin.response();
        assert_eq!(listed["responses"][0]["correlationData"], format!("c{number:03} list"), "{listed}");
        // The administrator, and those who were made before.
        assert_eq!(listed["responses"][0]["data"]["totalCount"], number + 2, "{listed}");
    }
    assert_eq!(broker.policy()["clients"].as_array().unwrap().len(), COUNT + 1);
    broker.client("c099").login("c099", "pw").connect();
}

fn a_broker_that_ends_has_saved_what_it_has_answered(trial: &Trial) {
    const COUNT: usize = 50;
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    for number in 0..COUNT {
        let create =
            json!({"command": "createClient", "username": format!("c{number:02}"), "password": "pw"});
        admin.send(json!({ "commands": [create] }).to_string());
    }
    // Once the first is answered the broker is in the midst of it; what it has answered has to be there.
    let _first = admin.response();
    broker.stop();
    let answered = 1 + admin.client().messages_until_the_end().len();
    let saved = broker.policy()["clients"].as_array().unwrap().len() - 1;
    assert!(saved >= answered, "{answered} answered, {saved} saved");
    broker.start_again().unwrap();
    assert_eq!(broker.policy()["clients"].as_array().unwrap().len() - 1, saved);
}
