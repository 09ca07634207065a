//! createGroup, deleteGroup, getGroup, listGroups, modifyGroup, setAnonymousGroup, getAnonymousGroup.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::clients;
use super::error::{CommandError, Member};
use super::fields::Fields;
use super::members;
use super::page::Page;
use super::response::Answer;
use super::session::Session;
use crate::json::Writer;
use crate::policy::{Client, Compat, Group, GroupName, Policy};

pub(super) fn create(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.new_name("groupname", Member::GroupName, session.compat())?;
    session.limits().check_name(name, Member::GroupName)?;
    let text_name = fields.optional_text("textname", Member::TextName)?;
    let text_description = fields.optional_text("textdescription", Member::TextDescription)?;
    if session.policy.group(name).is_some() {
        return Err(CommandError::GroupExists);
    }
    let roles = members::roles(fields, session.policy).map_err(|error| match error {
        CommandError::RolesList => CommandError::Internal,
        other => other,
    })?;
    let group = Group {
        text_name,
        text_description,
        roles: roles.unwrap_or_default(),
        ..Group::new(GroupName::new(name).map_err(|_| CommandError::NotUtf8(Member::GroupName))?)
    };
    put(session, group)?;
    session.log("createGroup", &[("groupname", name)]);
    Ok(Answer::Done)
}

pub(super) fn delete(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.groupname()?;
    let group = find(session.policy, name)?;
    if session.policy.anonymous_group().is_some_and(|anonymous| anonymous.name == group.name) {
        return Err(CommandError::GroupIsAnonymous);
    }
    session.disconnect_members(&group.name);
    session.resolve_disconnects();
    session.policy.remove_group(&group.name);
    session.log("deleteGroup", &[("groupname", name)]);
    Ok(Answer::Done)
}

/// Replaces what the command names; members of the wrong type are passed over.
pub(super) fn modify(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.groupname()?;
    let mut group = Group::clone(&*find(session.policy, name)?);
    group.text_name = fields.text("textname").or(group.text_name);
    group.text_description = fields.text("textdescription").or(group.text_description);
    group.roles = members::roles(fields, session.policy)?.unwrap_or(group.roles);
    if session.compat() >= Compat::V2_0_15 {
        // Refused since 2.0.15; 2.0.14 passes over unknown and missing names.
        members::all_known(fields, "clients", "username", |name| session.policy.client(name).is_some())
            .map_err(|unknown| {
                unknown.either(CommandError::ClientInListNotFound, CommandError::UsernameInList)
            })?;
    }
    session.disconnect_members(&group.name);
    if let Some(named) = members::named(fields, "clients", "username") {
        session.resolve_disconnects();
        set_members(session, &group.name, &named)?;
        session.disconnect_members(&group.name);
    }
    put(session, group)?;
    session.log("modifyGroup", &[("groupname", name)]);
    Ok(Answer::Done)
}

pub(super) fn get(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.groupname()?;
    let group = find(session.policy, name)?;
    session.log("getGroup", &[("groupname", name)]);
    Ok(Answer::data(|writer| {
        writer.key("group");
        write(writer, &group, session.policy);
    }))
}

pub(super) fn list(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let page = Page::of(fields);
    let policy = &session.policy;
    let total = policy.groups().len();
    let answer = page.answer("groups", total, policy.groups_from(page.offset()), |writer, group| {
        if page.verbose {
            write(writer, group, session.policy);
        } else {
            writer.string(group.name.as_bytes());
        }
    });
    page.log(session, "listGroups");
    Ok(answer)
}

pub(super) fn set_anonymous(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.groupname()?;
    let group = find(session.policy, name)?;
    session.policy.set_anonymous_group(&group.name).map_err(|_| CommandError::GroupNotFound)?;
    session.disconnect_anonymous();
    session.log("setAnonymousGroup", &[("groupname", name)]);
    Ok(Answer::Done)
}

pub(super) fn get_anonymous(session: &mut Session<'_>, _: &Fields<'_>) -> Result<Answer, CommandError> {
    session.log("getAnonymousGroup", &[]);
    let name = session.policy.anonymous_group().map_or(&b""[..], |group| group.name.as_bytes());
    Ok(Answer::data(|writer| {
        writer.key("group");
        writer.begin_object();
        writer.key("groupname");
        writer.string(name);
        writer.end_object();
    }))
}

/// The group of that name, with links to what is there.
pub(super) fn find(policy: &Policy, name: &[u8]) -> Result<Arc<Group>, CommandError> {
    let group = policy.group(name).ok_or(CommandError::GroupNotFound)?;
    Ok(match policy.group_there(group) {
        Cow::Borrowed(_) => Arc::clone(group),
        Cow::Owned(there) => Arc::new(there),
    })
}

/// Puts a group whose roles were looked up in this policy.
pub(super) fn put(session: &mut Session<'_>, group: Group) -> Result<(), CommandError> {
    session.policy.put_group(group).map_err(|_| CommandError::Internal)
}

/// Makes these the group's members, and no others. Of several with one name the first counts.
fn set_members(
    session: &mut Session<'_>,
    group: &GroupName,
    named: &[(&[u8], Fields<'_>)],
) -> Result<(), CommandError> {
    let present: Vec<_> =
        session.policy.members(group.as_bytes()).map(|(client, _)| Arc::clone(client)).collect();
    for client in present {
        if let Some(groups) = client.groups.without(group.as_bytes()) {
            clients::put(session, Client { groups, ..Client::clone(&client) })?;
        }
    }
    let mut seen = HashSet::new();
    for (name, element) in named {
        let Ok(client) = clients::find(session.policy, name) else { continue };
        if !seen.insert(*name) {
            continue;
        }
        let link = members::link(group.clone(), members::priority(element, session.compat()));
        if let Some(groups) = client.groups.with(link) {
            clients::put(session, Client { groups, ..Client::clone(&client) })?;
        }
    }
    Ok(())
}

fn write(writer: &mut Writer, group: &Group, policy: &Policy) {
    writer.begin_object();
    writer.key("groupname");
    writer.string(group.name.as_bytes());
    members::write_texts(writer, group.text_name.as_ref(), group.text_description.as_ref());
    writer.key("clients");
    writer.begin_array();
    for (client, _) in policy.members(group.name.as_bytes()) {
        writer.begin_object();
        writer.key("username");
        writer.string(client.username.as_bytes());
        writer.end_object();
    }
    writer.end_array();
    members::write_roles(writer, &policy.roles_there(&group.roles));
    writer.end_object();
}
