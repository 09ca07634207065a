//! addClientRole, removeClientRole.

use std::sync::Arc;

use super::clients;
use super::error::CommandError;
use super::fields::Fields;
use super::members;
use super::response::Answer;
use super::session::Session;
use crate::policy::{Client, Role};

pub(super) fn add(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (name, rolename) = (fields.username()?, fields.rolename()?);
    let priority = members::priority(fields, session.compat());
    let (client, role) = find(session, name, rolename)?;
    // The C plugin has no better text for a role that the client already has.
    let roles =
        client.roles.with(members::link(role.name.clone(), priority)).ok_or(CommandError::Internal)?;
    clients::put(session, Client { roles, ..Client::clone(&client) })?;
    session.disconnect(&client.username);
    let shown = priority.get().to_string();
    session
        .log("addClientRole", &[("username", name), ("rolename", rolename), ("priority", shown.as_bytes())]);
    Ok(Answer::Done)
}

pub(super) fn remove(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (name, rolename) = (fields.username()?, fields.rolename()?);
    let (client, _) = find(session, name, rolename)?;
    let roles = client.roles.without(rolename);
    // A record that does not count may still say so.
    if roles.is_some() || !client.extra.is_alone() {
        let roles = roles.unwrap_or_else(|| client.roles.clone());
        clients::put(session, Client { roles, ..Client::clone(&client) })?;
    }
    session.disconnect(&client.username);
    session.log("removeClientRole", &[("username", name), ("rolename", rolename)]);
    Ok(Answer::Done)
}

fn find(
    session: &Session<'_>,
    name: &[u8],
    rolename: &[u8],
) -> Result<(Arc<Client>, Arc<Role>), CommandError> {
    let client = clients::find(session.policy, name)?;
    let role = session.policy.role(rolename).cloned().ok_or(CommandError::RoleNotFound)?;
    Ok((client, role))
}
