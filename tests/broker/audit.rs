//! The audit trail of a running broker, and its rotation.

use serde_json::{Value, json};

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::wait_for;

cases! {
    what_administrators_do_is_written_down: theirs_fails("all", "has no such option"),
    a_trail_that_is_rotated_goes_on_in_a_new_file: theirs_fails("all", "has no such option"),
    a_trail_is_complete_when_the_broker_has_ended: theirs_fails("all", "has no such option"),
}

fn read(broker: &Broker, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(broker.folder().join(name)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the file has so many lines.
fn lines(broker: &Broker, name: &str, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} lines in {name}"), || {
        let lines = read(broker, name);
        (lines.len() >= count).then_some(lines)
    })
}

fn what_administrators_do_is_written_down(trial: &Trial) {
    let broker = trial.broker().line("plugin_opt_audit_file {dir}/audit.jsonl").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    broker.ctrl(&["setClientPassword", "john", "hunter2-new"]).fine();
    admin.response();
    admin.error(&json!({"command": "deleteRole", "rolename": "none"}));
    let lines = lines(&broker, "audit.jsonl", 3);
    assert_eq!(lines[0]["username"], "admin");
    assert_eq!(lines[0]["clientid"], "the-admin");
    assert_eq!(lines[0]["address"], trial.place.client_address());
    assert_eq!(lines[0]["target"], json!({"username": "john", "password": "*****"}));
    assert_eq!(lines[1]["command"], "setClientPassword");
    assert_eq!(lines[1]["outcome"], "done");
    assert_eq!(lines[2]["outcome"], "Role not found");
    let text = std::fs::read_to_string(broker.folder().join("audit.jsonl")).unwrap();
    assert!(!text.contains("hunter2") && !text.contains("\"pw\""), "{text}");
}

fn a_trail_that_is_rotated_goes_on_in_a_new_file(trial: &Trial) {
    let mut broker = trial.broker().line("plugin_opt_audit_file {dir}/audit.jsonl").start();
    let mut admin = broker.admin();
    admin.create_client("john");
    lines(&broker, "audit.jsonl", 1);
    let [path, old] = ["audit.jsonl", "audit.jsonl.1"].map(|name| broker.folder().join(name));
    std::fs::rename(&path, &old).unwrap();
    broker.reload();
    admin.create_client("jane");
    assert_eq!(lines(&broker, "audit.jsonl", 1)[0]["target"]["username"], "jane");
    assert_eq!(read(&broker, "audit.jsonl.1").len(), 1);
}

fn a_trail_is_complete_when_the_broker_has_ended(trial: &Trial) {
    let mut broker = trial.broker().line("plugin_opt_audit_file {dir}/audit.jsonl").start();
    let mut admin = broker.admin();
    let commands: Vec<Value> =
        (0..200).map(|number| json!({"command": "createRole", "rolename": format!("r{number}")})).collect();
    admin.all_fine(&json!(commands));
    broker.stop();
    let lines = read(&broker, "audit.jsonl");
    let told: Vec<String> = lines.iter().map(|line| line["target"]["rolename"].to_string()).collect();
    let wanted: Vec<String> = (0..200).map(|number| format!("\"r{number}\"")).collect();
    assert_eq!(told, wanted);
}
