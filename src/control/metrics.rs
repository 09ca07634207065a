//! getMetrics.

use super::about;
use super::error::CommandError;
use super::fields::Fields;
use super::response::Answer;
use super::session::Session;
use crate::json::Writer;
use crate::metrics::{Counts, Sizes};
use crate::policy::{AclType, Policy, Role};

/// How much is in a policy.
#[must_use]
pub fn sizes(policy: &Policy, connections: usize) -> Sizes {
    let of_type = |role: &Role, acl_type| role.acls(acl_type).len();
    let of_role = |role: &Role| AclType::ALL.map(|acl_type| of_type(role, acl_type));
    Sizes {
        clients: policy.clients().len(),
        groups: policy.groups().len(),
        roles: policy.roles().len(),
        acls: policy.roles().flat_map(|role| of_role(role)).fold(0, usize::saturating_add),
        change_index: policy.change_index(),
        connections,
    }
}

/// What was counted since the start, and how much there is.
pub(super) fn get(session: &mut Session<'_>, _: &Fields<'_>) -> Result<Answer, CommandError> {
    session.log("getMetrics", &[]);
    let (counts, connections) = session.host.metrics();
    let sizes = sizes(session.policy, connections);
    Ok(Answer::data(|writer| {
        write_counts(writer, &counts);
        for (member, size) in [
            ("connections", sizes.connections),
            ("clientCount", sizes.clients),
            ("groupCount", sizes.groups),
            ("roleCount", sizes.roles),
            ("aclCount", sizes.acls),
        ] {
            write_int(writer, member, u64::try_from(size).unwrap_or(u64::MAX));
        }
        about::write_change_index(writer, session.policy);
    }))
}

fn write_counts(writer: &mut Writer, counts: &Counts) {
    writer.key("decisions");
    writer.begin_array();
    for (acltype, outcome, count) in &counts.decisions {
        writer.begin_object();
        writer.key("acltype");
        writer.string(acltype);
        writer.key("outcome");
        writer.string(outcome);
        write_int(writer, "count", *count);
        writer.end_object();
    }
    writer.end_array();
    writer.key("logins");
    writer.begin_array();
    for (result, reason, count) in &counts.logins {
        writer.begin_object();
        writer.key("result");
        writer.string(result);
        if let Some(reason) = reason {
            writer.key("reason");
            writer.string(reason);
        }
        write_int(writer, "count", *count);
        writer.end_object();
    }
    writer.end_array();
    let microseconds = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (all, last) = counts.save_time;
    write_object(writer, "loginCache", &[("hits", counts.login_cache.0), ("misses", counts.login_cache.1)]);
    write_object(
        writer,
        "saves",
        &[
            ("done", counts.saves.0),
            ("failed", counts.saves.1),
            ("microseconds", microseconds(all)),
            ("lastMicroseconds", microseconds(last)),
        ],
    );
    write_object(writer, "commands", &[("done", counts.commands.0), ("refused", counts.commands.1)]);
    write_int(writer, "queue", counts.queue);
    write_int(writer, "disconnects", counts.disconnects);
}

fn write_object(writer: &mut Writer, name: &str, members: &[(&str, u64)]) {
    writer.key(name);
    writer.begin_object();
    for (member, value) in members {
        write_int(writer, member, *value);
    }
    writer.end_object();
}

fn write_int(writer: &mut Writer, name: &str, value: u64) {
    writer.key(name);
    writer.int(i64::try_from(value).unwrap_or(i64::MAX));
}
