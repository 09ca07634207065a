//! Commands after which the C plugin dies, or would if it were less lucky: see [`crate::hazards`]. Ours
//! answers them, and goes on.
//!
//! The host fills what a plugin frees, so that these are no matter of luck here.

use plugin_host::Death;
use serde_json::{Value, json};

use crate::contender::{Contender, OnHost};
use crate::difference::responses;
use crate::plugins::{PluginUnderTest, Version, ours, theirs, version};
use crate::script::{Dress, Payload, Step};

/// A test for each plugin: that ours answers these commands thus, and that theirs dies of them, or answers what
/// lies in its memory.
macro_rules! crash {
    ($name:ident: $($command:tt => $answer:tt,)+) => {
        mod $name {
            use super::*;

            #[test]
            fn the_c_plugin_goes_wrong() {
                if let Ok(answers) = answers(&theirs(), &[$(json!($command)),+]) {
                    assert_ne!(answers, [$(json!($answer)),+]);
                }
            }

            #[test]
            fn ours_goes_on() {
                let answers = answers(&ours(), &[$(json!($command)),+]).expect("ours lives");
                assert_eq!(answers, [$(json!($answer)),+]);
            }
        }
    };
}

crash! { deleting_a_role_that_a_client_was_created_with:
    { "command": "createRole", "rolename": "r" } => { "command": "createRole" },
    { "command": "createClient", "username": "u", "roles": [{ "rolename": "r" }] } => { "command": "createClient" },
    { "command": "deleteRole", "rolename": "r" } => { "command": "deleteRole" },
    { "command": "getClient", "username": "u" } => {
        "command": "getClient", "data": { "client": { "username": "u", "roles": [], "groups": [] } },
    },
}

crash! { deleting_a_role_that_a_group_was_created_with:
    { "command": "createRole", "rolename": "r" } => { "command": "createRole" },
    { "command": "createGroup", "groupname": "g", "roles": [{ "rolename": "r" }] } => { "command": "createGroup" },
    { "command": "deleteRole", "rolename": "r" } => { "command": "deleteRole" },
    { "command": "getGroup", "groupname": "g" } => {
        "command": "getGroup", "data": { "group": { "groupname": "g", "clients": [], "roles": [] } },
    },
}

crash! { deleting_a_role_that_a_group_was_modified_to_have:
    { "command": "createRole", "rolename": "r" } => { "command": "createRole" },
    { "command": "createGroup", "groupname": "g" } => { "command": "createGroup" },
    { "command": "modifyGroup", "groupname": "g", "roles": [{ "rolename": "r" }] } => { "command": "modifyGroup" },
    { "command": "deleteRole", "rolename": "r" } => { "command": "deleteRole" },
    { "command": "getGroup", "groupname": "g" } => {
        "command": "getGroup", "data": { "group": { "groupname": "g", "clients": [], "roles": [] } },
    },
}

crash! { deleting_a_group_that_was_modified_to_have_other_roles:
    { "command": "createRole", "rolename": "r" } => { "command": "createRole" },
    { "command": "createGroup", "groupname": "g" } => { "command": "createGroup" },
    { "command": "addGroupRole", "groupname": "g", "rolename": "r" } => { "command": "addGroupRole" },
    { "command": "modifyGroup", "groupname": "g", "roles": [] } => { "command": "modifyGroup" },
    { "command": "deleteGroup", "groupname": "g" } => { "command": "deleteGroup" },
    { "command": "addRoleACL", "rolename": "r", "acltype": "subscribePattern", "topic": "#" } =>
        { "command": "addRoleACL" },
}

crash! { creating_a_client_in_a_group_and_in_one_that_is_not_there:
    { "command": "createGroup", "groupname": "g" } => { "command": "createGroup" },
    { "command": "createClient", "username": "u", "groups": [{ "groupname": "g" }, { "groupname": "none" }] } =>
        { "command": "createClient", "error": "Group not found" },
    { "command": "getGroup", "groupname": "g" } => {
        "command": "getGroup", "data": { "group": { "groupname": "g", "clients": [], "roles": [] } },
    },
}

crash! { creating_a_client_that_is_in_one_group_twice:
    { "command": "createGroup", "groupname": "g" } => { "command": "createGroup" },
    { "command": "createClient", "username": "u", "groups": [{ "groupname": "g" }, { "groupname": "g" }] } =>
        { "command": "createClient", "error": "Internal error" },
    { "command": "getGroup", "groupname": "g" } => {
        "command": "getGroup", "data": { "group": { "groupname": "g", "clients": [], "roles": [] } },
    },
}

/// 2.0.11 does it, and dies of it. Those from 2.0.15 on refuse it.
mod deleting_the_anonymous_group {
    use super::*;

    fn commands() -> [Value; 4] {
        [
            json!({ "command": "createGroup", "groupname": "g" }),
            json!({ "command": "setAnonymousGroup", "groupname": "g" }),
            json!({ "command": "deleteGroup", "groupname": "g" }),
            json!({ "command": "getAnonymousGroup" }),
        ]
    }

    fn right_answers() -> [Value; 4] {
        [
            json!({ "command": "createGroup" }),
            json!({ "command": "setAnonymousGroup" }),
            json!({ "command": "deleteGroup", "error": "Deleting the anonymous group is forbidden" }),
            json!({ "command": "getAnonymousGroup", "data": { "group": { "groupname": "g" } } }),
        ]
    }

    #[test]
    fn the_c_plugin_2_0_11_dies() {
        match (answers(&theirs(), &commands()), version()) {
            (Err(death), Version::V2_0_11) => assert!(death.signal().is_some(), "{death}"),
            (Ok(answers), Version::V2_0_21 | Version::V2_1_2) => assert_eq!(answers, right_answers()),
            (result, version) => panic!("{version:?}: {result:?}"),
        }
    }

    #[test]
    fn ours_refuses() {
        assert_eq!(answers(&ours(), &commands()).expect("ours lives"), right_answers());
    }
}

/// 2.0.11 loads both, and frees both when it ends; it does not outlive that.
mod ending_with_a_file_that_has_a_name_twice {
    use super::*;

    fn end(plugin: &PluginUnderTest) -> Result<(), Death> {
        let directory = plugin.place.directory();
        let policy = br#"{"groups":[{"groupname":"g"},{"groupname":"g"}]}"#;
        OnHost::start(plugin, directory.path(), policy)?.0.stop()
    }

    #[test]
    fn the_c_plugin_2_0_11_dies() {
        match (end(&theirs()), version()) {
            (Err(death), Version::V2_0_11) => assert!(death.signal().is_some(), "{death}"),
            (Ok(()), Version::V2_0_21 | Version::V2_1_2) => {}
            (result, version) => panic!("{version:?}: {result:?}"),
        }
    }

    #[test]
    fn ours_ends() {
        end(&ours()).expect("ours lives");
    }
}

/// The answer to getGroup points to the name of a client that is freed before the answer is sent.
mod getting_a_group_and_deleting_its_client_in_one_batch {
    use super::*;

    fn answer(plugin: &PluginUnderTest) -> Vec<Value> {
        let directory = plugin.place.directory();
        let (mut contender, _) = OnHost::start(
            plugin,
            directory.path(),
            br#"{"clients":[{"username":"u"}],"groups":[{"groupname":"g","clients":[{"username":"u"}]}]}"#,
        )
        .expect("a good policy");
        let batch = vec![
            json!({ "command": "getGroup", "groupname": "g" }),
            json!({ "command": "deleteClient", "username": "u" }),
        ];
        let payload = Payload::Commands(batch, Dress::Plain);
        let outcome = contender.perform(&Step::Control { clientid: "c-admin", payload });
        responses(&outcome.expect("a read of freed memory need not be fatal"))
    }

    fn right_answer() -> [Value; 2] {
        let group = json!({ "groupname": "g", "clients": [{ "username": "u" }], "roles": [] });
        [json!({ "command": "getGroup", "data": { "group": group } }), json!({ "command": "deleteClient" })]
    }

    #[test]
    fn the_c_plugin_answers_what_lies_in_its_memory() {
        assert_ne!(answer(&theirs()), right_answer());
    }

    #[test]
    fn ours_answers_what_was_there() {
        assert_eq!(answer(&ours()), right_answer());
    }
}

/// The answers to commands, each of which is sent in a payload of its own; without whom 2.1 believes to be
/// connected.
fn answers(plugin: &PluginUnderTest, commands: &[Value]) -> Result<Vec<Value>, Death> {
    let directory = plugin.place.directory();
    let (mut contender, _) = OnHost::start(plugin, directory.path(), b"{}")?;
    let mut answers = Vec::new();
    for command in commands {
        let payload = Payload::Commands(vec![command.clone()], Dress::Plain);
        let outcome = contender.perform(&Step::Control { clientid: "c-admin", payload })?;
        answers.extend(responses(&outcome));
    }
    for answer in &mut answers {
        if let Some(client) = answer.pointer_mut("/data/client").and_then(Value::as_object_mut) {
            client.shift_remove("connections");
        }
    }
    Ok(answers)
}
