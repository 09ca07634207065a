//! The index decides as a walk along the ACLs does.

use proptest::prelude::*;

use super::*;
use crate::policy::{Client, Link, Priority, Role, Subject, Username};
use crate::policy::{Extra, RoleName};

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "", "$SYS", "%c", "%u", "dev", "ann", "+", "+", "longer-level-name"])
}

fn filter() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(level(), 0..5);
    (levels, prop::sample::select(vec!["", "", "#", "#", "#/a", "a+", "#b"])).prop_map(
        |(mut levels, last)| {
            if !last.is_empty() {
                levels.push(last);
            }
            levels.join("/")
        },
    )
}

pub(in crate::policy) fn topic() -> impl Strategy<Value = String> {
    let plain = prop::collection::vec(
        prop::sample::select(vec!["a", "b", "", "$SYS", "%c", "dev", "ann", "longer-level-name"]),
        1..6,
    );
    prop_oneof![4 => plain.prop_map(|levels| levels.join("/")), 2 => filter(), 1 => deep()]
}

fn deep() -> impl Strategy<Value = String> {
    (22_usize..28, prop::sample::select(vec!["a", "+", "dev"])).prop_map(|(count, last)| {
        let mut levels = vec!["a"; count];
        levels.push(last);
        levels.join("/")
    })
}

fn deep_filter() -> impl Strategy<Value = String> {
    (deep(), any::<bool>()).prop_map(|(filter, open)| if open { filter + "/#" } else { filter })
}

pub(in crate::policy) fn acl() -> impl Strategy<Value = (AclType, Acl)> {
    let topic = prop_oneof![8 => filter(), 1 => deep_filter()];
    (prop::sample::select(AclType::ALL.to_vec()), topic, -2_i32..3, any::<bool>()).prop_map(
        |(acl_type, topic, priority, allow)| {
            (acl_type, Acl::new(topic.as_bytes(), Priority::new(priority, Compat::V2_0), allow))
        },
    )
}

/// One by one, highest priority first.
fn walked<'a>(
    policy: &'a Policy,
    role: &'a Role,
    request: &AclRequest<'_>,
) -> Option<(bool, &'a [u8], bool)> {
    let hashed = policy.hashed(request);
    let question = policy.question(&hashed);
    let literal = match request.action {
        Action::Subscribe => Some(AclType::SubscribeLiteral),
        Action::Unsubscribe => Some(AclType::UnsubscribeLiteral),
        _ => None,
    };
    if let Some(acl) = literal.and_then(|literal| role.acls(literal).find(request.topic)) {
        return Some((acl.allow, &acl.topic, false));
    }
    let pattern = match request.action {
        Action::PublishClientSend => AclType::PublishClientSend,
        Action::PublishClientReceive => AclType::PublishClientReceive,
        Action::Subscribe => AclType::SubscribePattern,
        Action::Unsubscribe => AclType::UnsubscribePattern,
    };
    let (acl, how) = question.walk(role, pattern)?;
    Some((acl.allow && how == Match::Yes, &acl.topic, how == Match::Malformed))
}

/// A filter may be longer than each topic that it matches.
#[test]
fn filters_that_are_longer_than_topics_decide_as_the_walk() {
    let levels = 40_000;
    let (plus, topic) = ("+/".repeat(levels) + "+", "/".repeat(levels));
    let (long, long_topic) = ("+/".repeat(15) + &"x".repeat(65_510), "/".repeat(15) + &"x".repeat(65_510));
    let deep_topic = "/".repeat(20) + &"x".repeat(65_500);
    let deep = "+/".repeat(20) + &"x".repeat(65_500);
    for filter in [
        &plus,
        &("+/".repeat(levels) + "#"),
        &("x".repeat(70_000) + "/+"),
        &"x".repeat(70_000),
        &("+/".repeat(levels) + "x"),
        &long,
        &deep,
    ] {
        for compat in [Compat::V2_0, Compat::V2_1] {
            let mut policy = Policy::new(compat);
            let name = RoleName::new(b"r").unwrap();
            let mut role = Role::new(name.clone());
            let acl = Acl::new(filter.as_bytes(), Priority::DEFAULT_ACL, true);
            role.add_acl(AclType::PublishClientSend, acl);
            policy.put_role(role);
            let (role, index) = policy.role_with_index(b"r").unwrap();
            for topic in [&topic, &"/".repeat(levels - 1), "x", &long_topic, &deep_topic] {
                let request = AclRequest {
                    subject: Subject::known(None, None),
                    action: Action::PublishClientSend,
                    topic: topic.as_bytes(),
                };
                let hashed = policy.hashed(&request);
                let found =
                    policy.question(&hashed).ask_role(role, index, None).map(|decision| decision.effect);
                let walked = walked(&policy, role, &request).map(|(allow, ..)| allow);
                assert_eq!(
                    found.map(|effect| effect == Effect::Allow),
                    walked,
                    "{} {}",
                    filter.len(),
                    topic.len()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn the_index_decides_as_the_walk(
        acls in prop_oneof![60 => prop::collection::vec(acl(), 0..40), 1 => prop::collection::vec(acl(), 200..500)],
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        topics in prop::collection::vec(topic(), 1..12),
        clientid in prop::sample::select(vec!["dev", "+", "a/b", "", "$SYS"]),
        compat in prop::sample::select(vec![Compat::V2_0, Compat::V2_0_21, Compat::V2_1]),
    ) {
        let mut policy = Policy::new(compat);
        let name = RoleName::new(b"r").unwrap();
        let mut role = Role::new(name.clone());
        let half = acls.len() / 2;
        role.set_acls(acls[..half].to_vec(), compat);
        policy.put_role(role);
        for (acl_type, acl) in &acls[half..] {
            if policy.acl(b"r", *acl_type, &acl.topic).is_none() {
                let mut role = Role::clone(policy.role(b"r").unwrap());
                role.add_acl(*acl_type, acl.clone());
                policy.put_role(role);
            }
        }
        for index in &removed {
            if acls.is_empty() { break }
            let (acl_type, acl) = index.get(&acls);
            if let Some(acl) = policy.acl(b"r", *acl_type, &acl.topic).cloned() {
                let mut role = Role::clone(policy.role(b"r").unwrap());
                role.remove_acl(*acl_type, &acl);
                policy.put_role(role);
            }
        }
        let link = Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() };
        let roles = Links::from_given([link]);
        policy.put_client(Client { roles, ..Client::new(Username::new(b"ann").unwrap()) }).unwrap();
        for topic in &topics {
            for action in Action::ALL {
                let subject = Subject::known(Some(b"ann"), Some(clientid.as_bytes()));
                let request = AclRequest { subject, action, topic: topic.as_bytes() };
                let role = policy.role(b"r").unwrap();
                let wanted = walked(&policy, role, &request);
                let decision = policy.authorize(&request);
                let found = match decision.reason {
                    Reason::Acl { acl, .. } => Some((acl.allow, &*acl.topic, false)),
                    Reason::MalformedAcl { acl, .. } => Some((false, &*acl.topic, true)),
                    _ => None,
                };
                prop_assert_eq!(found, wanted, "{:?} {}", action, topic);
            }
        }
    }
}

#[test]
fn a_name_that_lies_where_another_did_is_not_taken_for_it() {
    let mut policy = Policy::new(Compat::V2_1);
    for (name, disabled) in [("ann", false), ("bob", true)] {
        let client = Client { disabled, ..Client::new(Username::new(name.as_bytes()).unwrap()) };
        policy.put_client(client).unwrap();
    }
    let mut place = *b"ann";
    for (name, is_disabled) in [(b"ann", false), (b"bob", true), (b"ann", false)] {
        place.copy_from_slice(name);
        let subject = Subject::known(Some(&place), None);
        let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"t" };
        // The second time it is where it was found the first time.
        for _ in 0..2 {
            let reason = policy.authorize(&request).reason;
            assert_eq!(matches!(reason, Reason::ClientDisabled), is_disabled, "{name:?} {reason:?}");
        }
    }
    policy.remove_client(&Username::new(b"ann").unwrap());
    policy.put_client(Client::new(Username::new(b"eve").unwrap())).unwrap();
    let subject = Subject::known(Some(&place), None);
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"t" };
    assert!(matches!(policy.authorize(&request).reason, Reason::ClientDeleted));
}
