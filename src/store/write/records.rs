//! Clients, groups and roles as the C plugin writes them.

use super::object::{IfDefault, Object};
use super::sink::Sink;
use super::{put_aside, staying};
use crate::json::{Value, Writer, parse, up_to_nul};
use crate::password::{PasswordHash, Stored};
use crate::policy::{
    Acl, AclType, Client, ClientId, Compat, Extra, Group, InertElement, InertIn, Link, Links, Members,
    Password, Priority, Role, RoleName, Snapshot, Text,
};

const OF_CLIENT: &[&str] = &[
    "username",
    "clientid",
    "textname",
    "textdescription",
    "disabled",
    "roles",
    "password",
    "salt",
    "iterations",
    "encoded_password",
];
const OF_GROUP: &[&str] = &["groupname", "textname", "textdescription", "roles", "clients"];
const OF_ROLE: &[&str] = &["rolename", "textname", "textdescription", "allowwildcardsubs", "acls"];
const OF_ACL: &[&str] = &["acltype", "topic", "priority", "allow"];

pub(super) fn client(writer: &mut Writer, client: &Client, policy: &Snapshot) {
    let mut object = Object::begin(writer, &client.extra, OF_CLIENT);
    object.text("username", Some(client.username.as_bytes()));
    object.text("clientid", client.clientid().map(ClientId::as_bytes));
    object.text("textname", client.text_name().map(Text::as_bytes));
    object.text("textdescription", client.text_description().map(Text::as_bytes));
    object.bool("disabled", client.disabled, false, IfDefault::LeaveOut);
    roles(&mut object, &client.roles, &client.extra, policy);
    match &client.password {
        Password::Hash(hash) => password(object.writer(), hash),
        Password::None | Password::Unusable => {
            for name in ["password", "salt", "iterations", "encoded_password"] {
                object.put_kept(name);
            }
        }
    }
    object.end();
}

fn password(writer: &mut Writer, hash: &PasswordHash) {
    match hash.stored() {
        Stored::Members { password, salt, iterations } => {
            writer.key("password");
            writer.string(password);
            writer.key("salt");
            writer.string(salt);
            writer.key("iterations");
            writer.int(i64::from(iterations));
        }
        Stored::Encoded(encoded) => {
            writer.key("encoded_password");
            writer.string(encoded);
        }
    }
}

pub(super) fn group(
    writer: &mut Writer,
    group: &Group,
    policy: &Snapshot,
    members: &Members<'_>,
    sink: &mut Sink<'_>,
) {
    let name = group.name.as_bytes();
    let mut object = Object::begin(writer, &group.extra, OF_GROUP);
    object.text("groupname", Some(name));
    object.text("textname", group.text_name.as_ref().map(Text::as_bytes));
    object.text("textdescription", group.text_description.as_ref().map(Text::as_bytes));
    roles(&mut object, &group.roles, &group.extra, policy);
    let inert = staying(&group.extra, InertIn::Clients, |username, _| {
        policy.client(username).is_none_or(|client| policy.groups_there(&client.groups).get(name).is_some())
    });
    let empty = members.of(name).next().is_none() && inert.is_empty();
    object.array("clients", empty, |writer| {
        for (client, membership) in members.of(name) {
            let username = client.username.as_bytes();
            link(writer, "username", username, membership.priority, &membership.extra, policy.compat());
            sink.take(writer);
        }
        put_aside(writer, inert);
    });
    object.end();
}

pub(super) fn role(writer: &mut Writer, role: &Role, compat: Compat, sink: &mut Sink<'_>) {
    let mut object = Object::begin(writer, &role.extra, OF_ROLE);
    object.text("rolename", Some(role.name.as_bytes()));
    object.text("textname", role.text_name.as_ref().map(Text::as_bytes));
    object.text("textdescription", role.text_description.as_ref().map(Text::as_bytes));
    let if_default = match compat {
        Compat::V2_0 | Compat::V2_0_21 => IfDefault::LeaveOut,
        Compat::V2_1 => IfDefault::Write,
    };
    object.bool("allowwildcardsubs", role.allow_wildcard_subs, true, if_default);
    let inert = staying(&role.extra, InertIn::Acls, |topic, element| has_acl(role, topic, element));
    let empty = AclType::ALL.iter().all(|acl_type| role.acls(*acl_type).is_empty());
    object.array("acls", empty && inert.is_empty(), |writer| {
        for acl_type in AclType::ALL {
            for acl_of_type in role.acls(acl_type) {
                acl(writer, acl_type, acl_of_type, compat);
                sink.take(writer);
            }
        }
        put_aside(writer, inert);
    });
    object.end();
}

/// Whether the role has the ACL that an element was a duplicate of.
fn has_acl(role: &Role, topic: &[u8], element: &InertElement) -> bool {
    parse(&element.raw).is_ok_and(|element| {
        let acl_type = element.get("acltype").and_then(Value::as_bytes).map(up_to_nul);
        acl_type
            .and_then(AclType::from_name)
            .is_some_and(|acl_type| role.acls(acl_type).find(topic).is_some())
    })
}

fn acl(writer: &mut Writer, acl_type: AclType, acl: &Acl, compat: Compat) {
    let mut object = Object::begin(writer, &acl.extra, OF_ACL);
    object.text("acltype", Some(acl_type.name().as_bytes()));
    object.text("topic", Some(&acl.topic));
    object.priority(acl.priority, Priority::DEFAULT_ACL, IfDefault::Write, compat);
    object.bool("allow", acl.allow, false, IfDefault::Write);
    object.end();
}

fn roles(object: &mut Object<'_, '_>, links: &Links<RoleName>, extra: &Extra, policy: &Snapshot) {
    let links = &*policy.roles_there(links);
    let inert =
        staying(extra, InertIn::Roles, |role, _| links.get(role).is_some() || policy.role(role).is_none());
    object.array("roles", links.is_empty() && inert.is_empty(), |writer| {
        for Link { name, priority, extra } in links {
            link(writer, "rolename", name.as_bytes(), *priority, extra, policy.compat());
        }
        put_aside(writer, inert);
    });
}

fn link(
    writer: &mut Writer,
    key: &'static str,
    name: &[u8],
    priority: Priority,
    extra: &Extra,
    compat: Compat,
) {
    let known: &[&str] =
        if key == "username" { &["username", "priority"] } else { &["rolename", "priority"] };
    let mut object = Object::begin(writer, extra, known);
    object.text(key, Some(name));
    object.priority(priority, Priority::DEFAULT_LINK, IfDefault::LeaveOut, compat);
    object.end();
}
