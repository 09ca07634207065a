//! Records and links of one name: one counts, by the rules of the version, and the others stay where they do not, until a
//! command changes it.

use super::{assert_survives_saving, load, write};
use crate::policy::{
    AclType, Client, Compat, GroupName, Link, Links, Policy, Role, RoleName, Text, Username,
};
use crate::policy::{Extra, Group, Priority};

const ALL: [Compat; 3] = [Compat::V2_0, Compat::V2_0_21, Compat::V2_1];

fn role_name() -> RoleName {
    RoleName::new(b"r").unwrap()
}

fn user() -> Username {
    Username::new(b"u").unwrap()
}

/// Of each kind three, of which the first and the last say the same.
const FILE: &str = r#"{"roles":[{"rolename":"r","textname":"1"},{"rolename":"r","textname":"2"},
        {"acls":[], "textname":"1", "rolename":"r","AllowWildcardSubs":true}],
    "groups":[{"groupname":"g","textname":"1","roles":[{"rolename":"r"}],"clients":[{"username":"u"}]},
        {"groupname":"g","textname":"2","clients":[]},
        {"groupname":"g","textname":"1","roles":[{"rolename":"r"}],"clients":[ {"username":"u"} ]}],
    "clients":[{"username":"u","textname":"1"},{"username":"u","textname":"2","roles":[{"rolename":"r"}]},{"username":"v"},
        {"username":"u","textname":"3"}]}"#;

/// The texts of the records in a list, in the order of the file.
fn texts(policy: &Policy, list: &str) -> String {
    let file: serde_json::Value = serde_json::from_slice(&write(policy)).unwrap();
    let records = file[list].as_array().unwrap().iter();
    records.filter_map(|record| record["textname"].as_str()).collect()
}

#[test]
fn one_counts_and_the_others_stay_beside_it() {
    let first = |rest: &str| format!("is a second {rest}: only the first counts");
    let not_first =
        |rest: &str| format!("is a second {rest}, and differs: only the first counts, up to 2.0.15 the last");
    let last = |rest: &str| format!("is one of several {rest}: only the last counts");
    let not_last = |rest: &str| {
        format!("is one of several {rest} that differ: only the last counts, from 2.0.16 on the first")
    };
    for compat in ALL {
        let (policy, issues) = load(FILE, compat);
        let texts_of = [
            policy.client(b"u").unwrap().text_name().cloned(),
            policy.group(b"g").unwrap().text_name.clone(),
            policy.role(b"r").unwrap().text_name.clone(),
        ];
        let [client, group, role] = texts_of.map(|text| text.unwrap().as_bytes().to_vec());
        let reported: Vec<String> =
            issues.iter().map(|issue| format!("{} {}", issue.path, issue.what)).collect();
        let (counting, lists, expected) = if compat == Compat::V2_0 {
            let expected = [
                format!("roles[0] {}", last("`r`")),
                format!("roles[1] {}", not_last("`r`")),
                format!("groups[0] {}", last("`g`")),
                format!("groups[1] {}", not_last("`g`")),
                format!("clients[0] {}", not_last("`u`")),
                format!("clients[1] {}", not_last("`u`")),
            ];
            (["3", "1", "1"], ["123", "121", "121"], expected)
        } else {
            let expected = [
                format!("roles[1] {}", not_first("`r`")),
                format!("roles[2] {}", first("`r`")),
                format!("groups[1] {}", not_first("`g`")),
                format!("groups[2] {}", first("`g`")),
                format!("clients[1] {}", not_first("`u`")),
                format!("clients[3] {}", not_first("`u`")),
            ];
            (["1", "1", "1"], ["123", "121", "121"], expected)
        };
        assert_eq!([client, group, role], counting.map(|text| text.as_bytes().to_vec()), "{compat:?}");
        assert_eq!(reported, expected, "{compat:?}");
        assert_survives_saving(&policy, &issues);
        assert_eq!(["clients", "groups", "roles"].map(|list| texts(&policy, list)), lists, "{compat:?}");
        assert_eq!(policy.members(b"g").count(), 1);
        assert!(policy.client(b"u").unwrap().roles.is_empty());
    }
}

#[test]
fn what_changes_a_record_drops_what_stands_beside_it_until_that_is_undone() {
    for compat in ALL {
        let change = |policy: &mut Policy, list: &str| match list {
            "clients" => {
                let client = policy.client(b"u").unwrap().as_ref().clone();
                policy.put_client(Client { disabled: true, ..client }).unwrap();
            }
            "groups" => {
                let group = policy.group(b"g").unwrap().as_ref().clone();
                policy.put_group(Group { text_description: Some(Text::new(b"x")), ..group }).unwrap();
            }
            _ => {
                let mut role = policy.role(b"r").unwrap().as_ref().clone();
                role.allow_wildcard_subs = false;
                policy.put_role(role);
            }
        };
        for (list, alone) in
            [("clients", if compat == Compat::V2_0 { "3" } else { "1" }), ("groups", "1"), ("roles", "1")]
        {
            let (mut policy, _) = load(FILE, compat);
            let before = write(&policy);
            let mark = policy.mark();
            change(&mut policy, list);
            assert_eq!(texts(&policy, list), alone, "{list} {compat:?}");
            let others: Vec<_> =
                ["clients", "groups", "roles"].into_iter().filter(|other| *other != list).collect();
            for other in others {
                assert_eq!(texts(&policy, other), texts(&load(FILE, compat).0, other), "{list} {other}");
            }
            policy.undo_to(mark);
            assert_eq!(write(&policy), before, "{list} {compat:?}");
        }
    }
}

/// What stands beside a group says who is in it.
#[test]
fn who_leaves_a_group_or_comes_into_it_drops_what_stands_beside_it() {
    for compat in ALL {
        let (mut policy, _) = load(FILE, compat);
        let mark = policy.mark();
        let client = |policy: &Policy, name: &[u8]| policy.client(name).unwrap().as_ref().clone();
        let untouched = client(&policy, b"v");
        policy.put_client(Client { disabled: true, ..untouched }).unwrap();
        assert_eq!(texts(&policy, "groups"), "121", "who is in no group");
        let same = client(&policy, b"u");
        policy.put_client(same).unwrap();
        assert_eq!(texts(&policy, "groups"), "121", "who stays in it");
        policy.undo_to(mark);
        policy.remove_client(&user());
        assert_eq!(texts(&policy, "groups"), "1", "who was in it was deleted");
        policy.undo_to(mark);
        let left = Client { groups: Links::default(), ..client(&policy, b"u") };
        policy.put_client(left).unwrap();
        assert_eq!(texts(&policy, "groups"), "1", "who was in it left");
        policy.undo_to(mark);
        let link = Link {
            name: GroupName::new(b"g").unwrap(),
            priority: Priority::DEFAULT_LINK,
            extra: Extra::default(),
        };
        policy.put_client(Client { groups: link.into(), ..client(&policy, b"v") }).unwrap();
        assert_eq!(texts(&policy, "groups"), "1", "somebody came");
        policy.undo_to(mark);
        assert_eq!(texts(&policy, "groups"), "121");
    }
}

/// It would give it to its holders again, once there is another one of its name.
#[test]
fn what_stands_beside_a_record_goes_with_a_role_that_it_has() {
    let file = r#"{"roles":[{"rolename":"r"}],"groups":[{"groupname":"g","textname":"1","roles":[{"rolename":"r"}]},
            {"groupname":"g","textname":"2","roles":[{"rolename":"r"}]}],
        "clients":[{"username":"u","textname":"1","roles":[{"rolename":"r"}]},{"username":"u","textname":"2","roles":[{"rolename":"r"}]}]}"#;
    for compat in ALL {
        let (mut policy, _) = load(file, compat);
        policy.remove_role(&role_name());
        let alone = if compat == Compat::V2_0 { "2" } else { "1" };
        for swept in [false, true] {
            if swept {
                policy.put_role(Role::new(role_name()));
                policy.keep();
                while policy.sweep(10) {}
            }
            assert_eq!(
                ["groups", "clients"].map(|list| texts(&policy, list)),
                [alone, alone],
                "{compat:?} {swept}"
            );
        }
    }
}

/// Nobody looks for it when the role or the client is deleted.
#[test]
fn what_stands_beside_a_record_goes_with_what_it_alone_names_until_that_is_undone() {
    let file = r#"{"roles":[{"rolename":"r"},{"rolename":"s"}],
        "groups":[{"groupname":"g","textname":"1"},{"groupname":"g","textname":"2","Clients":[{"UserName":"v\u0000x"}]},
            {"groupname":"g","textname":"1"}],
        "clients":[{"username":"u","textname":"1"},{"username":"u","textname":"2","roles":[{"rolename":"r"}]},
            {"username":"u","textname":"1"},{"username":"v"},{"username":"w"}]}"#;
    let (s, v) = (RoleName::new(b"s").unwrap(), Username::new(b"v").unwrap());
    for compat in ALL {
        let (mut policy, _) = load(file, compat);
        let texts = |policy: &Policy| ["groups", "clients"].map(|list| texts(policy, list));
        let before = write(&policy);
        assert_eq!(texts(&policy), ["121", "121"]);
        policy.remove_role(&s);
        policy.remove_client(&Username::new(b"w").unwrap());
        assert_eq!(texts(&policy), ["121", "121"], "nobody names them");
        assert!(!policy.snapshot().has_deleted_but_named(), "what nobody names is not remembered");
        policy.keep();
        let mark = policy.mark();
        policy.remove_role(&role_name());
        assert_eq!(texts(&policy), ["121", "11"], "{compat:?}");
        policy.put_role(Role::new(role_name()));
        assert_eq!(texts(&policy), ["121", "11"], "{compat:?}");
        policy.remove_client(&v);
        policy.put_client(Client::new(v.clone())).unwrap();
        assert_eq!(texts(&policy), ["11", "11"], "{compat:?}");
        policy.undo_to(mark);
        assert_eq!(texts(&policy), ["121", "121"], "{compat:?}");
        policy.remove_role(&role_name());
        policy.put_role(Role::new(role_name()));
        policy.keep();
        let mark = policy.mark();
        policy.remove_role(&role_name());
        policy.undo_to(mark);
        assert_eq!(texts(&policy), ["121", "11"], "it was deleted once before that, {compat:?}");
        // Another file has others beside.
        let mark = policy.mark();
        policy.become_like(&load(file, compat).0);
        assert_eq!(
            (texts(&policy), write(&policy)),
            (["121", "121"].map(ToOwned::to_owned), before),
            "{compat:?}"
        );
        policy.undo_to(mark);
        assert_eq!(texts(&policy), ["121", "11"], "{compat:?}");
    }
}

#[test]
fn a_link_to_what_was_missing_is_in_no_file_while_it_is_there() {
    let file = r#"{"clients":[{"username":"v","roles":[{"rolename":"r","priority":5}]}],
        "groups":[{"groupname":"g","roles":[{"rolename":"r","priority":5}],"clients":[{"username":"u","priority":5}]}]}"#;
    for compat in ALL {
        let (mut policy, _) = load(file, compat);
        let links = |policy: &Policy| {
            let text = String::from_utf8(write(policy)).unwrap();
            ["rolename\":\t\"r\"", "\"rolename\":\"r\"", "\"username\":\"u\""]
                .map(|link| text.matches(link).count())
        };
        assert_eq!(links(&policy), [0, 2, 1], "as they were");
        policy.put_role(Role::new(role_name()));
        policy.put_client(Client::new(user())).unwrap();
        assert_eq!(links(&policy), [1, 0, 0], "the role itself");
        let (again, issues) = load(write(&policy), compat);
        assert_eq!(issues, []);
        assert!(again.client(b"v").unwrap().roles.is_empty() && again.members(b"g").next().is_none());

        let link = Link { name: role_name(), priority: Priority::DEFAULT_LINK, extra: Extra::default() };
        let client = policy.client(b"v").unwrap().as_ref().clone();
        policy.put_client(Client { roles: link.into(), ..client }).unwrap();
        assert_eq!(links(&policy), [2, 0, 0], "the link that was made, and no second one");

        policy.remove_role(&role_name());
        policy.remove_client(&user());
        assert_eq!(links(&policy), [0, 2, 1], "as they were, and they lead nowhere");
    }
}

#[test]
fn what_was_set_aside_goes_with_what_it_stands_beside() {
    let file = r#"{"roles":[{"rolename":"r","acls":[{"acltype":"subscribePattern","topic":"t","allow":true},
            {"acltype":"subscribePattern","topic":"t","allow":true,"second":1}]},{"rolename":"r","second":2}],
        "groups":[{"groupname":"g","clients":[{"username":"u"},{"username":"u","second":3}],
            "roles":[{"rolename":"r"},{"rolename":"r","second":4}]},{"groupname":"g","second":5}],
        "clients":[{"username":"u","clientid":"one","clientid":"second","roles":[{"rolename":"r"},
            {"rolename":"r","second":6}]},{"username":"u","second":7}]}"#;
    let loaded = || load(file, Compat::V2_0_21).0;
    let second = |policy: &Policy| {
        let saved = String::from_utf8(write(policy)).unwrap();
        (1..=7).filter(|number| saved.contains(&format!("\"second\":{number}"))).collect::<Vec<_>>()
    };
    assert_eq!(second(&loaded()), [1, 2, 3, 4, 5, 6, 7]);

    let mut policy = loaded();
    let mut role = policy.role(b"r").unwrap().as_ref().clone();
    let acl = role.acls(AclType::SubscribePattern).find(b"t").unwrap().clone();
    role.remove_acl(AclType::SubscribePattern, &acl);
    policy.put_role(role);
    assert_eq!(second(&policy), [3, 4, 5, 6, 7], "an ACL of the role was removed");

    let mut policy = loaded();
    policy.remove_role(&RoleName::new(b"r").unwrap());
    assert_eq!(second(&policy), [3], "the role was removed, and all that names it");
    let (again, _) = load(write(&policy), Compat::V2_0_21);
    assert!(again.client(b"u").unwrap().roles.is_empty() && again.role(b"r").is_none());

    let mut policy = loaded();
    let client = policy.client(b"u").unwrap().as_ref().clone();
    let roles = client.roles.without(b"r").unwrap();
    let groups = client.groups.without(b"g").unwrap();
    policy.put_client(Client { roles, groups, ..client }.with_clientid(None)).unwrap();
    assert_eq!(second(&policy), [1, 2, 4], "the client left the role and the group");
    let (again, _) = load(write(&policy), Compat::V2_0_21);
    assert!(again.client(b"u").unwrap().clientid().is_none(), "the second client id must not count now");
    assert!(again.members(b"g").next().is_none());

    let mut policy = loaded();
    policy.remove_client(&Username::new(b"u").unwrap());
    let (again, _) = load(write(&policy), Compat::V2_0_21);
    assert!(again.client(b"u").is_none());
}
