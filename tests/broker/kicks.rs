//! Whom a command disconnects: those whose rights it may have changed, and nobody else.
//!
//! `direct` holds the role `r`, `member` is in the group `g` which holds it, `other` has neither.

use serde_json::{Value, json};

use crate::harness::admin::{Admin, acl};
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::client::Client;
use crate::harness::packet::{ADMINISTRATIVE_ACTION, BOTH, Protocol};
use crate::harness::raw::RawConnect;

cases! {
    commands_about_a_client_disconnect_that_client,
    commands_about_a_group_disconnect_its_members,
    commands_about_a_role_disconnect_its_holders,
    a_modified_role_disconnects_its_holders: theirs_fails(
        "2.0",
        "modifyRole disconnects nobody: who lost a right keeps using it",
        "disconnected by"
    ),
    a_modified_group_disconnects_who_was_in_it_and_who_is: theirs_fails(
        "2.0.11",
        "modifyGroup only disconnects the new members",
        "disconnected by"
    ),
    a_role_given_at_creation_counts_as_any_other: theirs_fails(
        "2.0 2.1",
        "a role given by createClient or createGroup does not know its holders",
        "disconnected by"
    ),
    commands_that_change_nobodys_rights_disconnect_nobody,
    refused_commands_disconnect_nobody,
    every_connection_of_a_username_is_ended,
    the_reason_is_an_administrative_action,
    a_client_that_came_back_is_left_alone,
}

struct Field {
    broker: Broker,
    admin: Admin,
    clients: Vec<(&'static str, Client)>,
}

impl Field {
    fn new(trial: &Trial) -> Self {
        let broker = trial.broker().start();
        let mut admin = broker.admin();
        for username in ["direct", "member", "other", "sentinel"] {
            admin.create_client(username);
        }
        for rolename in ["r", "r2"] {
            admin.create_role(rolename, &json!([["subscribeLiteral", "t", true]]));
        }
        admin.all_fine(&json!([
            {"command": "createGroup", "groupname": "g"},
            {"command": "createGroup", "groupname": "g2"},
            {"command": "addGroupRole", "groupname": "g", "rolename": "r"},
            {"command": "addGroupClient", "groupname": "g", "username": "member"},
            {"command": "addClientRole", "username": "direct", "rolename": "r"},
        ]));
        let mut field = Self { broker, admin, clients: Vec::new() };
        for username in ["direct", "member", "other"] {
            let client = field.connect(username);
            field.clients.push((username, client));
        }
        field
    }

    fn connect(&self, username: &str) -> Client {
        self.broker.client(username).login(username, "pw").connect()
    }

    /// Sends a command and sees whom it disconnects; those come back.
    fn disconnects(&mut self, command: &Value, expected: &[&str]) {
        let response = self.admin.command(command);
        self.let_disconnects_happen();
        let gone: Vec<&str> = self
            .clients
            .iter_mut()
            .filter_map(|(username, client)| (!client.is_there()).then_some(*username))
            .collect();
        assert_eq!(gone, expected, "disconnected by {command}, which got {response}");
        for at in 0..self.clients.len() {
            let username = self.clients[at].0;
            if gone.contains(&username) {
                self.clients[at].1 = self.connect(username);
            }
        }
    }

    fn table(&mut self, rows: &[(Value, &[&str])]) {
        for (command, expected) in rows {
            self.disconnects(command, expected);
        }
    }

    /// Disconnects happen in the order of the commands: when that of a later one has, so have those before.
    fn let_disconnects_happen(&mut self) {
        let mut sentinel = self.connect("sentinel");
        let command = json!({"command": "setClientId", "username": "sentinel"});
        self.admin.fine(&command);
        sentinel.disconnected();
    }
}

fn commands_about_a_client_disconnect_that_client(trial: &Trial) {
    let direct = &["direct"][..];
    let mut field = Field::new(trial);
    let about = |command: &str, member: &str, value: &str| {
        let mut about = json!({"command": command, "username": "direct"});
        about[member] = json!(value);
        about
    };
    field.table(&[
        (about("setClientId", "clientid", "direct"), direct),
        (about("setClientPassword", "password", "pw"), direct),
        (about("modifyClient", "textname", "Direct"), direct),
        (about("addClientRole", "rolename", "r2"), direct),
        (about("removeClientRole", "rolename", "r2"), direct),
        // No more there to remove.
        (about("removeClientRole", "rolename", "r2"), direct),
        (about("addGroupClient", "groupname", "g2"), direct),
        // Already in it.
        (about("addGroupClient", "groupname", "g2"), direct),
        (about("removeGroupClient", "groupname", "g2"), direct),
        (about("removeGroupClient", "groupname", "g2"), direct),
    ]);
    for command in ["disableClient", "deleteClient"] {
        field.admin.fine(&json!({"command": command, "username": "direct"}));
        field.clients[0].1.disconnected();
        if command == "disableClient" {
            field.admin.fine(&json!({"command": "enableClient", "username": "direct"}));
            field.clients[0].1 = field.connect("direct");
        }
    }
    field.clients.remove(0);
    field.let_disconnects_happen();
    for (_, client) in &mut field.clients {
        client.round_trip();
    }
}

fn commands_about_a_group_disconnect_its_members(trial: &Trial) {
    let member = &["member"][..];
    Field::new(trial).table(&[
        (json!({"command": "addGroupRole", "groupname": "g", "rolename": "r2"}), member),
        (json!({"command": "removeGroupRole", "groupname": "g", "rolename": "r2"}), member),
        (json!({"command": "removeGroupRole", "groupname": "g", "rolename": "r2"}), member),
        (json!({"command": "modifyGroup", "groupname": "g", "textname": "G"}), member),
        (json!({"command": "modifyGroup", "groupname": "g", "roles": [{"rolename": "r"}]}), member),
        (json!({"command": "deleteGroup", "groupname": "g2"}), &[]),
        (json!({"command": "deleteGroup", "groupname": "g"}), member),
    ]);
}

fn commands_about_a_role_disconnect_its_holders(trial: &Trial) {
    let holders = &["direct", "member"][..];
    let about = |command: &str, rolename: &str| {
        json!({
            "command": command, "rolename": rolename,
            "acltype": "subscribeLiteral", "topic": "x", "allow": true,
        })
    };
    Field::new(trial).table(&[
        (about("addRoleACL", "r"), holders),
        (about("removeRoleACL", "r"), holders),
        (about("addRoleACL", "r2"), &[]),
        (about("removeRoleACL", "r2"), &[]),
        (json!({"command": "deleteRole", "rolename": "r2"}), &[]),
        (json!({"command": "deleteRole", "rolename": "r"}), holders),
    ]);
}

fn a_modified_role_disconnects_its_holders(trial: &Trial) {
    let acls = [acl(&json!(["subscribeLiteral", "x", true]))];
    Field::new(trial).table(&[
        (json!({"command": "modifyRole", "rolename": "r2", "acls": acls}), &[]),
        (json!({"command": "modifyRole", "rolename": "r", "textname": "R"}), &[]),
        (json!({"command": "modifyRole", "rolename": "r", "acls": acls}), &["direct", "member"]),
    ]);
}

fn a_modified_group_disconnects_who_was_in_it_and_who_is(trial: &Trial) {
    let clients = json!([{"username": "other"}]);
    Field::new(trial).table(&[(
        json!({"command": "modifyGroup", "groupname": "g", "clients": clients}),
        &["member", "other"],
    )]);
}

fn a_role_given_at_creation_counts_as_any_other(trial: &Trial) {
    let mut field = Field::new(trial);
    field.admin.all_fine(&json!([
        {"command": "createGroup", "groupname": "born", "roles": [{"rolename": "r2"}]},
        {"command": "createClient", "username": "direct2", "password": "pw",
         "roles": [{"rolename": "r2"}]},
        {"command": "createClient", "username": "member2", "password": "pw",
         "groups": [{"groupname": "born"}]},
    ]));
    for username in ["direct2", "member2"] {
        let client = field.connect(username);
        field.clients.push((username, client));
    }
    let add = json!({
        "command": "addRoleACL", "rolename": "r2",
        "acltype": "subscribeLiteral", "topic": "x", "allow": true,
    });
    field.disconnects(&add, &["direct2", "member2"]);
}

fn commands_that_change_nobodys_rights_disconnect_nobody(trial: &Trial) {
    let mut field = Field::new(trial);
    let defaults = json!([{"acltype": "subscribe", "allow": true}]);
    let commands = [
        json!({"command": "setDefaultACLAccess", "acls": defaults}),
        json!({"command": "enableClient", "username": "direct"}),
        json!({"command": "createClient", "username": "new", "roles": [{"rolename": "r"}]}),
        json!({"command": "createGroup", "groupname": "new"}),
        json!({"command": "createRole", "rolename": "new"}),
        json!({"command": "modifyRole", "rolename": "r", "textname": "R"}),
        json!({"command": "getClient", "username": "direct"}),
        json!({"command": "getGroup", "groupname": "g"}),
        json!({"command": "getRole", "rolename": "r"}),
        json!({"command": "listClients", "verbose": true}),
        json!({"command": "listGroups", "verbose": true}),
        json!({"command": "listRoles", "verbose": true}),
        json!({"command": "getDefaultACLAccess"}),
        json!({"command": "getAnonymousGroup"}),
        // Nobody here is anonymous.
        json!({"command": "setAnonymousGroup", "groupname": "g2"}),
    ];
    for command in commands {
        field.admin.fine(&command);
    }
    field.disconnects(&json!({"command": "getDefaultACLAccess"}), &[]);
}

fn refused_commands_disconnect_nobody(trial: &Trial) {
    let mut field = Field::new(trial);
    let commands = [
        json!({"command": "addClientRole", "username": "direct", "rolename": "none"}),
        json!({"command": "removeClientRole", "username": "direct", "rolename": "none"}),
        json!({"command": "setClientPassword", "username": "direct", "password": ""}),
        json!({"command": "setClientId", "username": "direct", "clientid": 5}),
        json!({"command": "createClient", "username": "direct"}),
        json!({"command": "addGroupRole", "groupname": "g", "rolename": "none"}),
        json!({"command": "addGroupRole", "groupname": "g", "rolename": "r"}),
        json!({"command": "createGroup", "groupname": "g"}),
        json!({"command": "setAnonymousGroup", "groupname": "none"}),
        json!({"command": "createRole", "rolename": "r"}),
        json!({"command": "removeRoleACL", "rolename": "r",
               "acltype": "subscribeLiteral", "topic": "none"}),
        json!({"command": "addRoleACL", "rolename": "r",
               "acltype": "subscribeLiteral", "topic": "t", "allow": true}),
        json!({"command": "nonsense", "username": "direct"}),
    ];
    for command in commands {
        field.admin.error(&command);
    }
    field.disconnects(&json!({"command": "getDefaultACLAccess"}), &[]);
}

fn every_connection_of_a_username_is_ended(trial: &Trial) {
    let broker = trial.broker().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    let mut connections: Vec<Client> = (0..5)
        .map(|number| {
            let connector = broker.client(&format!("john-{number}")).login("john", "pw");
            connector.protocol(BOTH[number % 2]).connect()
        })
        .collect();
    admin.fine(&json!({"command": "disableClient", "username": "john"}));
    for connection in &mut connections {
        connection.disconnected();
    }
}

fn the_reason_is_an_administrative_action(trial: &Trial) {
    let broker = trial.broker().anonymous().start();
    let mut admin = broker.admin();
    admin.create_client("john");
    admin.fine(&json!({"command": "createGroup", "groupname": "anybody"}));
    let open = |protocol: Protocol, username: &'static [u8]| {
        let password: Option<&[u8]> = if username.is_empty() { None } else { Some(b"pw") };
        let connect = RawConnect {
            protocol,
            client_id: b"any",
            username: Some(username).filter(|username| !username.is_empty()),
            password,
        };
        let (client, code) = connect.open(broker.port());
        assert_eq!(code, Some(0));
        client
    };
    let commands = [
        (&b"john"[..], json!({"command": "setClientId", "username": "john"})),
        (&b""[..], json!({"command": "setAnonymousGroup", "groupname": "anybody"})),
    ];
    for (username, command) in commands {
        for (protocol, reason) in [
            (Protocol::V5, Some(ADMINISTRATIVE_ACTION)),
            // There is no such packet.
            (Protocol::V311, None),
        ] {
            let mut client = open(protocol, username);
            admin.fine(&command);
            assert_eq!(client.disconnected(), reason, "{command}");
        }
    }
}

fn a_client_that_came_back_is_left_alone(trial: &Trial) {
    let mut field = Field::new(trial);
    // Several commands about the same client in one payload, and one more after the answer.
    let commands = json!([
        {"command": "setClientId", "username": "direct"},
        {"command": "setClientPassword", "username": "direct", "password": "pw"},
        {"command": "addClientRole", "username": "direct", "rolename": "r2"},
    ]);
    for _ in 0..5 {
        field.admin.batch(&commands);
        // It leaves by itself, before or after the broker ends the connection, and is back at once.
        field.clients.remove(0).1.vanish();
        let back = field.connect("direct");
        field.clients.insert(0, ("direct", back));
        field.let_disconnects_happen();
        field.clients[0].1.round_trip();
        field.admin.batch(&commands);
        field.clients[0].1.disconnected();
        field.clients[0].1 = field.connect("direct");
        field.let_disconnects_happen();
        field.clients[0].1.round_trip();
    }
}
