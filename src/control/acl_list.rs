//! ACLs in commands and answers.

use super::error::{CommandError, Member};
use super::fields::Fields;
use super::session::Session;
use crate::json::Writer;
use crate::policy::{Acl, AclType, Compat, Priority, Role};

/// The `acls` of a command; `None` where there are none, or something else.
///
/// As in C, an element without acltype or topic, or of an unknown acltype, is passed over, and so is,
/// in 2.1, one with an empty topic; a topic need not be a valid filter.
pub(super) fn read(
    fields: &Fields<'_>,
    session: &Session<'_>,
) -> Result<Option<Vec<(AclType, Acl)>>, CommandError> {
    let Some(elements) = fields.array("acls") else { return Ok(None) };
    let (compat, limits) = (session.compat(), session.limits());
    limits.check_acls(elements.len())?;
    let mut acls = Vec::with_capacity(elements.len());
    for element in elements {
        let element = Fields::new(element);
        let acl_type = element.string("acltype").and_then(AclType::from_name);
        let (Some(acl_type), Some(topic)) = (acl_type, element.string("topic")) else { continue };
        if topic.contains(&0) {
            return Err(CommandError::NotUtf8(Member::Topic));
        }
        limits.check_topic(topic)?;
        if !(topic.is_empty() && compat == Compat::V2_1) {
            acls.push((acl_type, with_topic(topic, &element, compat)));
        }
    }
    Ok(Some(acls))
}

/// An ACL with that topic and the `priority` and `allow` of an object.
pub(super) fn with_topic(topic: &[u8], fields: &Fields<'_>, compat: Compat) -> Acl {
    let priority = Priority::new(fields.int_or("priority", Priority::DEFAULT_ACL.get()), compat);
    Acl::new(topic, priority, fields.bool("allow").unwrap_or(false))
}

/// `"acls":[{"acltype":…,"topic":…,"priority":…,"allow":…}, …]`
pub(super) fn write(writer: &mut Writer, role: &Role) {
    writer.key("acls");
    writer.begin_array();
    for acl_type in AclType::ALL {
        for acl in role.acls(acl_type) {
            write_acl(writer, acl_type, acl);
        }
    }
    writer.end_array();
}

/// `{"acltype":…,"topic":…,"priority":…,"allow":…}`
pub(super) fn write_acl(writer: &mut Writer, acl_type: AclType, acl: &Acl) {
    writer.begin_object();
    write_members(writer, acl_type, acl);
    writer.end_object();
}

/// The members of an ACL.
pub(super) fn write_members(writer: &mut Writer, acl_type: AclType, acl: &Acl) {
    writer.key("acltype");
    writer.string(acl_type.name());
    writer.key("topic");
    writer.string(&acl.topic);
    writer.key("priority");
    writer.int(acl.priority.get().into());
    writer.key("allow");
    writer.bool(acl.allow);
}
