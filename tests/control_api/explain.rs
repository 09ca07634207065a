//! explainACL and explainLogin.

use crate::harness::{Setup, Table};

/// The tutorial's john, some groups, and what is special about each.
const SETUP: Setup = &[
    r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientReceive","allow":true},{"acltype":"unsubscribe","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"role1","acls":[{"acltype":"subscribeLiteral","topic":"test","allow":true},{"acltype":"subscribePattern","topic":"test","allow":true},{"acltype":"publishClientSend","topic":"test","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"role2","acls":[{"acltype":"subscribeLiteral","topic":"test","allow":false}]}"#,
    r##"{"command":"createRole","rolename":"all","acls":[{"acltype":"subscribePattern","topic":"#","priority":5,"allow":true},{"acltype":"subscribePattern","topic":"+","priority":5,"allow":false},{"acltype":"subscribePattern","topic":"test","allow":true},{"acltype":"publishClientSend","topic":"#","allow":true}]}"##,
    r#"{"command":"createRole","rolename":"narrow","allowwildcardsubs":false,"acls":[{"acltype":"subscribePattern","topic":"a/+","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"bad","acls":[{"acltype":"publishClientSend","topic":"x/#/y","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"mine","acls":[{"acltype":"publishClientSend","topic":"of/%c","allow":true},{"acltype":"publishClientSend","topic":"named/%u","allow":true},{"acltype":"publishClientSend","topic":"of/+","priority":-1,"allow":false}]}"#,
    r#"{"command":"createGroup","groupname":"g1","roles":[{"rolename":"all","priority":3}]}"#,
    r#"{"command":"createGroup","groupname":"g2","roles":[{"rolename":"role2"},{"rolename":"role1"}]}"#,
    r#"{"command":"createClient","username":"john","password":"pw","roles":[{"rolename":"role1","priority":-1},{"rolename":"role2","priority":5}]}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"role1"}],"groups":[{"groupname":"g1","priority":1},{"groupname":"g2","priority":1}]}"#,
    r#"{"command":"createClient","username":"bob","groups":[{"groupname":"g1","priority":1},{"groupname":"g2"}]}"#,
    r#"{"command":"createClient","username":"dev","password":"pw","roles":[{"rolename":"mine"},{"rolename":"bad"},{"rolename":"narrow"}]}"#,
    r#"{"command":"createClient","username":"bound","clientid":"d7","roles":[{"rolename":"mine"}]}"#,
    r#"{"command":"createClient","username":"slow","password":"pw","roles":[{"rolename":"role1"}]}"#,
    r#"{"command":"createClient","username":"off","roles":[{"rolename":"role1"}]}"#,
    r#"{"command":"disableClient","username":"off"}"#,
    r#"{"command":"setAnonymousGroup","groupname":"g2"}"#,
];

fn ask(whom: &str, action: &str, topic: &str) -> String {
    format!(r#"send {{"command":"explainACL",{whom},"acltype":"{action}","topic":"{topic}"}}"#)
}

#[test]
fn explain_acl() {
    let mut table = Table::new(SETUP);
    let john = r#""username":"john","clientid":"d1""#;
    for (title, whom, action, topic) in [
        ("role2 comes first", john, "subscribe", "test"),
        ("role2 says nothing about sending", john, "publishClientSend", "test"),
        ("no ACL matches: the default, which leaves it to others", john, "publishClientSend", "other"),
        ("no ACL matches: the default allows", john, "publishClientReceive", "other"),
        ("a default never grants $CONTROL", john, "unsubscribe", "$CONTROL/x"),
        (
            "the client's own roles are asked before those of its groups",
            r#""username":"ann""#,
            "subscribe",
            "test",
        ),
        ("by priorities of groups, roles and ACLs", r#""username":"bob""#, "subscribe", "test"),
        ("by names where priorities are equal", r#""anonymous":true"#, "subscribe", "test"),
        (
            "an anonymous client with an id",
            r#""anonymous":true,"clientid":"d1""#,
            "publishClientSend",
            "test",
        ),
        ("names of acltypes in any case", john, "PUBLISHclientsend", "test"),
        ("nobody knows the client", r#""username":"nobody""#, "subscribe", "test"),
        ("a disabled client", r#""username":"off""#, "subscribe", "test"),
        ("a login that is being verified", r#""username":"slow","clientid":"d1""#, "subscribe", "test"),
        ("a role without wildcards", r#""username":"dev","clientid":"d1""#, "subscribe", "a/+"),
        ("the same role, no wildcard", r#""username":"dev","clientid":"d1""#, "subscribe", "a/b"),
        (
            "an ACL that cannot be evaluated",
            r#""username":"dev","clientid":"d1""#,
            "publishClientSend",
            "x/y",
        ),
        ("a rule for the client id", r#""username":"dev","clientid":"d1""#, "publishClientSend", "of/d1"),
        ("a rule for another client id", r#""username":"dev","clientid":"d2""#, "publishClientSend", "of/d1"),
        ("no client id was given", r#""username":"dev""#, "publishClientSend", "of/d1"),
        ("an empty client id is none", r#""username":"dev","clientid":"""#, "publishClientSend", "of/d1"),
        ("no client id is needed", r#""username":"dev""#, "publishClientSend", "named/dev"),
        ("a client that has only one client id", r#""username":"bound""#, "publishClientSend", "of/d7"),
        ("a topic with a wildcard", john, "publishClientSend", "a/+"),
        ("an empty topic", john, "subscribe", ""),
        ("a filter that is none", john, "subscribe", "a#"),
        ("a topic that is not valid UTF-8", john, "subscribe", "a\\u0001"),
    ] {
        table.case(title, &ask(whom, action, topic));
    }
    table.check("explain_acl");
}

#[test]
fn explain_acl_by_parts() {
    let mut table = Table::new(SETUP);
    for (title, part) in [
        ("one", r#""count":1"#),
        ("the second", r#""count":1,"offset":1"#),
        ("none, but how many there are", r#""count":0"#),
        ("all", r#""count":-1"#),
        ("behind the last", r#""offset":7"#),
    ] {
        let whom = format!(r#""username":"bob",{part}"#);
        table.case(title, &ask(&whom, "subscribe", "test"));
    }
    table.check("explain_acl_by_parts");
}

#[test]
fn errors_of_explain_acl_name_whom_they_are_about() {
    let mut table = Table::new(SETUP);
    for (title, members) in [
        ("nobody", r#""acltype":"subscribe","topic":"a""#),
        ("a username of another type", r#""username":1,"acltype":"subscribe","topic":"a""#),
        ("anonymous is no truth value", r#""anonymous":"yes","acltype":"subscribe","topic":"a""#),
        ("not anonymous, so somebody", r#""anonymous":false,"acltype":"subscribe","topic":"a""#),
        ("both", r#""anonymous":true,"username":"john","acltype":"subscribe","topic":"a""#),
        (
            "a client id of another type",
            r#""username":"john","clientid":1,"acltype":"subscribe","topic":"a""#,
        ),
        ("no acltype", r#""username":"john","clientid":"d1","topic":"a""#),
        ("an acltype of ACLs", r#""username":"john","acltype":"subscribeLiteral","topic":"a""#),
        ("no topic", r#""username":"john","acltype":"subscribe""#),
        ("with correlationData", r#""username":"john","correlationData":"7""#),
    ] {
        table.case(title, &format!(r#"send {{"command":"explainACL",{members}}}"#));
    }
    table.check("explain_acl_errors");
}

#[test]
fn explain_login() {
    let mut table = Table::new(SETUP);
    for (title, members) in [
        ("let in, with the right password", r#""username":"john","clientid":"d1""#),
        ("nobody knows the client", r#""username":"nobody","clientid":"d1""#),
        ("disabled", r#""username":"off","clientid":"d1""#),
        ("another client id", r#""username":"bound","clientid":"d1""#),
        ("its own client id, but no password", r#""username":"bound","clientid":"d7""#),
        ("no client id was given, and none will do without a password", r#""username":"bound""#),
        ("no client id was given, and any will do", r#""username":"john""#),
        ("no password", r#""username":"ann""#),
        ("locked out, from that address", r#""username":"slow","address":"192.0.2.7""#),
        ("not locked out from another", r#""username":"slow","address":"192.0.2.8""#),
        ("an address of another type", r#""username":"slow","address":7"#),
        ("no username", r#""clientid":"d1""#),
    ] {
        table.case(title, &format!(r#"send {{"command":"explainLogin",{members}}}"#));
    }
    let picky = r#"given {"command":"createClient","username":"picky","clientid":"d7","password":"pw"}"#;
    let disabled = r#"given {"command":"disableClient","username":"picky"}"#;
    let ask = |members: &str| format!(r#"send {{"command":"explainLogin","username":"picky"{members}}}"#);
    let (asked, from_there) = (ask(""), ask(r#","address":"192.0.2.7""#));
    for (title, script) in [
        ("no client id was given, and there is only one", [picky, &asked].join("\n")),
        (
            "no client id was given, and none will do for who is disabled",
            [picky, disabled, &asked].join("\n"),
        ),
        ("no client id was given, and none will do for who is locked out", [picky, &from_there].join("\n")),
    ] {
        table.case(title, &script);
    }
    table.check("explain_login");
}

#[test]
fn questions_in_a_batch_see_what_comes_before_them() {
    let mut table = Table::new(SETUP);
    table.raw(
        "in one payload",
        r#"{"commands":[
            {"command":"explainACL","username":"john","acltype":"subscribe","topic":"test","count":0,"correlationData":"before"},
            {"command":"removeClientRole","username":"john","rolename":"role2"},
            {"command":"EXPLAINacl","username":"john","acltype":"subscribe","topic":"test","count":0,"correlationData":"after"}]}"#,
    );
    table.check("explain_in_a_batch");
}
