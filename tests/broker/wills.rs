//! Wills are checked when they are sent, as any message is.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::BOTH;

cases! {
    an_allowed_will_is_sent_when_the_client_vanishes,
    a_denied_will_is_not_sent,
    a_will_is_judged_by_the_rules_of_its_time,
    a_disconnect_by_the_administrator_sends_no_will,
    an_anonymous_clients_will_is_its_groups_matter,
}

fn an_allowed_will_is_sent_when_the_client_vanishes(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "wills/john", true]]));
    let mut observer = broker.observer();
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let connector = connector.will("wills/john", "gone", false);
        connector.connect().vanish();
        observer.receives("wills/john", "gone");
        // An orderly end takes the will back.
        connector.connect().disconnect();
        connector.connect().round_trip();
        observer.receives("wills/john", "gone");
    }
    observer.received_nothing();
}

fn a_denied_will_is_not_sent(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "open", true]]));
    let mut observer = broker.observer();
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        for retain in [false, true] {
            let denied = connector.clone().will("wills/john", "gone", retain);
            denied.connect().vanish();
            // The next one's arrival shows that the broker has dealt with the first.
            connector.clone().will("open", "gone", false).connect().vanish();
            observer.receives("open", "gone");
        }
    }
    observer.received_nothing();
    broker.observer().received_nothing();
}

fn a_will_is_judged_by_the_rules_of_its_time(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let mut observer = broker.observer();
    let connector = broker.client("john").login("john", "pw");
    let john = connector.will("wills/john", "gone", false).connect();
    // The default access is what can change without disconnecting him.
    let acls = json!([{"acltype": "publishClientSend", "allow": true}]);
    admin.fine(&json!({"command": "setDefaultACLAccess", "acls": acls}));
    john.vanish();
    observer.receives("wills/john", "gone");
    observer.received_nothing();
}

fn a_disconnect_by_the_administrator_sends_no_will(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["publishClientSend", "#", true]]));
    let mut observer = broker.observer();
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.will("wills/john", "gone", false).connect();
        admin.fine(&json!({"command": "disableClient", "username": "john"}));
        john.disconnected();
        admin.fine(&json!({"command": "enableClient", "username": "john"}));
    }
    observer.received_nothing();
}

fn an_anonymous_clients_will_is_its_groups_matter(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    admin.create_role("wills", &json!([["publishClientSend", "wills/+", true]]));
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "anybody"},
        {"command": "addGroupRole", "groupname": "anybody", "rolename": "wills"},
        {"command": "setAnonymousGroup", "groupname": "anybody"},
    ]));
    let mut observer = broker.observer();
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol);
        connector.clone().will("denied", "gone", false).connect().vanish();
        connector.will("wills/any", "gone", false).connect().vanish();
        observer.receives("wills/any", "gone");
    }
    observer.received_nothing();
}
