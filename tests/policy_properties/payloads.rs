//! What holds for any bytes that are sent as a payload.

use mosquitto_dynsec::control;
use mosquitto_dynsec::policy::Policy;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::commands::any_command;
use crate::sequences::{ADMIN, TestHost, any_compat};
use crate::snapshot::{Snapshot, assert_invariants};

/// Pieces of payloads, whole and broken.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-1e999",
    b"0.",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\0",
    b"\"commands\":[",
    b"{\"command\":",
    b"\"createClient\"",
    b"\"username\":\"ann\"",
    b"\"correlationData\":",
    b"\"roles\":[{\"rolename\":",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    vec(select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// A payload that was right, and of which a few bytes were changed, cut out or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    (vec(any_command(), 1..4), vec(damage, 1..6)).prop_map(|(commands, damages)| {
        let commands: Vec<String> = commands.iter().map(|command| command.json.to_string()).collect();
        let mut payload = format!(r#"{{"commands":[{}]}}"#, commands.join(",")).into_bytes();
        for (index, byte, how) in damages {
            let at = index.index(payload.len());
            match how {
                0 => payload[at] = byte,
                1 => payload.insert(at, payload[at]),
                _ if payload.len() > 1 => drop(payload.remove(at)),
                _ => {}
            }
        }
        payload
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// It is answered in JSON, and either changes the policy and says so, or leaves it as it was.
    #[test]
    fn any_payload_is_answered(
        compat in any_compat(),
        payload in prop_oneof![damaged(), pieces(), vec(any::<u8>(), 0..60)],
    ) {
        let mut policy = Policy::new(compat);
        let before = Snapshot::of(&policy);
        let outcome = control::handle(&mut policy, &payload, &ADMIN, &TestHost);
        let response = outcome.responses.to_json();
        let json: serde_json::Value = serde_json::from_str(&String::from_utf8_lossy(&response)).unwrap();
        prop_assert!(json["responses"].is_array());
        prop_assert_eq!(outcome.changed, before != Snapshot::of(&policy));
        let is_control = |byte: &u8| byte.is_ascii_control();
        prop_assert!(!outcome.log.iter().flatten().any(is_control), "the log stays one line for each action");
        assert_invariants(&policy);
    }
}
