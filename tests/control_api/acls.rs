//! ACLs: one at a time, and in the `acls` of a role.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"b","priority":5,"allow":true}]}"#,
    r#"{"command":"createGroup","groupname":"sensors","roles":[{"rolename":"r"}]}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"r"}]}"#,
    r#"{"command":"createClient","username":"bob","groups":[{"groupname":"sensors"}]}"#,
    r#"{"command":"createClient","username":"cid"}"#,
];

/// Every value an ACL can get with another than the usual type or size.
const VALUES: &[(&str, &str)] = &[
    ("neither priority nor allow", ""),
    ("allowed", r#","allow":true"#),
    ("denied", r#","allow":false"#),
    ("allow is no truth value", r#","allow":1"#),
    ("allow is a string", r#","allow":"true""#),
    ("priority is negative", r#","priority":-3"#),
    ("priority is 2.1's highest", r#","priority":100000"#),
    ("priority is above it", r#","priority":100001"#),
    ("priority is below 2.1's lowest", r#","priority":-100001"#),
    ("priority is too high", r#","priority":1e99"#),
    ("priority is too low", r#","priority":-2147483649"#),
    ("priority is fractional", r#","priority":6.9"#),
    ("priority is a string", r#","priority":"6""#),
    ("priority is null", r#","priority":null"#),
];

#[test]
fn values_of_an_acl() {
    let mut table = Table::new(SETUP);
    for (title, values) in VALUES {
        table.case(
            title,
            &format!(
                r#"send {{"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"{values}}}
                   send {{"command":"getRole","rolename":"r"}}
                   send {{"command":"modifyRole","rolename":"r","acls":[{{"acltype":"publishClientSend","topic":"c"{values}}}]}}
                   send {{"command":"getRole","rolename":"r"}}"#
            ),
        );
    }
    table.check("values_of_an_acl");
}

#[test]
fn add_role_acl() {
    let mut table = Table::new(SETUP);
    for acl_type in [
        "publishClientSend",
        "publishClientReceive",
        "subscribeLiteral",
        "subscribePattern",
        "unsubscribeLiteral",
        "unsubscribePattern",
        "PUBLISHCLIENTSEND",
        "publishclientreceive",
        "SubscribeLiteral",
    ] {
        table.case(
            acl_type,
            &format!(
                r#"send {{"command":"addRoleACL","rolename":"r","acltype":"{acl_type}","topic":"a/+/#","allow":true}}
                   send {{"command":"getRole","rolename":"r"}}"#
            ),
        );
    }
    table.cases(&[
        (
            "there is one with that topic, of whatever priority",
            r#"send {"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"b","priority":9}
               send {"command":"addRoleACL","rolename":"r","acltype":"publishClientReceive","topic":"b","priority":9}"#,
        ),
        (
            "among those of the same priority it comes last",
            r#"given {"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a","priority":5}
               given {"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"z","priority":6}
               given {"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"c","priority":5}
               given {"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"d","priority":4}
               send {"command":"getRole","rolename":"r"}"#,
        ),
        (
            "anonymous clients that have the role are disconnected too",
            r#"given {"command":"setAnonymousGroup","groupname":"sensors"}
               send {"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}"#,
        ),
    ]);
    table.check("add_role_acl");
}

#[test]
fn remove_role_acl() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "once, and once more",
            r#"send {"command":"removeRoleACL","rolename":"r","acltype":"PublishClientSend","topic":"b"}
               send {"command":"getRole","rolename":"r"}
               send {"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"b"}"#,
        ),
        (
            "of another type, of another topic",
            r#"send {"command":"removeRoleACL","rolename":"r","acltype":"publishClientReceive","topic":"b"}
               send {"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"B"}"#,
        ),
    ]);
    table.check("remove_role_acl");
}

/// addRoleACL and removeRoleACL look at the same members in the same order.
#[test]
fn what_acl_is_meant() {
    let mut table = Table::new(SETUP);
    for command in ["addRoleACL", "removeRoleACL"] {
        let script = format!(
            "send {{\"command\":\"{command}\",\"rolename\":\"none\",\"acltype\":7,\"topic\":7}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"topic\":7}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":7,\"topic\":7}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"\",\"topic\":7}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"subscribe\",\"topic\":\"a\"}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"publishClientSend\\u0000\",\"topic\":\"a\"}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"publishClientSend\"}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"publishClientSend\",\"topic\":null}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"publishClientSend\",\"topic\":\"\u{ffff}\"}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"publishClientSend\",\"topic\":\"a\\u0000\"}}
             send {{\"command\":\"{command}\",\"rolename\":\"r\",\"acltype\":\"publishClientSend\",\"topic\":\"a\\u0001\"}}"
        );
        table.case(command, &script);
        for topic in ["a+", "+a", "a#", "#a", "#/a", "a/#/b", "a/b+/c", "++", "##", "+#"] {
            table.case(
                &format!("{command}: the topic {topic}"),
                &format!(
                    r#"send {{"command":"{command}","rolename":"r","acltype":"subscribePattern","topic":"{topic}"}}"#
                ),
            );
        }
        table.case(
            &format!("{command}: an empty topic is none in 2.1"),
            &format!(
                r#"given {{"command":"createRole","rolename":"empty","acls":[{{"acltype":"subscribePattern","topic":""}}]}}
                   send {{"command":"{command}","rolename":"r","acltype":"publishClientSend","topic":""}}
                   send {{"command":"{command}","rolename":"empty","acltype":"subscribePattern","topic":""}}"#
            ),
        );
    }
    table.check("what_acl_is_meant");
}

#[test]
fn topics_of_an_acl() {
    let mut table = Table::new(&[r#"{"command":"createRole","rolename":"r"}"#]);
    for topic in [
        "#",
        "+",
        "/",
        "//",
        "+/+",
        "a/+/b",
        "a/#",
        "/#",
        "$SYS/#",
        "$share/g/a/#",
        "$CONTROL/#",
        "a b",
        "é€😀",
        "%c",
        "%u/x",
    ] {
        table.case(
            &format!("the topic {topic}"),
            &format!(
                r#"send {{"command":"addRoleACL","rolename":"r","acltype":"subscribePattern","topic":"{topic}"}}
                   send {{"command":"getRole","rolename":"r"}}"#
            ),
        );
    }
    table.check("topics_of_an_acl");
}

#[test]
fn acls_in_an_array() {
    let mut table = Table::new(SETUP);
    let cases = [
        ("elements that are no ACL are passed over", r#"["a",7,null,[],{}]"#),
        ("no type", r#"[{"topic":"a"},{"acltype":7,"topic":"a"},{"acltype":null,"topic":"a"}]"#),
        ("an unknown type", r#"[{"acltype":"subscribe","topic":"a"},{"acltype":"","topic":"a"}]"#),
        ("a type with a NUL is unknown", r#"[{"acltype":"publishClientSend\u0000","topic":"a"}]"#),
        ("a type in another case", r#"[{"acltype":"PUBLISHclientSEND","topic":"a"}]"#),
        ("no topic", r#"[{"acltype":"publishClientSend"},{"acltype":"publishClientSend","topic":7}]"#),
        ("an empty topic is none in 2.1", r#"[{"acltype":"publishClientSend","topic":""}]"#),
        (
            "topics that are no filter",
            r#"[{"acltype":"subscribePattern","topic":"a/#/b"},{"acltype":"subscribePattern","topic":"a+"}]"#,
        ),
        (
            "a topic that is no UTF-8 in MQTT",
            "[{\"acltype\":\"subscribePattern\",\"topic\":\"a\u{ffff}\\u0001\"}]",
        ),
        (
            "of one type and topic one counts: in 2.1 the first, in 2.0 that of the highest priority",
            r#"[{"acltype":"publishClientSend","topic":"a","priority":1,"allow":true},{"acltype":"publishClientSend","topic":"a","priority":2,"allow":false},{"acltype":"publishClientReceive","topic":"a"}]"#,
        ),
        (
            "a topic with a NUL",
            r#"[{"acltype":"publishClientSend","topic":"ok"},{"acltype":"publishClientSend","topic":"a\u0000b"}]"#,
        ),
    ];
    for (title, acls) in cases {
        table.case(
            title,
            &format!(
                r#"send {{"command":"createRole","rolename":"new","acls":{acls}}}
                   send {{"command":"getRole","rolename":"new"}}
                   send {{"command":"modifyRole","rolename":"r","acls":{acls}}}
                   send {{"command":"getRole","rolename":"r"}}"#
            ),
        );
    }
    table.check("acls_in_an_array");
}
