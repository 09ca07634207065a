//! Control payloads, one after another, against a policy.
//!
//! The first byte chooses the rules, the policy at the start and who asks about itself; each line after that is a payload. The
//! first byte of a line may choose its topic. Whatever it is, it is answered in JSON; the policy keeps its invariants; saved and
//! read again it is the same; undone it is what it was; and done once more it comes to the same. On the topics of questions
//! it changes nothing, and who asks about itself is told of nobody else, and not without bounds.

#![no_main]

#[path = "../../tests/policy_properties/snapshot.rs"]
#[allow(dead_code, reason = "made for more than one target")]
mod snapshot;
mod support;

use libfuzzer_sys::fuzz_target;
use mosquitto_dynsec::control::{self, Actor, ControlTopic, Outcome};
use mosquitto_dynsec::policy::Policy;

use snapshot::{Snapshot, assert_invariants};
use support::{TestHost, compat, sample, survives_saving};

/// How many commands a client's question about itself may have, and how many ACLs all answers to it list.
const MOST_ABOUT_ONESELF: usize = 10;
const MOST_ACLS_ABOUT_ONESELF: usize = 2000;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, payloads)) = data.split_first() else { return };
    let compat = compat(choice);
    let mut policy = if choice / 3 % 2 == 0 { sample(compat) } else { Policy::new(compat) };
    let asker =
        [Some("alice"), Some("nobody"), None].into_iter().cycle().nth(usize::from(choice / 6)).flatten();
    for line in payloads.split(|&byte| byte == b'\n').take(40) {
        let (topic, payload) = topic_and_payload(line);
        let actor = Actor {
            clientid: Some(b"alice-1".to_vec()),
            username: asker.map(|name| name.as_bytes().to_vec()),
            topic,
            ..Actor::default()
        };
        let (before, mark) = (Snapshot::of(&policy), policy.mark());
        let (outcome, response) = send(&mut policy, payload, &actor);
        let after = Snapshot::of(&policy);
        assert_eq!(outcome.changed, before != after);
        assert_invariants(&policy);
        if topic != ControlTopic::Admin {
            assert!(!outcome.changed && outcome.disconnects.is_empty(), "{topic:?}");
        }
        if topic == ControlTopic::SelfService {
            assert_is_about(asker, &response);
        }
        if outcome.changed {
            survives_saving(&policy);
            policy.undo_to(mark);
            assert_eq!(Snapshot::of(&policy), before);
            let (_, again) = send(&mut policy, payload, &actor);
            assert_eq!((again, Snapshot::of(&policy)), (response, after));
        }
    }
});

/// To which topic a line goes, and what of it. What begins as JSON goes to the administrators'.
fn topic_and_payload(line: &[u8]) -> (ControlTopic, &[u8]) {
    match line {
        [b'?', payload @ ..] => (ControlTopic::Query, payload),
        [b'@', payload @ ..] => (ControlTopic::SelfService, payload),
        payload => (ControlTopic::Admin, payload),
    }
}

/// Sends a payload. Its answer is JSON, and its log is a line for each command.
fn send(policy: &mut Policy, payload: &[u8], actor: &Actor) -> (Outcome, Vec<u8>) {
    let outcome = control::handle(policy, payload, actor, &TestHost);
    let response = outcome.responses.to_json();
    assert!(responses(&response).is_array());
    assert!(!outcome.log.iter().flatten().any(u8::is_ascii_control));
    (outcome, response)
}

fn responses(answer: &[u8]) -> serde_json::Value {
    let mut json: serde_json::Value =
        serde_json::from_str(&String::from_utf8_lossy(answer)).expect("an answer is JSON");
    json["responses"].take()
}

/// What a client is told that asks about itself.
fn assert_is_about(asker: Option<&str>, answer: &[u8]) {
    let responses = responses(answer);
    let responses = responses.as_array().expect("responses are an array");
    assert!(responses.len() <= MOST_ABOUT_ONESELF);
    let told = responses.iter().filter(|response| response.get("error").is_none());
    let mut acls = 0;
    for data in told.map(|response| &response["data"]) {
        assert_eq!(data.get("username").and_then(serde_json::Value::as_str), asker, "{data}");
        assert_eq!(data["clientid"], "alice-1", "{data}");
        acls += data.get("acls").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    }
    assert!(acls <= MOST_ACLS_ABOUT_ONESELF);
}
