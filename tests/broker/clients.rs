//! The commands about clients, what they answer, and that it is all there after a restart.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, without_2_1s};
use crate::harness::case::{Trial, cases};

cases! {
    a_client_is_created_listed_and_deleted,
    lists_are_sorted_and_can_be_read_in_parts,
    a_modified_client_is_what_was_asked_for,
    roles_and_groups_are_listed_by_priority,
    a_priority_of_minus_one_is_not_mentioned,
    a_role_is_added_once,
}

fn client(admin: &mut Admin, username: &str) -> Value {
    admin.fine(&json!({"command": "getClient", "username": username}))["client"].take()
}

/// What `dynsec init` made.
fn administrator() -> Value {
    json!({
        "username": "admin", "textname": "Dynsec admin user",
        "roles": [{"rolename": "admin"}], "groups": [],
    })
}

fn a_client_is_created_listed_and_deleted(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let create = json!({
        "command": "createClient", "username": "user_one", "password": "password",
        "clientid": "cid", "textname": "Name", "textdescription": "Description",
        "rolename": "", "correlationData": "2",
    });
    let created = json!({"command": "createClient", "correlationData": "2"});
    assert_eq!(admin.command(&create), created);

    let one = json!({
        "username": "user_one", "clientid": "cid", "textname": "Name",
        "textdescription": "Description", "roles": [], "groups": [],
    });
    let list = json!({"command": "listClients", "verbose": false});
    let names = json!({"totalCount": 2, "clients": ["admin", "user_one"]});
    let verbose = json!({"command": "listClients", "verbose": true});
    let all = json!({"totalCount": 2, "clients": [administrator(), one]});
    for run in 0..2 {
        assert_eq!(admin.fine(&list), names);
        assert_eq!(without_2_1s(admin.fine(&verbose)), all);
        assert_eq!(without_2_1s(client(&mut admin, "user_one")), one);
        if run == 0 {
            drop(admin);
            broker.restart();
            admin = broker.admin();
        }
    }

    let again = json!({
        "command": "createClient", "error": "Client already exists", "correlationData": "2",
    });
    assert_eq!(admin.command(&create), again);
    admin.all_fine(&json!([
        {"command": "setClientPassword", "username": "user_one", "password": "password"},
        {"command": "deleteClient", "username": "user_one"},
    ]));
    assert_eq!(admin.fine(&list), json!({"totalCount": 1, "clients": ["admin"]}));
}

fn lists_are_sorted_and_can_be_read_in_parts(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for username in ["b", "é", "B", "a", "aa"] {
        admin.create_client(username);
    }
    let all = ["B", "a", "aa", "admin", "b", "é"];
    let table = [
        (json!({}), 0, 6),
        (json!({"count": 2}), 0, 2),
        (json!({"count": 2, "offset": 1}), 1, 3),
        (json!({"offset": 4}), 4, 6),
        (json!({"count": 100, "offset": 5}), 5, 6),
        (json!({"count": 2, "offset": 6}), 6, 6),
        (json!({"count": 1, "offset": 100}), 6, 6),
        (json!({"count": -1, "offset": -1}), 0, 6),
        // Not even none is a count.
        (json!({"count": 0}), 0, 1),
    ];
    for (members, from, to) in table {
        let mut command = members;
        command["command"] = json!("listClients");
        let data = admin.fine(&command);
        assert_eq!(data, json!({"totalCount": 6, "clients": all[from..to]}), "{command}");
    }
}

fn a_modified_client_is_what_was_asked_for(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let text = |name: &str| json!({"textname": name, "textdescription": "Description"});
    let mut commands = vec![json!({
        "command": "createClient", "username": "user_one", "password": "password",
        "clientid": "cid", "textname": "Name", "textdescription": "Description",
    })];
    for (command, member, names) in [
        ("createGroup", "groupname", &["group_one", "group_two"][..]),
        ("createRole", "rolename", &["role_one", "role_two", "role_three"]),
    ] {
        for name in names {
            let mut create = text("Name");
            create["command"] = json!(command);
            create[member] = json!(name);
            commands.push(create);
        }
    }
    admin.all_fine(&json!(commands));
    let before = json!({
        "username": "user_one", "clientid": "cid", "textname": "Name",
        "textdescription": "Description", "roles": [], "groups": [],
    });
    assert_eq!(without_2_1s(client(&mut admin, "user_one")), before);

    admin.fine(&json!({
        "command": "modifyClient", "username": "user_one", "clientid": "",
        "textname": "Modified name", "textdescription": "Modified description",
        "roles": [
            {"rolename": "role_one", "priority": 2},
            {"rolename": "role_two"},
            {"rolename": "role_three", "priority": 10},
        ],
        "groups": [
            {"groupname": "group_one", "priority": 3},
            {"groupname": "group_two", "priority": 8},
        ],
    }));
    let mut after = json!({
        "username": "user_one",
        "textname": "Modified name", "textdescription": "Modified description",
        "roles": [
            {"rolename": "role_three", "priority": 10},
            {"rolename": "role_one", "priority": 2},
            {"rolename": "role_two"},
        ],
        "groups": [
            {"groupname": "group_two", "priority": 8},
            {"groupname": "group_one", "priority": 3},
        ],
    });
    assert_eq!(without_2_1s(client(&mut admin, "user_one")), after);
    drop(admin);
    broker.restart();
    let mut admin = broker.admin();
    assert_eq!(without_2_1s(client(&mut admin, "user_one")), after);

    // What is not mentioned stays, an empty list empties.
    admin.fine(&json!({"command": "modifyClient", "username": "user_one", "groups": []}));
    after["groups"] = json!([]);
    assert_eq!(without_2_1s(client(&mut admin, "user_one")), after);
}

fn roles_and_groups_are_listed_by_priority(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    for (name, priority) in [("b", 0), ("a", 0), ("c", 7), ("d", -7), ("e", -1)] {
        admin.all_fine(&json!([
            {"command": "createRole", "rolename": name},
            {"command": "addClientRole", "username": "john", "rolename": name,
             "priority": priority},
            {"command": "createGroup", "groupname": name},
            {"command": "addGroupClient", "groupname": name, "username": "john",
             "priority": priority},
        ]));
    }
    for run in 0..2 {
        let john = client(&mut admin, "john");
        for (list, member) in [("roles", "rolename"), ("groups", "groupname")] {
            let expected = json!([
                {member: "c", "priority": 7},
                {member: "a", "priority": 0},
                {member: "b", "priority": 0},
                {member: "e"},
                {member: "d", "priority": -7},
            ]);
            assert_eq!(john[list], expected, "run {run}");
        }
        drop(admin);
        broker.restart();
        admin = broker.admin();
    }
}

fn a_priority_of_minus_one_is_not_mentioned(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.all_fine(&json!([
        {"command": "createRole", "rolename": "r"},
        {"command": "addClientRole", "username": "john", "rolename": "r", "priority": -1},
    ]));
    assert_eq!(client(&mut admin, "john")["roles"], json!([{"rolename": "r"}]));
    let policy = broker.policy();
    let mut saved = policy["clients"].as_array().unwrap().iter();
    let saved = saved.find(|client| client["username"] == "john").unwrap();
    assert_eq!(saved["roles"], json!([{"rolename": "r"}]));
}

fn a_role_is_added_once(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let add = json!({"command": "addClientRole", "username": "john", "rolename": "r"});
    admin.all_fine(&json!([{"command": "createRole", "rolename": "r"}, add]));
    assert_eq!(admin.error(&add), "Internal error");
}
