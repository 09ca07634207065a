//! explainACL, explainLogin.

use super::about::{self, About};
use super::error::{CommandError, Member};
use super::fields::Fields;
use super::page::Page;
use super::response::Answer;
use super::rules;
use super::self_service;
use super::session::Session;
use crate::json::Writer;
use crate::policy::{
    AclRequest, Action, Effect, Explanation, LoginRequest, LoginVerdict, NotLoggedIn, Other, Subject,
    Verdict, Why, is_mqtt_utf8,
};

/// What would be decided, what decides it, and why no other ACL that matches does.
pub(super) fn acl(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let about = self_service::about(session.actor, fields)?;
    let acl_type = fields.string("acltype").ok_or(CommandError::Invalid(Member::AclType))?;
    let action = Action::from_name(acl_type).ok_or(CommandError::UnknownAclType)?;
    let topic = fields.string("topic").ok_or(CommandError::Invalid(Member::Topic))?;
    log(session, "explainACL", about, &[("acltype", action.name().as_bytes()), ("topic", topic)]);
    let policy = &*session.policy;
    let about = about.with_bound_clientid(policy);
    let request = AclRequest { subject: about.subject(), action, topic };
    let pending = session.host.is_login_pending(about.username, about.clientid);
    let explanation = policy.explain(&request, pending);
    let page = Page::of(fields);
    Ok(Answer::data(|writer| {
        about.write(writer);
        writer.key("acltype");
        writer.string(action.name());
        writer.key("topic");
        writer.string(topic);
        write(writer, &explanation, &page);
        about::write_change_index(writer, policy);
    }))
}

/// Whether a client would be let in with the right password, and if not, why.
pub(super) fn login(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let username = fields.username()?;
    let clientid = about::clientid(fields)?;
    let address = fields.optional_string("address", Member::Address)?;
    log(session, "explainLogin", About { username: Some(username), clientid }, &[]);
    let policy = &*session.policy;
    let bound = policy.client(username).and_then(|client| client.clientid());
    // Without a client id, what can be said is what is said of the one that fits.
    let assumed = clientid.or(bound.map(crate::policy::ClientId::as_bytes));
    let request = LoginRequest {
        subject: Subject::known(Some(username), assumed),
        address,
        // Some password, which nothing is compared with: without one, others would decide.
        password: Some(b"?"),
    };
    let verdict = policy.authenticate(&request);
    let reason = match &verdict {
        LoginVerdict::Verify { .. } if session.host.is_locked_out(username, address) => {
            Some(NotLoggedIn::LockedOut)
        }
        LoginVerdict::Verify { .. } => None,
        LoginVerdict::Defer if policy.client(username).is_none() => Some(NotLoggedIn::ClientNotFound),
        // No password is tested: an unusable one is as good as none.
        LoginVerdict::Defer | LoginVerdict::Refuse(NotLoggedIn::UnusablePassword) => {
            Some(NotLoggedIn::NoPassword)
        }
        LoginVerdict::Refuse(reason) => Some(*reason),
    };
    // Who is refused with the client id that fits is refused with every other one, too.
    let is_refused = matches!(verdict, LoginVerdict::Refuse(_)) || reason == Some(NotLoggedIn::LockedOut);
    let open = clientid.is_none() && bound.is_some() && !is_refused;
    Ok(Answer::data(|writer| {
        About { username: Some(username), clientid }.write(writer);
        if let Some(address) = address {
            writer.key("address");
            writer.string(address);
        }
        if open {
            write_missing_clientid(writer);
        } else {
            writer.key("allow");
            writer.bool(reason.is_none());
            if let Some(reason) = reason {
                writer.key("reason");
                writer.string(reason.name());
            }
            let refused = reason == Some(NotLoggedIn::ClientNotFound) && session.host.denies_unknown_users();
            if matches!(verdict, LoginVerdict::Defer) && !refused {
                write_deferred(writer);
            }
        }
        about::write_change_index(writer, policy);
    }))
}

/// `"allow":…,"reason":…` and what goes with it, and `others`.
pub(super) fn write(writer: &mut Writer, explanation: &Explanation<'_>, page: &Page) {
    match &explanation.verdict {
        Verdict::NeedsClientId => write_missing_clientid(writer),
        Verdict::Decided(effect, why) => {
            writer.key("allow");
            writer.bool(*effect == Effect::Allow);
            writer.key("reason");
            writer.string(why.name());
            if *effect == Effect::Defer {
                write_deferred(writer);
            }
            match why {
                Why::Acl(rule) | Why::MalformedAcl(rule) => rules::write(writer, rule),
                Why::WildcardSubscription(held) => rules::write_role(writer, held),
                _ => {}
            }
        }
    }
    if page.is_asked() {
        Page::write_total(writer, explanation.others.len());
    }
    writer.key("others");
    writer.begin_array();
    for other in page.part_of(&explanation.others) {
        write_other(writer, other);
    }
    writer.end_array();
}

fn write_other(writer: &mut Writer, other: &Other<'_>) {
    writer.begin_object();
    writer.key("reason");
    writer.string(other.why.name());
    rules::write(writer, &other.rule);
    writer.end_object();
}

pub(super) fn write_missing_clientid(writer: &mut Writer) {
    writer.key("missing");
    writer.begin_array();
    writer.string("clientid");
    writer.end_array();
}

/// Another plugin, or a file of the broker's, would decide.
pub(super) fn write_deferred(writer: &mut Writer) {
    writer.key("deferred");
    writer.bool(true);
}

/// Logs a question about somebody. What is no valid text could forge a line.
pub(super) fn log(session: &mut Session<'_>, command: &str, about: About<'_>, more: &[(&str, &[u8])]) {
    let mut members = match about.username {
        Some(username) => vec![("username", username)],
        None => vec![("anonymous", &b"true"[..])],
    };
    members.extend(about.clientid.map(|clientid| ("clientid", clientid)));
    members.extend(more.iter().filter(|(_, value)| is_mqtt_utf8(value)));
    session.log(command, &members);
}
