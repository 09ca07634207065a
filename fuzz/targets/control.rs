//! Control payloads, one after another, against a policy.
//!
//! The first byte chooses the rules and the policy at the start; each line after that is a payload. Whatever it
//! is, it is answered in JSON; the policy keeps its invariants; saved and read again it is the same; undone it is
//! what it was; and done once more it comes to the same.

#![no_main]

#[path = "../../tests/policy_properties/snapshot.rs"]
#[allow(dead_code, reason = "made for more than one target")]
mod snapshot;
mod support;

use libfuzzer_sys::fuzz_target;
use mosquitto_dynsec::control::{self, Actor, Outcome};
use mosquitto_dynsec::policy::Policy;

use snapshot::{Snapshot, assert_invariants};
use support::{TestHost, compat, sample, survives_saving};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, payloads)) = data.split_first() else { return };
    let compat = compat(choice);
    let mut policy = if choice / 3 % 2 == 0 { sample(compat) } else { Policy::new(compat) };
    for payload in payloads.split(|&byte| byte == b'\n').take(40) {
        let (before, mark) = (Snapshot::of(&policy), policy.mark());
        let (outcome, response) = send(&mut policy, payload);
        let after = Snapshot::of(&policy);
        assert_eq!(outcome.changed, before != after);
        assert_invariants(&policy);
        if outcome.changed {
            survives_saving(&policy);
            policy.undo_to(mark);
            assert_eq!(Snapshot::of(&policy), before);
            let (_, again) = send(&mut policy, payload);
            assert_eq!((again, Snapshot::of(&policy)), (response, after));
        }
    }
});

/// Sends a payload. Its answer is JSON, and its log is a line for each command.
fn send(policy: &mut Policy, payload: &[u8]) -> (Outcome, Vec<u8>) {
    let actor = Actor { clientid: Some(b"console".to_vec()), ..Actor::default() };
    let outcome = control::handle(policy, payload, &actor, &TestHost);
    let response = outcome.responses.to_json();
    let json: serde_json::Value =
        serde_json::from_str(&String::from_utf8_lossy(&response)).expect("an answer is JSON");
    assert!(json["responses"].is_array());
    assert!(!outcome.log.iter().flatten().any(u8::is_ascii_control));
    (outcome, response)
}
