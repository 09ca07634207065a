//! Whom the commands disconnect: relations are complete, however they came about. In C a role that a
//! client or group was made with, or was given by modify, does not know of it.

use crate::harness::{Setup, Table};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"r"}"#,
    r#"{"command":"createRole","rolename":"other"}"#,
    r#"{"command":"createGroup","groupname":"g"}"#,
    r#"{"command":"createClient","username":"bystander","roles":[{"rolename":"other"}]}"#,
    r#"{"command":"createClient","username":"ann"}"#,
];

/// Ways to give `ann` the role.
const GIVEN: &[(&str, &str)] = &[
    (
        "by createClient",
        r#"given {"command":"deleteClient","username":"ann"}
                           given {"command":"createClient","username":"ann","roles":[{"rolename":"r"}]}"#,
    ),
    ("by modifyClient", r#"given {"command":"modifyClient","username":"ann","roles":[{"rolename":"r"}]}"#),
    ("by addClientRole", r#"given {"command":"addClientRole","username":"ann","rolename":"r"}"#),
    (
        "by a group that was created with it",
        r#"given {"command":"createGroup","groupname":"new","roles":[{"rolename":"r"}]}
                                               given {"command":"addGroupClient","groupname":"new","username":"ann"}"#,
    ),
    (
        "by a group that was modified",
        r#"given {"command":"modifyGroup","groupname":"g","roles":[{"rolename":"r"}],"clients":[{"username":"ann"}]}"#,
    ),
    (
        "by addGroupRole",
        r#"given {"command":"addGroupRole","groupname":"g","rolename":"r"}
                           given {"command":"modifyClient","username":"ann","groups":[{"groupname":"g"}]}"#,
    ),
    (
        "twice, by itself and by a group",
        r#"given {"command":"addGroupRole","groupname":"g","rolename":"r"}
                                           given {"command":"modifyClient","username":"ann","roles":[{"rolename":"r"}],"groups":[{"groupname":"g"}]}"#,
    ),
    (
        "by the anonymous group",
        r#"given {"command":"addGroupRole","groupname":"g","rolename":"r"}
                                  given {"command":"setAnonymousGroup","groupname":"g"}"#,
    ),
    (
        "and taken away again",
        r#"given {"command":"modifyClient","username":"ann","roles":[{"rolename":"r"}]}
                                given {"command":"modifyClient","username":"ann","roles":[]}
                                given {"command":"modifyGroup","groupname":"g","roles":[{"rolename":"r"}],"clients":[{"username":"ann"}]}
                                given {"command":"removeGroupClient","groupname":"g","username":"ann"}"#,
    ),
];

#[test]
fn a_change_to_a_role_reaches_all_who_have_it() {
    let mut table = Table::new(SETUP);
    for (title, given) in GIVEN {
        table.case(
            title,
            &format!(
                r#"{given}
                   send {{"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}}
                   send {{"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}}
                   send {{"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}}
                   send {{"command":"modifyRole","rolename":"r","textname":"R"}}
                   send {{"command":"modifyRole","rolename":"r","allowwildcardsubs":false}}
                   send {{"command":"modifyRole","rolename":"r","acls":[]}}
                   send {{"command":"deleteRole","rolename":"r"}}"#
            ),
        );
    }
    table.check("a_change_to_a_role_reaches_all_who_have_it");
}

#[test]
fn a_change_to_a_group_reaches_all_who_are_in_it() {
    let mut table = Table::new(SETUP);
    for (title, given) in [
        (
            "by createClient",
            r#"given {"command":"createClient","username":"bob","groups":[{"groupname":"g"}]}"#,
        ),
        (
            "by modifyClient",
            r#"given {"command":"modifyClient","username":"ann","groups":[{"groupname":"g"}]}"#,
        ),
        (
            "by modifyGroup",
            r#"given {"command":"modifyGroup","groupname":"g","clients":[{"username":"ann"}]}"#,
        ),
        ("by addGroupClient", r#"given {"command":"addGroupClient","groupname":"g","username":"ann"}"#),
        ("without a name", r#"given {"command":"setAnonymousGroup","groupname":"g"}"#),
    ] {
        table.case(
            title,
            &format!(
                r#"{given}
                   send {{"command":"addGroupRole","groupname":"g","rolename":"r"}}
                   send {{"command":"addGroupRole","groupname":"g","rolename":"r"}}
                   send {{"command":"removeGroupRole","groupname":"g","rolename":"r"}}
                   send {{"command":"removeGroupRole","groupname":"g","rolename":"r"}}
                   send {{"command":"modifyGroup","groupname":"g","textname":"G"}}
                   send {{"command":"modifyGroup","groupname":"g","roles":[{{"rolename":"none"}}]}}
                   send {{"command":"deleteGroup","groupname":"g"}}"#
            ),
        );
    }
    table.check("a_change_to_a_group_reaches_all_who_are_in_it");
}
