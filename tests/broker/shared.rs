//! Shared subscriptions are subscriptions to their whole filter, `$share` and the group included.

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED};

cases! {
    a_shared_subscription_needs_a_rule_of_its_own,
    a_shared_subscription_gives_each_message_to_one_member,
    a_member_may_only_receive_what_it_may_receive,
}

fn a_shared_subscription_needs_a_rule_of_its_own(trial: &Trial) {
    let broker = trial.broker().start();
    broker.admin().create_client_with(
        "john",
        &json!([
            ["subscribePattern", "work/#", true],
            ["subscribeLiteral", "$share/team/work/a", true],
            ["subscribePattern", "$share/crew/work/#", true],
            ["subscribePattern", "$share/+/jobs", true],
        ]),
    );
    let table = [
        ("work/a", true),
        ("$share/team/work/a", true),
        ("$share/team/work/b", false),
        ("$share/other/work/a", false),
        ("$share/crew/work/a", true),
        ("$share/crew/work/#", true),
        ("$share/crew/jobs", true),
        ("$share/any/jobs", true),
        ("jobs", false),
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

fn a_shared_subscription_gives_each_message_to_one_member(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with("john", &json!([["subscribePattern", "$share/team/#", true]]));
    admin.create_client_with("jane", &json!([["publishClientSend", "#", true]]));
    let member = |client_id: &str, protocol| {
        let connector = broker.client(client_id).protocol(protocol);
        let connector = connector.login("john", "pw");
        connector.connect().subscribed("$share/team/work")
    };
    let mut first = member("first", BOTH[0]);
    let mut second = member("second", BOTH[1]);
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    for number in 0..4 {
        jane.publish("work", &number.to_string());
    }
    let mut all = Vec::new();
    for member in [&mut first, &mut second] {
        all.push(member.receive().text());
        all.push(member.receive().text());
        member.received_nothing();
    }
    all.sort();
    assert_eq!(all, ["0", "1", "2", "3"]);
}

fn a_member_may_only_receive_what_it_may_receive(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client_with(
        "john",
        &json!(
            [["subscribePattern", "$share/team/#", true], ["publishClientReceive", "work/secret", false],]
        ),
    );
    admin.create_client_with("jane", &json!([["publishClientSend", "#", true]]));
    let connector = broker.client("john").login("john", "pw");
    let mut john = connector.connect().subscribed("$share/team/work/#");
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    jane.publish("work/secret", "x");
    assert_ne!(jane.publish("work/open", "y"), NOT_AUTHORIZED);
    john.receives("work/open", "y");
    john.received_nothing();
}
