//! lintPolicy.

use mosquitto_dynsec::policy::Compat;
use serde_json::{Value, json};

use crate::harness::{Setup, Table, World, payload};

/// Each finding of a policy that commands can make.
const SETUP: Setup = &[
    r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientSend","allow":true},{"acltype":"unsubscribe","allow":true}]}"#,
    r##"{"command":"createRole","rolename":"shadow","acls":[{"acltype":"publishClientSend","topic":"#","priority":1,"allow":true},{"acltype":"publishClientSend","topic":"a","allow":true},{"acltype":"publishClientSend","topic":"b","allow":false}]}"##,
    r#"{"command":"createRole","rolename":"narrow","allowwildcardsubs":false,"acls":[{"acltype":"subscribeLiteral","topic":"a/+","allow":true},{"acltype":"subscribeLiteral","topic":"a","allow":true},{"acltype":"publishClientReceive","topic":"a","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"pasted","acls":[{"acltype":"publishClientSend","topic":"of/${username}","allow":true},{"acltype":"publishClientSend","topic":"x%u","allow":true},{"acltype":"publishClientSend","topic":"of/%u","allow":true},{"acltype":"subscribeLiteral","topic":"of/%u","allow":false}]}"#,
    r#"{"command":"createRole","rolename":"bad","acls":[{"acltype":"publishClientSend","topic":"x/#/y","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"order","acls":[{"acltype":"publishClientSend","topic":"a/b","allow":true},{"acltype":"publishClientSend","topic":"+/b","allow":false}]}"#,
    r#"{"command":"createRole","rolename":"yes","acls":[{"acltype":"publishClientReceive","topic":"t/#","allow":true},{"acltype":"subscribeLiteral","topic":"t/1","allow":true}]}"#,
    r##"{"command":"createRole","rolename":"no","acls":[{"acltype":"publishClientReceive","topic":"t/1","allow":false},{"acltype":"subscribePattern","topic":"#","allow":false}]}"##,
    r#"{"command":"createRole","rolename":"deaf","acls":[{"acltype":"subscribePattern","topic":"t/+","allow":true},{"acltype":"subscribePattern","topic":"other/#","allow":true},{"acltype":"publishClientReceive","topic":"t/7","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"nobodys"}"#,
    r#"{"command":"createGroup","groupname":"both","roles":[{"rolename":"yes"},{"rolename":"no"}]}"#,
    r#"{"command":"createGroup","groupname":"empty"}"#,
    r#"{"command":"createClient","username":"ann","password":"pw","roles":[{"rolename":"shadow"},{"rolename":"deaf","priority":3}],"groups":[{"groupname":"both"}]}"#,
    r#"{"command":"createClient","username":"bob","password":"pw","roles":[{"rolename":"narrow","priority":1},{"rolename":"pasted","priority":2},{"rolename":"bad","priority":3},{"rolename":"order","priority":4}]}"#,
    r#"{"command":"createClient","username":"none"}"#,
];

#[test]
fn lint_policy() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("all of it", r#"send {"command":"lintPolicy"}"#),
        ("a part", r#"send {"command":"lintPolicy","count":2,"offset":1}"#),
        ("only how much", r#"send {"command":"lintPolicy","count":0,"correlationData":"c"}"#),
    ]);
    table.check("lint_policy");
}

#[test]
fn a_policy_with_nothing_wrong() {
    let mut table = Table::new(&[
        r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientReceive","allow":true},{"acltype":"unsubscribe","allow":true}]}"#,
        r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a/%u/+","allow":true},{"acltype":"subscribePattern","topic":"a/#","allow":true},{"acltype":"subscribePattern","topic":"a/b/#","priority":1,"allow":false}]}"#,
        r#"{"command":"createRole","rolename":"s","acls":[{"acltype":"publishClientSend","topic":"b","allow":false},{"acltype":"subscribePattern","topic":"a/#","allow":false}]}"#,
        r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
        r#"{"command":"createGroup","groupname":"anonymous","roles":[{"rolename":"s"}]}"#,
        r#"{"command":"setAnonymousGroup","groupname":"anonymous"}"#,
        r#"{"command":"createClient","username":"ann","password":"pw","groups":[{"groupname":"g"}],"roles":[{"rolename":"s"}]}"#,
    ]);
    table.case("nothing is found", r#"send {"command":"lintPolicy"}"#);
    table.check("lint_policy_clean");
}

/// The topics of two roles' ACLs about which lintPolicy says that the roles disagree, for a client that has both with the same
/// priority.
fn conflicts(first: &Value, second: &Value) -> Vec<String> {
    let mut world = World::new(Compat::V2_1);
    for (name, role) in [("a", first), ("b", second)] {
        let acls = role
            .as_array()
            .unwrap()
            .iter()
            .map(|acl| json!({"acltype": acl[0], "topic": acl[1], "allow": acl[2], "priority": acl[3]}));
        let acls = acls.collect::<Vec<_>>();
        let role = json!({"command": "createRole", "rolename": name, "acls": acls, "allowwildcardsubs": name == "b"});
        world.given(&role.to_string());
    }
    world.given(r#"{"command":"createClient","username":"c","roles":[{"rolename":"a"},{"rolename":"b"}]}"#);
    let outcome = world.send(&payload(r#"{"command":"lintPolicy"}"#));
    let answer: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
    let findings = answer.pointer("/responses/0/data/findings").and_then(Value::as_array).unwrap();
    let conflicts =
        findings.iter().filter(|finding| finding.pointer("/objects/2/username") == Some(&json!("c")));
    let topics = |finding: &Value| {
        let topic =
            |at: usize| finding.pointer(&format!("/objects/{at}/topic")).and_then(Value::as_str).unwrap();
        assert_eq!(finding["code"], "conflictAtEqualPriority");
        format!("{} {}", topic(0), topic(1))
    };
    conflicts.map(topics).collect()
}

#[test]
fn roles_disagree_about_what_each_decides_by() {
    let deny_all = json!([["publishClientSend", "a/#", false, 0]]);
    for (first, second, expected) in [
        (json!([["publishClientSend", "a/b", true, 0]]), deny_all.clone(), "a/b a/#"),
        (deny_all.clone(), json!([["publishClientSend", "a/b", true, 0]]), "a/# a/b"),
        // What one role's ACL says that never decides is no disagreement.
        (
            json!([["publishClientSend", "a/#", false, 1], ["publishClientSend", "a/b", true, 0]]),
            deny_all.clone(),
            "",
        ),
        (
            json!([
                ["publishClientSend", "a", false, 1],
                ["publishClientSend", "a/+", false, 1],
                ["publishClientSend", "a/+/+/#", false, 1],
                ["publishClientSend", "a/#", true, 0],
            ]),
            deny_all.clone(),
            "",
        ),
        // Another one does.
        (
            json!([["publishClientSend", "a/+", true, 1], ["publishClientSend", "a/b", false, 0]]),
            json!([["publishClientSend", "a/b", false, 0]]),
            "a/+ a/b",
        ),
        // The first role refuses wildcards.
        (json!([["subscribeLiteral", "a/+", true, 0]]), json!([["subscribePattern", "a/+", false, 0]]), ""),
        (json!([["subscribeLiteral", "a", true, 0]]), json!([["subscribePattern", "+", false, 0]]), "a +"),
        (
            json!([["subscribePattern", "a/+", true, 0]]),
            json!([["subscribePattern", "#", false, 0]]),
            "a/+ #",
        ),
        // What is said about the client itself.
        (
            json!([["publishClientSend", "of/c", false, 1], ["publishClientSend", "of/%u", true, 0]]),
            json!([["publishClientSend", "of/+", false, 0]]),
            "",
        ),
        (
            json!([["publishClientSend", "of/x", false, 1], ["publishClientSend", "of/%u", true, 0]]),
            json!([["publishClientSend", "of/+", false, 0]]),
            "of/%u of/+",
        ),
    ] {
        let expected: Vec<&str> = Some(expected).into_iter().filter(|topics| !topics.is_empty()).collect();
        assert_eq!(conflicts(&first, &second), expected, "{first} {second}");
    }
}

#[test]
fn who_may_not_subscribe_need_not_receive() {
    let mut table = Table::new(&[
        r#"{"command":"createRole","rolename":"closed","allowwildcardsubs":false,"acls":[{"acltype":"subscribePattern","topic":"no/#","allow":false}]}"#,
        r#"{"command":"createRole","rolename":"deaf","acls":[{"acltype":"subscribeLiteral","topic":"a/+","allow":true},{"acltype":"subscribePattern","topic":"no/1","allow":true},{"acltype":"subscribePattern","topic":"no/of/%u/+","allow":true},{"acltype":"subscribePattern","topic":"of/%u/+","allow":true}]}"#,
        r#"{"command":"createClient","username":"a/b","password":"pw","roles":[{"rolename":"closed","priority":1},{"rolename":"deaf"}]}"#,
    ]);
    table.cases(&[
        ("no role lets this client", r#"send {"command":"lintPolicy"}"#),
        (
            "by its name another one may",
            r#"given {"command":"createClient","username":"c","password":"pw","roles":[{"rolename":"closed","priority":1},{"rolename":"deaf"}]}
               send {"command":"lintPolicy"}"#,
        ),
        (
            "who is disabled may nothing",
            r#"given {"command":"createClient","username":"c","password":"pw","roles":[{"rolename":"deaf"}]}
               given {"command":"disableClient","username":"c"}
               send {"command":"lintPolicy"}"#,
        ),
    ]);
    table.check("lint_policy_subscriptions");
}

#[test]
fn whether_a_password_is_needed_is_the_versions() {
    let mut table = Table::new(&[
        r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a","allow":true}]}"#,
        r#"{"command":"createClient","username":"none","roles":[{"rolename":"r"}]}"#,
    ]);
    table.case("a client without one", r#"send {"command":"lintPolicy"}"#);
    table.check("lint_policy_password");
}

#[test]
fn a_payload_cannot_ask_for_it_without_end() {
    let mut world = World::new(Compat::V2_1);
    let commands = [r#"{"command":"lintPolicy"}"#; 12].join(",");
    let outcome = world.send(&payload(&commands));
    let answers: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
    let refused = answers["responses"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|answer| answer["error"] == "lintPolicy is answered at most 10 times in a payload");
    assert_eq!(refused.count(), 2);
}
