//! Whether the snapshots hold all that there is: every command, every error.

use std::fs;
use std::path::Path;

/// Every command, and whether it can be refused.
const COMMANDS: &[(&str, bool)] = &[
    ("setDefaultACLAccess", true),
    ("getDefaultACLAccess", false),
    ("getDetails", false),
    ("createClient", true),
    ("deleteClient", true),
    ("getClient", true),
    ("listClients", false),
    ("modifyClient", true),
    ("setClientPassword", true),
    ("setClientId", true),
    ("addClientRole", true),
    ("removeClientRole", true),
    ("enableClient", true),
    ("disableClient", true),
    ("addGroupClient", true),
    ("removeGroupClient", true),
    ("createGroup", true),
    ("deleteGroup", true),
    ("getGroup", true),
    ("listGroups", false),
    ("modifyGroup", true),
    ("addGroupRole", true),
    ("removeGroupRole", true),
    ("setAnonymousGroup", true),
    ("getAnonymousGroup", false),
    ("createRole", true),
    ("getRole", true),
    ("listRoles", false),
    ("modifyRole", true),
    ("deleteRole", true),
    ("addRoleACL", true),
    ("removeRoleACL", true),
    ("explainACL", true),
    ("explainLogin", true),
    ("getEffectiveACLs", true),
    ("listAffectedClients", true),
    ("lintPolicy", false),
];

/// Every error text that a command can be answered with.
const ERRORS: &[&str] = &[
    "Payload not valid JSON",
    "Invalid/missing commands",
    "Command not an object",
    "Missing command",
    "Invalid correlationData data type.",
    "Unknown command",
    "Invalid/missing username",
    "Invalid/missing password",
    "Invalid/missing client id",
    "Invalid/missing client ID",
    "Invalid/missing textname",
    "Invalid/missing textdescription",
    "Invalid/missing groupname",
    "Invalid/missing rolename",
    "Invalid/missing acltype",
    "Invalid/missing topic",
    "Empty username",
    "Empty groupname",
    "Empty rolename",
    "Username not valid UTF-8",
    "Client ID not valid UTF-8",
    "Group name not valid UTF-8",
    "Role name not valid UTF-8",
    "Topic not valid UTF-8",
    "Client already exists",
    "Client not found",
    "Empty password is not allowed",
    "'roles' not an array or missing/invalid rolename",
    "'groups' contains an object with an invalid 'groupname'",
    "'groups' contains an object with a 'groupname' that does not exist",
    "'clients' contains an object with an invalid 'username'",
    "'clients' contains an object with a 'username' that does not exist",
    "Group already exists",
    "Group not found",
    "Deleting the anonymous group is forbidden",
    "Group is already in this role",
    "Client is already in this group",
    "Role already exists",
    "Role not found",
    "Role does not exist",
    "Invalid allowwildcardsubs",
    "Unknown acltype",
    "Invalid ACL topic",
    "ACL with this topic already exists",
    "ACL not found",
    "Missing/invalid actions array",
    "Internal error",
    "Invalid/missing anonymous",
    "Both username and anonymous given",
    "Both rolename and groupname given",
];

#[test]
fn the_snapshots_hold_every_command_and_every_error() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control_api/snapshots");
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let snapshots: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    for (command, can_be_refused) in COMMANDS {
        let answers = [format!(r#""command":"{command}"}}"#), format!(r#""{command}","data":"#)];
        assert!(answers.iter().any(|answer| snapshots.contains(answer)), "{command} succeeds nowhere");
        let refusal = format!(r#""{command}","error":"#);
        assert!(!can_be_refused || snapshots.contains(&refusal), "{command} is refused nowhere");
    }
    for error in ERRORS {
        let in_a_response = format!(r#""error":"{error}""#);
        let in_the_table_of_names = format!("{error}: ");
        let is_there = snapshots.contains(&in_a_response) || snapshots.contains(&in_the_table_of_names);
        assert!(is_there, "{error} is in no snapshot");
    }
}
