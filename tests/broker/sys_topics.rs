//! `$SYS`: the broker's own messages.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED};
use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

const VERSION: &str = "$SYS/broker/version";

cases! {
    the_administrator_of_a_new_policy_reads_sys_topics,
    sys_topics_take_a_rule_that_names_them,
    sys_topics_can_be_kept_from_a_subscriber,
    nobody_can_send_to_sys_topics_without_a_rule,
}

fn the_administrator_of_a_new_policy_reads_sys_topics(trial: &Trial) {
    let broker = trial.broker().start();
    for protocol in BOTH {
        let connector = broker.client("any").protocol(protocol).login(ADMIN, ADMIN_PASSWORD);
        let mut admin = connector.connect().subscribed(VERSION);
        let message = admin.receive();
        assert_eq!(message.topic, VERSION);
        assert!(message.text().contains(trial.place.version()), "{message:?}");
    }
}

fn sys_topics_take_a_rule_that_names_them(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["subscribePattern", "$SYS/broker/#", true]]));
    admin.create_client_with("jane", &json!([["subscribePattern", "+/broker/#", true]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe(VERSION), 1);
    assert_eq!(john.receive().topic, VERSION);
    assert_eq!(john.subscribe("$SYS/#"), NOT_AUTHORIZED);
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    let by_wildcard = jane.subscribe(VERSION);
    // C compares level by level, and `+` takes any: MQTT 5.0 §4.7.2 speaks of topics, not of filters.
    assert_eq!(by_wildcard, if trial.like_2_1() { NOT_AUTHORIZED } else { 1 });
}

fn sys_topics_can_be_kept_from_a_subscriber(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["subscribePattern", "$SYS/#", true],
            ["publishClientReceive", "$SYS/broker/version", false],
        ]),
    );
    let connector = broker.client("john").login("john", "pw");
    connector.connect().subscribed(VERSION).received_nothing();
}

fn nobody_can_send_to_sys_topics_without_a_rule(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "#", true]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.publish("$SYS/john", "x"), NOT_AUTHORIZED);
}
