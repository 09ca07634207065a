//! From 2.1 back to 2.0 through our plugin: who was there before 2.1 came can log in, whatever 2.1 wrote.
//!
//! No case has brokers of both versions. What goes from one to the other is the file: `2.0.11-broker.json` is
//! what 2.0.11 wrote, `2.1.2-upgraded.json` what 2.1.2 made of it.

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::plugin::Plugin;

cases! {
    what_2_0_hashed_comes_out_of_2_1_as_2_0_wrote_it,
    who_was_there_before_2_1_is_let_in_by_2_0_again: theirs_fails(
        "2.0",
        "does not read the passwords that 2.1 wrote: nobody can log in",
        "was refused"
    ),
    who_came_with_2_1_is_let_in_by_2_0_after_a_login_here: theirs_fails(
        "2.0",
        "does not read the passwords that 2.1 wrote: nobody can log in",
        "was refused"
    ),
}

const BY_2_0: &str = include_str!("../data/2.0.11-broker.json");
const BY_2_1: &str = include_str!("../data/2.1.2-upgraded.json");

fn admin(broker: &Broker) -> Admin {
    Admin::connect(broker.client("the-admin").login("admin", "adminpass"))
}

/// Has the policy saved as it is: a command that changes nothing is saved as any other.
fn save(broker: &Broker) {
    admin(broker).fine(&json!({"command": "enableClient", "username": "admin"}));
}

/// The members of a client's password.
fn password(policy: &Value, username: &str) -> [Value; 4] {
    let client = policy["clients"].as_array().unwrap().iter().find(|client| client["username"] == username);
    let client = client.unwrap_or_else(|| panic!("no {username} in {policy}"));
    ["password", "salt", "iterations", "encoded_password"].map(|member| client[member].clone())
}

fn what_2_0_hashed_comes_out_of_2_1_as_2_0_wrote_it(trial: &Trial) {
    let mut broker = trial.broker().policy(BY_2_0).start();
    let command = json!({"command": "createClient", "username": "dave", "password": "dave-password"});
    admin(&broker).fine(&command);
    for plugin in [Plugin::Theirs, Plugin::Ours] {
        broker.restart_with(plugin);
        save(&broker);
        broker.client("alice-1").login("alice", "wonderland").connect().round_trip();
        broker.client("any").login("dave", "dave-password").connect().round_trip();
    }
    let (before, after) = (serde_json::from_str(BY_2_0).unwrap(), broker.policy());
    for username in ["admin", "alice", "bob", "carol"] {
        assert_eq!(password(&after, username), password(&before, username), "{username}");
    }
    // What 2.1's plugin hashes, 2.0 has no members for.
    let [hash, .., encoded] = password(&after, "dave");
    let by_2_1 = trial.like_2_1() && trial.plugin == Plugin::Theirs;
    assert_eq!((hash.is_null(), encoded.is_null()), (by_2_1, !by_2_1));
}

/// Tries the logins that 2.0 can know; those of carol and dave it cannot.
fn who_was_there_before_is_let_in(broker: &Broker) {
    broker.client("alice-1").login("alice", "wonderland").connect().round_trip();
    assert_eq!(broker.client("alice-1").login("alice", "wrong").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.client("other").login("alice", "wonderland").refused(), NOT_AUTHORIZED);
    assert_eq!(broker.client("any").login("dave", "wrong").refused(), NOT_AUTHORIZED);
}

fn who_was_there_before_2_1_is_let_in_by_2_0_again(trial: &Trial) {
    let mut broker = trial.broker().policy(BY_2_1).start();
    who_was_there_before_is_let_in(&broker);
    let dave = |broker: &Broker| broker.client("any").login("dave", "dave-password");
    dave(&broker).connect().round_trip();
    save(&broker);
    if trial.like_2_1() {
        // No 2.0 to go back to: the two plugins of 2.1 go on with it.
        broker.restart_with(trial.plugin.other());
        who_was_there_before_is_let_in(&broker);
        dave(&broker).connect().round_trip();
        return;
    }
    let log = broker.log();
    let line =
        log.lines().find(|line| line.contains("cannot read")).expect("a line says whom 2.0 leaves out");
    assert!(line.contains("2 clients") && line.contains("carol") && line.contains("dave"), "{line}");
    assert!(!line.contains("alice") && !line.contains("bob"), "{line}");

    broker.restart_with(Plugin::Theirs);
    who_was_there_before_is_let_in(&broker);
    assert_eq!(dave(&broker).refused(), NOT_AUTHORIZED);
    // The administrator can mend that.
    let password = json!({"command": "setClientPassword", "username": "dave", "password": "dave-password"});
    admin(&broker).fine(&password);
    dave(&broker).connect().round_trip();
}

fn who_came_with_2_1_is_let_in_by_2_0_after_a_login_here(trial: &Trial) {
    let mut broker = trial.broker().policy(BY_2_1).line("plugin_opt_rehash_on_login true").start();
    admin(&broker).fine(&json!({"command": "enableClient", "username": "carol"}));
    let logins = || {
        let dave = broker.client("any").login("dave", "dave-password").connect();
        let carol = broker.client("any too").login("carol", "c2").connect();
        [dave, carol]
    };
    for mut client in logins() {
        client.round_trip();
    }
    if trial.plugin == Plugin::Ours {
        crate::harness::wait_for("the new hashes in the file", || {
            let policy = broker.policy();
            ["carol", "dave"].iter().all(|name| password(&policy, name)[3].is_null()).then_some(())
        });
    }
    broker.restart_with(trial.plugin.other());
    broker.client("any").login("dave", "dave-password").connect().round_trip();
    broker.client("any too").login("carol", "c2").connect().round_trip();
    assert_eq!(broker.client("any").login("dave", "wrong").refused(), NOT_AUTHORIZED);
    who_was_there_before_is_let_in(&broker);
}
