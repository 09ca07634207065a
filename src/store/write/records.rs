//! Clients, groups and roles as the C plugin writes them.

use std::borrow::Cow;

use super::object::{IfDefault, Object};
use super::sink::Sink;
use super::{put_aside, staying, with_others};
use crate::json::{Writer, parse};
use crate::password::{PasswordHash, Stored};
use crate::policy::{
    Acl, AclType, Client, ClientId, Compat, Extra, Group, InertElement, InertIn, Link, Links, Members,
    OfSeveral, Password, Priority, Role, RoleName, Snapshot, Text,
};
use crate::store::members::{OF_ACL, OF_CLIENT, OF_CLIENT_LINK, OF_GROUP, OF_ROLE, OF_ROLE_LINK};
use crate::store::named;

/// What was set aside beside a record, unless it says something of a role or group that is gone since, or of a role or
/// client that was deleted.
fn others<'e>(extra: &'e Extra, is_whole: bool, policy: &Snapshot) -> Vec<&'e InertElement> {
    let others = if is_whole { extra.inert(InertIn::Beside) } else { &[] };
    others
        .iter()
        .filter(|other| !policy.has_deleted_but_named() || !names_what_was_deleted(other, policy))
        .collect()
}

/// Whether a record that does not count names a role or client that was deleted.
pub(super) fn names_what_was_deleted(other: &InertElement, policy: &Snapshot) -> bool {
    let Ok(record) = parse(&other.raw) else { return false };
    named::roles(&record).any(|name| policy.is_deleted_role(name))
        || named::clients(&record).any(|name| policy.is_deleted_client(name))
}

pub(super) fn client(writer: &mut Writer, client: &Client, policy: &Snapshot) {
    let is_whole = matches!(policy.roles_there(&client.roles), Cow::Borrowed(_))
        && matches!(policy.groups_there(&client.groups), Cow::Borrowed(_));
    let others = others(&client.extra, is_whole, policy);
    with_others(writer, others, OfSeveral::of_records(policy.compat()), |writer| {
        the_client(writer, client, policy);
    });
}

fn the_client(writer: &mut Writer, client: &Client, policy: &Snapshot) {
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
    let is_whole = matches!(policy.roles_there(&group.roles), Cow::Borrowed(_));
    let others = others(&group.extra, is_whole, policy);
    with_others(writer, others, OfSeveral::of_records(policy.compat()), |writer| {
        the_group(writer, group, policy, members, sink);
    });
}

fn the_group(
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
    let inert = staying(&group.extra, InertIn::Clients, |username| policy.client(username).is_none());
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
    let others = role.extra.inert(InertIn::Beside);
    with_others(writer, others, OfSeveral::of_records(compat), |writer| the_role(writer, role, compat, sink));
}

fn the_role(writer: &mut Writer, role: &Role, compat: Compat, sink: &mut Sink<'_>) {
    let mut object = Object::begin(writer, &role.extra, OF_ROLE);
    object.text("rolename", Some(role.name.as_bytes()));
    object.text("textname", role.text_name.as_ref().map(Text::as_bytes));
    object.text("textdescription", role.text_description.as_ref().map(Text::as_bytes));
    let if_default = match compat {
        Compat::V2_0 | Compat::V2_0_15 | Compat::V2_0_21 => IfDefault::LeaveOut,
        Compat::V2_1 => IfDefault::Write,
    };
    object.bool("allowwildcardsubs", role.allow_wildcard_subs, true, if_default);
    let inert = role.extra.inert(InertIn::Acls);
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

/// The priority that is read from an ACL.
fn priority_of(element: &InertElement, compat: Compat) -> Priority {
    let priority = parse(&element.raw).ok().and_then(|acl| acl.get("priority")?.as_i32());
    priority.map_or(Priority::DEFAULT_ACL, |priority| Priority::new(priority, compat))
}

fn acl(writer: &mut Writer, acl_type: AclType, acl: &Acl, compat: Compat) {
    let counts = OfSeveral::of_acls(acl_type, compat);
    let others = acl.extra.inert(InertIn::Beside).iter().filter(|other| match counts {
        // As they are written, behind that one or before it.
        OfSeveral::First | OfSeveral::Last => true,
        OfSeveral::FirstOfHighest => priority_of(other, compat) <= acl.priority,
    });
    with_others(writer, others, counts, |writer| the_acl(writer, acl_type, acl, compat));
}

fn the_acl(writer: &mut Writer, acl_type: AclType, acl: &Acl, compat: Compat) {
    let mut object = Object::begin(writer, &acl.extra, OF_ACL);
    object.text("acltype", Some(acl_type.name().as_bytes()));
    object.text("topic", Some(&acl.topic));
    object.priority(acl.priority, Priority::DEFAULT_ACL, IfDefault::Write, compat);
    object.bool("allow", acl.allow, false, IfDefault::Write);
    object.end();
}

fn roles(object: &mut Object<'_, '_>, links: &Links<RoleName>, extra: &Extra, policy: &Snapshot) {
    let links = &*policy.roles_there(links);
    let inert = staying(extra, InertIn::Roles, |role| policy.role(role).is_none());
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
    // The first counts, for all versions.
    with_others(writer, extra.inert(InertIn::Beside), OfSeveral::First, |writer| {
        let known = if key == "username" { OF_CLIENT_LINK } else { OF_ROLE_LINK };
        let mut object = Object::begin(writer, extra, known);
        object.text(key, Some(name));
        object.priority(priority, Priority::DEFAULT_LINK, IfDefault::LeaveOut, compat);
        object.end();
    });
}
