//! Commands about one client.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"reader"}"#,
    r#"{"command":"createRole","rolename":"writer"}"#,
    r#"{"command":"createGroup","groupname":"sensors"}"#,
    r#"{"command":"createGroup","groupname":"gateways"}"#,
    r#"{"command":"createClient","username":"ann","password":"secret","clientid":"ann-1","textname":"Ann","textdescription":"She reads","roles":[{"rolename":"reader","priority":3}],"groups":[{"groupname":"sensors","priority":7}]}"#,
];

#[test]
fn create_client() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "a name is enough",
            r#"send {"command":"createClient","username":"bob"}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "with everything",
            r#"send {"command":"createClient","username":"bob","password":"p","clientid":"b","textname":"Bob","textdescription":"He writes","roles":[{"rolename":"writer","priority":2},{"rolename":"reader"}],"groups":[{"groupname":"sensors"},{"groupname":"gateways","priority":9}]}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "an empty password is a password, an empty clientid is none, empty texts are texts",
            r#"send {"command":"createClient","username":"bob","password":"","clientid":"","textname":"","textdescription":""}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "of a role named twice the first counts",
            r#"send {"command":"createClient","username":"bob","roles":[{"rolename":"reader","priority":1},{"rolename":"reader","priority":2}]}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "a group named twice is an error",
            r#"send {"command":"createClient","username":"bob","groups":[{"groupname":"sensors"},{"groupname":"sensors"}]}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "groups that are no array, and elements that name no group, are passed over",
            r#"send {"command":"createClient","username":"bob","groups":{"groupname":"nobody"}}
               send {"command":"createClient","username":"cid","groups":["nobody",7,{},{"groupname":1},{"groupname":"sensors"}]}
               send {"command":"getClient","username":"cid"}"#,
        ),
        ("it exists", r#"send {"command":"createClient","username":"ann"}"#),
        (
            "it exists, though the roles are unknown too",
            r#"send {"command":"createClient","username":"ann","roles":[{"rolename":"none"}]}"#,
        ),
        (
            "the case of a name matters",
            r#"send {"command":"createClient","username":"Ann"}
               send {"command":"listClients"}"#,
        ),
        (
            "members of the wrong type, in the order in which they are looked at",
            r#"send {"command":"createClient","username":"bob","password":1,"clientid":1,"textname":1,"textdescription":1}
               send {"command":"createClient","username":"bob","clientid":1,"textname":1,"textdescription":1}
               send {"command":"createClient","username":"bob","textname":1,"textdescription":1}
               send {"command":"createClient","username":"bob","textdescription":1}
               send {"command":"createClient","username":"bob","password":null}
               send {"command":"createClient","username":"ann","password":null}"#,
        ),
        (
            "roles that are no array or name no role",
            r#"send {"command":"createClient","username":"bob","roles":{}}
               send {"command":"createClient","username":"bob","roles":null}
               send {"command":"createClient","username":"bob","roles":["reader"]}
               send {"command":"createClient","username":"bob","roles":[["rolename","reader"]]}
               send {"command":"createClient","username":"bob","roles":[{}]}
               send {"command":"createClient","username":"bob","roles":[{"rolename":7}]}
               send {"command":"createClient","username":"bob","roles":[]}"#,
        ),
        (
            "the first wrong role decides",
            r#"send {"command":"createClient","username":"bob","roles":[{"rolename":"none"},{}]}
               send {"command":"createClient","username":"bob","roles":[{},{"rolename":"none"}]}"#,
        ),
        (
            "roles are looked at before groups",
            r#"send {"command":"createClient","username":"bob","roles":[{"rolename":"none"}],"groups":[{"groupname":"none"}]}
               send {"command":"createClient","username":"bob","groups":[{"groupname":"sensors"},{"groupname":"none"}]}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "NUL characters, at which C would end the text",
            r#"send {"command":"createClient","username":"bob","password":"a\u0000b"}
               send {"command":"createClient","username":"bob","password":"\u0000"}
               send {"command":"createClient","username":"bob","clientid":"a\u0000b"}
               send {"command":"createClient","username":"bob","roles":[{"rolename":"reader\u0000"}]}
               send {"command":"createClient","username":"bob","groups":[{"groupname":"sensors\u0000"}]}
               send {"command":"createClient","username":"bob","textname":"one\u0000two"}
               send {"command":"getClient","username":"bob"}"#,
        ),
    ]);
    table.check("create_client");
}

#[test]
fn delete_client() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "it goes, also from its groups",
            r#"send {"command":"deleteClient","username":"ann"}
               send {"command":"getClient","username":"ann"}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"deleteClient","username":"ann"}"#,
        ),
        ("it does not exist", r#"send {"command":"deleteClient","username":"bob"}"#),
        ("no name", r#"send {"command":"deleteClient"}"#),
        (
            "the name is not checked for UTF-8, so there is just no such client",
            "send {\"command\":\"deleteClient\",\"username\":\"\u{ffff}\"}",
        ),
    ]);
    table.check("delete_client");
}

#[test]
fn enable_and_disable_client() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "disabled and enabled again",
            r#"send {"command":"disableClient","username":"ann"}
               send {"command":"getClient","username":"ann"}
               send {"command":"disableClient","username":"ann"}
               send {"command":"enableClient","username":"ann"}
               send {"command":"getClient","username":"ann"}
               send {"command":"enableClient","username":"ann"}"#,
        ),
        (
            "it does not exist",
            r#"send {"command":"disableClient","username":"bob"}
               send {"command":"enableClient","username":"bob"}"#,
        ),
    ]);
    table.check("enable_and_disable_client");
}

#[test]
fn get_client() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("all that there is", r#"send {"command":"getClient","username":"ann"}"#),
        (
            "roles and groups: highest priority first, then by the bytes of the name; -1 is not written",
            r#"given {"command":"createRole","rolename":"Zed"}
               given {"command":"createGroup","groupname":"Zed"}
               given {"command":"createClient","username":"bob","roles":[{"rolename":"writer","priority":-1},{"rolename":"reader","priority":0},{"rolename":"Zed","priority":-1}],"groups":[{"groupname":"sensors","priority":-2},{"groupname":"gateways","priority":-2},{"groupname":"Zed"}]}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "connections: those of the name, or that of the client id it is bound to",
            r#"given {"command":"setClientId","username":"ann"}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "a session that the broker does not know the address of",
            r#"given {"command":"createClient","username":"absent"}
               send {"command":"getClient","username":"absent"}"#,
        ),
        ("it does not exist", r#"send {"command":"getClient","username":"bob"}"#),
    ]);
    table.check("get_client");
}

#[test]
fn set_client_id() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "another, none, and none by an empty one",
            r#"send {"command":"setClientId","username":"ann","clientid":"ann-2"}
               send {"command":"setClientId","username":"ann"}
               send {"command":"setClientId","username":"ann","clientid":"ann-2"}
               send {"command":"setClientId","username":"ann","clientid":""}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "the id is looked at before the client",
            "send {\"command\":\"setClientId\",\"username\":\"bob\",\"clientid\":7}
             send {\"command\":\"setClientId\",\"username\":\"bob\",\"clientid\":null}
             send {\"command\":\"setClientId\",\"username\":\"bob\",\"clientid\":\"\u{ffff}\"}
             send {\"command\":\"setClientId\",\"username\":\"bob\",\"clientid\":\"a\\u0000b\"}
             send {\"command\":\"setClientId\",\"username\":\"bob\",\"clientid\":\"b\"}",
        ),
    ]);
    table.check("set_client_id");
}

#[test]
fn set_client_password() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("a new one", r#"send {"command":"setClientPassword","username":"ann","password":"new"}"#),
        (
            "missing, of the wrong type, empty, empty in C",
            r#"send {"command":"setClientPassword","username":"ann"}
               send {"command":"setClientPassword","username":"ann","password":7}
               send {"command":"setClientPassword","username":"ann","password":""}
               send {"command":"setClientPassword","username":"ann","password":"\u0000x"}
               send {"command":"setClientPassword","username":"ann","password":"x\u0000"}"#,
        ),
        (
            "the password is looked at before the client",
            r#"send {"command":"setClientPassword","username":"bob","password":""}
               send {"command":"setClientPassword","username":"bob","password":"new"}"#,
        ),
    ]);
    table.check("set_client_password");
}

#[test]
fn modify_client() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "nothing",
            r#"send {"command":"modifyClient","username":"ann"}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "everything",
            r#"send {"command":"modifyClient","username":"ann","password":"p","clientid":"b","textname":"Bea","textdescription":"","roles":[{"rolename":"writer","priority":1}],"groups":[{"groupname":"gateways","priority":2}]}
               send {"command":"getClient","username":"ann"}
               send {"command":"getGroup","groupname":"sensors"}"#,
        ),
        (
            "empty lists empty, an empty clientid unbinds, an empty password is passed over",
            r#"send {"command":"modifyClient","username":"ann","clientid":"","password":"","roles":[],"groups":[]}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "members of the wrong type are passed over, but for roles",
            r#"send {"command":"modifyClient","username":"ann","password":1,"clientid":null,"textname":[],"textdescription":{},"groups":"sensors"}
               send {"command":"getClient","username":"ann"}
               send {"command":"modifyClient","username":"ann","textname":"new","roles":"reader"}
               send {"command":"modifyClient","username":"ann","textname":"new","roles":[{"rolename":null}]}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "an unknown role: nothing is changed",
            r#"send {"command":"modifyClient","username":"ann","clientid":"new","textname":"new","roles":[{"rolename":"writer"},{"rolename":"none"}]}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "groups that do not exist or have no name: 2.0 passes over them, 2.1 refuses",
            r#"send {"command":"modifyClient","username":"ann","textname":"new","groups":[{"groupname":"none"},{"groupname":"gateways"}]}
               send {"command":"getClient","username":"ann"}
               send {"command":"modifyClient","username":"ann","groups":[{"groupname":"none"},{}]}
               send {"command":"modifyClient","username":"ann","groups":[{"groupname":7},{"groupname":"none"}]}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "roles are looked at before groups",
            r#"send {"command":"modifyClient","username":"ann","roles":[{"rolename":"none"}],"groups":[{"groupname":"none"}]}"#,
        ),
        (
            "elements of groups that are no objects are passed over, of duplicates the first counts",
            r#"send {"command":"modifyClient","username":"ann","groups":["none",7,null,{"groupname":"gateways","priority":1},{"groupname":"gateways","priority":2}]}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "a clientid is not checked for UTF-8",
            "send {\"command\":\"modifyClient\",\"username\":\"ann\",\"clientid\":\"\u{ffff}\"}
             send {\"command\":\"getClient\",\"username\":\"ann\"}",
        ),
        (
            "NUL characters: a text ends there, a clientid and a password are refused",
            r#"send {"command":"modifyClient","username":"ann","textname":"one\u0000two","textdescription":"\u0000"}
               send {"command":"modifyClient","username":"ann","textname":"new","clientid":"a\u0000b"}
               send {"command":"modifyClient","username":"ann","textname":"new","password":"a\u0000b"}
               send {"command":"modifyClient","username":"ann","password":"\u0000b"}
               send {"command":"getClient","username":"ann"}"#,
        ),
        ("it does not exist", r#"send {"command":"modifyClient","username":"bob","roles":7}"#),
    ]);
    table.check("modify_client");
}
