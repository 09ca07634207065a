//! createRole, getRole, listRoles, modifyRole, deleteRole.

use std::sync::Arc;

use super::acl_list;
use super::error::{CommandError, Member};
use super::fields::Fields;
use super::members;
use super::page::Page;
use super::response::Answer;
use super::session::Session;
use crate::json::Writer;
use crate::policy::{Compat, Policy, Role, RoleName};

pub(super) fn create(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let compat = session.compat();
    let name = fields.new_name("rolename", Member::RoleName, compat)?;
    session.limits().check_name(name, Member::RoleName)?;
    let text_name = fields.optional_text("textname", Member::TextName)?;
    let text_description = fields.optional_text("textdescription", Member::TextDescription)?;
    let allow_wildcard_subs = match compat {
        Compat::V2_0 | Compat::V2_0_15 | Compat::V2_0_21 => fields.bool("allowwildcardsubs").unwrap_or(true),
        Compat::V2_1 => fields.strict_bool_or("allowwildcardsubs", true, CommandError::AllowWildcardSubs)?,
    };
    if session.policy.role(name).is_some() {
        return Err(CommandError::RoleExists);
    }
    let acls = acl_list::read(fields, session)?.unwrap_or_default();
    let mut role = Role::new(RoleName::new(name).map_err(|_| CommandError::NotUtf8(Member::RoleName))?);
    role.text_name = text_name;
    role.text_description = text_description;
    role.allow_wildcard_subs = allow_wildcard_subs;
    role.set_acls(acls, compat);
    session.policy.put_role(role);
    session.log("createRole", &[("rolename", name)]);
    Ok(Answer::Done)
}

pub(super) fn delete(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.rolename()?;
    let role = find(session.policy, name)?;
    session.disconnect_holders(&role.name);
    session.resolve_disconnects();
    session.policy.remove_role(&role.name);
    session.log("deleteRole", &[("rolename", name)]);
    Ok(Answer::Done)
}

/// Replaces what the command names; members of the wrong type are passed over.
pub(super) fn modify(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.rolename()?;
    let mut role = Role::clone(&*find(session.policy, name).map_err(|_| CommandError::RoleDoesNotExist)?);
    role.text_name = fields.text("textname").or(role.text_name);
    role.text_description = fields.text("textdescription").or(role.text_description);
    let allow_wildcard_subs = fields.bool("allowwildcardsubs").unwrap_or(role.allow_wildcard_subs);
    let mut rights_changed = allow_wildcard_subs != role.allow_wildcard_subs;
    role.allow_wildcard_subs = allow_wildcard_subs;
    let compat = session.compat();
    if let Some(acls) = acl_list::read(fields, session)? {
        role.set_acls(acls, compat);
        rights_changed = true;
    }
    if rights_changed {
        session.disconnect_holders(&role.name);
    }
    session.policy.put_role(role);
    session.log("modifyRole", &[("rolename", name)]);
    Ok(Answer::Done)
}

pub(super) fn get(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.rolename()?;
    let role = find(session.policy, name)?;
    session.log("getRole", &[("rolename", name)]);
    let compat = session.compat();
    Ok(Answer::data(|writer| {
        writer.key("role");
        write(writer, &role, compat);
    }))
}

pub(super) fn list(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let page = Page::of(fields);
    let compat = session.compat();
    let policy = &session.policy;
    let total = policy.roles().len();
    let answer = page.answer("roles", total, policy.roles_from(page.offset()), |writer, role| {
        if page.verbose {
            write(writer, role, compat);
        } else {
            writer.string(role.name.as_bytes());
        }
    });
    page.log(session, "listRoles");
    Ok(answer)
}

/// The role of that name.
pub(super) fn find(policy: &Policy, name: &[u8]) -> Result<Arc<Role>, CommandError> {
    policy.role(name).cloned().ok_or(CommandError::RoleNotFound)
}

fn write(writer: &mut Writer, role: &Role, compat: Compat) {
    writer.begin_object();
    writer.key("rolename");
    writer.string(role.name.as_bytes());
    members::write_texts(writer, role.text_name.as_ref(), role.text_description.as_ref());
    if compat == Compat::V2_1 {
        writer.key("allowwildcardsubs");
        writer.bool(role.allow_wildcard_subs);
    }
    acl_list::write(writer, role);
    writer.end_object();
}
