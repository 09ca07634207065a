//! Of what kind a denied action is counted, and that it is seldom asked why it was denied.

use std::cell::Cell;
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::policy::{Acl, AclType, Priority, Reason, Role, RoleName};

const SETTINGS: Settings =
    Settings { wanted: true, receive: true, deferred: true, interval: Duration::from_secs(60) };

/// What denies: one ACL or another, or the default access.
struct Denying {
    role: Role,
    acls: [Acl; 2],
}

impl Denying {
    fn new() -> Self {
        let acl = |topic: &[u8]| Acl::new(topic, Priority::DEFAULT_ACL, false);
        Self { role: Role::new(RoleName::new(b"r").unwrap()), acls: [acl(b"a/#"), acl(b"b/#")] }
    }

    fn by(&self, which: usize) -> Decision<'_> {
        let Some(acl) = self.acls.get(which) else {
            return Decision { effect: Effect::Defer, reason: Reason::DefaultAccess };
        };
        let acl_type = AclType::PublishClientSend;
        Decision {
            effect: Effect::Deny,
            reason: Reason::Acl { group: None, role: &self.role, acl_type, acl },
        }
    }
}

/// Notes that a client may not publish; says whether it was asked why.
fn is_asked_why(
    denials: &Denials,
    clientid: &str,
    topic: &str,
    generation: Option<u64>,
    why: Decision<'_>,
) -> bool {
    let is_asked = Cell::new(false);
    let subject = Subject::known(Some(b"john"), Some(clientid.as_bytes()));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() };
    let hashed = Hashed::new(request, &TextKeys::of_process());
    let why = || {
        is_asked.set(true);
        why
    };
    denials.note_action(&hashed, AskedAgain { generation, id: None }, why, || None);
    is_asked.get()
}

#[test]
fn it_is_asked_why_only_if_there_may_be_another_line() {
    let denials = Denials::new(SETTINGS);
    let denying = Denying::new();
    let is_asked =
        |topic: &str, generation| is_asked_why(&denials, "d1", topic, Some(generation), denying.by(0));
    for number in 0..10 {
        assert!(is_asked(&format!("t/{number}"), 1), "a kind that is new");
    }
    assert!(is_asked("more", 1), "what stands for the rest");
    for number in 0..1_000 {
        assert!(!is_asked(&format!("more/{number}"), 1 + number % 2), "there are ten");
    }
    for generation in [1, 2] {
        for number in 0..10 {
            let topic = format!("t/{number}");
            assert!(is_asked(&topic, generation) == (generation == 2), "after a change");
            assert!(!is_asked(&topic, generation), "for the same reason");
        }
    }
    assert!(is_asked_why(&denials, "d1", "t/0", None, denying.by(0)), "the policy does not decide alone");
}

#[test]
fn what_is_denied_for_another_reason_after_a_change_is_another_kind() {
    let denials = Denials::new(SETTINGS);
    let denying = Denying::new();
    for (generation, which) in [(1, 0), (1, 0), (2, 2), (2, 2), (3, 0), (3, 0), (4, 1)] {
        is_asked_why(&denials, "d1", "t", Some(generation), denying.by(which));
    }
    let lines = denials.take_all();
    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    let john = "| publishClientSend | clientid=d1 | username=john | topic=t";
    assert_eq!(
        lines,
        [
            format!("dynsec: denied {john} | reason=acl | role=r | acl=a/#"),
            format!("dynsec: denied {john} | reason=defaultACLAccess | deferred"),
            format!("dynsec: denied {john} | reason=acl | role=r | acl=b/#"),
            format!("dynsec: denied again {john} | reason=acl | role=r | acl=a/# | times=3"),
            format!("dynsec: denied again {john} | reason=defaultACLAccess | deferred | times=1"),
        ]
    );
}

#[test]
fn clients_and_actions_that_look_alike_are_told_apart() {
    let denials = Denials::new(SETTINGS);
    let mut seen = HashSet::new();
    let names = [None, Some(""), Some("a1"), Some("e1"), Some("u"), Some("longer than eight")];
    for (username, clientid) in names.iter().flat_map(|one| names.map(|other| (*one, other))) {
        for action in Action::ALL {
            let subject = Subject::known(username.map(str::as_bytes), clientid.map(str::as_bytes));
            assert!(seen.insert(denials.key_of_client(action, &subject)), "{action:?} {subject:?}");
        }
    }
}

proptest! {
    #[test]
    fn all_is_counted_as_if_it_were_always_asked_why(
        steps in prop::collection::vec((0_usize..40, 0_usize..14, 0_u64..4, any::<bool>()), 0..600),
        intervals in prop::collection::vec(1_usize..600, 3),
    ) {
        let denying = Denying::new();
        let [usual, asking] = [Denials::new(SETTINGS), Denials::new(SETTINGS)];
        let mut generation = 1_usize;
        for (at, (client, topic, change, often)) in steps.into_iter().enumerate() {
            // Most are of few clients, and changes are rare.
            let clientid = if often { format!("d{}", client % 3) } else { format!("other-{client}") };
            generation = generation.wrapping_add(usize::from(change == 0 && topic == 0));
            let which = topic.wrapping_add(generation) % 5;
            let topic = format!("t/{topic}");
            is_asked_why(&usual, &clientid, &topic, Some(generation as u64), denying.by(which));
            is_asked_why(&asking, &clientid, &topic, None, denying.by(which));
            if intervals.contains(&at) {
                prop_assert_eq!(usual.take_all(), asking.take_all());
            }
        }
        prop_assert_eq!(usual.take_all(), asking.take_all());
    }
}
