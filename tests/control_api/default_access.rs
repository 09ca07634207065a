//! The default access.

use crate::harness::Table;

#[test]
fn default_access() {
    let mut table = Table::new(&[r#"{"command":"createClient","username":"ann"}"#]);
    table.cases(&[
        ("everything is denied at first", r#"send {"command":"getDefaultACLAccess"}"#),
        (
            "all four: nobody is disconnected",
            r#"send {"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientSend","allow":true},{"acltype":"publishClientReceive","allow":true},{"acltype":"subscribe","allow":true},{"acltype":"unsubscribe","allow":true}]}
               send {"command":"getDefaultACLAccess"}
               send {"command":"setDefaultACLAccess","acls":[{"acltype":"SUBSCRIBE","allow":false}]}
               send {"command":"getDefaultACLAccess"}"#,
        ),
        (
            "of one type named twice the last counts",
            r#"send {"command":"setDefaultACLAccess","acls":[{"acltype":"subscribe","allow":false},{"acltype":"subscribe","allow":true}]}
               send {"command":"getDefaultACLAccess"}"#,
        ),
        (
            "elements of another shape are passed over",
            r#"send {"command":"setDefaultACLAccess","acls":["subscribe",7,null,[],{},{"acltype":"subscribe"},{"allow":true},{"acltype":7,"allow":true},{"acltype":"subscribe","allow":"true"},{"acltype":"subscribe","allow":1}]}
               send {"command":"getDefaultACLAccess"}"#,
        ),
        (
            "unknown types are passed over, but logged",
            r#"send {"command":"setDefaultACLAccess","acls":[{"acltype":"subscribeLiteral","allow":true},{"acltype":"","allow":false}]}
               send {"command":"getDefaultACLAccess"}"#,
        ),
        (
            "control characters would garble the log",
            r#"send {"command":"setDefaultACLAccess","acls":[{"acltype":"subscribe\u0000x","allow":true},{"acltype":"x\ndynsec: console/admin | deleteClient | username=ann","allow":true}]}
               send {"command":"getDefaultACLAccess"}"#,
        ),
        (
            "nothing, and what mosquitto_ctrl of 2.0.11 adds: a no-op that counts as a change",
            r#"send {"command":"setDefaultACLAccess","acls":[]}
               send {"command":"setDefaultACLAccess","acls":[],"access":[{"acltype":"subscribe","allow":true}]}
               send {"command":"getDetails"}"#,
        ),
        (
            "no array",
            r#"send {"command":"setDefaultACLAccess"}
               send {"command":"setDefaultACLAccess","acls":{"acltype":"subscribe","allow":true}}
               send {"command":"setDefaultACLAccess","acls":null}
               send {"command":"setDefaultACLAccess","acls":"subscribe"}
               send {"command":"getDefaultACLAccess"}"#,
        ),
    ]);
    table.check("default_access");
}
