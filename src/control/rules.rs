//! Roles that somebody has, and their ACLs, in answers.

use super::acl_list;
use crate::json::Writer;
use crate::policy::{HeldRole, Rule};

/// `"group":{…},"role":{…}`, the group only where the role comes through one.
pub(super) fn write_role(writer: &mut Writer, held: &HeldRole<'_>) {
    if let Some(through) = &held.group {
        writer.key("group");
        writer.begin_object();
        writer.key("groupname");
        writer.string(through.group.name.as_bytes());
        if let Some(priority) = through.priority {
            writer.key("priority");
            writer.int(priority.get().into());
        }
        writer.end_object();
    }
    writer.key("role");
    writer.begin_object();
    writer.key("rolename");
    writer.string(held.role.name.as_bytes());
    writer.key("priority");
    writer.int(held.priority.get().into());
    writer.end_object();
}

/// `"group":{…},"role":{…},"acl":{…}`
pub(super) fn write(writer: &mut Writer, rule: &Rule<'_>) {
    write_role(writer, &rule.held);
    writer.key("acl");
    acl_list::write_acl(writer, rule.acl_type, rule.acl);
}
