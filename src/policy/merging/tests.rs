//! What is merged decides as the roles do one by one.

use proptest::prelude::*;

use std::borrow::Borrow;

use super::*;
use crate::policy::authorize::tests::{acl, topic};
use crate::policy::{
    Acl, AclRequest, AclType, Action, Compat, Effect, Extra, GroupName, Link, Priority, Role, Subject,
    Username, Walks,
};

pub(super) fn role(name: &str, acls: Vec<(AclType, Acl)>, allow_wildcard_subs: bool, compat: Compat) -> Role {
    let mut role = Role::new(RoleName::new(name.as_bytes()).unwrap());
    role.allow_wildcard_subs = allow_wildcard_subs;
    role.set_acls(acls, compat);
    role
}

pub(super) fn links<N: Ord + Clone + Borrow<[u8]>>(names: impl IntoIterator<Item = N>) -> Links<N> {
    let link = |name| Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() };
    Links::from_given(names.into_iter().map(link))
}

/// A policy with a client `ann` that has all roles: half of them through a group, which has one more.
fn policy(roles: &[(Vec<(AclType, Acl)>, bool)], compat: Compat) -> Policy {
    let mut policy = Policy::new(compat);
    let mut names = Vec::new();
    for (index, (acls, allow_wildcard_subs)) in roles.iter().enumerate() {
        let role = role(&format!("r{index}"), acls.clone(), *allow_wildcard_subs, compat);
        names.push(role.name.clone());
        policy.put_role(role);
    }
    let through_group = names.split_off(names.len() / 2);
    let both = names.first().cloned();
    let group = GroupName::new(b"g").unwrap();
    policy
        .put_group(Group { roles: links(through_group.into_iter().chain(both)), ..Group::new(group.clone()) })
        .unwrap();
    let client = Client::new(Username::new(b"ann").unwrap());
    policy.put_client(Client { roles: links(names), groups: links([group]), ..client }).unwrap();
    policy
}

fn requests(topics: &[String]) -> Vec<AclRequest<'_>> {
    let subject = Subject::known(Some(b"ann"), Some(b"dev"));
    let of_topic = |topic| Action::ALL.map(|action| AclRequest { subject, action, topic });
    topics.iter().flat_map(|topic| of_topic(topic.as_bytes())).collect()
}

fn decisions(policy: &Policy, requests: &[AclRequest<'_>]) -> Vec<String> {
    requests.iter().map(|request| format!("{:?}", policy.authorize(request))).collect()
}

fn ann(policy: &Policy) -> Arc<Client> {
    Arc::clone(policy.client(b"ann").unwrap())
}

fn is_merged(policy: &Policy) -> bool {
    policy.merged.of(&ann(policy), policy.keys()).is_some()
}

/// Merges a client's roles, as a tick does when walks have earned that.
pub(super) fn merge(policy: &mut Policy, client: &Arc<Client>) -> usize {
    merge_walked(policy, [(Arc::clone(client), u32::MAX)], usize::MAX)
}

/// A tick after these walks, in which so many roles were asked.
pub(super) fn merge_walked(
    policy: &mut Policy,
    walked: impl IntoIterator<Item = (Arc<Client>, u32)>,
    most: usize,
) -> usize {
    let mut walks = Walks::default();
    for (client, asked) in walked {
        walks.note(&client, asked);
    }
    policy.merge(&mut walks, most)
}

fn tick(policy: &mut Policy) {
    let client = ann(policy);
    // What is stale is forgotten first.
    merge(policy, &client);
    merge(policy, &client);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn merged_roles_decide_as_they_do_one_by_one(
        roles in prop::collection::vec((prop::collection::vec(acl(), 0..15), prop::bool::weighted(0.8)), 3..8),
        topics in prop::collection::vec(topic(), 1..12),
        compat in prop::sample::select(vec![Compat::V2_0, Compat::V2_0_21, Compat::V2_1]),
    ) {
        let mut policy = policy(&roles, compat);
        let requests = requests(&topics);
        let one_by_one = decisions(&policy, &requests);
        tick(&mut policy);
        prop_assert!(is_merged(&policy));
        let merged = decisions(&policy, &requests);
        prop_assert_eq!(merged, one_by_one);
    }
}

fn some_roles() -> Vec<(Vec<(AclType, Acl)>, bool)> {
    let acl =
        |topic: &str| (AclType::PublishClientSend, Acl::new(topic.as_bytes(), Priority::DEFAULT_LINK, true));
    vec![(vec![acl("a")], true), (vec![acl("b")], true), (vec![acl("c")], true)]
}

fn may_publish(policy: &Policy, topic: &str) -> bool {
    let subject = Subject::known(Some(b"ann"), Some(b"dev"));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() };
    policy.authorize(&request).effect == Effect::Allow
}

#[test]
fn a_change_to_a_role_a_group_or_the_client_is_in_force_at_once_and_merged_again_at_the_tick() {
    let mut policy = policy(&some_roles(), Compat::V2_1);
    tick(&mut policy);
    assert!(is_merged(&policy) && may_publish(&policy, "c"));

    policy.put_role(role("r2", Vec::new(), true, Compat::V2_1));
    assert!(!is_merged(&policy) && !may_publish(&policy, "c"));
    tick(&mut policy);
    assert!(is_merged(&policy) && !may_publish(&policy, "c") && may_publish(&policy, "b"));

    let group = GroupName::new(b"g").unwrap();
    let more = links(["r0", "r1", "r2"].map(|name| RoleName::new(name.as_bytes()).unwrap()));
    policy.put_group(Group { roles: more, ..Group::new(group.clone()) }).unwrap();
    assert!(!is_merged(&policy));
    tick(&mut policy);
    assert!(is_merged(&policy) && may_publish(&policy, "b"));

    let client = Client::new(Username::new(b"ann").unwrap());
    policy.put_client(Client { groups: links([group]), ..client }).unwrap();
    assert!(!is_merged(&policy));
    tick(&mut policy);
    assert!(is_merged(&policy) && may_publish(&policy, "a"));
}

#[test]
fn what_is_taken_back_is_not_decided_by_what_was_merged_in_between() {
    let mut policy = policy(&some_roles(), Compat::V2_1);
    tick(&mut policy);
    let mark = policy.mark();
    policy.put_role(role("r2", Vec::new(), true, Compat::V2_1));
    tick(&mut policy);
    assert!(!may_publish(&policy, "c"));
    policy.undo_to(mark);
    assert!(may_publish(&policy, "c"));
}

#[test]
fn a_change_that_concerns_others_costs_no_merging_anew() {
    let mut policy = policy(&some_roles(), Compat::V2_1);
    let client = ann(&policy);
    assert_eq!(merge(&mut policy, &client), 4, "ACLs that are filed");
    policy.put_role(role("other", Vec::new(), true, Compat::V2_1));
    assert!(!is_merged(&policy), "it may be stale");
    assert_eq!(merge(&mut policy, &client), 0);
    assert!(is_merged(&policy));
}

#[test]
fn clients_with_the_same_roles_share_what_is_merged() {
    let mut policy = policy(&some_roles(), Compat::V2_1);
    let ann = ann(&policy);
    policy.put_client(Client { username: Username::new(b"bob").unwrap(), ..Client::clone(&ann) }).unwrap();
    let bob = Arc::clone(policy.client(b"bob").unwrap());
    assert_eq!((merge(&mut policy, &ann), merge_walked(&mut policy, [(Arc::clone(&bob), 3)], 0)), (4, 0));
    assert!(policy.merged.of(&bob, policy.keys()).is_some());
}
