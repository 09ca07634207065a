//! What the denial log makes of checks that are remembered, and of changes between them.

use std::collections::BTreeMap;

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::plugin::{EachTime, Plugin, SessionId};
use mosquitto_dynsec::policy::{AclRequest, Action, Effect, Subject};
use serde_json::json;

use crate::host::{Place, command};

fn publish(plugin: &Plugin, clientid: &str, topic: &str) {
    let subject = Subject::known(Some(b"ann"), Some(clientid.as_bytes()));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() };
    let session = SessionId(clientid.len());
    assert_ne!(plugin.on_acl_check(session, request, &EachTime, &()), Effect::Allow);
}

/// How many denials the log has told of, by client, topic and reason.
fn told(place: &Place) -> BTreeMap<[String; 3], usize> {
    let mut told = BTreeMap::new();
    for (_, line) in place.host.log.lock().unwrap().iter().filter(|(_, line)| line.contains(": denied")) {
        let member = |name: &str| {
            let member = line.split(" | ").find_map(|member| member.strip_prefix(name)?.strip_prefix('='));
            member.unwrap_or("-").to_owned()
        };
        let times = if line.contains("denied again") { member("times").parse().unwrap() } else { 1 };
        *told.entry(["clientid", "topic", "reason"].map(member)).or_default() += times;
    }
    told
}

#[test]
fn each_denial_is_told_of_for_its_reason_however_often_it_comes_and_whatever_changes_meanwhile() {
    const TIMES: usize = 6;
    let place = Place::with(&json!({
        "clients": [{"username": "ann", "roles": [{"rolename": "r"}]}],
        "roles": [{"rolename": "r", "acls": []}],
    }));
    let plugin = place.start(BrokerFamily::V2_1, |_| ()).unwrap();
    let all = || {
        for _ in 0..TIMES {
            for (clientid, topics) in [("a", 14), ("bb", 3)] {
                (0..topics).for_each(|topic| publish(&plugin, clientid, &format!("t/{topic}")));
            }
            plugin.on_tick();
        }
    };
    all();
    let acl = json!({
        "command": "addRoleACL", "rolename": "r", "acltype": "publishClientSend", "topic": "t/2", "allow": false,
    });
    assert_eq!(command(&place, &plugin, &acl), json!({"command": "addRoleACL"}));
    all();
    plugin.shutdown();
    let mut expected = BTreeMap::new();
    let mut expect = |clientid: &str, topic: &str, reason: &str, times: usize| {
        expected.insert([clientid, topic, reason].map(str::to_owned), times);
    };
    for topic in (0..10).filter(|topic| *topic != 2) {
        expect("a", &format!("t/{topic}"), "defaultACLAccess", 2 * TIMES);
    }
    expect("a", "t/2", "defaultACLAccess", TIMES);
    // It has had its ten kinds by then.
    expect("a", "(more)", "-", 4 * 2 * TIMES + TIMES);
    for topic in 0..2 {
        expect("bb", &format!("t/{topic}"), "defaultACLAccess", 2 * TIMES);
    }
    expect("bb", "t/2", "defaultACLAccess", TIMES);
    expect("bb", "t/2", "acl", TIMES);
    assert_eq!(told(&place), expected);
}
