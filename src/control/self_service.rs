//! What a client asks about itself, on a topic of its own: whoAmI, and explainACL without a username.

use super::ControlTopic;
use super::about::{self, About};
use super::effective::{self, Wanted};
use super::error::CommandError;
use super::fields::Fields;
use super::members;
use super::page::Page;
use super::response::Answer;
use super::session::{Actor, Host, Session};
use crate::policy::Work;

/// How many commands a payload may have there.
pub(super) const MOST_COMMANDS: usize = 10;

/// How much work a payload may be there: some milliseconds, since anybody may ask.
const MOST_STEPS: usize = 50_000;

/// How many ACLs the answers to a payload list there in all, and after how many bytes of topics and names they list no more: some
/// hundred kilobytes of JSON, up to some megabytes where topics are very long. The rest is for other payloads.
const MOST_ACLS: usize = 2_000;
const MOST_BYTES: usize = 1_000_000;

/// How many commands a payload may have.
pub(super) fn most_commands(actor: &Actor, host: &dyn Host) -> usize {
    let most = host.limits().commands;
    if actor.topic == ControlTopic::SelfService { most.min(MOST_COMMANDS) } else { most }
}

/// How much work a payload may be.
pub(super) fn work(actor: &Actor) -> Work {
    match actor.topic {
        ControlTopic::SelfService => Work::new(MOST_STEPS).listing(MOST_ACLS, MOST_BYTES),
        _ => Work::new(Work::STEPS),
    }
}

/// Whom a question is about: whom the command names, or the client itself, which may name nobody.
pub(super) fn about<'a>(actor: &'a Actor, fields: &Fields<'a>) -> Result<About<'a>, CommandError> {
    if actor.topic != ControlTopic::SelfService {
        return About::of(fields);
    }
    if ["username", "clientid", "anonymous"].into_iter().any(|member| fields.has(member)) {
        return Err(CommandError::OnlyAboutOneself);
    }
    Ok(About { username: actor.username.as_deref(), clientid: actor.clientid.as_deref() })
}

/// The client's name, groups, roles and effective ACLs: names and rights, no descriptions.
pub(super) fn who_am_i(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let about = about(session.actor, fields)?;
    let wanted = Wanted::of(fields)?;
    let page = Page::of(fields);
    let policy = &*session.policy;
    let (offset, limit) = (page.offset(), page.limit());
    let effective = policy
        .effective_acls(about.subject(), &wanted.acl_types, offset, limit, &mut session.work)
        .ok_or(CommandError::ClientNotFound)?;
    let client = about.username.and_then(|username| policy.client(username));
    Ok(Answer::data(|writer| {
        about.write(writer);
        if let Some(client) = client {
            members::write_groups(writer, &policy.groups_there(&client.groups));
            members::write_roles(writer, &policy.roles_there(&client.roles));
        } else if let Some(group) = policy.anonymous_group() {
            // Anonymous clients have a group and its roles, and none of their own.
            writer.key("groups");
            writer.begin_array();
            writer.begin_object();
            writer.key("groupname");
            writer.string(group.name.as_bytes());
            writer.end_object();
            writer.end_array();
        }
        effective::write(writer, &effective, &wanted, policy);
        about::write_change_index(writer, policy);
    }))
}
