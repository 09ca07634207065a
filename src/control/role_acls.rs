//! addRoleACL, removeRoleACL.

use super::acl_list;
use super::error::{CommandError, Member};
use super::fields::Fields;
use super::response::Answer;
use super::roles;
use super::session::Session;
use crate::policy::{AclType, Compat, Role, is_mqtt_utf8, is_valid_filter};

pub(super) fn add(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let compat = session.compat();
    let name = fields.rolename()?;
    let role = roles::find(session.policy, name)?;
    let (acl_type, type_given, topic) = target(fields, compat)?;
    session.limits().check_topic(topic)?;
    let acl = acl_list::with_topic(topic, fields, compat);
    let (priority, allow) = (acl.priority.get().to_string(), acl.allow);
    if session.policy.acl(name, acl_type, topic).is_some() {
        return Err(CommandError::AclExists);
    }
    let acls: usize = AclType::ALL.into_iter().map(|acl_type| role.acls(acl_type).len()).sum();
    session.limits().check_acls(acls.saturating_add(1))?;
    let mut role = Role::clone(&role);
    role.add_acl(acl_type, acl);
    session.disconnect_holders(&role.name);
    session.policy.put_role(role);
    let members = [
        ("rolename", name),
        ("acltype", type_given),
        ("topic", topic),
        ("priority", priority.as_bytes()),
        ("allow", if allow { b"true" } else { b"false" }),
    ];
    session.log("addRoleACL", &members);
    Ok(Answer::Done)
}

pub(super) fn remove(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.rolename()?;
    let role = roles::find(session.policy, name)?;
    let (acl_type, type_given, topic) = target(fields, session.compat())?;
    let acl = session.policy.acl(name, acl_type, topic).ok_or(CommandError::AclNotFound)?;
    let mut role = Role::clone(&role);
    role.remove_acl(acl_type, acl);
    session.disconnect_holders(&role.name);
    session.policy.put_role(role);
    session.log("removeRoleACL", &[("rolename", name), ("acltype", type_given), ("topic", topic)]);
    Ok(Answer::Done)
}

/// The ACL that is meant: its type, the type as the client spelled it, and its topic.
fn target<'a>(fields: &Fields<'a>, compat: Compat) -> Result<(AclType, &'a [u8], &'a [u8]), CommandError> {
    let type_given = fields.string("acltype").ok_or(CommandError::Invalid(Member::AclType))?;
    let acl_type = AclType::from_name(type_given).ok_or(CommandError::UnknownAclType)?;
    let topic = fields.string("topic").ok_or(CommandError::Invalid(Member::Topic))?;
    if !is_mqtt_utf8(topic) {
        return Err(CommandError::NotUtf8(Member::Topic));
    }
    if !is_valid_filter(topic, compat) {
        return Err(CommandError::InvalidAclTopic);
    }
    Ok((acl_type, type_given, topic))
}
