//! Several ACLs of a type with one topic: one counts, by the rules of the version, and the others stay where they do not.

use super::{assert_survives_saving, load, write};
use crate::policy::{Acl, AclType, Compat, Policy, Priority, Role};

const SEND: AclType = AclType::PublishClientSend;

fn acl(acltype: &str, priority: i32) -> String {
    format!(r#"{{"acltype":"{acltype}","topic":"t","priority":{priority},"allow":true}}"#)
}

fn file(acltype: &str, priorities: &[i32]) -> String {
    let acls: Vec<String> = priorities.iter().map(|priority| acl(acltype, *priority)).collect();
    format!(r#"{{"roles":[{{"rolename":"r","acls":[{}]}}]}}"#, acls.join(","))
}

fn role(policy: &Policy) -> Role {
    policy.role(b"r").unwrap().as_ref().clone()
}

fn with_priority(priority: i32) -> Acl {
    Acl::new(b"t", Priority::new(priority, Compat::V2_0), true)
}

/// The priorities in the order in which they stand in a file.
fn priorities(file: &[u8]) -> Vec<i32> {
    let file = String::from_utf8_lossy(file).replace([' ', '\t', '\n'], "");
    let number = |rest: &str| rest.split([',', '}']).next().unwrap().parse().unwrap();
    file.split("\"priority\":").skip(1).map(number).collect()
}

#[test]
fn one_counts_and_the_others_stay_where_they_do_not() {
    let highest = "is one of several `t`: only the first of the highest priority counts";
    let first = "is a second `t`: only the first counts";
    let last = "is one of several `t`: only the last counts";
    // The rules, the type, the priority of the one that counts, what the others are said to be, the order in the file.
    for (compat, acltype, counting, reported, saved) in [
        (Compat::V2_0, "publishClientSend", 5, highest, [5, 3, 5, 1]),
        (Compat::V2_0, "unsubscribePATTERN", 5, highest, [5, 3, 5, 1]),
        (Compat::V2_0, "subscribeLiteral", 1, last, [3, 5, 5, 1]),
        (Compat::V2_0, "unsubscribeliteral", 1, last, [3, 5, 5, 1]),
        (Compat::V2_0_21, "publishClientSend", 3, first, [3, 5, 5, 1]),
        (Compat::V2_1, "subscribeLiteral", 3, first, [3, 5, 5, 1]),
    ] {
        let (policy, issues) = load(file(acltype, &[3, 5, 5, 1]), compat);
        let role = role(&policy);
        let acls: Vec<i32> = role
            .acls(AclType::from_name(acltype.as_bytes()).unwrap())
            .iter()
            .map(|acl| acl.priority.get())
            .collect();
        assert_eq!(acls, [counting], "{acltype} {compat:?}");
        assert!(issues.iter().all(|issue| issue.what.to_string() == reported), "{issues:#?}");
        assert_eq!(issues.len(), 3);
        assert_eq!(priorities(&assert_survives_saving(&policy, &issues)), saved, "{acltype} {compat:?}");
    }
}

#[test]
fn what_changes_an_acl_drops_those_that_were_set_aside_beside_it() {
    for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
        let after = |change: &dyn Fn(&mut Role)| {
            let (mut policy, _) = load(file("publishClientSend", &[5, 3]), compat);
            let mut role = role(&policy);
            change(&mut role);
            policy.put_role(role);
            let saved = write(&policy);
            let (again, issues) = load(&saved, compat);
            assert_eq!(issues, []);
            assert!(again.roles().eq(policy.roles()));
            priorities(&saved)
        };
        assert_eq!(after(&|role| role.set_acls([(SEND, with_priority(0))], compat)), [0]);
        assert_eq!(after(&|role| role.set_acls([], compat)), [0; 0]);
        assert_eq!(
            after(&|role| {
                let acl = role.acls(SEND).find(b"t").unwrap().clone();
                role.remove_acl(SEND, &acl);
                role.add_acl(SEND, with_priority(0));
            }),
            [0]
        );
    }
}

/// Even if something forgets to drop them.
#[test]
fn what_would_count_is_not_written() {
    let with_acl = |priority| {
        let (mut policy, _) = load(file("publishClientSend", &[5, 3]), Compat::V2_0);
        let mut role = role(&policy);
        let extra = role.acls(SEND).find(b"t").unwrap().extra.clone();
        let mut acl = with_priority(priority);
        acl.extra = extra;
        role.set_acls([(SEND, acl)], Compat::V2_0);
        policy.put_role(role);
        priorities(&write(&policy))
    };
    assert_eq!(with_acl(0), [0]);
    assert_eq!(with_acl(3), [3, 3]);
    assert_eq!(with_acl(4), [4, 3]);
}
