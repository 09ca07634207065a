//! The list commands and getDetails.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"r2","textname":"Two"}"#,
    r#"{"command":"createRole","rolename":"R9"}"#,
    r#"{"command":"createRole","rolename":"r1","acls":[{"acltype":"subscribeLiteral","topic":"a","allow":true}]}"#,
    r#"{"command":"createGroup","groupname":"g2"}"#,
    r#"{"command":"createGroup","groupname":"g10","roles":[{"rolename":"r1"}]}"#,
    r#"{"command":"createGroup","groupname":"g1"}"#,
    r#"{"command":"createClient","username":"bob"}"#,
    r#"{"command":"createClient","username":"é"}"#,
    r#"{"command":"createClient","username":"ann","groups":[{"groupname":"g1"}],"roles":[{"rolename":"r2"}]}"#,
];

/// The members of a list command and what is said of them.
const PAGES: &[(&str, &str)] = &[
    ("all, by the bytes of the names", ""),
    ("verbose", r#","verbose":true"#),
    ("not verbose", r#","verbose":false"#),
    ("verbose is no truth value", r#","verbose":"true""#),
    ("verbose is a number", r#","verbose":1"#),
    ("count 0 is one, as C counts after it has listed one", r#","count":0"#),
    ("count 1", r#","count":1"#),
    ("count 2", r#","count":2"#),
    ("count 3, which is all", r#","count":3"#),
    ("count is more than there are", r#","count":4"#),
    ("count is huge", r#","count":2147483648"#),
    ("count -1 is all", r#","count":-1"#),
    ("count is any negative number", r#","count":-7"#),
    ("count is fractional", r#","count":1.9"#),
    ("count is between -1 and 0", r#","count":-0.9"#),
    ("count is a string", r#","count":"1""#),
    ("count is null", r#","count":null"#),
    ("offset 0", r#","offset":0"#),
    ("offset 1", r#","offset":1"#),
    ("offset 3, which is behind the last", r#","offset":3"#),
    ("offset is huge", r#","offset":1e99"#),
    ("offset is negative", r#","offset":-2"#),
    ("offset is fractional", r#","offset":1.9"#),
    ("offset is a string", r#","offset":"1""#),
    ("offset is null", r#","offset":null"#),
    ("count and offset", r#","count":1,"offset":1"#),
    ("count and offset and verbose", r#","count":0,"offset":2,"verbose":true"#),
];

fn pages(command: &str) -> Table {
    let mut table = Table::new(SETUP);
    for (title, members) in PAGES {
        table.case(title, &format!(r#"send {{"command":"{command}"{members}}}"#));
    }
    table
}

#[test]
fn list_clients() {
    pages("listClients").check("list_clients");
}

#[test]
fn list_groups() {
    pages("listGroups").check("list_groups");
}

#[test]
fn list_roles() {
    pages("listRoles").check("list_roles");
}

#[test]
fn lists_of_nothing() {
    let mut table = Table::new(&[]);
    for command in ["listClients", "listGroups", "listRoles"] {
        table.case(
            command,
            &format!(
                r#"send {{"command":"{command}"}}
                   send {{"command":"{command}","verbose":true,"count":0,"offset":5}}"#
            ),
        );
    }
    table.check("lists_of_nothing");
}

#[test]
fn get_details() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("how many there are of each", r#"send {"command":"getDetails"}"#),
        (
            "changes that changed nothing are counted, refused commands and questions are not",
            r#"send {"command":"disableClient","username":"ann"}
               send {"command":"disableClient","username":"ann"}
               send {"command":"removeClientRole","username":"ann","rolename":"r1"}
               send {"command":"modifyRole","rolename":"r1"}
               send {"command":"createClient","username":"ann"}
               send {"command":"addGroupClient","username":"ann","groupname":"g1"}
               send {"command":"listClients"}
               send {"command":"getDetails"}"#,
        ),
    ]);
    table.check("get_details");
}
