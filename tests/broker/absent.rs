//! Disconnects reach who is connected, and nobody else: not the session of an absent client, and not one connection
//! less because somebody else has asked for its client id.

use serde_json::json;

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::client::Client;
use crate::harness::packet::{BOTH, NOT_AUTHORIZED, Protocol};

cases! {
    a_change_after_a_reload_leaves_the_session_of_an_absent_client_alone,
    a_refused_login_does_not_hide_who_has_that_client_id,
    an_anonymous_client_that_takes_over_a_client_id_is_known,
}

/// Disconnects happen in the order of the commands: when that of a later one has, so have those before.
fn let_disconnects_happen(broker: &Broker, admin: &mut Admin) {
    let mut sentinel = broker.client("sentinel").login("sentinel", "pw").connect();
    admin.fine(&json!({"command": "setClientId", "username": "sentinel"}));
    sentinel.disconnected();
}

/// 2.0 notes twice when a session expires that is disconnected twice, and later looks at what it has freed.
fn a_change_after_a_reload_leaves_the_session_of_an_absent_client_alone(trial: &Trial) {
    // What is freed is overwritten with what is no address, and as a time long past.
    let tunables = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165";
    let mut broker = trial.broker().env("GLIBC_TUNABLES", tunables).start();
    let mut admin = broker.admin();
    admin.create_client("sentinel");
    admin.create_client("john");
    broker.client("john").login("john", "pw").durable_for(3).connect().disconnect();
    broker.client("last").login("sentinel", "pw").durable_for(5).connect().disconnect();
    // The broker asks for the logins of absent clients, too.
    broker.reload();
    admin.client().round_trip();
    admin.fine(&json!({"command": "modifyClient", "username": "john", "textname": "John"}));
    let_disconnects_happen(&broker, &mut admin);
    broker.wait_for_log("Expiring client john due to timeout");
    broker.wait_for_log("Expiring client last due to timeout");
    admin.client().round_trip();
    assert!(!broker.log().contains("Client john been disconnected"), "it was absent");
}

fn a_refused_login_does_not_hide_who_has_that_client_id(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        admin.create_client("john");
        let open = |clientid: &str| -> Client {
            broker.client(clientid).protocol(protocol).login("john", "pw").connect()
        };
        let mut connections = ["x", "y", "z"].map(open);
        let without_password = broker.client("x").protocol(protocol).login("john", "");
        assert_eq!(without_password.refused(), refusal(protocol));
        assert_eq!(broker.client("y").protocol(protocol).refused(), refusal(protocol));
        admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "other"}));
        for connection in &mut connections {
            connection.disconnected();
        }
    }
}

fn refusal(protocol: Protocol) -> u8 {
    match protocol {
        // 3.1.1's code for it.
        Protocol::V311 => 5,
        Protocol::V5 => NOT_AUTHORIZED,
    }
}

fn an_anonymous_client_that_takes_over_a_client_id_is_known(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.fine(&json!({"command": "createGroup", "groupname": "anybody"}));
    let mut johns = ["x", "y"].map(|id| broker.client(id).login("john", "pw").connect());
    let mut anonymous = broker.client("x").connect();
    johns[0].disconnected();
    admin.fine(&json!({"command": "setClientId", "username": "john"}));
    johns[1].disconnected();
    anonymous.round_trip();
    admin.fine(&json!({"command": "setAnonymousGroup", "groupname": "anybody"}));
    anonymous.disconnected();
}
