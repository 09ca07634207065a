//! What holds after any sequence of commands.

use std::sync::OnceLock;

use mosquitto_dynsec::control::{self, Actor, Connection, ControlTopic, Disconnect, Host, Outcome};
use mosquitto_dynsec::password::{Iterations, PasswordHash};
use mosquitto_dynsec::policy::{AclRequest, Action, ClientId, Compat, Policy, Subject, Username};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::commands::{Command, any_payloads};
use crate::decisions::because;
use crate::snapshot::{Snapshot, assert_invariants};

pub(crate) const ADMIN: Actor =
    Actor { clientid: None, username: None, address: None, topic: ControlTopic::Admin, question: 0 };

/// Has one hash for all passwords: which one it is plays no part here.
pub(crate) struct TestHost;

impl Host for TestHost {
    fn hash_password(&self, _: &[u8]) -> Option<PasswordHash> {
        static HASH: OnceLock<PasswordHash> = OnceLock::new();
        Some(HASH.get_or_init(|| PasswordHash::create(b"secret", Iterations::MIN).unwrap()).clone())
    }

    fn connections(&self, _: &Username, _: Option<&ClientId>) -> Vec<Connection> {
        Vec::new()
    }
}

/// A payload's outcome, and for each command whether it was carried out.
fn send(policy: &mut Policy, payload: &[Command]) -> (Outcome, Vec<bool>) {
    let commands: Vec<&Value> = payload.iter().map(|command| &command.json).collect();
    let payload = json!({ "commands": commands }).to_string();
    let outcome = control::handle(policy, payload.as_bytes(), &ADMIN, &TestHost);
    let responses: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
    let responses = responses["responses"].as_array().unwrap();
    let done: Vec<bool> = responses.iter().map(|response| response.get("error").is_none()).collect();
    assert_eq!(done.len(), commands.len(), "a response for each command");
    (outcome, done)
}

pub(crate) fn any_compat() -> impl Strategy<Value = Compat> {
    prop_oneof![Just(Compat::V2_0), Just(Compat::V2_0_21), Just(Compat::V2_1)]
}

fn is_disconnected(outcome: &Outcome, username: &Username) -> bool {
    outcome.disconnects.contains(&Disconnect::Username(username.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold(compat in any_compat(), payloads in any_payloads()) {
        let mut policy = Policy::new(compat);
        for payload in &payloads {
            let _ = send(&mut policy, payload);
            assert_invariants(&policy);
        }
    }

    #[test]
    fn a_refused_command_changes_nothing(compat in any_compat(), payloads in any_payloads()) {
        let mut policy = Policy::new(compat);
        for command in payloads.into_iter().flatten() {
            let before = Snapshot::of(&policy);
            let (outcome, done) = send(&mut policy, std::slice::from_ref(&command));
            if done == [false] {
                prop_assert_eq!(before, Snapshot::of(&policy), "{:?}", command);
                prop_assert!(!outcome.changed);
                prop_assert!(outcome.log.is_empty());
            }
        }
    }

    #[test]
    fn questions_change_nothing(compat in any_compat(), payloads in any_payloads()) {
        let mut policy = Policy::new(compat);
        for command in payloads.into_iter().flatten() {
            let before = Snapshot::of(&policy);
            let (outcome, _) = send(&mut policy, std::slice::from_ref(&command));
            if !command.mutates {
                prop_assert_eq!(before, Snapshot::of(&policy), "{:?}", command);
                prop_assert!(!outcome.changed && outcome.disconnects.is_empty());
            }
        }
    }

    #[test]
    fn each_command_that_changes_is_counted(compat in any_compat(), payloads in any_payloads()) {
        let mut policy = Policy::new(compat);
        let mut expected = 0;
        for payload in &payloads {
            let before = expected;
            let (outcome, done) = send(&mut policy, payload);
            let counted = payload.iter().zip(done).filter(|(command, done)| *done && command.mutates);
            expected += i64::try_from(counted.count()).unwrap();
            prop_assert_eq!(policy.change_index(), expected);
            prop_assert_eq!(outcome.changed, expected > before);
        }
    }

    #[test]
    fn undoing_brings_back_what_was(
        compat in any_compat(),
        payloads in any_payloads(),
        kept in any::<prop::sample::Index>(),
    ) {
        let mut policy = Policy::new(compat);
        let mut history = Vec::new();
        let kept = kept.index(payloads.len());
        for (index, payload) in payloads.iter().enumerate() {
            if index == kept {
                policy.keep();
                history.clear();
            }
            history.push((policy.mark(), Snapshot::of(&policy)));
            let _ = send(&mut policy, payload);
        }
        for (mark, before) in history.into_iter().rev() {
            prop_assert_eq!(policy.changed_since(mark), before != Snapshot::of(&policy));
            policy.undo_to(mark);
            prop_assert_eq!(Snapshot::of(&policy), before);
            prop_assert!(!policy.changed_since(mark));
            assert_invariants(&policy);
        }
    }

    #[test]
    fn undoing_many_payloads_at_once_brings_back_what_was(
        compat in any_compat(),
        payloads in any_payloads(),
        from in any::<prop::sample::Index>(),
    ) {
        let mut policy = Policy::new(compat);
        let (first, then) = payloads.split_at(from.index(payloads.len()));
        for payload in first {
            let _ = send(&mut policy, payload);
        }
        let (mark, before) = (policy.mark(), Snapshot::of(&policy));
        for payload in then {
            let _ = send(&mut policy, payload);
        }
        policy.undo_to(mark);
        prop_assert_eq!(Snapshot::of(&policy), before);
        // What comes afterwards is as if it had not been.
        for payload in then {
            let _ = send(&mut policy, payload);
            assert_invariants(&policy);
        }
    }

    #[test]
    fn what_is_deleted_leaves_no_trace(compat in any_compat(), payloads in any_payloads()) {
        let mut policy = Policy::new(compat);
        for payload in &payloads {
            let _ = send(&mut policy, payload);
        }
        for role in policy.roles().map(|role| role.name.to_string()).collect::<Vec<_>>() {
            let command = Command { json: json!({"command": "deleteRole", "rolename": role}), mutates: true };
            prop_assert_eq!(send(&mut policy, &[command]).1, [true]);
            prop_assert!(role.is_empty() || !Snapshot::of(&policy).mentions(&role));
        }
        for client in policy.clients().map(|client| client.username.to_string()).collect::<Vec<_>>() {
            let command = Command { json: json!({"command": "deleteClient", "username": client}), mutates: true };
            prop_assert_eq!(send(&mut policy, &[command]).1, [true]);
            prop_assert!(client.is_empty() || !Snapshot::of(&policy).mentions(&client));
        }
        let anonymous = policy.anonymous_group().map(|group| group.name.to_string());
        for group in policy.groups().map(|group| group.name.to_string()).collect::<Vec<_>>() {
            let command = Command { json: json!({"command": "deleteGroup", "groupname": group}), mutates: true };
            let is_anonymous = anonymous.as_ref() == Some(&group);
            prop_assert_eq!(send(&mut policy, &[command]).1, [!is_anonymous]);
            prop_assert!(group.is_empty() || Snapshot::of(&policy).mentions(&group) == is_anonymous);
        }
        assert_invariants(&policy);
    }

    #[test]
    fn whose_rights_change_is_disconnected(compat in any_compat(), payloads in any_payloads()) {
        let mut policy = Policy::new(compat);
        for payload in &payloads {
            let before = Snapshot::of(&policy);
            let (outcome, _) = send(&mut policy, payload);
            let after = Snapshot::of(&policy);
            for client in &before.clients {
                let name = client.username.as_bytes();
                if before.rights_of(name) != after.rights_of(name) {
                    prop_assert!(is_disconnected(&outcome, &client.username), "{:?}: {:?}", payload, name);
                }
                let disabled = after.clients.iter().any(|after| after.username.as_bytes() == name && after.disabled);
                if disabled && !client.disabled {
                    prop_assert!(is_disconnected(&outcome, &client.username), "{:?}: {:?}", payload, name);
                }
            }
            if before.rights_of_anonymous() != after.rights_of_anonymous() {
                prop_assert!(outcome.disconnects.contains(&Disconnect::Anonymous), "{:?}", payload);
            }
        }
    }

    /// A batch does what its commands do one by one.
    #[test]
    fn a_batch_is_its_commands_in_their_order(compat in any_compat(), payloads in any_payloads()) {
        let mut at_once = Policy::new(compat);
        let mut one_by_one = Policy::new(compat);
        let commands: Vec<Command> = payloads.into_iter().flatten().collect();
        let (outcome, done) = send(&mut at_once, &commands);
        let mut log = Vec::new();
        for (command, done) in commands.iter().zip(done) {
            let (outcome, done_alone) = send(&mut one_by_one, std::slice::from_ref(command));
            prop_assert_eq!(done_alone, [done]);
            log.extend(outcome.log);
        }
        prop_assert_eq!(outcome.log, log);
        prop_assert_eq!(Snapshot::of(&at_once), Snapshot::of(&one_by_one));
    }

    /// What is derived from the records follows every change of them, and every undoing.
    #[test]
    fn decisions_are_those_of_a_policy_just_made(
        compat in any_compat(),
        payloads in any_payloads(),
        undone in any::<prop::sample::Index>(),
    ) {
        let mut policy = Policy::new(compat);
        let undone = undone.index(payloads.len());
        let mut mark = policy.mark();
        for (index, payload) in payloads.iter().enumerate() {
            if index == undone {
                mark = policy.mark();
            }
            let _ = send(&mut policy, payload);
        }
        for step in 0..2 {
            let rebuilt = Snapshot::of(&policy).rebuilt(compat);
            for (decision, expected) in all_decisions(&policy).iter().zip(&all_decisions(&rebuilt)) {
                prop_assert_eq!(decision, expected, "after {} undoings", step);
            }
            policy.undo_to(mark);
        }
    }
}

/// What anybody is told who asks for anything.
fn all_decisions(policy: &Policy) -> Vec<String> {
    let topics = ["a", "a/b", "a/x", "ann", "$SYS/x", "a/+", "a/#", "#", "+", "r1", "x/y/z", "$CONTROL/x"];
    let mut decisions = Vec::new();
    for username in [None, Some("ann"), Some("bob"), Some("cid"), Some("Zoe"), Some("nobody")] {
        for action in Action::ALL {
            for topic in topics {
                let subject = Subject::known(username.map(str::as_bytes), Some(b"c"));
                let decision = policy.authorize(&AclRequest { subject, action, topic: topic.as_bytes() });
                let because = because(&decision.reason);
                decisions.push(format!("{username:?} {action:?} {topic}: {:?} {because:?}", decision.effect));
            }
        }
    }
    decisions
}
