//! getEffectiveACLs and listAffectedClients.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientReceive","allow":true},{"acltype":"unsubscribe","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"first","acls":[{"acltype":"publishClientSend","topic":"a/b","allow":false},{"acltype":"publishClientSend","topic":"a/+","priority":1,"allow":true},{"acltype":"subscribePattern","topic":"a/#","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"second","acls":[{"acltype":"publishClientSend","topic":"a/c","allow":false},{"acltype":"publishClientSend","topic":"b/%u","allow":true},{"acltype":"subscribeLiteral","topic":"a/c","allow":false},{"acltype":"subscribePattern","topic":"b/#","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"narrow","allowwildcardsubs":false,"acls":[{"acltype":"subscribeLiteral","topic":"b/+","allow":true},{"acltype":"subscribeLiteral","topic":"b","allow":true},{"acltype":"unsubscribeLiteral","topic":"b/+","allow":true}]}"#,
    r#"{"command":"createRole","rolename":"mine","acls":[{"acltype":"publishClientSend","topic":"of/%c","allow":true},{"acltype":"publishClientSend","topic":"of/%c/x","allow":true},{"acltype":"publishClientSend","topic":"of/d7","priority":-1,"allow":false},{"acltype":"publishClientSend","topic":"of/+/x","priority":-1,"allow":false}]}"#,
    r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"second"},{"rolename":"first"}]}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"first","priority":2}],"groups":[{"groupname":"g","priority":7}]}"#,
    r#"{"command":"createClient","username":"bob","roles":[{"rolename":"narrow"}]}"#,
    r#"{"command":"createClient","username":"dev","roles":[{"rolename":"mine"}]}"#,
    r#"{"command":"createClient","username":"bound","clientid":"d7","roles":[{"rolename":"mine"}]}"#,
    r#"{"command":"createClient","username":"none"}"#,
    r#"{"command":"setAnonymousGroup","groupname":"g"}"#,
];

fn table(command: &str, cases: &[(&str, &str)]) -> Table {
    let mut table = Table::new(SETUP);
    for (title, members) in cases {
        table.case(title, &format!(r#"send {{"command":"{command}",{members}}}"#));
    }
    table
}

#[test]
fn get_effective_acls() {
    let cases = [
        ("in the order of evaluation, with what can never decide", r#""username":"ann""#),
        ("of one action", r#""username":"ann","acltype":"subscribe""#),
        ("of one type of ACL", r#""username":"ann","acltype":"SubscribePattern""#),
        ("of an action whose default allows", r#""username":"bob","acltype":"unsubscribe""#),
        ("a role that refuses wildcards", r#""username":"bob""#),
        ("placeholders leave it open", r#""username":"dev""#),
        ("the client id is known", r#""username":"dev","clientid":"d7""#),
        ("there is only one client id", r#""username":"bound""#),
        ("a client id that no placeholder stands for", r#""username":"dev","clientid":"a/b""#),
        ("anonymous clients, for whom %u stands for nothing", r#""anonymous":true"#),
        ("nothing", r#""username":"none""#),
        ("a part", r#""username":"ann","count":2,"offset":3"#),
        ("only how many", r#""username":"ann","count":0"#),
        ("nobody", r#""username":"nobody","clientid":"x","correlationData":"c""#),
        ("nobody is named", r#""count":1"#),
        ("no such type", r#""username":"ann","acltype":"publish""#),
        ("a type of another type", r#""username":"ann","acltype":1"#),
    ];
    let mut table = table("getEffectiveACLs", &cases);
    table.case(
        "a disabled client",
        r#"given {"command":"disableClient","username":"bob"}
           send {"command":"getEffectiveACLs","username":"bob","count":0}"#,
    );
    table.case(
        "two that together cover a third, in one role and in two",
        r#"given {"command":"createRole","rolename":"both","acls":[{"acltype":"publishClientSend","topic":"x","priority":2,"allow":true},{"acltype":"publishClientSend","topic":"x/+/#","priority":1,"allow":false},{"acltype":"publishClientSend","topic":"x/#","allow":true},{"acltype":"publishClientSend","topic":"of/t/+/#","allow":true},{"acltype":"subscribePattern","topic":"x/+/#","priority":1,"allow":true},{"acltype":"subscribePattern","topic":"x","priority":1,"allow":true},{"acltype":"subscribePattern","topic":"x/#","allow":true}]}
           given {"command":"createRole","rolename":"late","acls":[{"acltype":"publishClientSend","topic":"of/%u/#","allow":true},{"acltype":"publishClientSend","topic":"x/+/#","priority":1,"allow":false}]}
           given {"command":"createRole","rolename":"early","acls":[{"acltype":"publishClientSend","topic":"of/%u","allow":true},{"acltype":"publishClientSend","topic":"y","allow":true},{"acltype":"publishClientSend","topic":"y/#","allow":true}]}
           given {"command":"createClient","username":"t","roles":[{"rolename":"early","priority":3},{"rolename":"both","priority":2},{"rolename":"late"}]}
           send {"command":"getEffectiveACLs","username":"t"}"#,
    );
    table.check("get_effective_acls");
}

#[test]
fn list_affected_clients() {
    let cases = [
        ("of a role, through a group too", r#""rolename":"first""#),
        ("of a role that only clients have", r#""rolename":"mine""#),
        ("of a group", r#""groupname":"g""#),
        ("verbose", r#""rolename":"mine","verbose":true"#),
        ("a part", r#""rolename":"mine","count":1,"offset":1"#),
        ("only how many", r#""rolename":"mine","count":0"#),
        ("no such role", r#""rolename":"none""#),
        ("no such group", r#""groupname":"none""#),
        ("both", r#""groupname":"g","rolename":"first""#),
        ("neither", r#""count":1"#),
        ("a group of another type", r#""groupname":7"#),
    ];
    table("listAffectedClients", &cases).check("list_affected_clients");
}
