//! Sequences of commands that crash the C plugin, or have it write garbage into the file: they leave
//! it with pointers to what is gone. Here every link resolves, whatever came before.

use mosquitto_dynsec::policy::{AclRequest, Action, Compat, Policy, Subject};

use crate::harness::World;

/// Asks for everything that there is, and that a broker would.
fn exercise(world: &mut World) {
    for command in [
        r#"{"command":"listClients","verbose":true}"#,
        r#"{"command":"listGroups","verbose":true}"#,
        r#"{"command":"listRoles","verbose":true}"#,
        r#"{"command":"getAnonymousGroup"}"#,
    ] {
        world.given(command);
    }
    for username in [None, Some(&b"ann"[..]), Some(b"bob")] {
        for action in Action::ALL {
            let subject = Subject::known(username, Some(b"c"));
            let _ = world.policy.authorize(&AclRequest { subject, action, topic: b"a" });
        }
    }
    assert_links_resolve(&world.policy);
}

fn assert_links_resolve(policy: &Policy) {
    for client in policy.clients().map(|client| policy.client_there(client)) {
        assert!(client.roles.iter().all(|link| policy.role(link.name.as_bytes()).is_some()), "{client:?}");
        assert!(client.groups.iter().all(|link| policy.group(link.name.as_bytes()).is_some()), "{client:?}");
    }
    for group in policy.groups().map(|group| policy.group_there(group)) {
        assert!(group.roles.iter().all(|link| policy.role(link.name.as_bytes()).is_some()), "{group:?}");
    }
}

/// Sends commands, whatever is answered, and asks for everything after each.
fn survives(commands: &[&str]) {
    for compat in [Compat::V2_0, Compat::V2_0_21, Compat::V2_1] {
        let mut world = World::new(compat);
        for command in commands {
            let _ = world.send(&crate::harness::payload(command));
            exercise(&mut world);
        }
        let mut world = World::new(compat);
        let _ = world.send(&crate::harness::payload(&commands.join(",")));
        exercise(&mut world);
    }
}

#[test]
fn a_role_that_a_client_was_created_with_is_deleted() {
    survives(&[
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"createClient","username":"ann","roles":[{"rolename":"r"}]}"#,
        r#"{"command":"deleteRole","rolename":"r"}"#,
        r#"{"command":"getClient","username":"ann"}"#,
        r#"{"command":"modifyClient","username":"ann","roles":[]}"#,
        r#"{"command":"deleteClient","username":"ann"}"#,
    ]);
}

#[test]
fn a_role_that_a_group_was_created_with_is_deleted() {
    survives(&[
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
        r#"{"command":"createClient","username":"ann","groups":[{"groupname":"g"}]}"#,
        r#"{"command":"deleteRole","rolename":"r"}"#,
        r#"{"command":"getGroup","groupname":"g"}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
    ]);
}

#[test]
fn a_role_that_a_group_was_given_by_modify_is_deleted() {
    survives(&[
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"createGroup","groupname":"g"}"#,
        r#"{"command":"modifyGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
        r#"{"command":"deleteRole","rolename":"r"}"#,
        r#"{"command":"modifyGroup","groupname":"g","roles":[]}"#,
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"addGroupRole","groupname":"g","rolename":"r"}"#,
    ]);
}

#[test]
fn a_group_that_lost_its_roles_by_modify_is_deleted_and_then_the_role_changes() {
    survives(&[
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"createGroup","groupname":"g"}"#,
        r#"{"command":"addGroupRole","groupname":"g","rolename":"r"}"#,
        r#"{"command":"modifyGroup","groupname":"g","roles":[]}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
        r#"{"command":"addRoleACL","rolename":"r","acltype":"publishClientSend","topic":"a"}"#,
        r#"{"command":"deleteRole","rolename":"r"}"#,
    ]);
}

#[test]
fn a_client_that_could_not_be_created_is_in_no_group() {
    survives(&[
        r#"{"command":"createGroup","groupname":"g"}"#,
        r#"{"command":"createClient","username":"ann","groups":[{"groupname":"g"},{"groupname":"none"}]}"#,
        r#"{"command":"getGroup","groupname":"g"}"#,
        r#"{"command":"createClient","username":"ann","groups":[{"groupname":"g"},{"groupname":"g"}]}"#,
        r#"{"command":"addGroupRole","groupname":"g","rolename":"none"}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
    ]);
}

#[test]
fn a_client_with_roles_from_everywhere_is_deleted_and_then_they_change() {
    survives(&[
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"createRole","rolename":"s"}"#,
        r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"s"}]}"#,
        r#"{"command":"createClient","username":"ann","roles":[{"rolename":"r"}],"groups":[{"groupname":"g"}]}"#,
        r#"{"command":"removeClientRole","username":"ann","rolename":"r"}"#,
        r#"{"command":"addClientRole","username":"ann","rolename":"r"}"#,
        r#"{"command":"deleteClient","username":"ann"}"#,
        r#"{"command":"modifyRole","rolename":"r","acls":[]}"#,
        r#"{"command":"modifyRole","rolename":"s","acls":[]}"#,
        r#"{"command":"deleteRole","rolename":"r"}"#,
        r#"{"command":"deleteRole","rolename":"s"}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
    ]);
}

#[test]
fn the_anonymous_group_is_deleted() {
    survives(&[
        r#"{"command":"createRole","rolename":"r"}"#,
        r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
        r#"{"command":"setAnonymousGroup","groupname":"g"}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
        r#"{"command":"getAnonymousGroup"}"#,
        r#"{"command":"createGroup","groupname":"h"}"#,
        r#"{"command":"setAnonymousGroup","groupname":"h"}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
        r#"{"command":"deleteRole","rolename":"r"}"#,
    ]);
}

#[test]
fn members_of_groups_go_with_clients_and_groups() {
    survives(&[
        r#"{"command":"createGroup","groupname":"g"}"#,
        r#"{"command":"createClient","username":"ann"}"#,
        r#"{"command":"modifyGroup","groupname":"g","clients":[{"username":"ann"},{"username":"ann"}]}"#,
        r#"{"command":"deleteClient","username":"ann"}"#,
        r#"{"command":"modifyGroup","groupname":"g","clients":[]}"#,
        r#"{"command":"createClient","username":"ann","groups":[{"groupname":"g"}]}"#,
        r#"{"command":"deleteGroup","groupname":"g"}"#,
        r#"{"command":"modifyClient","username":"ann","groups":[]}"#,
        r#"{"command":"deleteClient","username":"ann"}"#,
    ]);
}
