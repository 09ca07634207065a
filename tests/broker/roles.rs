//! The commands about roles and their ACLs.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, acl, without_2_1s};
use crate::harness::case::{Trial, cases};

cases! {
    a_role_is_created_given_and_deleted,
    a_modified_role_is_what_was_asked_for,
    acls_are_listed_by_type_then_priority,
    lists_are_sorted_and_can_be_read_in_parts,
    acls_that_are_none_are_left_out,
    a_deleted_role_is_gone_from_who_was_created_with_it: theirs_fails(
        "2.0 2.1",
        "who was created with a role keeps a pointer to it after it is deleted"
    ),
    a_deleted_role_is_gone_from_a_group_that_was_modified_to_it: theirs_fails(
        "2.0 2.1",
        "a group that modifyGroup gave a role keeps a pointer to it after it is deleted"
    ),
}

fn role(admin: &mut Admin, rolename: &str) -> Value {
    let get = json!({"command": "getRole", "rolename": rolename});
    without_2_1s(admin.fine(&get)["role"].take())
}

/// What `dynsec init` made, in the order of an answer.
fn administrators() -> Value {
    let acls = [
        ("publishClientSend", "$CONTROL/dynamic-security/#"),
        ("publishClientReceive", "$CONTROL/dynamic-security/#"),
        ("publishClientReceive", "$SYS/#"),
        ("publishClientReceive", "#"),
        ("subscribePattern", "$CONTROL/dynamic-security/#"),
        ("subscribePattern", "$SYS/#"),
        ("subscribePattern", "#"),
        ("unsubscribePattern", "#"),
    ];
    let acls = acls
        .map(|(acltype, topic)| json!({"acltype": acltype, "topic": topic, "priority": 0, "allow": true}));
    json!({"rolename": "admin", "acls": acls})
}

fn a_role_is_created_given_and_deleted(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let out = json!({
        "acltype": "publishClientSend", "topic": "out/#", "priority": 3, "allow": true,
    });
    let create = |rolename: &str| {
        json!({
            "command": "createRole", "rolename": rolename, "acls": [out],
            "textname": "name", "textdescription": "desc",
        })
    };
    admin.create_client("user_two");
    admin.create_client("user_one");
    let give =
        |rolename: &str| json!({"command": "addClientRole", "username": "user_one", "rolename": rolename});
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "group_one"},
        create("basic"),
        create("basic2"),
        give("basic2"),
        give("basic"),
        {"command": "addGroupRole", "groupname": "group_one", "rolename": "basic"},
    ]));
    let users = admin.fine(&json!({"command": "listClients", "verbose": true}));
    let roles = json!([{"rolename": "basic"}, {"rolename": "basic2"}]);
    assert_eq!(users["clients"][1]["roles"], roles);
    assert_eq!(users["clients"][2]["roles"], json!([]));
    let groups = admin.fine(&json!({"command": "listGroups", "verbose": true}));
    assert_eq!(groups["groups"][0]["roles"], json!([{"rolename": "basic"}]));

    let expected = |rolename: &str, acls: Value| {
        json!({
            "rolename": rolename, "textname": "name", "textdescription": "desc", "acls": acls,
        })
    };
    let list = |admin: &mut Admin, basic: Value| {
        let mut data = admin.fine(&json!({"command": "listRoles", "verbose": true}));
        assert_eq!(data["totalCount"], 3);
        let roles = data["roles"].as_array_mut().unwrap();
        let roles: Vec<Value> = roles.iter_mut().map(|role| without_2_1s(role.take())).collect();
        let basic = expected("basic", basic);
        assert_eq!(roles, [administrators(), basic, expected("basic2", json!([out]))]);
    };
    list(&mut admin, json!([out]));

    let add = json!({
        "command": "addRoleACL", "rolename": "basic", "acltype": "subscribeLiteral",
        "topic": "basic/out", "priority": 1, "allow": true,
    });
    admin.fine(&add);
    assert_eq!(admin.error(&add), "ACL with this topic already exists");
    let added = json!({
        "acltype": "subscribeLiteral", "topic": "basic/out", "priority": 1, "allow": true,
    });
    list(&mut admin, json!([out, added]));
    drop(admin);
    broker.restart();
    let mut admin = broker.admin();
    list(&mut admin, json!([out, added]));
    assert_eq!(role(&mut admin, "basic"), expected("basic", json!([out, added])));

    let remove = json!({
        "command": "removeRoleACL", "rolename": "basic",
        "acltype": "subscribeLiteral", "topic": "basic/out",
    });
    admin.fine(&remove);
    assert_eq!(admin.error(&remove), "ACL not found");
    list(&mut admin, json!([out]));
    admin.all_fine(&json!([
        {"command": "removeClientRole", "username": "user_one", "rolename": "basic"},
        {"command": "removeGroupRole", "groupname": "group_one", "rolename": "basic"},
        {"command": "deleteRole", "rolename": "basic"},
    ]));
    let roles = json!({"totalCount": 2, "roles": ["admin", "basic2"]});
    assert_eq!(admin.fine(&json!({"command": "listRoles"})), roles);
}

fn a_modified_role_is_what_was_asked_for(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let acls = |acltype: &str, first: i32, second: i32| {
        json!([
            {"acltype": acltype, "topic": "topic/#", "priority": first, "allow": true},
            {"acltype": acltype, "topic": "topic/2/#", "priority": second, "allow": true},
        ])
    };
    let mut role_one = json!({
        "rolename": "role_one", "textname": "Name", "textdescription": "Description",
        "acls": acls("publishClientSend", 8, 9),
    });
    let mut command = role_one.clone();
    command["command"] = json!("createRole");
    admin.fine(&command);
    // The higher priority comes first.
    role_one["acls"].as_array_mut().unwrap().reverse();
    assert_eq!(role(&mut admin, "role_one"), role_one);

    let role_one = json!({
        "rolename": "role_one", "textname": "Modified name",
        "textdescription": "Modified description",
        "acls": acls("publishClientReceive", 2, 1),
    });
    let mut command = role_one.clone();
    command["command"] = json!("modifyRole");
    admin.fine(&command);
    assert_eq!(role(&mut admin, "role_one"), role_one);
    drop(admin);
    broker.restart();
    assert_eq!(role(&mut broker.admin(), "role_one"), role_one);
}

fn acls_are_listed_by_type_then_priority(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let types = [
        "publishClientSend",
        "publishClientReceive",
        "subscribeLiteral",
        "subscribePattern",
        "unsubscribeLiteral",
        "unsubscribePattern",
    ];
    let mut asked = Vec::new();
    let mut expected = Vec::new();
    for acltype in types {
        for (topic, priority) in [("z", 5), ("a", 0), ("b", 0), ("c", -3)] {
            expected.push(json!({"acltype": acltype, "topic": topic, "priority": priority, "allow": false}));
            asked.insert(0, acl(&json!([acltype, topic, false, priority])));
        }
    }
    // Equal priorities stay in the order in which they came.
    for chunk in expected.chunks_mut(4) {
        chunk.swap(1, 2);
    }
    admin.fine(&json!({"command": "createRole", "rolename": "r", "acls": asked}));
    let expected = json!({"rolename": "r", "acls": expected});
    assert_eq!(role(&mut admin, "r"), expected);
    drop(admin);
    broker.restart();
    assert_eq!(role(&mut broker.admin(), "r"), expected);
}

fn lists_are_sorted_and_can_be_read_in_parts(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for rolename in ["b", "B", "a"] {
        admin.create_role(rolename, &json!([]));
    }
    let all = ["B", "a", "admin", "b"];
    for (count, offset, from, to) in [(-1, 0, 0, 4), (2, 1, 1, 3), (9, 3, 3, 4), (1, 9, 4, 4)] {
        let list = json!({"command": "listRoles", "count": count, "offset": offset});
        let expected = json!({"totalCount": 4, "roles": all[from..to]});
        assert_eq!(admin.fine(&list), expected, "{list}");
    }
}

fn acls_that_are_none_are_left_out(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    let acls = json!([
        {"acltype": "nonsense", "topic": "t", "allow": true},
        {"topic": "t", "allow": true},
        {"acltype": "subscribeLiteral", "allow": true},
        {"acltype": "subscribeLiteral", "topic": 5},
        {"acltype": "SUBSCRIBELITERAL", "topic": "t", "priority": "high"},
    ]);
    admin.fine(&json!({"command": "createRole", "rolename": "r", "acls": acls}));
    let left = json!([
        {"acltype": "subscribeLiteral", "topic": "t", "priority": 0, "allow": false},
    ]);
    assert_eq!(role(&mut admin, "r")["acls"], left);
}

fn roles_of(admin: &mut Admin, command: &str, member: &str, name: &str, kind: &str) -> Value {
    admin.fine(&json!({"command": command, member: name}))[kind]["roles"].take()
}

fn a_deleted_role_is_gone_from_who_was_created_with_it(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let roles = json!([{"rolename": "r"}]);
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "r"},
        {"command": "createClient", "username": "john", "password": "pw", "roles": roles},
        {"command": "createGroup", "groupname": "g", "roles": roles},
        {"command": "deleteRole", "rolename": "r"},
    ]));
    for _ in 0..2 {
        let left = roles_of(&mut admin, "getClient", "username", "john", "client");
        assert_eq!(left, json!([]));
        let left = roles_of(&mut admin, "getGroup", "groupname", "g", "group");
        assert_eq!(left, json!([]));
        // A new one of the same name is not theirs.
        admin.fine(&json!({"command": "createRole", "rolename": "r"}));
        let left = roles_of(&mut admin, "getClient", "username", "john", "client");
        assert_eq!(left, json!([]));
        admin.fine(&json!({"command": "deleteRole", "rolename": "r"}));
        drop(admin);
        broker.restart();
        admin = broker.admin();
    }
}

fn a_deleted_role_is_gone_from_a_group_that_was_modified_to_it(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "r"},
        {"command": "createGroup", "groupname": "g"},
        {"command": "modifyGroup", "groupname": "g", "roles": [{"rolename": "r"}]},
        {"command": "deleteRole", "rolename": "r"},
    ]));
    let left = roles_of(&mut admin, "getGroup", "groupname", "g", "group");
    assert_eq!(left, json!([]));
}
