//! What is larger than it may be is refused with a text that says so, and leaves no trace.

use mosquitto_dynsec::control::{self, Actor, Connection, Host, Limits};
use mosquitto_dynsec::password::PasswordHash;
use mosquitto_dynsec::policy::{ClientId, Compat, Policy, Username};
use serde_json::Value;

use crate::harness::COMPATS;

/// Has limits.
struct Limited(Limits);

impl Host for Limited {
    fn hash_password(&self, _: &[u8]) -> Option<PasswordHash> {
        None
    }

    fn connections(&self, _: &Username, _: Option<&ClientId>) -> Vec<Connection> {
        Vec::new()
    }

    fn limits(&self) -> Limits {
        self.0
    }
}

struct World {
    policy: Policy,
    limits: Limits,
}

impl World {
    fn new(compat: Compat, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::DEFAULT;
        change(&mut limits);
        Self { policy: Policy::new(compat), limits }
    }

    /// Sends a payload: the `error` of each response, and whether the policy changed.
    fn send(&mut self, payload: &[u8]) -> (Vec<Option<String>>, bool) {
        let outcome = control::handle(&mut self.policy, payload, &Actor::default(), &Limited(self.limits));
        let json: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
        let error = |response: &Value| Some(response.get("error")?.as_str().unwrap().to_owned());
        let responses = json.get("responses").unwrap().as_array().unwrap();
        (responses.iter().map(error).collect(), outcome.changed)
    }

    /// Sends commands in one payload; the error of each.
    fn commands(&mut self, commands: &str) -> Vec<Option<String>> {
        self.send(format!(r#"{{"commands":[{commands}]}}"#).as_bytes()).0
    }

    #[track_caller]
    fn fine(&mut self, commands: &str) {
        let errors = self.commands(commands);
        assert!(errors.iter().all(Option::is_none), "{commands}: {errors:?}");
    }

    /// Sends a payload that is refused as a whole.
    #[track_caller]
    fn refused(&mut self, payload: &[u8], error: &str) {
        assert_eq!(self.send(payload), (vec![Some(error.to_owned())], false));
    }

    #[track_caller]
    fn refused_command(&mut self, command: &str, error: &str) {
        self.refused(format!(r#"{{"commands":[{command}]}}"#).as_bytes(), error);
    }
}

fn each(change: impl Fn(&mut Limits) + Copy, check: impl Fn(World)) {
    for compat in COMPATS {
        check(World::new(compat, change));
    }
}

#[test]
fn a_payload_may_be_so_long() {
    let payload = br#"{"commands":[{"command":"createRole","rolename":"r"}]}"#;
    each(
        |limits| limits.payload_bytes = payload.len(),
        |mut world| {
            let longer = [&payload[..], b" "].concat();
            world.refused(&longer, &format!("Payload longer than {} bytes", payload.len()));
            assert_eq!(world.send(payload), (vec![None], true));
        },
    );
}

#[test]
fn a_payload_may_have_so_many_commands() {
    each(
        |limits| limits.commands = 2,
        |mut world| {
            let get = r#"{"command":"getDefaultACLAccess"}"#;
            assert_eq!(world.commands(&[get; 2].join(",")), [None, None]);
            world.refused_command(&[get; 3].join(","), "More than 2 commands in a payload");
        },
    );
}

#[test]
fn a_payload_may_have_so_many_values() {
    each(
        |limits| limits.commands = 1,
        |mut world| {
            // The payload, its array, the command, its name, and those in `x`.
            let with = |count: usize| {
                format!(r#"{{"command":"getDefaultACLAccess","x":[{}]}}"#, vec!["0"; count].join(","))
            };
            world.fine(&with(15));
            world.refused_command(&with(16), "More than 20 JSON values in a payload");
        },
    );
}

#[test]
fn a_payload_may_be_so_deep() {
    each(
        |limits| limits.json_depth = 5,
        |mut world| {
            world.fine(r#"{"command":"getDefaultACLAccess","x":[[]]}"#);
            let deeper = r#"{"command":"getDefaultACLAccess","x":[[[]]]}"#;
            world.refused_command(deeper, "Payload nested more than 5 levels deep");
        },
    );
}

#[test]
fn new_names_may_be_so_long() {
    each(
        |limits| limits.name_bytes = 3,
        |mut world| {
            world.fine(
                r#"{"command":"createRole","rolename":"rrr"},{"command":"createGroup","groupname":"ggg"},
                   {"command":"createClient","username":"ccc","clientid":"iii"},
                   {"command":"setClientId","username":"ccc","clientid":"jjj"}"#,
            );
            for (command, error) in [
                (r#"{"command":"createRole","rolename":"rrrr"}"#, "Role name longer than 3 bytes"),
                (r#"{"command":"createGroup","groupname":"gggg"}"#, "Group name longer than 3 bytes"),
                (r#"{"command":"createClient","username":"cccc"}"#, "Username longer than 3 bytes"),
                (
                    r#"{"command":"createClient","username":"d","clientid":"iiii"}"#,
                    "Client ID longer than 3 bytes",
                ),
                (
                    r#"{"command":"setClientId","username":"ccc","clientid":"iiii"}"#,
                    "Client ID longer than 3 bytes",
                ),
                (
                    r#"{"command":"modifyClient","username":"ccc","clientid":"iiii"}"#,
                    "Client ID longer than 3 bytes",
                ),
            ] {
                world.refused_command(command, error);
            }
        },
    );
}

#[test]
fn topics_of_acls_may_be_so_long_and_deep() {
    each(
        |limits| (limits.topic_bytes, limits.topic_levels) = (8, 2),
        |mut world| {
            let acl = |topic: &str| {
                format!(r#""acls":[{{"acltype":"publishClientSend","topic":"{topic}","allow":true}}]"#)
            };
            let role = |topic: &str| format!(r#"{{"command":"createRole","rolename":"r",{}}}"#, acl(topic));
            let modify = |topic: &str| format!(r#"{{"command":"modifyRole","rolename":"r",{}}}"#, acl(topic));
            let add = |topic: &str| {
                format!(
                    r#"{{"command":"addRoleACL","rolename":"r","acltype":"subscribeLiteral","topic":"{topic}"}}"#
                )
            };
            world.refused_command(&role("abcdefghi"), "Topic longer than 8 bytes");
            world.fine(&[role("a/b/c"), modify("abcdefgh"), add("a/b/c")].join(","));
            for command in [&modify as &dyn Fn(&str) -> String, &add] {
                world.refused_command(&command("abcdefghi"), "Topic longer than 8 bytes");
                world.refused_command(&command("a/b/c/"), "Topic with more than 2 `/`");
            }
        },
    );
}

#[test]
fn a_role_may_have_so_many_acls() {
    each(
        |limits| limits.acls_per_role = 2,
        |mut world| {
            let acl = |topic: &str| format!(r#"{{"acltype":"publishClientSend","topic":"{topic}"}}"#);
            let acls = |count: usize| {
                ["a", "b", "c"][..count].iter().map(|topic| acl(topic)).collect::<Vec<_>>().join(",")
            };
            let error = "More than 2 ACLs in a role";
            let make =
                |count| format!(r#"{{"command":"createRole","rolename":"r","acls":[{}]}}"#, acls(count));
            world.refused_command(&make(3), error);
            world.fine(&make(1));
            let modify =
                |count| format!(r#"{{"command":"modifyRole","rolename":"r","acls":[{}]}}"#, acls(count));
            world.refused_command(&modify(3), error);
            let add = |topic: &str| {
                format!(
                    r#"{{"command":"addRoleACL","rolename":"r","acltype":"subscribeLiteral","topic":"{topic}"}}"#
                )
            };
            world.fine(&add("x"));
            world.refused_command(&add("y"), error);
            world.fine(&modify(2));
        },
    );
}

/// Those that come first are answered; what would be too long is an error, and changes nothing.
#[test]
fn a_response_may_be_so_long() {
    each(
        |limits| limits.response_bytes = 4000,
        |mut world| {
            let make = |n| format!(r#"{{"command":"createRole","rolename":"role{n:03}"}}"#);
            for n in 0..200 {
                world.fine(&make(n));
            }
            let list = r#"{"command":"listRoles"}"#;
            let error = || {
                Some(
                    "Response longer than 4000 bytes; ask for less, or for a part by count and offset"
                        .to_owned(),
                )
            };
            assert_eq!(world.commands(list), [None]);
            assert_eq!(world.commands(&[list; 3].join(",")), [None, error(), error()]);
            world.refused_command(r#"{"command":"listRoles","verbose":true}"#, &error().unwrap());
            world.fine(r#"{"command":"listRoles","verbose":true,"count":10,"offset":190}"#);
            // What cannot be answered is not done.
            let commands: Vec<String> = (200..400).map(make).collect();
            let before = world.policy.roles().len();
            let errors = world.commands(&commands.join(","));
            let done = errors.iter().filter(|error| error.is_none()).count();
            assert_eq!(errors[done..], [error()]);
            assert_eq!(world.policy.roles().len(), before + done);
            assert!(done > 20, "{done}");
        },
    );
}

/// The most that a command can echo, and the most that can be listed beside it, still fit into a packet.
#[test]
fn the_longest_response_can_be_published() {
    for compat in COMPATS {
        let mut world = World::new(compat, |limits| limits.response_bytes = 100_000);
        let long = "\\u0001".repeat(15_000);
        let command = |name: &str| format!(r#"{{"command":"{name}","correlationData":"{long}"}}"#);
        let commands = [command("getDefaultACLAccess"), command("getDefaultACLAccess")].join(",");
        let payload = format!(r#"{{"commands":[{commands}]}}"#);
        let outcome =
            control::handle(&mut world.policy, payload.as_bytes(), &Actor::default(), &Limited(world.limits));
        assert!(outcome.responses.to_json().len() <= 101_000);
    }
}

#[test]
fn what_would_be_too_long_still_names_whom_it_is_about() {
    let mut world = World::new(Compat::V2_1, |limits| limits.response_bytes = 4000);
    for index in 0..30 {
        world.fine(&format!(
            r#"{{"command":"createRole","rolename":"r{index}","acls":[{{"acltype":"subscribeLiteral","topic":"t","allow":true}}]}}"#
        ));
    }
    let roles: Vec<String> = (0..30).map(|index| format!(r#"{{"rolename":"r{index}"}}"#)).collect();
    world.fine(&format!(r#"{{"command":"createClient","username":"ann","roles":[{}]}}"#, roles.join(",")));
    let ask = br#"{"commands":[{"command":"getEffectiveACLs","username":"ann"}]}"#;
    let outcome = control::handle(&mut world.policy, ask, &Actor::default(), &Limited(world.limits));
    let answer: Value = serde_json::from_slice(&outcome.responses.to_json()).unwrap();
    let answer = &answer["responses"][0];
    assert!(answer["error"].is_string(), "{answer}");
    assert_eq!(answer["data"], serde_json::json!({"username": "ann", "changeIndex": 31}));
}
