//! How much is done, and what is found in what no command can make.

use super::*;
use crate::password::PasswordHash;
use crate::policy::{Compat, Extra, GroupName, InertElement, Link, Links, Password, RoleName, Username};

fn role(name: &str, acls: impl IntoIterator<Item = (AclType, String, bool)>) -> Role {
    let mut role = Role::new(RoleName::new(name.as_bytes()).unwrap());
    let acls = acls
        .into_iter()
        .map(|(acl_type, topic, allow)| (acl_type, Acl::new(topic.as_bytes(), Priority::DEFAULT_ACL, allow)));
    role.set_acls(acls, Compat::V2_1);
    role
}

fn client(name: &str, roles: &[&str]) -> Client {
    let links = roles.iter().map(|name| Link {
        name: RoleName::new(name.as_bytes()).unwrap(),
        priority: Priority::DEFAULT_LINK,
        extra: Extra::default(),
    });
    Client { roles: Links::from_given(links), ..Client::new(Username::new(name.as_bytes()).unwrap()) }
}

/// Clients that each share one role with all and have one of their own, each of some ACLs.
fn policy(clients: usize) -> Policy {
    let mut policy = Policy::new(Compat::V2_1);
    let shared = (0..clients).flat_map(|index| {
        [
            (AclType::PublishClientSend, format!("shared/{index}/+"), true),
            (AclType::SubscribePattern, format!("shared/{index}/#"), true),
            (AclType::PublishClientReceive, format!("shared/{index}/+"), true),
        ]
    });
    policy.put_role(role("shared", shared));
    for index in 0..clients {
        let name = format!("r{index}");
        let acls = ["send/%u/#", "send/+", "send/a/b"]
            .map(|topic| (AclType::PublishClientSend, format!("{topic}/{index}"), true));
        let more = [
            (AclType::SubscribePattern, format!("receive/{index}/#"), true),
            (AclType::PublishClientReceive, format!("receive/{index}/1"), true),
        ];
        policy.put_role(role(&name, acls.into_iter().chain(more)));
        policy.put_client(client(&format!("c{index}"), &["shared", &name])).unwrap();
    }
    policy
}

fn steps(policy: &Policy) -> usize {
    let mut work = Work::new(usize::MAX);
    policy.lint_within(&mut work, 1000);
    usize::MAX.abs_diff(work.left())
}

#[test]
fn ten_times_the_policy_is_ten_times_the_work() {
    let (few, many) = (steps(&policy(100)), steps(&policy(1000)));
    assert!(many / few < 12, "{few} and {many}");
}

#[test]
fn a_common_policy_is_looked_at_in_whole() {
    assert!(!policy(2000).lint(1000).incomplete);
}

#[test]
fn work_is_bounded_and_the_answer_says_so() {
    // Filters that no index holds, so that each is held against all others.
    let deep = |index: usize| format!("{}{index}", "a/".repeat(20));
    let mut policy = Policy::new(Compat::V2_1);
    policy.put_role(role("deep", (0..1000).map(|index| (AclType::PublishClientSend, deep(index), true))));
    let bounded = |policy: &Policy| policy.lint_within(&mut Work::new(100_000), 1000).incomplete;
    assert!(bounded(&policy));

    // Clients with all pairs of some hundred roles.
    let mut policy = Policy::new(Compat::V2_1);
    let names: Vec<String> = (0..400).map(|index| format!("r{index}")).collect();
    for name in &names {
        policy.put_role(role(name, [(AclType::PublishClientSend, name.clone(), true)]));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for index in 0..200 {
        policy.put_client(client(&format!("c{index}"), &names)).unwrap();
    }
    assert!(bounded(&policy));
}

#[test]
fn hashes_with_less_work_than_new_ones_are_weak() {
    const SHA512: &str = "$6$AAECAwQFBgcICQoL$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw==";
    const PBKDF2_101: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
    const ARGON2ID: &str = "$argon2id$v=19$m=8,t=1,p=1$AAECAwQFBgc$meeKRQ";
    for (hash, iterations, weak) in
        [(PBKDF2_101, 101, false), (PBKDF2_101, 102, true), (SHA512, 101, true), (ARGON2ID, 1000, false)]
    {
        let mut policy = Policy::new(Compat::V2_1);
        let password = Password::Hash(PasswordHash::from_encoded(hash.as_bytes()).unwrap());
        policy.put_client(Client { password, ..client("c", &[]) }).unwrap();
        let lint = policy.lint(iterations);
        assert_eq!(lint.findings.iter().any(|found| found.code() == "weakHash"), weak, "{hash} {iterations}");
    }
}

#[test]
fn links_of_the_file_that_lead_nowhere() {
    let element = |array, name: &str| InertElement {
        array,
        missing: Some(name.as_bytes().into()),
        raw: Box::from(&b"{}"[..]),
    };
    let mut policy = Policy::new(Compat::V2_1);
    policy.put_role(role("there", []));
    let extra = Extra::new(
        Vec::new(),
        vec![
            element(InertIn::Roles, "gone"),
            // A second link to the same role is set aside too, but leads somewhere.
            element(InertIn::Roles, "there"),
            element(InertIn::Groups, "gone"),
        ],
    );
    policy.put_client(Client { extra, ..client("c", &["there"]) }).unwrap();
    policy.set_extra(Extra::new(Vec::new(), vec![element(InertIn::AnonymousGroup, "nobody")]));
    let clients = ["client Groups gone", "client Roles gone"];
    assert_eq!(dangling(&policy), [["file AnonymousGroup nobody"].as_slice(), &clients].concat());

    let group = GroupName::new(b"g").unwrap();
    policy.put_group(Group::new(group.clone())).unwrap();
    policy.set_anonymous_group(&group).unwrap();
    assert_eq!(dangling(&policy), clients, "the file names another by now");
}

fn dangling(policy: &Policy) -> Vec<String> {
    let lint = policy.lint(1000);
    let found = lint.findings.iter().filter_map(|finding| match finding {
        Finding::DanglingReference(holder, array, name) => {
            let name = String::from_utf8_lossy(name);
            Some(format!("{} {array:?} {name}", if holder.is_some() { "client" } else { "file" }))
        }
        _ => None,
    });
    found.collect()
}

#[test]
fn two_acls_can_cover_a_third_together() {
    let send = AclType::PublishClientSend;
    let acls = |acl_type, topics: &[&str]| {
        let acls = topics.iter().map(|topic| (acl_type, (*topic).to_owned(), true)).collect::<Vec<_>>();
        let mut policy = Policy::new(Compat::V2_1);
        policy.put_role(role("r", acls));
        let lint = policy.lint(1000);
        let mut found = Vec::new();
        for finding in &lint.findings {
            if let Finding::ShadowedByTwo(acl, [one, other]) = finding {
                let topics =
                    [acl, one, other].map(|acl| String::from_utf8_lossy(&acl.acl.topic).into_owned());
                found.push(topics.join(" "));
            }
        }
        found
    };
    assert_eq!(acls(send, &["a", "a/+/#", "a/#"]), ["a/# a a/+/#"]);
    assert_eq!(acls(send, &["+/+/#", "%u", "a", "a/#", "%u/#"]), ["a/# a +/+/#", "%u/# %u +/+/#"]);
    assert_eq!(acls(send, &["+", "+/+/#", "#"]), ["# + +/+/#"]);
    assert_eq!(acls(send, &["/+", "/+/+/#", "/#"]), ["/# /+ /+/+/#"]);
    for topics in [
        &["a/#", "a", "a/+/#"][..],
        &["a", "a/#", "a/+/#"],
        &["a", "a/+", "a/#"],
        &["b", "a/+/#", "a/#"],
        &["+", "+/#/+", "#"],
        &["+", "+/+/+", "#"],
    ] {
        assert_eq!(acls(send, topics), [""; 0], "{topics:?}");
    }
    // Who subscribes to `a/#` is let in by it alone.
    assert_eq!(acls(AclType::SubscribePattern, &["a", "a/+/#", "a/#"]), [""; 0]);
}

#[test]
fn what_covers_an_acl_need_not_look_like_it() {
    use AclType::{PublishClientSend, SubscribeLiteral, SubscribePattern, UnsubscribeLiteral};
    for (first, second, shadowed) in [
        ((PublishClientSend, "+/#"), (PublishClientSend, "#"), true),
        ((PublishClientSend, "#"), (PublishClientSend, "+/#"), true),
        ((PublishClientSend, "/+/#"), (PublishClientSend, "/#"), true),
        ((PublishClientSend, "a/+/#"), (PublishClientSend, "a/#"), false),
        // Who subscribes to `#` is let in by it alone.
        ((SubscribePattern, "+/#"), (SubscribePattern, "#"), false),
        ((SubscribeLiteral, "a/b"), (SubscribePattern, "a/b"), true),
        ((SubscribeLiteral, "a/+"), (SubscribePattern, "a/+"), false),
        ((SubscribeLiteral, "a/%u"), (SubscribePattern, "a/%u"), false),
        ((SubscribePattern, "a/b"), (SubscribeLiteral, "a/b"), true),
        ((UnsubscribeLiteral, "a/b"), (SubscribePattern, "a/b"), false),
    ] {
        let mut policy = Policy::new(Compat::V2_1);
        let acls = [(first, true), (second, false)];
        let acls = acls.map(|((acl_type, topic), allow)| (acl_type, topic.to_owned(), allow));
        policy.put_role(role("r", acls));
        let found = policy.lint(1000).findings.iter().any(|finding| finding.code() == "shadowedACL");
        assert_eq!(found, shadowed, "{first:?} {second:?}");
    }
}

#[test]
fn a_pattern_beside_a_literal_acl_that_says_the_same_is_nothing_wrong() {
    use AclType::{SubscribeLiteral, SubscribePattern};
    let mut policy = Policy::new(Compat::V2_1);
    let acls = [SubscribeLiteral, SubscribePattern].map(|acl_type| (acl_type, "test".to_owned(), true));
    policy.put_role(role("r", acls));
    assert!(!policy.lint(1000).findings.iter().any(|finding| finding.code() == "shadowedACL"));
}
