//! `Policy::authorize` gives the answers of the plain evaluation, and for its reasons.

use mosquitto_dynsec::policy::{AclRequest, AclType, Action, Compat, Reason, Subject};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::evaluation::{Model, Question, USERNAME};

fn any_priority() -> impl Strategy<Value = i32> {
    prop_oneof![8 => -1..3_i32, 1 => Just(i32::MAX), 1 => Just(i32::MIN), 1 => Just(100_001)]
}

/// Levels of filters and topics, few enough to meet.
fn any_filter() -> impl Strategy<Value = String> {
    let level = select(vec!["a", "b", "", "+", "%u", "%c", "ann", "dev", "$SYS", "$CONTROL"]);
    (vec(level, 1..4), 0..60_u8).prop_map(|(mut levels, end)| {
        match end {
            0..20 => levels.push("#"),
            20..25 => levels = vec!["#"],
            25 => levels.insert(0, "#"),
            _ => {}
        }
        levels.join("/")
    })
}

fn any_acl() -> impl Strategy<Value = (AclType, String, i32, bool)> {
    (select(AclType::ALL.to_vec()), any_filter(), any_priority(), any::<bool>())
}

/// ACLs of all types, or many of one, so that a role's index has something to choose from.
fn any_acls() -> impl Strategy<Value = Vec<(AclType, String, i32, bool)>> {
    let many = (select(AclType::ALL.to_vec()), vec(any_acl(), 0..40))
        .prop_map(|(acl_type, acls)| acls.into_iter().map(|acl| (acl_type, acl.1, acl.2, acl.3)).collect());
    prop_oneof![vec(any_acl(), 0..6), many]
}

pub(crate) fn any_model() -> impl Strategy<Value = Model> {
    let links = |count: usize| vec((0..count, any_priority()), 0..4);
    (
        prop_oneof![Just(Compat::V2_0), Just(Compat::V2_0_21), Just(Compat::V2_1)],
        vec((any_acls(), prop::bool::weighted(0.8)), 4),
        vec(links(4), 3),
        links(4),
        links(3),
        prop::option::of(0..3_usize),
        any::<[bool; 4]>(),
    )
        .prop_map(|(compat, roles, groups, client_roles, client_groups, anonymous, defaults)| {
            let (roles, wildcards) = roles.into_iter().unzip();
            Model { compat, roles, wildcards, groups, client_roles, client_groups, anonymous, defaults }
        })
}

pub(crate) fn any_question() -> impl Strategy<Value = Question> {
    let username = select(vec![Some(USERNAME), Some(USERNAME), Some(USERNAME), None, Some("nobody")]);
    (username, select(vec!["dev", "a", "a/b", "+", ""]), select(Action::ALL.to_vec()), any_filter()).prop_map(
        |(username, clientid, action, topic)| {
            let publishing = matches!(action, Action::PublishClientSend | Action::PublishClientReceive);
            // A broker asks for topics without wildcards, and for valid filters.
            let topic = if publishing { topic.replace(['+', '#'], "b") } else { topic.replace("#/", "a/") };
            Question {
                username,
                clientid,
                action,
                topic: if topic.is_empty() { "a".to_owned() } else { topic },
            }
        },
    )
}

/// The role and the topic of the ACL that decided.
pub(crate) fn because(reason: &Reason<'_>) -> Option<(String, Option<String>)> {
    match reason {
        Reason::Acl { role, acl, .. } | Reason::MalformedAcl { role, acl, .. } => {
            Some((role.name.to_string(), Some(String::from_utf8_lossy(&acl.topic).into_owned())))
        }
        Reason::WildcardSubscription { role, .. } => Some((role.name.to_string(), None)),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_evaluation(model in any_model(), questions in vec(any_question(), 1..60)) {
        let policy = model.policy();
        let has_malformed = model.roles.iter().flatten().any(|acl| acl.1.contains("#/"));
        for question in &questions {
            // How far a filter gets with a `#` in a wrong place is for the tests of topics.
            if has_malformed && question.topic.contains('#') {
                continue;
            }
            let request = AclRequest {
                subject: Subject::known(question.username.map(str::as_bytes), Some(question.clientid.as_bytes())),
                action: question.action,
                topic: question.topic.as_bytes(),
            };
            let decision = policy.authorize(&request);
            let (effect, reason) = model.decide(question);
            let reason = reason.map(|(role, topic)| (format!("r{role}"), topic));
            prop_assert_eq!((decision.effect, because(&decision.reason)), (effect, reason), "{:?}", question);
        }
    }
}
