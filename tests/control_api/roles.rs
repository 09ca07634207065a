//! Commands about one role.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"reader","textname":"Reader","textdescription":"It reads","acls":[{"acltype":"subscribePattern","topic":"news/#","priority":4,"allow":true}]}"#,
    r#"{"command":"createGroup","groupname":"sensors","roles":[{"rolename":"reader"}]}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"reader"}]}"#,
    r#"{"command":"createClient","username":"bob","groups":[{"groupname":"sensors"}]}"#,
    r#"{"command":"createClient","username":"cid"}"#,
];

#[test]
fn create_role() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "a name is enough",
            r#"send {"command":"createRole","rolename":"r"}
               send {"command":"getRole","rolename":"r"}"#,
        ),
        (
            "with everything; ACLs by type, then highest priority first, then as given",
            r#"send {"command":"createRole","rolename":"r","textname":"R","textdescription":"","allowwildcardsubs":false,"acls":[{"acltype":"unsubscribePattern","topic":"a","allow":true},{"acltype":"unsubscribeLiteral","topic":"a","allow":true},{"acltype":"subscribePattern","topic":"a","allow":true},{"acltype":"subscribeLiteral","topic":"a","allow":true},{"acltype":"publishClientReceive","topic":"a","allow":true},{"acltype":"publishClientSend","topic":"b"},{"acltype":"publishClientSend","topic":"a","allow":false},{"acltype":"publishClientSend","topic":"c","priority":1,"allow":true}]}
               send {"command":"getRole","rolename":"r"}"#,
        ),
        ("it exists", r#"send {"command":"createRole","rolename":"reader"}"#),
        (
            "members of the wrong type, in the order in which they are looked at",
            r#"send {"command":"createRole","rolename":"reader","textname":1,"textdescription":1,"allowwildcardsubs":1}
               send {"command":"createRole","rolename":"reader","textdescription":1,"allowwildcardsubs":1}
               send {"command":"createRole","rolename":"reader","allowwildcardsubs":1}"#,
        ),
        (
            "allowwildcardsubs of the wrong type: 2.0 does not know it",
            r#"send {"command":"createRole","rolename":"r","allowwildcardsubs":"false"}
               send {"command":"createRole","rolename":"s","allowwildcardsubs":null}
               send {"command":"createRole","rolename":"t","allowwildcardsubs":0}"#,
        ),
        (
            "acls that are no array are passed over",
            r#"send {"command":"createRole","rolename":"r","acls":{"acltype":"publishClientSend","topic":"a"}}
               send {"command":"createRole","rolename":"s","acls":null}
               send {"command":"createRole","rolename":"t","acls":"a"}
               send {"command":"getRole","rolename":"r"}"#,
        ),
    ]);
    table.check("create_role");
}

#[test]
fn delete_role() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "it goes, also from clients and groups; all who had it are disconnected",
            r#"send {"command":"deleteRole","rolename":"reader"}
               send {"command":"getRole","rolename":"reader"}
               send {"command":"getClient","username":"ann"}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"deleteRole","rolename":"reader"}"#,
        ),
        (
            "anonymous clients that had it are disconnected too",
            r#"given {"command":"setAnonymousGroup","groupname":"sensors"}
               send {"command":"deleteRole","rolename":"reader"}"#,
        ),
        ("it does not exist", r#"send {"command":"deleteRole","rolename":"none"}"#),
    ]);
    table.check("delete_role");
}

#[test]
fn get_role() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("all that there is", r#"send {"command":"getRole","rolename":"reader"}"#),
        ("it does not exist", r#"send {"command":"getRole","rolename":"none"}"#),
    ]);
    table.check("get_role");
}

#[test]
fn modify_role() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "nothing: nobody is disconnected",
            r#"send {"command":"modifyRole","rolename":"reader"}
               send {"command":"getRole","rolename":"reader"}"#,
        ),
        (
            "texts: nobody is disconnected",
            r#"send {"command":"modifyRole","rolename":"reader","textname":"","textdescription":"new"}
               send {"command":"getRole","rolename":"reader"}"#,
        ),
        (
            "ACLs: all who have it are disconnected",
            r#"send {"command":"modifyRole","rolename":"reader","acls":[{"acltype":"publishClientSend","topic":"a","allow":true}]}
               send {"command":"getRole","rolename":"reader"}
               send {"command":"modifyRole","rolename":"reader","acls":[]}
               send {"command":"getRole","rolename":"reader"}"#,
        ),
        (
            "allowwildcardsubs: they are, if it is another",
            r#"send {"command":"modifyRole","rolename":"reader","allowwildcardsubs":true}
               send {"command":"modifyRole","rolename":"reader","allowwildcardsubs":false}
               send {"command":"modifyRole","rolename":"reader","allowwildcardsubs":false}
               send {"command":"getRole","rolename":"reader"}"#,
        ),
        (
            "members of the wrong type are passed over",
            r#"send {"command":"modifyRole","rolename":"reader","textname":1,"textdescription":[],"allowwildcardsubs":"false","acls":{}}
               send {"command":"getRole","rolename":"reader"}"#,
        ),
        ("it does not exist: another text than elsewhere", r#"send {"command":"modifyRole","rolename":"none"}"#),
    ]);
    table.check("modify_role");
}
