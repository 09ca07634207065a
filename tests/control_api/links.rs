//! Commands that link clients, groups and roles.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"reader"}"#,
    r#"{"command":"createRole","rolename":"writer"}"#,
    r#"{"command":"createGroup","groupname":"sensors","roles":[{"rolename":"reader","priority":3}]}"#,
    r#"{"command":"createGroup","groupname":"gateways"}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"reader"}],"groups":[{"groupname":"sensors"}]}"#,
    r#"{"command":"createClient","username":"bob"}"#,
];

/// Every way to give a priority, with what is asked afterwards.
const PRIORITIES: &[(&str, &str)] = &[
    ("missing", ""),
    ("zero", r#","priority":0"#),
    ("positive", r#","priority":17"#),
    ("negative", r#","priority":-17"#),
    ("the default, which is not written", r#","priority":-1"#),
    ("2.1's highest", r#","priority":100000"#),
    ("above it", r#","priority":100001"#),
    ("2.1's lowest", r#","priority":-100000"#),
    ("below it", r#","priority":-100001"#),
    ("the highest that fits", r#","priority":2147483647"#),
    ("the lowest that fits", r#","priority":-2147483648"#),
    ("too high", r#","priority":2147483648"#),
    ("too low", r#","priority":-1e99"#),
    ("fractional", r#","priority":2.9"#),
    ("fractional and negative", r#","priority":-0.9"#),
    ("a string", r#","priority":"5""#),
    ("null", r#","priority":null"#),
    ("a truth value", r#","priority":true"#),
    ("an array", r#","priority":[5]"#),
];

fn priorities(command: &str, get: &str) -> Table {
    let mut table = Table::new(SETUP);
    for (title, priority) in PRIORITIES {
        let command = command.replace("PRIORITY", priority);
        table.case(&format!("priority: {title}"), &format!("send {command}\nsend {get}"));
    }
    table
}

#[test]
fn add_client_role() {
    let command = r#"{"command":"addClientRole","username":"bob","rolename":"reader"PRIORITY}"#;
    let mut table = priorities(command, r#"{"command":"getClient","username":"bob"}"#);
    table.cases(&[
        (
            "it has the role: C has no text for this",
            r#"send {"command":"addClientRole","username":"ann","rolename":"reader","priority":5}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "the client is looked for before the role",
            r#"send {"command":"addClientRole","username":"none","rolename":"none"}
               send {"command":"addClientRole","username":"bob","rolename":"none"}"#,
        ),
    ]);
    table.check("add_client_role");
}

#[test]
fn remove_client_role() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "once, and once more: it need not have it",
            r#"send {"command":"removeClientRole","username":"ann","rolename":"reader"}
               send {"command":"getClient","username":"ann"}
               send {"command":"removeClientRole","username":"ann","rolename":"reader"}"#,
        ),
        (
            "the client is looked for before the role",
            r#"send {"command":"removeClientRole","username":"none","rolename":"none"}
               send {"command":"removeClientRole","username":"ann","rolename":"none"}"#,
        ),
    ]);
    table.check("remove_client_role");
}

#[test]
fn add_group_client() {
    let command = r#"{"command":"addGroupClient","groupname":"gateways","username":"bob"PRIORITY}"#;
    let mut table = priorities(command, r#"{"command":"getClient","username":"bob"}"#);
    table.cases(&[
        (
            "it is in it: disconnected all the same",
            r#"send {"command":"addGroupClient","groupname":"sensors","username":"ann","priority":5}
               send {"command":"getClient","username":"ann"}"#,
        ),
        (
            "the client is looked for before the group; a client of that name is disconnected, known or not",
            r#"send {"command":"addGroupClient","groupname":"none","username":"none"}
               send {"command":"addGroupClient","groupname":"none","username":"bob"}"#,
        ),
    ]);
    table.check("add_group_client");
}

#[test]
fn remove_group_client() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "once, and once more: it need not be in it",
            r#"send {"command":"removeGroupClient","groupname":"sensors","username":"ann"}
               send {"command":"getClient","username":"ann"}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"removeGroupClient","groupname":"sensors","username":"ann"}"#,
        ),
        (
            "the client is looked for before the group; a client of that name is disconnected, known or not",
            r#"send {"command":"removeGroupClient","groupname":"none","username":"none"}
               send {"command":"removeGroupClient","groupname":"none","username":"bob"}"#,
        ),
    ]);
    table.check("remove_group_client");
}

#[test]
fn add_group_role() {
    let command = r#"{"command":"addGroupRole","groupname":"gateways","rolename":"reader"PRIORITY}"#;
    let mut table = priorities(command, r#"{"command":"getGroup","groupname":"gateways"}"#);
    table.cases(&[
        (
            "its members are disconnected, but not if it has the role",
            r#"send {"command":"addGroupRole","groupname":"sensors","rolename":"writer"}
               send {"command":"addGroupRole","groupname":"sensors","rolename":"reader","priority":5}
               send {"command":"getGroup","groupname":"sensors"}"#,
        ),
        (
            "anonymous clients too",
            r#"given {"command":"setAnonymousGroup","groupname":"gateways"}
               send {"command":"addGroupRole","groupname":"gateways","rolename":"writer"}"#,
        ),
        (
            "the group is looked for before the role",
            r#"send {"command":"addGroupRole","groupname":"none","rolename":"none"}
               send {"command":"addGroupRole","groupname":"sensors","rolename":"none"}"#,
        ),
    ]);
    table.check("add_group_role");
}

#[test]
fn remove_group_role() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "once, and once more: it need not have it, its members are disconnected all the same",
            r#"send {"command":"removeGroupRole","groupname":"sensors","rolename":"reader"}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"removeGroupRole","groupname":"sensors","rolename":"reader"}"#,
        ),
        (
            "the group is looked for before the role",
            r#"send {"command":"removeGroupRole","groupname":"none","rolename":"none"}
               send {"command":"removeGroupRole","groupname":"sensors","rolename":"none"}"#,
        ),
    ]);
    table.check("remove_group_role");
}

#[test]
fn priorities_in_lists() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "of a new client",
            r#"send {"command":"createClient","username":"cid","roles":[{"rolename":"reader","priority":"5"},{"rolename":"writer","priority":200000}],"groups":[{"groupname":"sensors","priority":2.9},{"groupname":"gateways","priority":-1e99}]}
               send {"command":"getClient","username":"cid"}"#,
        ),
        (
            "of a client that is modified",
            r#"send {"command":"modifyClient","username":"bob","roles":[{"rolename":"reader","priority":null},{"rolename":"writer","priority":-200000}],"groups":[{"groupname":"sensors","priority":1e99},{"groupname":"gateways","priority":0}]}
               send {"command":"getClient","username":"bob"}"#,
        ),
        (
            "of a new group",
            r#"send {"command":"createGroup","groupname":"g","roles":[{"rolename":"reader","priority":-0.9},{"rolename":"writer","priority":200000}]}
               send {"command":"getGroup","groupname":"g"}"#,
        ),
        (
            "of a group that is modified",
            r#"send {"command":"modifyGroup","groupname":"sensors","roles":[{"rolename":"reader","priority":-200000}],"clients":[{"username":"ann","priority":200000},{"username":"bob","priority":{}}]}
               send {"command":"getGroup","groupname":"sensors"}
               send {"command":"getClient","username":"ann"}
               send {"command":"getClient","username":"bob"}"#,
        ),
    ]);
    table.check("priorities_in_lists");
}
