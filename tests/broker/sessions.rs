//! Durable sessions: what waits for an absent client, and what a change takes from its subscriptions.

use serde_json::json;

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::client::{Client, Connector};
use crate::harness::packet::{BOTH, Protocol};

cases! {
    messages_wait_for_an_absent_client,
    a_message_that_may_no_longer_be_received_is_not_handed_out,
    a_lost_right_ends_the_subscription_of_a_present_client,
    an_absent_client_keeps_its_subscriptions,
    a_disabled_client_finds_its_session_again,
    a_deleted_client_leaves_no_subscription_to_its_successor,
    deleting_a_role_ends_the_subscriptions_it_allowed: theirs_fails(
        "2.0",
        "deleteRole disconnects the members before it takes the role away, and the broker checks their \
         subscriptions at that moment",
        "received"
    ),
    deleting_a_group_ends_the_subscriptions_it_allowed: theirs_fails(
        "2.0",
        "deleteGroup disconnects the members before it takes the group away, and the broker checks their \
         subscriptions at that moment",
        "received"
    ),
}

/// john subscribes to `kept` by a role `kept` and to `lost` by a role `lost`; jane may send.
fn john_with_two_subscriptions(
    broker: &Broker,
    admin: &mut Admin,
    protocol: Protocol,
) -> (Connector, Client) {
    admin.create_role("lost", &json!([["subscribeLiteral", "lost", true]]));
    admin.create_client_with("john", &json!([["subscribeLiteral", "kept", true]]));
    admin.fine(&json!({"command": "addClientRole", "username": "john", "rolename": "lost"}));
    let connector = broker.client("john").protocol(protocol).login("john", "pw").durable();
    let john = connector.connect();
    assert!(!john.session_present());
    (connector, john.subscribed("kept").subscribed("lost"))
}

fn jane(broker: &Broker, admin: &mut Admin) -> Client {
    admin.create_client_with("jane", &json!([["publishClientSend", "#", true]]));
    broker.client("jane").login("jane", "pw").connect()
}

fn messages_wait_for_an_absent_client(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        john.disconnect();
        jane.publish("kept", "1");
        jane.publish("lost", "2");
        let mut john = connector.connect();
        assert!(john.session_present());
        john.receives("kept", "1");
        john.receives("lost", "2");
        john.received_nothing();
    }
}

fn a_message_that_may_no_longer_be_received_is_not_handed_out(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        john.disconnect();
        jane.publish("lost", "1");
        jane.publish("kept", "2");
        admin.fine(&json!({
            "command": "addRoleACL", "rolename": "john",
            "acltype": "publishClientReceive", "topic": "lost", "allow": false,
        }));
        jane.publish("lost", "3");
        let mut john = connector.connect();
        john.receives("kept", "2");
        john.received_nothing();
    }
}

fn a_lost_right_ends_the_subscription_of_a_present_client(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, mut john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        admin.fine(&json!({"command": "removeClientRole", "username": "john", "rolename": "lost"}));
        john.disconnected();
        jane.publish("lost", "1");
        jane.publish("kept", "2");
        let mut john = connector.connect();
        assert!(john.session_present());
        john.receives("kept", "2");
        jane.publish("lost", "3");
        john.received_nothing();
    }
}

fn an_absent_client_keeps_its_subscriptions(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        john.disconnect();
        admin.fine(&json!({"command": "removeClientRole", "username": "john", "rolename": "lost"}));
        jane.publish("lost", "1");
        let mut john = connector.connect();
        john.receives("lost", "1");
        // A new subscription is another matter.
        assert_eq!(john.subscribe("lost"), protocol.denial());
    }
}

fn a_disabled_client_finds_its_session_again(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, mut john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        admin.fine(&json!({"command": "disableClient", "username": "john"}));
        john.disconnected();
        jane.publish("kept", "1");
        admin.fine(&json!({"command": "enableClient", "username": "john"}));
        let mut john = connector.connect();
        assert!(john.session_present());
        john.receives("kept", "1");
    }
}

fn a_deleted_client_leaves_no_subscription_to_its_successor(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, mut john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        admin.fine(&json!({"command": "deleteClient", "username": "john"}));
        john.disconnected();
        jane.publish("kept", "1");
        admin.create_client("john");
        let mut john = connector.connect();
        jane.publish("kept", "2");
        john.received_nothing();
    }
}

fn deleting_a_role_ends_the_subscriptions_it_allowed(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        let (connector, mut john) = john_with_two_subscriptions(&broker, &mut admin, protocol);
        admin.fine(&json!({"command": "deleteRole", "rolename": "lost"}));
        john.disconnected();
        jane.publish("lost", "1");
        jane.publish("kept", "2");
        let mut john = connector.connect();
        john.receives("kept", "2");
        jane.publish("lost", "3");
        john.received_nothing();
    }
}

fn deleting_a_group_ends_the_subscriptions_it_allowed(trial: &Trial) {
    for protocol in BOTH {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        let mut jane = jane(&broker, &mut admin);
        admin.create_client_with("john", &json!([["subscribeLiteral", "kept", true]]));
        admin.create_role("lost", &json!([["subscribeLiteral", "lost", true]]));
        admin.all_fine(&json!([
            {"command": "createGroup", "groupname": "g"},
            {"command": "addGroupRole", "groupname": "g", "rolename": "lost"},
            {"command": "addGroupClient", "groupname": "g", "username": "john"},
        ]));
        let connector = broker.client("john").protocol(protocol).login("john", "pw").durable();
        let mut john = connector.connect().subscribed("kept").subscribed("lost");
        admin.fine(&json!({"command": "deleteGroup", "groupname": "g"}));
        john.disconnected();
        jane.publish("lost", "1");
        jane.publish("kept", "2");
        let mut john = connector.connect();
        john.receives("kept", "2");
        jane.publish("lost", "3");
        john.received_nothing();
    }
}
