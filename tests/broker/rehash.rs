//! Hashes that the C plugin of 2.0 cannot read: a start on 2.0 names them, and logins can make others of them.

use serde_json::{Value, json};

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::setup::Setup;
use crate::harness::wait_for;

cases! {
    a_login_makes_a_hash_that_every_c_plugin_reads: theirs_fails("all", "has no such option"),
    a_reload_asks_for_the_passwords_of_the_connected_too: theirs_fails("all", "has no such option"),
    hashes_stay_if_nothing_is_said,
    a_start_on_2_0_names_what_its_c_plugin_cannot_read: theirs_fails("2.0", "cannot read them, and says nothing"),
}

/// Of the password `pw`, as 2.1 makes it.
const OF_2_1: &str = "$7$101$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==\
                      $bjfmK+rHVjYIU8g+zpNOWQFyrJyLFolfGFZPWhA6mO/EpkV26D+0zAxQxU5vWtiKEaqE9OQTQPIIqGj/o9gJ5A==";

/// A broker with two clients from 2.1.
fn setup(trial: &Trial) -> Setup<'_> {
    let made = trial.broker().start();
    let mut policy = made.policy();
    for username in ["ann", "bob"] {
        let client = json!({"username": username, "encoded_password": OF_2_1});
        policy["clients"].as_array_mut().unwrap().push(client);
    }
    trial.broker().policy(policy.to_string())
}

/// Whether the client's hash in the file is one for 2.0.
fn is_for_2_0(broker: &Broker, username: &str) -> bool {
    let policy = broker.policy();
    let mut clients = policy["clients"].as_array().unwrap().iter();
    let client: &Value = clients.find(|client| client["username"] == username).unwrap();
    client.get("encoded_password").is_none() && client["salt"].as_str().is_some_and(|salt| salt.len() == 16)
}

fn a_login_makes_a_hash_that_every_c_plugin_reads(trial: &Trial) {
    let mut broker = setup(trial).line("plugin_opt_rehash_on_login true").start();
    let before = broker.policy()["changeIndex"].as_i64().unwrap_or(0);
    let mut ann = broker.client("ann").login("ann", "pw").connect();
    wait_for("another hash", || is_for_2_0(&broker, "ann").then_some(()));
    ann.round_trip();
    assert!(!is_for_2_0(&broker, "bob"));
    assert_eq!(broker.client("bob").login("bob", "wrong").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.policy()["changeIndex"].as_i64().unwrap_or(0), before);
    broker.client("another").login("ann", "pw").connect().round_trip();
    ann.round_trip();
    drop(ann);
    broker.restart_with(trial.plugin.other());
    broker.client("ann").login("ann", "pw").connect().round_trip();
    assert_eq!(broker.client("ann").login("ann", "wrong").refused(), NOT_AUTHORIZED);
    // Who has not logged in meanwhile cannot, with the C plugin of 2.0.
    if trial.like_2_1() {
        broker.client("bob").login("bob", "pw").connect();
    } else {
        assert_eq!(broker.client("bob").login("bob", "pw").refused(), NOT_AUTHORIZED);
    }
}

fn a_reload_asks_for_the_passwords_of_the_connected_too(trial: &Trial) {
    let mut broker = setup(trial).start();
    let mut ann = broker.client("ann").login("ann", "pw").connect();
    let mut bob = broker.client("bob").login("bob", "pw").connect();
    broker.reload();
    assert!(!is_for_2_0(&broker, "ann"));
    ann.round_trip();
    drop((ann, bob));
    broker = setup(trial).line("plugin_opt_rehash_on_login true").start();
    ann = broker.client("ann").login("ann", "pw").connect();
    bob = broker.client("bob").login("bob", "pw").connect();
    broker.reload();
    wait_for("other hashes", || ["ann", "bob"].iter().all(|name| is_for_2_0(&broker, name)).then_some(()));
    broker.reload();
    ann.round_trip();
    bob.round_trip();
}

fn hashes_stay_if_nothing_is_said(trial: &Trial) {
    let broker = setup(trial).start();
    let before = broker.policy_bytes();
    let login = broker.client("ann").login("ann", "pw").try_connect();
    // The C plugin of 2.0 cannot read the hash.
    assert_eq!(login.is_ok(), trial.like_2_1() || trial.plugin == crate::harness::plugin::Plugin::Ours);
    assert_eq!(broker.policy_bytes(), before);
}

fn a_start_on_2_0_names_what_its_c_plugin_cannot_read(trial: &Trial) {
    let broker = setup(trial).start();
    let log = broker.log();
    let line = log.lines().find(|line| line.contains("cannot read"));
    if trial.like_2_1() {
        assert_eq!(line, None);
    } else {
        let line = line.unwrap_or_else(|| panic!("no such line:\n{log}"));
        assert!(line.contains("2 clients") && line.contains("ann") && line.contains("bob"), "{line}");
        assert!(!line.contains("admin"), "{line}");
    }
}
