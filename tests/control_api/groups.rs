//! Commands about one group, and the anonymous group.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"reader"}"#,
    r#"{"command":"createRole","rolename":"writer"}"#,
    r#"{"command":"createGroup","groupname":"sensors","textname":"Sensors","textdescription":"They measure","roles":[{"rolename":"reader","priority":3}]}"#,
    r#"{"command":"createGroup","groupname":"gateways"}"#,
    r#"{"command":"createClient","username":"ann","groups":[{"groupname":"sensors","priority":7}]}"#,
    r#"{"command":"createClient","username":"bob"}"#,
    r#"{"command":"createClient","username":"cid"}"#,
];

#[test]
fn create_group() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "a name is enough",
            r#"send {"command":"createGroup","groupname":"g"}
               send {"command":"getGroup","groupname":"g"}"#,
        ),
        (
            "with everything; clients are no part of it",
            r#"send {"command":"createGroup","groupname":"g","textname":"G","textdescription":"","roles":[{"rolename":"reader","priority":1},{"rolename":"writer","priority":2}],"clients":[{"username":"ann"}]}
               send {"command":"getGroup","groupname":"g"}"#,
        ),
        (
            "of a role named twice the first counts",
            r#"send {"command":"createGroup","groupname":"g","roles":[{"rolename":"reader","priority":1},{"rolename":"reader","priority":2}]}
               send {"command":"getGroup","groupname":"g"}"#,
        ),
        ("it exists", r#"send {"command":"createGroup","groupname":"sensors","roles":[{"rolename":"none"}]}"#),
        (
            "members of the wrong type, in the order in which they are looked at",
            r#"send {"command":"createGroup","groupname":"g","textname":1,"textdescription":1}
               send {"command":"createGroup","groupname":"g","textdescription":null}
               send {"command":"createGroup","groupname":"sensors","textname":1}"#,
        ),
        (
            "roles that are no array or name no role have no text of their own",
            r#"send {"command":"createGroup","groupname":"g","roles":{}}
               send {"command":"createGroup","groupname":"g","roles":null}
               send {"command":"createGroup","groupname":"g","roles":["reader"]}
               send {"command":"createGroup","groupname":"g","roles":[{"rolename":7}]}
               send {"command":"createGroup","groupname":"g","roles":[{"rolename":"none"},{}]}
               send {"command":"createGroup","groupname":"g","roles":[{},{"rolename":"none"}]}
               send {"command":"getGroup","groupname":"g"}"#,
        ),
    ]);
    table.check("create_group");
}

#[test]
fn delete_group() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "it goes, also from its members",
            r#"send {"command":"deleteGroup","groupname":"sensors"}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"getClient","username":"ann"}
               send {"command":"deleteGroup","groupname":"sensors"}"#,
        ),
        ("it does not exist", r#"send {"command":"deleteGroup","groupname":"none"}"#),
        (
            "the anonymous group stays: 2.0.11 crashes here, 2.0.21 and 2.1 refuse",
            r#"given {"command":"setAnonymousGroup","groupname":"sensors"}
               send {"command":"deleteGroup","groupname":"sensors"}
               send {"command":"getAnonymousGroup"}
               send {"command":"setAnonymousGroup","groupname":"gateways"}
               send {"command":"deleteGroup","groupname":"sensors"}"#,
        ),
    ]);
    table.check("delete_group");
}

#[test]
fn get_group() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("all that there is", r#"send {"command":"getGroup","groupname":"sensors"}"#),
        (
            "members by the bytes of their names, without their priorities",
            r#"given {"command":"createClient","username":"Zoe","groups":[{"groupname":"gateways"}]}
               given {"command":"addGroupClient","groupname":"gateways","username":"bob","priority":100}
               given {"command":"addGroupClient","groupname":"gateways","username":"ann","priority":5}
               send {"command":"getGroup","groupname":"gateways"}"#,
        ),
        ("it does not exist", r#"send {"command":"getGroup","groupname":"none"}"#),
    ]);
    table.check("get_group");
}

#[test]
fn modify_group() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "nothing",
            r#"send {"command":"modifyGroup","groupname":"sensors"}
               send {"command":"getGroup","groupname":"sensors"}"#,
        ),
        (
            "everything: who was in it and who is now are disconnected",
            r#"send {"command":"modifyGroup","groupname":"sensors","textname":"S","textdescription":"","roles":[{"rolename":"writer"}],"clients":[{"username":"cid","priority":4},{"username":"bob"}]}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"getClient","username":"ann"}
               send {"command":"getClient","username":"cid"}"#,
        ),
        (
            "empty lists empty",
            r#"send {"command":"modifyGroup","groupname":"sensors","roles":[],"clients":[]}
               send {"command":"getGroup","groupname":"sensors"}"#,
        ),
        (
            "a member that stays gets the priority that is given",
            r#"send {"command":"modifyGroup","groupname":"sensors","clients":[{"username":"ann"}]}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "members of the wrong type are passed over, but for roles",
            r#"send {"command":"modifyGroup","groupname":"sensors","textname":1,"textdescription":null,"clients":{"username":"bob"}}
               send {"command":"modifyGroup","groupname":"sensors","textname":"new","roles":"reader"}
               send {"command":"modifyGroup","groupname":"sensors","textname":"new","roles":[{"rolename":"none"}]}
               send {"command":"modifyGroup","groupname":"sensors","textname":"new","roles":[7]}
               send {"command":"getGroup","groupname":"sensors"}"#,
        ),
        (
            "clients that do not exist or have no name: 2.0 passes over them, 2.1 refuses",
            r#"send {"command":"modifyGroup","groupname":"sensors","textname":"new","clients":[{"username":"none"},{"username":"bob"}]}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"modifyGroup","groupname":"sensors","clients":[{"username":"none"},{}]}
               send {"command":"modifyGroup","groupname":"sensors","clients":[{"username":7},{"username":"none"}]}
               send {"command":"getGroup","groupname":"sensors"}"#,
        ),
        (
            "elements of clients that are no objects are passed over, of duplicates the first counts",
            r#"send {"command":"modifyGroup","groupname":"sensors","clients":["none",7,null,{"username":"bob","priority":1},{"username":"bob","priority":2}]}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "roles are looked at before clients",
            r#"send {"command":"modifyGroup","groupname":"sensors","roles":[{"rolename":"none"}],"clients":[{"username":"none"}]}"#,
        ),
        (
            "the anonymous group: anonymous clients are disconnected",
            r#"given {"command":"setAnonymousGroup","groupname":"sensors"}
               send {"command":"modifyGroup","groupname":"sensors","roles":[]}"#,
        ),
        ("it does not exist", r#"send {"command":"modifyGroup","groupname":"none","roles":7}"#),
    ]);
    table.check("modify_group");
}

#[test]
fn anonymous_group() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "none, one, another",
            r#"send {"command":"getAnonymousGroup"}
               send {"command":"setAnonymousGroup","groupname":"sensors"}
               send {"command":"getAnonymousGroup"}
               send {"command":"setAnonymousGroup","groupname":"gateways"}
               send {"command":"getAnonymousGroup"}
               send {"command":"setAnonymousGroup","groupname":"gateways"}"#,
        ),
        (
            "it does not exist, and there is no way to have none again",
            r#"given {"command":"setAnonymousGroup","groupname":"sensors"}
               send {"command":"setAnonymousGroup","groupname":"none"}
               send {"command":"setAnonymousGroup","groupname":""}
               send {"command":"getAnonymousGroup"}"#,
        ),
    ]);
    table.check("anonymous_group");
}
