//! addGroupClient, removeGroupClient. As in C, the named client is disconnected whatever comes of it.

use std::sync::Arc;

use super::clients;
use super::error::CommandError;
use super::fields::Fields;
use super::groups;
use super::members;
use super::response::Answer;
use super::session::Session;
use crate::policy::{Client, Group};

pub(super) fn add(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (name, groupname) = (fields.username()?, fields.groupname()?);
    let priority = members::priority(fields, session.compat());
    session.disconnect_name(name);
    let (client, group) = find(session, name, groupname)?;
    let link = members::link(group.name.clone(), priority);
    let groups = client.groups.with(link).ok_or(CommandError::ClientInGroup)?;
    clients::put(session, Client { groups, ..Client::clone(&client) })?;
    let shown = priority.get().to_string();
    session.log(
        "addGroupClient",
        &[("groupname", groupname), ("username", name), ("priority", shown.as_bytes())],
    );
    Ok(Answer::Done)
}

pub(super) fn remove(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (name, groupname) = (fields.username()?, fields.groupname()?);
    session.disconnect_name(name);
    let (client, group) = find(session, name, groupname)?;
    if let Some(groups) = client.groups.without(groupname) {
        clients::put(session, Client { groups, ..Client::clone(&client) })?;
    } else if !group.extra.is_alone() {
        // A record that does not count may still say so.
        groups::put(session, Group::clone(&group))?;
    }
    session.log("removeGroupClient", &[("groupname", groupname), ("username", name)]);
    Ok(Answer::Done)
}

fn find(
    session: &Session<'_>,
    name: &[u8],
    groupname: &[u8],
) -> Result<(Arc<Client>, Arc<Group>), CommandError> {
    let client = clients::find(session.policy, name)?;
    let group = session.policy.group(groupname).cloned().ok_or(CommandError::GroupNotFound)?;
    Ok((client, group))
}
