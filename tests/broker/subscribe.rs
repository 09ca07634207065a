//! Subscribing and unsubscribing: literal entries, patterns, what they cover, and what a refusal does.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NO_SUBSCRIPTION, NOT_AUTHORIZED, Protocol};

cases! {
    a_literal_entry_is_the_filter_itself,
    a_pattern_covers_the_filters_within_it,
    a_literal_entry_comes_before_the_patterns_of_its_role,
    a_refused_filter_does_not_refuse_the_others,
    the_granted_qos_is_the_one_asked_for,
    a_refused_subscription_delivers_nothing,
    unsubscribing_can_be_denied,
    a_literal_unsubscribe_entry_comes_before_the_patterns,
    a_pattern_for_everything_covers_the_dollar_topics_in_2_0,
    topics_of_the_same_acltype_exist_once,
}

fn a_literal_entry_is_the_filter_itself(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["subscribeLiteral", "plain/topic", true],
            ["subscribeLiteral", "with/+/wildcard", true],
            ["subscribeLiteral", "all/#", true],
        ]),
    );
    let table = [
        ("plain/topic", true),
        ("plain/+", false),
        ("plain/topic/#", false),
        ("with/+/wildcard", true),
        ("with/x/wildcard", false),
        ("all/#", true),
        ("all/x", false),
        ("all", false),
        ("#", false),
    ];
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        for (filter, allowed) in table {
            let expected = if allowed { 1 } else { protocol.denial() };
            assert_eq!(john.subscribe(filter), expected, "{filter}");
        }
    }
}

fn a_pattern_covers_the_filters_within_it(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["subscribePattern", "one/+/level", true],
            ["subscribePattern", "many/#", true],
            ["subscribePattern", "plain", true],
        ]),
    );
    let table = [
        ("one/x/level", true),
        ("one/+/level", true),
        ("one/#", false),
        ("one/+/+", false),
        ("one/x/y/level", false),
        ("many/#", true),
        ("many/x/#", true),
        ("many/+/x", true),
        ("many/x", true),
        ("plain", true),
        ("plain/#", false),
        ("+", false),
        ("#", false),
    ];
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        for (filter, allowed) in table {
            let expected = if allowed { 1 } else { protocol.denial() };
            assert_eq!(john.subscribe(filter), expected, "{filter}");
        }
    }
}

fn a_literal_entry_comes_before_the_patterns_of_its_role(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["subscribePattern", "a/#", true, 1000],
            ["subscribeLiteral", "a/closed", false],
            ["subscribePattern", "b/#", false, 1000],
            ["subscribeLiteral", "b/open", true, -1000],
        ]),
    );
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe("a/x"), 1);
    assert_eq!(john.subscribe("a/closed"), NOT_AUTHORIZED);
    assert_eq!(john.subscribe("b/x"), NOT_AUTHORIZED);
    assert_eq!(john.subscribe("b/open"), 1);
}

fn a_refused_filter_does_not_refuse_the_others(trial: &Trial) {
    let broker = trial.broker().start();
    let acls = json!([["subscribeLiteral", "a", true], ["subscribeLiteral", "c", true]]);
    broker.admin().create_client_with("john", &acls);
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        let codes = john.subscribe_all(&[("a", 0), ("b", 1), ("c", 2), ("d", 0)]);
        assert_eq!(codes, [0, protocol.denial(), 2, protocol.denial()]);
    }
}

fn the_granted_qos_is_the_one_asked_for(trial: &Trial) {
    let broker = trial.broker().start();
    let acls = json!([["subscribePattern", "#", true], ["publishClientSend", "#", true]]);
    broker.admin().create_client_with("john", &acls);
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        for qos in [0, 1, 2] {
            assert_eq!(john.subscribe_all(&[("t", qos)]), [qos]);
            john.publish_with("t", "x", 2, false);
            assert_eq!(john.receives("t", "x").qos, qos);
        }
    }
}

fn a_refused_subscription_delivers_nothing(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["publishClientSend", "#", true]]));
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        assert_eq!(john.subscribe("t"), protocol.denial());
        john.publish("t", "x");
        john.received_nothing();
    }
}

fn unsubscribing_can_be_denied(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["publishClientSend", "#", true],
            ["subscribePattern", "#", true],
            ["unsubscribeLiteral", "stay", false],
            ["unsubscribePattern", "keep/#", false],
        ]),
    );
    for protocol in BOTH {
        let connector = broker.client("john").protocol(protocol).login("john", "pw");
        let mut john = connector.connect();
        for filter in ["stay", "keep/x", "go"] {
            assert_eq!(john.subscribe(filter), 1);
        }
        let denied = match protocol {
            Protocol::V311 => 0,
            Protocol::V5 => NOT_AUTHORIZED,
        };
        assert_eq!(john.unsubscribe("stay"), denied);
        assert_eq!(john.unsubscribe("keep/x"), denied);
        assert_eq!(john.unsubscribe("go"), 0);
        if protocol == Protocol::V5 {
            assert_eq!(john.unsubscribe("never/had"), NO_SUBSCRIPTION);
        }
        for topic in ["stay", "keep/x", "go"] {
            john.publish(topic, "x");
        }
        john.receives("stay", "x");
        john.receives("keep/x", "x");
        john.received_nothing();
    }
}

fn a_literal_unsubscribe_entry_comes_before_the_patterns(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["subscribePattern", "#", true],
            ["unsubscribePattern", "a/#", false, 1000],
            ["unsubscribeLiteral", "a/open", true],
            ["unsubscribeLiteral", "a/+", true],
        ]),
    );
    let mut john = broker.client("john").login("john", "pw").connect();
    for (filter, code) in [("a/open", 0), ("a/+", 0), ("a/x", NOT_AUTHORIZED), ("a/#", NOT_AUTHORIZED)] {
        assert_eq!(john.subscribe(filter), 1);
        assert_eq!(john.unsubscribe(filter), code, "{filter}");
    }
}

fn a_pattern_for_everything_covers_the_dollar_topics_in_2_0(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with("john", &json!([["subscribePattern", "#", true]]));
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe("#"), 1);
    let expected = if trial.like_2_1() { NOT_AUTHORIZED } else { 1 };
    for filter in ["$SYS/#", "$share/g/a", "$CONTROL/#"] {
        assert_eq!(john.subscribe(filter), expected, "{filter}");
    }
}

fn topics_of_the_same_acltype_exist_once(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["subscribeLiteral", "t", false]]));
    let add = json!({
        "command": "addRoleACL", "rolename": "john",
        "acltype": "subscribeLiteral", "topic": "t", "allow": true, "priority": 9,
    });
    assert_eq!(admin.error(&add), "ACL with this topic already exists");
    let mut john = broker.client("john").login("john", "pw").connect();
    assert_eq!(john.subscribe("t"), NOT_AUTHORIZED);
}
