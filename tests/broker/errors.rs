//! Refused commands: every text, in the order of checks, and nothing changed by any of them.

use serde_json::{Value, json};

use crate::harness::admin::without_2_1s;
use crate::harness::case::{Trial, cases};

cases! {
    commands_about_clients,
    commands_about_a_clients_roles,
    commands_about_groups,
    commands_about_a_groups_roles_and_clients,
    commands_about_roles,
    commands_about_a_roles_acls,
    commands_about_the_defaults,
    a_refused_modification_changes_nothing: theirs_fails(
        "2.0.11",
        "modifyClient and modifyGroup apply what comes before the member they refuse",
        "half of it was applied"
    ),
    a_refused_creation_leaves_nothing: theirs_fails(
        "2.0 2.1",
        "a refused createClient stays, freed, in the groups that it had joined by then"
    ),
}

/// Not what the brokers take for UTF-8, though it is.
const BAD: &str = "\u{ffff}LO";

/// Sends each command with these members and compares the error. The policy has a client, a group and a role
/// called `there`, the role with an ACL on `there`.
fn table(trial: &Trial, rows: &[(&str, Value, &str)]) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.all_fine(&json!([
        {"command": "createClient", "username": "there"},
        {"command": "createGroup", "groupname": "there"},
        {"command": "createRole", "rolename": "there"},
        {"command": "addRoleACL", "rolename": "there",
         "acltype": "unsubscribePattern", "topic": "there", "allow": true},
    ]));
    let before = broker.policy();
    for (command, members, error) in rows {
        let mut request = members.clone();
        request["command"] = json!(command);
        let expected = json!({"command": command, "error": error});
        assert_eq!(admin.command(&request), expected, "{request}");
    }
    assert_eq!(broker.policy(), before);
}

const NO_USERNAME: &str = "Invalid/missing username";
const BAD_USERNAME: &str = "Username not valid UTF-8";
const NO_CLIENT: &str = "Client not found";
const NO_GROUPNAME: &str = "Invalid/missing groupname";
const BAD_GROUPNAME: &str = "Group name not valid UTF-8";
const NO_GROUP: &str = "Group not found";
const NO_ROLENAME: &str = "Invalid/missing rolename";
const BAD_ROLENAME: &str = "Role name not valid UTF-8";
const NO_ROLE: &str = "Role not found";
const NO_ROLES: &str = "'roles' not an array or missing/invalid rolename";

/// A name that is missing, no string, bad, or unknown.
fn names(
    commands: &[&'static str],
    member: &str,
    errors: [&'static str; 3],
) -> Vec<(&'static str, Value, &'static str)> {
    let [missing, bad, unknown] = errors;
    let mut rows = Vec::new();
    for command in commands {
        rows.push((*command, json!({}), missing));
        rows.push((*command, json!({ member: 5 }), missing));
        rows.push((*command, json!({ member: BAD }), bad));
        rows.push((*command, json!({ member: "none" }), unknown));
    }
    rows
}

fn commands_about_clients(trial: &Trial) {
    let create = "createClient";
    let mut rows = vec![
        (create, json!({}), NO_USERNAME),
        (create, json!({"username": 5}), NO_USERNAME),
        (create, json!({"username": BAD}), BAD_USERNAME),
        (create, json!({"username": "u", "password": 5}), "Invalid/missing password"),
        (create, json!({"username": "u", "clientid": 5}), "Invalid/missing client id"),
        (create, json!({"username": "u", "clientid": BAD}), "Client ID not valid UTF-8"),
        (create, json!({"username": "u", "textname": 5}), "Invalid/missing textname"),
        (create, json!({"username": "u", "textdescription": 5}), "Invalid/missing textdescription"),
        (create, json!({"username": "there"}), "Client already exists"),
        (create, json!({"username": "u", "roles": "bad"}), NO_ROLES),
        (create, json!({"username": "u", "roles": [{}]}), NO_ROLES),
        (create, json!({"username": "u", "roles": [{"rolename": "none"}]}), NO_ROLE),
        (create, json!({"username": "u", "groups": [{"groupname": "none"}]}), NO_GROUP),
    ];
    let commands = ["disableClient", "enableClient", "getClient", "modifyClient", "setClientId"];
    rows.extend(names(&commands, "username", [NO_USERNAME, BAD_USERNAME, NO_CLIENT]));
    // This one does not look at the bytes.
    rows.extend(names(&["deleteClient"], "username", [NO_USERNAME, NO_CLIENT, NO_CLIENT]));
    let [id, password] = ["setClientId", "setClientPassword"];
    let no_password = "Invalid/missing password";
    rows.extend([
        (id, json!({"username": "there", "clientid": 5}), "Invalid/missing client ID"),
        (id, json!({"username": "there", "clientid": BAD}), "Client ID not valid UTF-8"),
        (id, json!({"username": "none", "clientid": "new"}), NO_CLIENT),
        (password, json!({}), NO_USERNAME),
        (password, json!({"username": 5}), NO_USERNAME),
        (password, json!({"username": BAD}), BAD_USERNAME),
        (password, json!({"username": "there"}), no_password),
        (password, json!({"username": "none", "password": 5}), no_password),
        (password, json!({"username": "none", "password": ""}), "Empty password is not allowed"),
        (password, json!({"username": "none", "password": "x"}), NO_CLIENT),
    ]);
    table(trial, &rows);
}

fn commands_about_a_clients_roles(trial: &Trial) {
    let mut rows = Vec::new();
    for command in ["addClientRole", "removeClientRole"] {
        rows.extend([
            (command, json!({}), NO_USERNAME),
            (command, json!({"username": 5}), NO_USERNAME),
            (command, json!({"username": BAD}), BAD_USERNAME),
            (command, json!({"username": "none"}), NO_ROLENAME),
            (command, json!({"username": "none", "rolename": 5}), NO_ROLENAME),
            (command, json!({"username": "none", "rolename": BAD}), BAD_ROLENAME),
            (command, json!({"username": "none", "rolename": "none"}), NO_CLIENT),
            (command, json!({"username": "there", "rolename": "none"}), NO_ROLE),
        ]);
    }
    let modify = "modifyClient";
    rows.extend([
        (modify, json!({"username": "there", "roles": "string"}), NO_ROLES),
        (modify, json!({"username": "there", "roles": [{}]}), NO_ROLES),
        (modify, json!({"username": "there", "roles": [{"rolename": 5}]}), NO_ROLES),
        (modify, json!({"username": "there", "roles": [{"rolename": "none"}]}), NO_ROLE),
    ]);
    table(trial, &rows);
}

fn commands_about_groups(trial: &Trial) {
    let create = "createGroup";
    let mut rows = vec![
        (create, json!({}), NO_GROUPNAME),
        (create, json!({"groupname": 5}), NO_GROUPNAME),
        (create, json!({"groupname": BAD}), BAD_GROUPNAME),
        (create, json!({"groupname": "g", "textname": 5}), "Invalid/missing textname"),
        (create, json!({"groupname": "g", "textdescription": 5}), "Invalid/missing textdescription"),
        (create, json!({"groupname": "there"}), "Group already exists"),
        (create, json!({"groupname": "g", "roles": [{"rolename": "none"}]}), NO_ROLE),
    ];
    let commands = ["deleteGroup", "getGroup", "setAnonymousGroup", "modifyGroup"];
    rows.extend(names(&commands, "groupname", [NO_GROUPNAME, BAD_GROUPNAME, NO_GROUP]));
    table(trial, &rows);
}

fn commands_about_a_groups_roles_and_clients(trial: &Trial) {
    let mut rows = Vec::new();
    for command in ["addGroupRole", "removeGroupRole"] {
        rows.extend([
            (command, json!({}), NO_GROUPNAME),
            (command, json!({"groupname": 5}), NO_GROUPNAME),
            (command, json!({"groupname": BAD}), BAD_GROUPNAME),
            (command, json!({"groupname": "none"}), NO_ROLENAME),
            (command, json!({"groupname": "none", "rolename": 5}), NO_ROLENAME),
            (command, json!({"groupname": "none", "rolename": BAD}), BAD_ROLENAME),
            (command, json!({"groupname": "none", "rolename": "none"}), NO_GROUP),
            (command, json!({"groupname": "there", "rolename": "none"}), NO_ROLE),
        ]);
    }
    for command in ["addGroupClient", "removeGroupClient"] {
        rows.extend([
            (command, json!({"groupname": "none"}), NO_USERNAME),
            (command, json!({"groupname": 5, "username": 5}), NO_USERNAME),
            (command, json!({"groupname": BAD, "username": BAD}), BAD_USERNAME),
            (command, json!({"username": "none"}), NO_GROUPNAME),
            (command, json!({"groupname": 5, "username": "none"}), NO_GROUPNAME),
            (command, json!({"groupname": BAD, "username": "none"}), BAD_GROUPNAME),
            (command, json!({"groupname": "there", "username": "none"}), NO_CLIENT),
            (command, json!({"groupname": "none", "username": "there"}), NO_GROUP),
        ]);
    }
    let modify = "modifyGroup";
    rows.extend([
        (modify, json!({"groupname": "there", "roles": "string"}), NO_ROLES),
        (modify, json!({"groupname": "there", "roles": [{}]}), NO_ROLES),
        (modify, json!({"groupname": "there", "roles": [{"rolename": 5}]}), NO_ROLES),
        (modify, json!({"groupname": "there", "roles": [{"rolename": "none"}]}), NO_ROLE),
    ]);
    table(trial, &rows);
}

fn commands_about_roles(trial: &Trial) {
    let create = "createRole";
    let mut rows = vec![
        (create, json!({}), NO_ROLENAME),
        (create, json!({"rolename": 5}), NO_ROLENAME),
        (create, json!({"rolename": BAD}), BAD_ROLENAME),
        (create, json!({"rolename": "r", "textname": 5}), "Invalid/missing textname"),
        (create, json!({"rolename": "r", "textdescription": 5}), "Invalid/missing textdescription"),
        (create, json!({"rolename": "there"}), "Role already exists"),
    ];
    let commands = ["deleteRole", "getRole"];
    rows.extend(names(&commands, "rolename", [NO_ROLENAME, BAD_ROLENAME, NO_ROLE]));
    let unknown = "Role does not exist";
    rows.extend(names(&["modifyRole"], "rolename", [NO_ROLENAME, BAD_ROLENAME, unknown]));
    table(trial, &rows);
}

fn commands_about_a_roles_acls(trial: &Trial) {
    let mut rows = Vec::new();
    for command in ["addRoleACL", "removeRoleACL"] {
        rows.extend(names(&[command], "rolename", [NO_ROLENAME, BAD_ROLENAME, NO_ROLE]));
        let acl = |acltype: Value, topic: Value| json!({"rolename": "there", "acltype": acltype, "topic": topic, "allow": true});
        let pattern = || json!("unsubscribePattern");
        rows.extend([
            (command, json!({"rolename": "there"}), "Invalid/missing acltype"),
            (command, acl(json!(5), json!("t")), "Invalid/missing acltype"),
            (command, acl(json!("unsubscribe"), json!("t")), "Unknown acltype"),
            (command, acl(pattern(), json!(null)), "Invalid/missing topic"),
            (command, acl(pattern(), json!(5)), "Invalid/missing topic"),
            (command, acl(pattern(), json!(BAD)), "Topic not valid UTF-8"),
            (command, acl(pattern(), json!("not/#/valid")), "Invalid ACL topic"),
            (command, acl(pattern(), json!("not/valid+")), "Invalid ACL topic"),
        ]);
    }
    let acl = |topic: &str| json!({"rolename": "there", "acltype": "unsubscribePattern", "topic": topic, "allow": false});
    rows.push(("addRoleACL", acl("there"), "ACL with this topic already exists"));
    rows.push(("removeRoleACL", acl("none"), "ACL not found"));
    table(trial, &rows);
}

fn commands_about_the_defaults(trial: &Trial) {
    let command = "setDefaultACLAccess";
    let error = "Missing/invalid actions array";
    table(
        trial,
        &[
            (command, json!({}), error),
            (command, json!({"actions": "bad"}), error),
            (command, json!({"acls": "bad"}), error),
            (command, json!({"acls": {}}), error),
        ],
    );
}

fn a_refused_modification_changes_nothing(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.fine(&json!({"command": "createGroup", "groupname": "g", "textname": "old"}));
    let roles = json!([{"rolename": "none"}]);
    let refused = json!([
        {"command": "modifyClient", "username": "john", "textname": "new", "password": "new",
         "clientid": "new", "roles": roles},
        {"command": "modifyGroup", "groupname": "g", "textname": "new", "roles": roles},
    ]);
    for response in admin.batch(&refused) {
        assert_eq!(response["error"], NO_ROLE);
    }
    let expected = [
        json!({"client": {"username": "john", "roles": [], "groups": []}}),
        json!({"group": {"groupname": "g", "textname": "old", "clients": [], "roles": []}}),
    ];
    let data = admin.all_fine(&json!([
        {"command": "getClient", "username": "john"},
        {"command": "getGroup", "groupname": "g"},
    ]));
    let data: Vec<Value> = data.into_iter().map(without_2_1s).collect();
    assert_eq!(data, expected, "half of it was applied");
    broker.client("any").login("john", "pw").connect().round_trip();
}

fn a_refused_creation_leaves_nothing(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "createGroup", "groupname": "g"}));
    let before = broker.policy();
    let groups = json!([{"groupname": "g"}, {"groupname": "none"}]);
    let create = json!({"command": "createClient", "username": "john", "groups": groups});
    assert_eq!(admin.error(&create), NO_GROUP);
    assert_eq!(admin.error(&json!({"command": "getClient", "username": "john"})), NO_CLIENT);
    let data = admin.fine(&json!({"command": "getGroup", "groupname": "g"}));
    assert_eq!(data["group"]["clients"], json!([]));
    assert_eq!(broker.policy(), before);
}
