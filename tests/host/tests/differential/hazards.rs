//! What the C plugin does not survive, or does only half: the comparison has to go round it. All of it is
//! 2.0.11's; later ones share most of it.
//!
//! The C plugin keeps each relation at both of its ends, and some commands write only one:
//!
//! - createClient, createGroup and modifyGroup put roles into the client or group, but not the client or group
//!   into the roles. deleteRole then leaves a pointer to the role behind.
//! - modifyGroup forgets the group's old roles without telling them. After deleteGroup they point to it.
//! - createClient that is refused because of a group leaves its client in the groups before that one.
//! - deleteGroup leaves the pointer to the anonymous group.
//! - The answers of getGroup and listGroups point to the names of clients, and are sent when the whole payload
//!   is done: after a deleteClient in the same batch, to whatever lies there.
//!
//! What was loaded from a file is whole, so a restart mends everything.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::plugins::{self, Version};
use crate::saved::Saved;
use crate::script::Payload;

/// What there is to watch out for since the last start.
#[derive(Clone, Default)]
pub struct Hazards {
    /// Roles that somebody has and that do not know it.
    loose_roles: BTreeSet<String>,
    /// Groups that a role may think it belongs to.
    renounced_groups: BTreeSet<String>,
    /// Whether a role or a group was deleted.
    has_deleted: bool,
}

/// What a payload would do to the C plugin's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Danger {
    /// It would ruin it, and would not if the broker were restarted before.
    pub mended_by_restart_before: bool,
    /// It would ruin it with its only command, and a restart after it would mend that.
    pub mended_by_restart_after: bool,
    /// It would ruin it.
    pub fatal: bool,
}

impl Hazards {
    /// Judges a payload. `saved` is the policy before it.
    pub fn judge(&self, payload: &Payload, saved: &Saved) -> Danger {
        let mut danger = Danger::default();
        let mut within = Self::default();
        let mut groups =
            saved.records("groups").map(|group| string(group, "groupname")).collect::<BTreeSet<_>>();
        let mut anonymous = saved.anonymous_group().into_iter().collect::<BTreeSet<_>>();
        let mut has_answered_with_names = false;
        let is_alone = payload.commands().len() == 1;
        for command in payload.commands().iter() {
            let (group, role) = (c_string(command, "groupname"), c_string(command, "rolename"));
            match name(command).as_str() {
                "deleterole" => {
                    danger.mended_by_restart_before |= self.loose_roles.contains(role);
                    danger.fatal |= within.loose_roles.contains(role);
                }
                "deletegroup" => {
                    danger.mended_by_restart_before |= self.renounced_groups.contains(group);
                    danger.fatal |= within.renounced_groups.contains(group);
                    danger.fatal |= anonymous.contains(group);
                    groups.remove(group);
                }
                "setanonymousgroup" => {
                    anonymous.insert(group);
                }
                "getgroup" | "listgroups" => has_answered_with_names = true,
                "deleteclient" => danger.fatal |= has_answered_with_names,
                "createclient" if may_be_refused_between_groups(command, &groups) => {
                    // A command before it in the payload may have been done, and then the ruin is saved.
                    danger.mended_by_restart_after |= is_alone;
                    danger.fatal |= !is_alone;
                }
                _ => {}
            }
            within.remember_command(command);
        }
        danger
    }

    /// A payload was handled.
    pub fn remember(&mut self, payload: &Payload) {
        payload.commands().iter().for_each(|command| self.remember_command(command));
    }

    /// The broker was restarted.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    fn remember_command(&mut self, command: &Value) {
        let roles = names(command, "roles", "rolename").into_iter().map(ToOwned::to_owned);
        match name(command).as_str() {
            "createclient" | "creategroup" => self.loose_roles.extend(roles),
            "modifygroup" if member(command, "roles").is_some() => {
                self.loose_roles.extend(roles);
                self.renounced_groups.insert(string(command, "groupname").to_owned());
            }
            "deleterole" | "deletegroup" => self.has_deleted = true,
            _ => {}
        }
    }

    /// Whether sessions may have kept subscriptions that a role or group has allowed which was deleted.
    pub fn has_deleted(&self) -> bool {
        self.has_deleted
    }

    /// Whether a role may believe that it belongs to a group that has renounced it.
    pub fn has_renounced_groups(&self) -> bool {
        !self.renounced_groups.is_empty()
    }
}

/// Whether the C plugin crashes when it ends with that policy: 2.0.11 frees twice what it has loaded twice.
pub fn dies_at_its_end(policy: &Saved) -> bool {
    plugins::version() == Version::V2_0_11 && has_a_name_twice(policy)
}

/// Whether two clients, groups or roles of a policy have one name.
pub fn has_a_name_twice(policy: &Saved) -> bool {
    ["roles", "clients", "groups"].into_iter().any(|list| has_a_name_twice_in(list, policy))
}

/// Whether two of a policy's clients, groups or roles have one name.
pub fn has_a_name_twice_in(list: &str, policy: &Saved) -> bool {
    let name = match list {
        "clients" => "username",
        "groups" => "groupname",
        _ => "rolename",
    };
    let names = policy.records(list).filter_map(|record| member(record, name)).collect::<Vec<_>>();
    names.iter().enumerate().any(|(at, name)| names[..at].contains(name))
}

/// The positions of commands in `payload` that the C plugin refused after it had done a part of them.
/// `responses` are its answers.
pub fn half_applied(payload: &Payload, responses: &[Value]) -> Vec<usize> {
    const MEMBERS: [&str; 4] = ["clientid", "password", "textname", "textdescription"];
    let is_half_applied = |(command, response): (&Value, &Value)| {
        is_refused_for_roles(command, response)
            && MEMBERS.iter().any(|wanted| member(command, wanted).is_some())
    };
    let commands = payload.commands();
    let pairs = commands.iter().zip(responses).enumerate();
    pairs.filter(|&(_, pair)| is_half_applied(pair)).map(|(position, _)| position).collect()
}

/// Whether a command was refused where the C plugin has already begun to carry it out.
pub fn is_refused_for_roles(command: &Value, response: &Value) -> bool {
    matches!(name(command).as_str(), "modifyclient" | "modifygroup")
        && string(response, "error").to_ascii_lowercase().contains("role")
}

/// Groups are checked one after another, and those before the one that is refused keep the client.
fn may_be_refused_between_groups(command: &Value, known: &BTreeSet<&str>) -> bool {
    let groups = names(command, "groups", "groupname");
    let wanted = groups.iter().copied().collect::<BTreeSet<_>>();
    groups.len() > 1 && (wanted.len() < groups.len() || !wanted.is_subset(known))
}

/// The name of a command, without regard to case.
pub fn name(command: &Value) -> String {
    string(command, "command").to_ascii_lowercase()
}

/// A member as C finds it: the first, without regard to case.
pub fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let members = object.as_object()?;
    members.iter().find(|(member, _)| member.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// [`string`] as C reads it: up to a NUL.
fn c_string<'v>(value: &'v Value, name: &str) -> &'v str {
    string(value, name).split('\0').next().unwrap_or_default()
}

/// A member that is a string; empty if it is not.
pub fn string<'a>(object: &'a Value, name: &str) -> &'a str {
    member(object, name).and_then(Value::as_str).unwrap_or_default()
}

/// The names in an array of links.
fn names<'a>(command: &'a Value, array: &str, name: &str) -> Vec<&'a str> {
    let links = member(command, array).and_then(Value::as_array).into_iter().flatten();
    links.filter_map(|link| member(link, name)?.as_str()).collect()
}
