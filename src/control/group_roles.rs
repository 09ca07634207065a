//! addGroupRole, removeGroupRole.

use std::sync::Arc;

use super::error::CommandError;
use super::fields::Fields;
use super::groups;
use super::members;
use super::response::Answer;
use super::session::Session;
use crate::policy::{Group, Role};

pub(super) fn add(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (groupname, rolename) = (fields.groupname()?, fields.rolename()?);
    let priority = members::priority(fields, session.compat());
    let (group, role) = find(session, groupname, rolename)?;
    let link = members::link(role.name.clone(), priority);
    let roles = group.roles.with(link).ok_or(CommandError::GroupHasRole)?;
    groups::put(session, Group { roles, ..Group::clone(&group) })?;
    session.disconnect_members(&group.name);
    let shown = priority.get().to_string();
    session.log(
        "addGroupRole",
        &[("groupname", groupname), ("rolename", rolename), ("priority", shown.as_bytes())],
    );
    Ok(Answer::Done)
}

pub(super) fn remove(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (groupname, rolename) = (fields.groupname()?, fields.rolename()?);
    let (group, _) = find(session, groupname, rolename)?;
    let roles = group.roles.without(rolename);
    // A record that does not count may still say so.
    if roles.is_some() || !group.extra.is_alone() {
        let roles = roles.unwrap_or_else(|| group.roles.clone());
        groups::put(session, Group { roles, ..Group::clone(&group) })?;
    }
    session.disconnect_members(&group.name);
    session.log("removeGroupRole", &[("groupname", groupname), ("rolename", rolename)]);
    Ok(Answer::Done)
}

fn find(
    session: &Session<'_>,
    groupname: &[u8],
    rolename: &[u8],
) -> Result<(Arc<Group>, Arc<Role>), CommandError> {
    let group = groups::find(session.policy, groupname)?;
    let role = session.policy.role(rolename).cloned().ok_or(CommandError::RoleNotFound)?;
    Ok((group, role))
}
