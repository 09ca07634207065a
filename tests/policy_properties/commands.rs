//! Random commands: mostly sensible, about few names, so that they meet; some are refused.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A command, and whether it would change the policy.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) json: Value,
    pub(crate) mutates: bool,
}

const USERNAMES: &[&str] = &["ann", "bob", "cid", "Zoe"];
const GROUPS: &[&str] = &["g1", "g2", "G3"];
const ROLES: &[&str] = &["r1", "r2", "r3", "R4"];
const TOPICS: &[&str] = &["a", "a/b", "a/+", "#", "a/#/b", "", "$SYS/#", "%u"];
const ACL_TYPES: &[&str] = &[
    "publishClientSend",
    "publishClientReceive",
    "subscribeLiteral",
    "subscribePattern",
    "unsubscribeLiteral",
    "UNSUBSCRIBEPATTERN",
    "subscribe",
];

/// One of the names, and now and then something that is no name, or nobody's.
fn name(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        30 => proptest::sample::select(names).prop_map(Value::from),
        1 => Just(json!(format!("no {}", names[0]))),
        1 => Just(json!("")),
        1 => Just(json!("\u{ffff}")),
        1 => Just(json!("a\u{0}b")),
        1 => Just(json!(7)),
    ]
}

fn priority() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => (-2..3_i64).prop_map(Value::from),
        1 => proptest::sample::select(&[i64::MAX, i64::MIN, 100_000, 100_001, -100_001, 2_147_483_647][..])
            .prop_map(Value::from),
        1 => Just(json!("5")),
        1 => Just(json!(1.9)),
    ]
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![4 => "[x-z]{0,3}".prop_map(Value::from), 1 => Just(json!(null))]
}

/// An object with those members of which there is something.
fn object(members: Vec<(&'static str, Option<Value>)>) -> Value {
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn links(member: &'static str, names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let link = (name(names), weighted(0.5, priority()))
        .prop_map(move |(name, priority)| object(vec![(member, Some(name)), ("priority", priority)]));
    let element = prop_oneof![20 => link, 1 => Just(json!({})), 1 => Just(json!("x"))];
    prop_oneof![20 => vec(element, 0..4).prop_map(Value::from), 1 => Just(json!({}))]
}

fn acl() -> impl Strategy<Value = Value> {
    let acl_type = proptest::sample::select(ACL_TYPES);
    let topic = proptest::sample::select(TOPICS);
    (acl_type, topic, weighted(0.7, priority()), weighted(0.8, any::<bool>())).prop_map(
        |(acl_type, topic, priority, allow)| {
            object(vec![
                ("acltype", Some(json!(acl_type))),
                ("topic", Some(json!(topic))),
                ("priority", priority),
                ("allow", allow.map(Value::from)),
            ])
        },
    )
}

fn command(
    command: &'static str,
    mutates: bool,
    members: impl Strategy<Value = Value> + 'static,
) -> BoxedStrategy<Command> {
    members
        .prop_map(move |members| {
            let mut json = members;
            json["command"] = json!(command);
            Command { json, mutates }
        })
        .boxed()
}

fn client_members() -> impl Strategy<Value = Value> {
    let username = name(USERNAMES);
    let password = weighted(0.3, prop_oneof![Just(json!("p")), Just(json!("")), Just(json!("p\u{0}"))]);
    let clientid =
        weighted(0.3, prop_oneof![Just(json!("c")), Just(json!("")), Just(json!("c\u{0}")), Just(json!(7))]);
    let roles = weighted(0.5, links("rolename", ROLES));
    let groups = weighted(0.5, links("groupname", GROUPS));
    (username, password, clientid, weighted(0.2, text()), roles, groups).prop_map(
        |(username, password, clientid, text, roles, groups)| {
            object(vec![
                ("username", Some(username)),
                ("password", password),
                ("clientid", clientid),
                ("textname", text),
                ("roles", roles),
                ("groups", groups),
            ])
        },
    )
}

fn group_members() -> impl Strategy<Value = Value> {
    let roles = weighted(0.5, links("rolename", ROLES));
    let clients = weighted(0.5, links("username", USERNAMES));
    (name(GROUPS), weighted(0.2, text()), roles, clients).prop_map(|(groupname, text, roles, clients)| {
        object(vec![
            ("groupname", Some(groupname)),
            ("textname", text),
            ("roles", roles),
            ("clients", clients),
        ])
    })
}

fn role_members() -> impl Strategy<Value = Value> {
    let acls = weighted(0.6, vec(acl(), 0..5).prop_map(Value::from));
    let wildcards =
        weighted(0.3, prop_oneof![6 => any::<bool>().prop_map(Value::from), 1 => Just(json!("x"))]);
    (name(ROLES), weighted(0.2, text()), wildcards, acls).prop_map(|(rolename, text, wildcards, acls)| {
        object(vec![
            ("rolename", Some(rolename)),
            ("textname", text),
            ("allowwildcardsubs", wildcards),
            ("acls", acls),
        ])
    })
}

/// Two names and a priority.
fn link(
    holder: (&'static str, &'static [&'static str]),
    held: (&'static str, &'static [&'static str]),
) -> impl Strategy<Value = Value> {
    (name(holder.1), name(held.1), weighted(0.5, priority())).prop_map(move |(one, other, priority)| {
        object(vec![(holder.0, Some(one)), (held.0, Some(other)), ("priority", priority)])
    })
}

fn named(member: &'static str, names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    name(names).prop_map(move |name| object(vec![(member, Some(name))]))
}

fn acl_of_role() -> impl Strategy<Value = Value> {
    (acl(), name(ROLES)).prop_map(|(mut acl, role)| {
        acl["rolename"] = role;
        acl
    })
}

fn default_access() -> impl Strategy<Value = Value> {
    let types = ["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe", "subscribeLiteral"];
    let element = (proptest::sample::select(types.to_vec()), any::<bool>())
        .prop_map(|(acl_type, allow)| json!({"acltype": acl_type, "allow": allow}));
    prop_oneof![9 => vec(element, 0..4).prop_map(Value::from), 1 => Just(json!(null))]
        .prop_map(|acls| json!({"acls": acls}))
}

/// Any command.
pub(crate) fn any_command() -> impl Strategy<Value = Command> {
    let client = ("username", USERNAMES);
    let group = ("groupname", GROUPS);
    let role = ("rolename", ROLES);
    proptest::strategy::Union::new_weighted(vec![
        (6, command("createClient", true, client_members())),
        (4, command("modifyClient", true, client_members())),
        (1, command("deleteClient", true, named("username", USERNAMES))),
        (1, command("setClientId", true, client_members())),
        (1, command("setClientPassword", true, client_members())),
        (1, command("enableClient", true, named("username", USERNAMES))),
        (1, command("disableClient", true, named("username", USERNAMES))),
        (3, command("addClientRole", true, link(client, role))),
        (2, command("removeClientRole", true, link(client, role))),
        (3, command("addGroupClient", true, link(client, group))),
        (2, command("removeGroupClient", true, link(client, group))),
        (5, command("createGroup", true, group_members())),
        (4, command("modifyGroup", true, group_members())),
        (1, command("deleteGroup", true, named("groupname", GROUPS))),
        (3, command("addGroupRole", true, link(group, role))),
        (2, command("removeGroupRole", true, link(group, role))),
        (2, command("setAnonymousGroup", true, named("groupname", GROUPS))),
        (6, command("createRole", true, role_members())),
        (4, command("modifyRole", true, role_members())),
        (1, command("deleteRole", true, named("rolename", ROLES))),
        (4, command("addRoleACL", true, acl_of_role())),
        (3, command("removeRoleACL", true, acl_of_role())),
        (1, command("setDefaultACLAccess", true, default_access())),
        (1, command("getClient", false, named("username", USERNAMES))),
        (1, command("getGroup", false, named("groupname", GROUPS))),
        (1, command("getRole", false, named("rolename", ROLES))),
        (1, command("listClients", false, Just(json!({"verbose": true})))),
        (1, command("nonsense", false, Just(json!({})))),
    ])
}

/// Makes something of every name, most of it linked, so that there is something to change.
fn populate() -> Vec<Command> {
    let roles = ROLES.iter().map(|role| {
        let acls = json!([{"acltype": "publishClientSend", "topic": role, "allow": true}]);
        json!({"command": "createRole", "rolename": role, "acls": acls})
    });
    let groups = GROUPS.iter().zip(ROLES).map(
        |(group, role)| json!({"command": "createGroup", "groupname": group, "roles": [{"rolename": role}]}),
    );
    let clients = USERNAMES.iter().zip(GROUPS).zip(ROLES.iter().rev()).map(|((username, group), role)| {
        let (roles, groups) = (json!([{"rolename": role}]), json!([{"groupname": group}]));
        json!({"command": "createClient", "username": username, "roles": roles, "groups": groups})
    });
    let anonymous = json!({"command": "setAnonymousGroup", "groupname": "g2"});
    let all = roles.chain(groups).chain(clients).chain([anonymous]);
    all.map(|json| Command { json, mutates: true }).collect()
}

/// Payloads, most of them of one command; most sequences begin with a policy.
pub(crate) fn any_payloads() -> impl Strategy<Value = Vec<Vec<Command>>> {
    let payload = prop_oneof![3 => vec(any_command(), 1..2), 1 => vec(any_command(), 2..6)];
    (prop::bool::weighted(0.8), vec(payload, 1..40)).prop_map(|(populated, mut payloads)| {
        if populated {
            payloads.insert(0, populate());
        }
        payloads
    })
}
