//! The commands about groups.

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::case::{Trial, cases};

cases! {
    clients_come_into_a_group_and_leave_it,
    a_modified_group_is_what_was_asked_for,
    lists_are_sorted_and_can_be_read_in_parts,
    a_deleted_group_is_gone_from_its_members,
    a_deleted_client_is_gone_from_its_groups,
}

fn group(admin: &mut Admin, groupname: &str) -> Value {
    admin.fine(&json!({"command": "getGroup", "groupname": groupname}))["group"].take()
}

fn groups_of(admin: &mut Admin, username: &str) -> Value {
    let get = json!({"command": "getClient", "username": username});
    admin.fine(&get)["client"]["groups"].take()
}

fn clients_come_into_a_group_and_leave_it(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    let text = json!({"textname": "Name", "textdescription": "description"});
    let create = |groupname: &str| {
        let mut create = text.clone();
        create["command"] = json!("createGroup");
        create["groupname"] = json!(groupname);
        create
    };
    let add = |groupname: &str, username: &str| json!({"command": "addGroupClient", "groupname": groupname, "username": username});
    admin.create_client("user_one");
    admin.create_client("user_two");
    admin.all_fine(&json!([
        create("group_two"),
        create("group_one"),
        add("group_one", "user_one"),
        add("group_two", "user_one"),
        add("group_one", "user_two"),
    ]));
    let already = "Client is already in this group";
    assert_eq!(admin.error(&add("group_one", "user_one")), already);

    let one = json!({
        "groupname": "group_one", "textname": "Name", "textdescription": "description",
        "clients": [{"username": "user_one"}, {"username": "user_two"}], "roles": [],
    });
    let two = json!({
        "groupname": "group_two", "textname": "Name", "textdescription": "description",
        "clients": [{"username": "user_one"}], "roles": [],
    });
    for run in 0..2 {
        assert_eq!(group(&mut admin, "group_one"), one);
        assert_eq!(
            admin.fine(&json!({"command": "listGroups", "verbose": false})),
            json!({"totalCount": 2, "groups": ["group_one", "group_two"]})
        );
        assert_eq!(
            admin.fine(&json!({"command": "listGroups", "verbose": true})),
            json!({"totalCount": 2, "groups": [one, two]})
        );
        assert_eq!(
            groups_of(&mut admin, "user_one"),
            json!([{"groupname": "group_one"}, {"groupname": "group_two"}])
        );
        assert_eq!(groups_of(&mut admin, "user_two"), json!([{"groupname": "group_one"}]));
        if run == 0 {
            drop(admin);
            broker.restart();
            admin = broker.admin();
        }
    }

    assert_eq!(admin.error(&create("group_one")), "Group already exists");
    admin.all_fine(&json!([
        {"command": "removeGroupClient", "groupname": "group_one", "username": "user_one"},
        add("group_one", "user_one"),
        {"command": "deleteGroup", "groupname": "group_one"},
    ]));
    let groups = json!({"totalCount": 1, "groups": ["group_two"]});
    assert_eq!(admin.fine(&json!({"command": "listGroups"})), groups);
    assert_eq!(groups_of(&mut admin, "user_one"), json!([{"groupname": "group_two"}]));
}

fn a_modified_group_is_what_was_asked_for(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("user_one");
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "group_one",
         "textname": "Name", "textdescription": "Description"},
        {"command": "createRole", "rolename": "role_one"},
        {"command": "createRole", "rolename": "role_two"},
    ]));
    let expected = |name: &str, roles: Value, clients: Value| {
        json!({
            "groupname": "group_one",
            "textname": format!("{name}ame"), "textdescription": "Description",
            "clients": clients, "roles": roles,
        })
    };
    assert_eq!(group(&mut admin, "group_one"), expected("N", json!([]), json!([])));

    let modify = |roles: &Value, clients: &Value| {
        json!({
            "command": "modifyGroup", "groupname": "group_one", "textname": "New name",
            "roles": roles, "clients": clients,
        })
    };
    let one = json!([{"rolename": "role_one"}]);
    let user = json!([{"username": "user_one"}]);
    admin.fine(&modify(&one, &user));
    let after = expected("New n", one, user);
    assert_eq!(group(&mut admin, "group_one"), after);
    drop(admin);
    broker.restart();
    let mut admin = broker.admin();
    assert_eq!(group(&mut admin, "group_one"), after);

    let two = json!([
        {"rolename": "role_one", "priority": 99},
        {"rolename": "role_two", "priority": 87},
    ]);
    for roles in [two, json!([])] {
        admin.fine(&modify(&roles, &json!([])));
        assert_eq!(group(&mut admin, "group_one"), expected("New n", roles, json!([])));
    }
    assert_eq!(groups_of(&mut admin, "user_one"), json!([]));
}

fn lists_are_sorted_and_can_be_read_in_parts(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    for groupname in ["b", "B", "a", "aa"] {
        admin.fine(&json!({"command": "createGroup", "groupname": groupname}));
    }
    let all = ["B", "a", "aa", "b"];
    for (count, offset, from, to) in [(-1, 0, 0, 4), (2, 1, 1, 3), (9, 3, 3, 4), (1, 9, 4, 4)] {
        let list = json!({"command": "listGroups", "count": count, "offset": offset});
        let expected = json!({"totalCount": 4, "groups": all[from..to]});
        assert_eq!(admin.fine(&list), expected, "{list}");
    }
}

fn a_deleted_group_is_gone_from_its_members(trial: &Trial) {
    let mut broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.fine(&json!({"command": "createGroup", "groupname": "g"}));
    admin.fine(&json!({
        "command": "createClient", "username": "born", "password": "pw",
        "groups": [{"groupname": "g"}],
    }));
    admin.create_client("added");
    let add = json!({"command": "addGroupClient", "groupname": "g", "username": "added"});
    admin.fine(&add);
    admin.fine(&json!({"command": "deleteGroup", "groupname": "g"}));
    for _ in 0..2 {
        for username in ["born", "added"] {
            assert_eq!(groups_of(&mut admin, username), json!([]), "{username}");
        }
        drop(admin);
        broker.restart();
        admin = broker.admin();
    }
}

fn a_deleted_client_is_gone_from_its_groups(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "g"},
        {"command": "addGroupClient", "groupname": "g", "username": "john"},
        {"command": "deleteClient", "username": "john"},
    ]));
    assert_eq!(group(&mut admin, "g")["clients"], json!([]));
    admin.create_client("john");
    assert_eq!(group(&mut admin, "g")["clients"], json!([]));
    assert_eq!(groups_of(&mut admin, "john"), json!([]));
}
