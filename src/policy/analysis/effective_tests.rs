//! How much is done for an answer.

use super::*;
use crate::policy::{Acl, Client, Extra, Link, Links, Priority, Role, RoleName, Username};

/// A client with a role of these ACLs.
fn policy(acls: impl IntoIterator<Item = (AclType, String)>) -> Policy {
    let mut policy = Policy::new(Compat::V2_1);
    let name = RoleName::new(b"r").unwrap();
    let mut role = Role::new(name.clone());
    let acl = |topic: String| Acl::new(topic.as_bytes(), Priority::DEFAULT_ACL, true);
    role.set_acls(acls.into_iter().map(|(acl_type, topic)| (acl_type, acl(topic))), Compat::V2_1);
    policy.put_role(role);
    let link = Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() };
    let client = Client::new(Username::new(b"ann").unwrap());
    policy.put_client(Client { roles: Links::from_given([link]), ..client }).unwrap();
    policy
}

/// A thousand filters that no index holds, so that each is held against all before it.
fn deep(acl_type: AclType) -> impl Iterator<Item = (AclType, String)> {
    (0..1000).map(move |index| (acl_type, format!("{}{index}", "a/".repeat(20))))
}

fn ask<'a>(policy: &'a Policy, offset: usize, limit: usize, work: &mut Work) -> EffectiveAcls<'a> {
    let subject = Subject::known(Some(b"ann"), Some(b"dev"));
    policy.effective_acls(subject, &AclType::ALL, offset, limit, work).unwrap()
}

#[test]
fn work_is_bounded_and_the_answer_says_so() {
    let send = AclType::PublishClientSend;
    let policy = policy(["a/+", "a/b"].map(|topic| (send, topic.to_owned())).into_iter().chain(deep(send)));
    let mut work = Work::new(10_000);
    let effective = ask(&policy, 0, usize::MAX, &mut work);
    assert!(effective.is_uncompared);
    assert_eq!((effective.total, effective.acls.len()), (1002, 1002), "all are listed nevertheless");
    let covered: Vec<&[u8]> = effective
        .acls
        .iter()
        .filter_map(|acl| acl.never.is_some().then_some(&acl.rule.acl.topic[..]))
        .collect();
    assert_eq!(covered, [b"a/b"], "what was found out before is said");
    // It is for all answers that share it, and those that need none are complete.
    assert!(ask(&policy, 0, 1, &mut work).is_uncompared);
    assert!(!ask(&policy, 0, 0, &mut work).is_uncompared);
}

#[test]
fn a_part_is_less_work_than_all() {
    let policy = policy(deep(AclType::PublishClientReceive));
    let steps = |offset, limit| {
        let mut work = Work::new(usize::MAX);
        assert!(!ask(&policy, offset, limit, &mut work).is_uncompared);
        usize::MAX.abs_diff(work.left())
    };
    assert!(steps(0, usize::MAX) > 100 * steps(900, 5));
}

#[test]
fn what_subscribes_to_one_filter_is_work_too() {
    let literal = (0..1000).map(|index| (AclType::SubscribeLiteral, format!("a/{index}")));
    let policy = policy(deep(AclType::SubscribePattern).chain(literal));
    let subject = Subject::known(Some(b"ann"), None);
    let ask = |steps| {
        let types = [AclType::SubscribeLiteral];
        policy.effective_acls(subject, &types, 0, usize::MAX, &mut Work::new(steps)).unwrap().is_uncompared
    };
    assert_eq!((ask(10_000), ask(1_000_000)), (true, false));
}
