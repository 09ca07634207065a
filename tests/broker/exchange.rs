//! One plugin takes over from the other, and gives back: only the `plugin` line changes.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::restarts::{fill, in_force, told};

cases! {
    a_policy_goes_there_and_back,
    what_one_changes_the_other_goes_on_with,
}

fn a_policy_goes_there_and_back(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    fill(&mut admin);
    let before = told(&mut admin);
    drop(admin);
    for plugin in [trial.plugin.other(), trial.plugin, trial.plugin.other()] {
        broker.restart_with(plugin);
        let mut admin = broker.admin();
        assert_eq!(told(&mut admin), before, "{plugin:?}");
        in_force(&broker);
        // It saves the file, too.
        admin.create_role("temporary", &json!([]));
        admin.fine(&json!({"command": "deleteRole", "rolename": "temporary"}));
    }
}

fn what_one_changes_the_other_goes_on_with(trial: &Trial) {
    let mut broker = trial.broker().anonymous().start();
    fill(&mut broker.admin());
    for (number, plugin) in [trial.plugin.other(), trial.plugin].into_iter().enumerate() {
        let username = format!("new-{number}");
        let mut admin = broker.admin();
        admin.create_client_with(&username, &json!([["publishClientSend", "t/#", true, 3]]));
        admin.all_fine(&json!([
            {"command": "setClientPassword", "username": "jane", "password": username},
            {"command": "addGroupClient", "groupname": "readers", "username": username},
            {"command": "modifyRole", "rolename": "sender", "textname": username},
        ]));
        let before = told(&mut admin);
        drop(admin);
        broker.restart_with(plugin);
        assert_eq!(told(&mut broker.admin()), before, "{plugin:?}");
        let mut new = broker.client("any").login(&username, "pw").connect();
        assert_ne!(new.publish("t/a", "x"), NOT_AUTHORIZED);
        assert_eq!(new.subscribe("t/a"), 1);
        broker.client("any").login("jane", &username).connect().round_trip();
        assert_eq!(broker.client("any").login("jane", "pw").refused(), NOT_AUTHORIZED);
    }
}
