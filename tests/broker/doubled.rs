//! A file with everything twice, as 2.0.11 writes it with `per_listener_settings true` and two `plugin` lines: it goes from
//! one plugin to the other and back, and whoever was disabled stays so.

use serde_json::{Value, json};

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;

cases! {
    who_is_disabled_stays_so_whichever_plugin_comes_next,
    what_is_revoked_here_stays_so_with_the_c_plugin: theirs_fails(
        "2.0.11",
        "its commands change one of two records with one name, and the other one comes back",
        "came in"
    ),
}

const NAMES: [&str; 6] = ["ann", "bob", "eve", "joe", "kim", "pat"];

/// The policy that `mosquitto_ctrl` makes, with these clients, who may send to `t` by their group.
fn doubled(trial: &Trial) -> String {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_role("sends", &json!([["publishClientSend", "t", true]]));
    admin.fine(&json!({"command": "createGroup", "groupname": "group", "roles": [{"rolename": "sends"}]}));
    for name in NAMES {
        admin.create_client(name);
        admin.fine(&json!({"command": "addGroupClient", "groupname": "group", "username": name}));
    }
    let mut policy = broker.policy();
    for list in ["clients", "groups", "roles"] {
        let records = policy[list].as_array_mut().unwrap();
        records.extend(records.clone());
    }
    policy.to_string()
}

fn is_let_in(broker: &Broker, name: &str) -> bool {
    match broker.client(name).login(name, "pw").try_connect() {
        Ok(client) => {
            client.disconnect();
            true
        }
        Err(code) => {
            assert_eq!(code, Some(NOT_AUTHORIZED));
            false
        }
    }
}

fn who_is_disabled_stays_so_whichever_plugin_comes_next(trial: &Trial) {
    let mut broker = trial.broker().policy(doubled(trial)).start();
    let mut plugin = trial.plugin;
    for disabled in 1..=4 {
        broker.admin().fine(&json!({"command": "disableClient", "username": NAMES[disabled - 1]}));
        for restarted in [false, true] {
            if restarted {
                // 2.0.11 frees twice what it has loaded twice, when it ends in order.
                broker.kill();
                plugin = plugin.other();
                broker.restart_with(plugin);
            }
            for (number, name) in NAMES.into_iter().enumerate() {
                let shut_out = number < disabled;
                assert_eq!(is_let_in(&broker, name), !shut_out, "{name}, {disabled} disabled, {plugin:?}");
            }
        }
    }
    broker.kill();
}

fn what_is_revoked_here_stays_so_with_the_c_plugin(trial: &Trial) {
    let commands: [Value; 3] = [
        json!({"command": "deleteClient", "username": "ann"}),
        json!({"command": "removeGroupClient", "username": "bob", "groupname": "group"}),
        json!({"command": "removeGroupRole", "groupname": "group", "rolename": "sends"}),
    ];
    for (command, name) in commands.iter().zip(["ann", "bob", "eve"]) {
        let mut broker = trial.broker().policy(doubled(trial)).start();
        broker.admin().fine(command);
        broker.kill();
        broker.restart_with(trial.plugin.other());
        let mut observer = broker.observer();
        if name != "eve" {
            broker.client("joe").login("joe", "pw").connect().publish("t", "of a member");
            observer.receives("t", "of a member");
        }
        if let Ok(mut client) = broker.client(name).login(name, "pw").try_connect() {
            assert_ne!(name, "ann", "{name} came in");
            client.publish("t", "came in");
        }
        observer.received_nothing();
        broker.kill();
    }
}
