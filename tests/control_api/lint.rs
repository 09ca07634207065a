//! lintPolicy.

use mosquitto_dynsec::policy::Compat;
use serde_json::Value;

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
