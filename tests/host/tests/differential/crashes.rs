//! Commands after which the C plugin dies, or would if it were less lucky: see [`crate::hazards`]. Ours
//! answers them, and goes on.
//!
//! The host fills what a plugin frees, so that these are no matter of luck here.

use plugin_host::Death;
use serde_json::{Value, json};

use crate::contender::{Contender, Outcome};
use crate::difference::responses;
use crate::plugins::{PluginUnderTest, ours, theirs};
use crate::script::{Dress, Payload, Step};
use crate::temporary_directory;

/// A test for each plugin: that theirs dies of these commands, and that ours answers them thus.
macro_rules! crash {
    ($name:ident: $($command:tt => $answer:tt,)+) => {
        mod $name {
            use super::*;

            #[test]
            fn the_c_plugin_dies() {
                let death = play(&theirs(), &[$(json!($command)),+]).expect_err("the C plugin dies");
                assert!(death.signal().is_some(), "{death}");
            }

            #[test]
            fn ours_goes_on() {
                let outcomes = play(&ours(), &[$(json!($command)),+]).expect("ours lives");
                let answers = outcomes.iter().flat_map(responses).collect::<Vec<_>>();
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

crash! { deleting_the_anonymous_group:
    { "command": "createGroup", "groupname": "g" } => { "command": "createGroup" },
    { "command": "setAnonymousGroup", "groupname": "g" } => { "command": "setAnonymousGroup" },
    { "command": "deleteGroup", "groupname": "g" } =>
        { "command": "deleteGroup", "error": "Deleting the anonymous group is forbidden" },
    { "command": "getAnonymousGroup" } =>
        { "command": "getAnonymousGroup", "data": { "group": { "groupname": "g" } } },
}

/// The answer to getGroup points to the name of a client that is freed before the answer is sent.
mod getting_a_group_and_deleting_its_client_in_one_batch {
    use super::*;

    fn answer(plugin: &PluginUnderTest) -> Vec<Value> {
        let directory = temporary_directory();
        let (mut contender, _) = Contender::start(
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

/// Sends the commands, each in a payload of its own.
fn play(plugin: &PluginUnderTest, commands: &[Value]) -> Result<Vec<Outcome>, Death> {
    let directory = temporary_directory();
    let (mut contender, _) = Contender::start(plugin, directory.path(), b"{}")?;
    let send = |command: &Value| {
        let payload = Payload::Commands(vec![command.clone()], Dress::Plain);
        contender.perform(&Step::Control { clientid: "c-admin", payload })
    };
    commands.iter().map(send).collect()
}
