//! getDetails.

use super::about::write_change_index;
use super::error::CommandError;
use super::fields::Fields;
use super::response::Answer;
use super::session::Session;

/// How much there is, and how often it was changed.
pub(super) fn get(session: &mut Session<'_>, _: &Fields<'_>) -> Result<Answer, CommandError> {
    session.log("getDetails", &[]);
    let policy = &session.policy;
    let counts = [
        ("clientCount", policy.clients().len()),
        ("groupCount", policy.groups().len()),
        ("roleCount", policy.roles().len()),
    ];
    Ok(Answer::data(|writer| {
        for (member, count) in counts {
            writer.key(member);
            writer.int(i64::try_from(count).unwrap_or(i64::MAX));
        }
        write_change_index(writer, policy);
    }))
}
