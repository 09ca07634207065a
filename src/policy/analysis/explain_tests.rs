//! What is held against a topic for an explanation is all that could match it, and little more.

use proptest::prelude::*;

use super::*;
use crate::policy::authorize::tests::{acl, topic};
use crate::policy::{AclType, Client, Extra, Link, Links, Priority, Role, RoleName, Username};

/// A policy where `ann` has a role with these ACLs.
fn policy_of(acls: Vec<(AclType, Acl)>, compat: Compat) -> Policy {
    let mut policy = Policy::new(compat);
    let name = RoleName::new(b"r").unwrap();
    let mut role = Role::new(name.clone());
    role.set_acls(acls, compat);
    policy.put_role(role);
    let link = Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() };
    let roles = Links::from_given([link]);
    policy.put_client(Client { roles, ..Client::new(Username::new(b"ann").unwrap()) }).unwrap();
    policy
}

/// The topics of the ACLs that the index names for a request, and of those that the walk finds.
fn candidates_and_walked(policy: &Policy, request: &AclRequest<'_>) -> [Vec<String>; 2] {
    let is_filter = matches!(request.action, Action::Subscribe | Action::Unsubscribe);
    let asked = Asked { topic: request.topic, subject: &request.subject, is_filter, compat: policy.compat() };
    let search =
        Search { asked, decider: Decider::NoRule, found: Vec::new(), needs_clientid: false, decided: false };
    let Some(cut) = Cut::of(&asked, policy.keys()) else { return [Vec::new(), Vec::new()] };
    let held = policy.held_roles(request.subject.username).unwrap();
    let text = |acl: &Acl| String::from_utf8(acl.topic.to_vec()).unwrap();
    let mut both = [Vec::new(), Vec::new()];
    let patterns = request.action.acl_types().iter().filter(|acl_type| !acl_type.is_literal());
    for (held, acl_type) in held.iter().zip(patterns) {
        both[0].extend(held.index.candidates(*acl_type, &asked, &cut).into_iter().map(|acl| text(acl)));
        let matches = |acl: &&std::sync::Arc<Acl>| {
            asked.of_filter(&acl.topic) != Match::No
                || request.subject.clientid.get().is_none() && search.depends_on_clientid(acl)
        };
        both[1].extend(held.role.acls(*acl_type).iter().filter(matches).map(|acl| text(acl)));
    }
    both
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn candidates_are_all_that_could_match_in_their_order(
        acls in prop_oneof![60 => prop::collection::vec(acl(), 0..40), 1 => prop::collection::vec(acl(), 200..500)],
        topics in prop::collection::vec(topic(), 1..12),
        clientid in prop::sample::select(vec![None, Some("dev"), Some("+"), Some("a/b"), Some("")]),
        compat in prop::sample::select(vec![Compat::V2_0, Compat::V2_0_21, Compat::V2_1]),
    ) {
        let policy = policy_of(acls, compat);
        for topic in &topics {
            for action in Action::ALL {
                let subject = Subject::known(Some(b"ann"), clientid.map(str::as_bytes));
                let request = AclRequest { subject, action, topic: topic.as_bytes() };
                let [mut candidates, walked] = candidates_and_walked(&policy, &request);
                candidates.retain(|candidate| walked.contains(candidate));
                prop_assert_eq!(candidates, walked, "{:?} {}", action, topic);
            }
        }
    }
}

#[test]
fn an_explanation_does_not_hold_every_acl_against_the_topic() {
    let acl = |topic: String| {
        (AclType::PublishClientSend, Acl::new(topic.as_bytes(), Priority::DEFAULT_LINK, true))
    };
    let of_each = |number| [acl(format!("site/{number}/state")), acl(format!("site/{number}/%c/#"))];
    let policy = policy_of((0..2_000).flat_map(of_each).collect(), Compat::V2_1);
    for clientid in [None, Some(&b"state"[..])] {
        let subject = Subject::known(Some(b"ann"), clientid);
        let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"site/7/state" };
        let [candidates, _] = candidates_and_walked(&policy, &request);
        assert_eq!(candidates, ["site/7/state", "site/7/%c/#"], "{clientid:?}");
    }
}
