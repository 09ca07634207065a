//! Commands: every one of dynsec 2.1's, with the members it takes.

use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::names::{CLIENT_IDS, CLIENTS, GROUPS, PASSWORDS, ROLES, TEXTS, name};
use super::{Trait, Traits, acls, topics};

/// What a member holds.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Username,
    Groupname,
    Rolename,
    Clientid,
    Password,
    Text,
    Priority,
    Count,
    Offset,
    Bool,
    /// The `roles` of a client or a group.
    Roles,
    /// The `groups` of a client.
    Groups,
    /// The `clients` of a group.
    Clients,
    /// The `acls` of a role.
    Acls,
    /// The `acls` of setDefaultACLAccess.
    Defaults,
    AclType,
    Topic,
}

use Kind::{
    AclType, Acls, Bool, Clientid, Clients, Count, Defaults, Groupname, Groups, Offset, Password, Priority,
    Rolename, Roles, Text, Topic, Username,
};

type Members = &'static [(&'static str, Kind)];

/// How often, its name, what it needs, what it may have.
type Command = (u32, &'static str, Members, Members);

const PASSWORD: (&str, Kind) = ("password", Password);
const LIST: Members = &[("verbose", Bool), ("count", Count), ("offset", Offset)];
const CLIENT: Members = &[
    PASSWORD,
    ("clientid", Clientid),
    ("textname", Text),
    ("textdescription", Text),
    ("roles", Roles),
    ("groups", Groups),
];
const ROLE: Members =
    &[("textname", Text), ("textdescription", Text), ("acls", Acls), ("allowwildcardsubs", Bool)];

const COMMANDS: [Command; 32] = [
    (1, "getDetails", &[], &[]),
    (2, "setDefaultACLAccess", &[("acls", Defaults)], &[("access", Bool)]),
    (1, "getDefaultACLAccess", &[], &[]),
    (6, "createClient", &[("username", Username)], CLIENT),
    (3, "deleteClient", &[("username", Username)], &[]),
    (2, "enableClient", &[("username", Username)], &[]),
    (2, "disableClient", &[("username", Username)], &[]),
    (2, "getClient", &[("username", Username)], &[]),
    (2, "listClients", &[], LIST),
    (5, "modifyClient", &[("username", Username)], CLIENT),
    (2, "setClientId", &[("username", Username)], &[("clientid", Clientid)]),
    (2, "setClientPassword", &[("username", Username), ("password", Password)], &[]),
    (4, "addClientRole", &[("username", Username), ("rolename", Rolename)], &[("priority", Priority)]),
    (2, "removeClientRole", &[("username", Username), ("rolename", Rolename)], &[]),
    (4, "addGroupClient", &[("username", Username), ("groupname", Groupname)], &[("priority", Priority)]),
    (2, "removeGroupClient", &[("username", Username), ("groupname", Groupname)], &[]),
    (
        5,
        "createGroup",
        &[("groupname", Groupname)],
        &[("textname", Text), ("textdescription", Text), ("roles", Roles)],
    ),
    (2, "deleteGroup", &[("groupname", Groupname)], &[]),
    (2, "getGroup", &[("groupname", Groupname)], &[]),
    (2, "listGroups", &[], LIST),
    (
        4,
        "modifyGroup",
        &[("groupname", Groupname)],
        &[("textname", Text), ("textdescription", Text), ("roles", Roles), ("clients", Clients)],
    ),
    (4, "addGroupRole", &[("groupname", Groupname), ("rolename", Rolename)], &[("priority", Priority)]),
    (2, "removeGroupRole", &[("groupname", Groupname), ("rolename", Rolename)], &[]),
    (2, "setAnonymousGroup", &[("groupname", Groupname)], &[]),
    (1, "getAnonymousGroup", &[], &[]),
    (6, "createRole", &[("rolename", Rolename)], ROLE),
    (2, "getRole", &[("rolename", Rolename)], &[]),
    (2, "listRoles", &[], LIST),
    (4, "modifyRole", &[("rolename", Rolename)], ROLE),
    (2, "deleteRole", &[("rolename", Rolename)], &[]),
    (
        6,
        "addRoleACL",
        &[("rolename", Rolename), ("acltype", AclType), ("topic", Topic)],
        &[("priority", Priority), ("allow", Bool)],
    ),
    (3, "removeRoleACL", &[("rolename", Rolename), ("acltype", AclType), ("topic", Topic)], &[]),
];

const DEFAULT_TYPES: [&str; 4] = ["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];

/// A command, mostly a good one.
pub fn command(dice: &mut Dice, traits: Traits<'_>) -> Value {
    let weights = COMMANDS.map(|command| (command.0, command));
    let (_, name, required, optional) = dice.weighted(&weights);
    let mut members = vec![("command", Value::from(name))];
    members.extend(required.iter().map(|&(name, kind)| (name, value(dice, kind, traits))));
    if optional.contains(&PASSWORD) && dice.percent(60) {
        members.push((PASSWORD.0, value(dice, PASSWORD.1, traits)));
    }
    for (name, kind) in dice.subset(optional, 40) {
        if name != "allowwildcardsubs" || traits.contains(&Trait::AllowWildcardSubs) {
            members.push((name, value(dice, kind, traits)));
        }
    }
    if dice.percent(20) {
        members.push(("correlationData", json!(dice.pick(&["", "42", "ünï", "a\nb"]))));
    }
    if dice.percent(5) {
        dice.shuffle(&mut members);
    }
    let mut command = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if dice.percent(20) {
        spoil(dice, &mut command, traits);
    }
    Value::Object(command)
}

fn value(dice: &mut Dice, kind: Kind, traits: Traits<'_>) -> Value {
    match kind {
        Username => json!(username(dice)),
        Groupname => json!(name(dice, &GROUPS)),
        Rolename => json!(name(dice, &ROLES)),
        Clientid => json!(if dice.percent(80) { dice.pick(&CLIENT_IDS) } else { name(dice, &CLIENT_IDS) }),
        Password => json!(if dice.percent(90) { dice.pick(&PASSWORDS) } else { "" }),
        Text => json!(dice.pick(&TEXTS)),
        Priority => acls::sent_priority(dice, traits),
        Count => dice.pick(&[-2, -1, 0, 1, 2, 3, 100]).into(),
        Offset => dice.pick(&[-1, 0, 0, 1, 2, 100]).into(),
        Bool => dice.percent(60).into(),
        Roles => links(dice, traits, "rolename", &ROLES),
        Groups => links(dice, traits, "groupname", &GROUPS),
        Clients => links(dice, traits, "username", &CLIENTS),
        Acls => acls::sent(dice, traits),
        Defaults => defaults(dice),
        AclType => json!(acls::acltype(dice)),
        Topic => json!(topics::acl(dice, traits.contains(&Trait::Substitution))),
    }
}

fn username(dice: &mut Dice) -> &'static str {
    name(dice, &CLIENTS)
}

/// An array of links to things with names, with or without a priority.
fn links(dice: &mut Dice, traits: Traits<'_>, member: &str, known: &[&'static str]) -> Value {
    let mut links = Vec::new();
    for linked in dice.subset(known, 45) {
        let linked = if dice.percent(96) { linked } else { name(dice, known) };
        let mut link = json!({ member: linked });
        if dice.percent(50) {
            link["priority"] = acls::sent_priority(dice, traits);
        }
        links.push(link);
    }
    dice.shuffle(&mut links);
    if dice.percent(4) {
        let wrong = [json!(1), json!("r1"), json!({}), json!(null), json!([]), json!({ member: 1 })];
        links.push(dice.pick(&wrong));
    }
    links.into()
}

fn defaults(dice: &mut Dice) -> Value {
    let mut defaults = Vec::new();
    for acltype in dice.subset(&DEFAULT_TYPES, 60) {
        defaults.push(json!({ "acltype": acltype, "allow": dice.percent(50) }));
    }
    if dice.percent(10) {
        let wrong = [
            json!({ "acltype": "SUBSCRIBE", "allow": true }),
            json!({ "acltype": "nothing", "allow": true }),
            json!({ "acltype": "subscribe", "allow": 1 }),
            json!({ "acltype": "subscribe" }),
            json!(1),
            json!({ "allow": true }),
        ];
        defaults.push(dice.pick(&wrong));
    }
    defaults.into()
}

/// Makes one thing wrong, or unusual, with a command.
fn spoil(dice: &mut Dice, command: &mut Map<String, Value>, traits: Traits<'_>) {
    let members = command.keys().cloned().collect::<Vec<_>>();
    let member = dice.pick(&members);
    let wrong = [json!(null), json!(true), json!(1), json!("text"), json!([]), json!({}), json!([1])];
    if traits.contains(&Trait::NulCharacters) && dice.percent(50) {
        let cut = [json!("alice\0x"), json!("r1\0"), json!("\0"), json!("g1\0\0")];
        command.insert(member, dice.pick(&cut));
        return;
    }
    match dice.weighted(&[(4, 0), (8, 1), (6, 2), (3, 3), (2, 4), (2, 5), (1, 6)]) {
        0 => {
            command.shift_remove(&member);
        }
        1 => {
            let value = dice.pick(&wrong);
            command.insert(member, value);
        }
        2 => rename(command, &member, &mixed_case(dice, &member)),
        3 => {
            let name = command.get("command").and_then(Value::as_str).map(|name| mixed_case(dice, name));
            command.insert("command".to_owned(), name.into());
        }
        4 => {
            command.insert("correlationData".to_owned(), dice.pick(&wrong));
        }
        5 => {
            command
                .insert("command".to_owned(), json!(dice.pick(&["", "createUser", "listclient", "Ünknown"])));
        }
        _ => {
            let long = "n".repeat(dice.pick(&[1000, 65_535, 65_536, 65_537]));
            command.insert(member, json!(long));
        }
    }
}

fn rename(command: &mut Map<String, Value>, from: &str, to: &str) {
    *command = std::mem::take(command)
        .into_iter()
        .map(|(name, value)| (if name == from { to.to_owned() } else { name }, value))
        .collect();
}

fn mixed_case(dice: &mut Dice, name: &str) -> String {
    name.chars()
        .map(
            |letter| if dice.percent(50) { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() },
        )
        .collect()
}
