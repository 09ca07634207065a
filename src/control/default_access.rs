//! setDefaultACLAccess, getDefaultACLAccess.

use super::error::CommandError;
use super::fields::Fields;
use super::response::Answer;
use super::session::Session;
use crate::json::Writer;
use crate::policy::{Action, DefaultAccess, is_mqtt_utf8};

/// Sets what the `acls` array names; elements of another shape are passed over, and so is a type with
/// control characters, which would garble the log.
pub(super) fn set(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let elements = fields.array("acls").ok_or(CommandError::ActionsArray)?;
    let mut access = session.policy.default_access();
    for element in elements {
        let element = Fields::new(element);
        let (Some(name), Some(allow)) = (element.string("acltype"), element.bool("allow")) else { continue };
        if !is_mqtt_utf8(name) {
            continue;
        }
        if let Some(action) = Action::from_name(name) {
            access = access.with(action, allow);
        }
        let shown: &[u8] = if allow { b"true" } else { b"false" };
        session.log("setDefaultACLAccess", &[("acltype", name), ("allow", shown)]);
    }
    session.policy.set_default_access(access);
    Ok(Answer::Done)
}

pub(super) fn get(session: &mut Session<'_>, _: &Fields<'_>) -> Result<Answer, CommandError> {
    session.log("getDefaultACLAccess", &[]);
    let access = session.policy.default_access();
    Ok(Answer::data(|writer| {
        writer.key("acls");
        write(writer, access, &Action::ALL);
    }))
}

/// `[{"acltype":…,"allow":…}, …]`
pub(super) fn write(writer: &mut Writer, access: DefaultAccess, actions: &[Action]) {
    writer.begin_array();
    for action in actions {
        writer.begin_object();
        writer.key("acltype");
        writer.string(action.name());
        writer.key("allow");
        writer.bool(access.allows(*action));
        writer.end_object();
    }
    writer.end_array();
}
