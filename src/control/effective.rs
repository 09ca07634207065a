//! getEffectiveACLs, listAffectedClients.

use super::about::{self, About};
use super::clients;
use super::default_access;
use super::error::{CommandError, Member};
use super::explain;
use super::fields::Fields;
use super::page::Page;
use super::response::Answer;
use super::rules;
use super::session::Session;
use crate::json::Writer;
use crate::policy::{AclType, Action, EffectiveAcl, EffectiveAcls, Never, Policy};

/// Which ACLs are asked for.
pub(super) struct Wanted {
    pub(super) acl_types: Vec<AclType>,
    actions: Vec<Action>,
}

impl Wanted {
    /// An `acltype` of ACLs, or of actions, which is all that are asked for it; all, if there is none.
    pub(super) fn of(fields: &Fields<'_>) -> Result<Self, CommandError> {
        let all = Self { acl_types: AclType::ALL.to_vec(), actions: Action::ALL.to_vec() };
        let Some(name) = fields.optional_string("acltype", Member::AclType)? else { return Ok(all) };
        let serves = |action: &Action, acl_type: AclType| action.acl_types().contains(&acl_type);
        match (Action::from_name(name), AclType::from_name(name)) {
            (Some(action), _) => Ok(Self { acl_types: action.acl_types().to_vec(), actions: vec![action] }),
            (None, Some(acl_type)) => {
                let actions = Action::ALL.into_iter().filter(|action| serves(action, acl_type)).collect();
                Ok(Self { acl_types: vec![acl_type], actions })
            }
            (None, None) => Err(CommandError::UnknownAclType),
        }
    }
}

/// What a client may do, after all roles, groups and priorities.
pub(super) fn acls(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let about = About::of(fields)?;
    let wanted = Wanted::of(fields)?;
    let page = Page::of(fields);
    let acl_type = fields.string("acltype").map(|acl_type| ("acltype", acl_type));
    explain::log(session, "getEffectiveACLs", about, acl_type.as_slice());
    let policy = &*session.policy;
    let about = about.with_bound_clientid(policy);
    let (offset, limit) = (page.offset(), page.limit());
    let effective = policy
        .effective_acls(about.subject(), &wanted.acl_types, offset, limit, &mut session.work)
        .ok_or(CommandError::ClientNotFound)?;
    Ok(Answer::data(|writer| {
        about.write(writer);
        if about.username.and_then(|name| policy.client(name)).is_some_and(|client| client.disabled) {
            writer.key("disabled");
            writer.bool(true);
        }
        write(writer, &effective, &wanted, policy);
        about::write_change_index(writer, policy);
    }))
}

/// `"defaultACLAccess":[…],"totalCount":…,"acls":[…]`, and what is left open.
pub(super) fn write(writer: &mut Writer, effective: &EffectiveAcls<'_>, wanted: &Wanted, policy: &Policy) {
    let access = policy.default_access();
    writer.key("defaultACLAccess");
    default_access::write(writer, access, &wanted.actions);
    let deferred = wanted.actions.iter().any(|action| !access.allows(*action));
    if effective.needs_clientid || deferred || effective.is_uncompared || effective.is_cut {
        writer.key("incomplete");
        writer.bool(true);
    }
    if effective.is_uncompared {
        writer.key("uncompared");
        writer.bool(true);
    }
    if effective.needs_clientid {
        explain::write_missing_clientid(writer);
    }
    if deferred {
        explain::write_deferred(writer);
    }
    Page::write_total(writer, effective.total);
    writer.key("acls");
    writer.begin_array();
    for acl in &effective.acls {
        write_acl(writer, acl);
    }
    writer.end_array();
}

fn write_acl(writer: &mut Writer, acl: &EffectiveAcl<'_>) {
    writer.begin_object();
    rules::write(writer, &acl.rule);
    match &acl.never {
        None => {}
        Some(Never::CoveredBy(rule)) => {
            writer.key("coveredBy");
            writer.begin_object();
            rules::write(writer, rule);
            writer.end_object();
        }
        Some(Never::CoveredByBoth(both)) => {
            writer.key("coveredByBoth");
            writer.begin_array();
            for rule in both {
                writer.begin_object();
                rules::write(writer, rule);
                writer.end_object();
            }
            writer.end_array();
        }
        Some(Never::WildcardsRefused(held)) => {
            writer.key("coveredBy");
            writer.begin_object();
            rules::write_role(writer, held);
            writer.key("allowwildcardsubs");
            writer.bool(false);
            writer.end_object();
        }
        Some(Never::MatchesNothing) => {
            writer.key("matchesNothing");
            writer.bool(true);
        }
    }
    writer.end_object();
}

/// Whose rights a role or group has a part in.
pub(super) fn affected(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let (member, name) = match (fields.has("rolename"), fields.has("groupname")) {
        (true, true) => return Err(CommandError::RoleAndGroup),
        (false, true) => ("groupname", fields.groupname()?),
        _ => ("rolename", fields.rolename()?),
    };
    let page = Page::of(fields);
    let policy = &*session.policy;
    let holders = if member == "rolename" {
        policy.role(name).ok_or(CommandError::RoleNotFound)?;
        policy.holders_of_role(name)
    } else {
        policy.group(name).ok_or(CommandError::GroupNotFound)?;
        policy.holders_of_group(name)
    };
    let answer = Answer::data(|writer| {
        writer.key(member);
        writer.string(name);
        if holders.anonymous {
            writer.key("anonymous");
            writer.bool(true);
        }
        Page::write_total(writer, holders.clients.len());
        writer.key("clients");
        writer.begin_array();
        for username in holders.clients.iter().skip(page.offset()).take(page.limit()) {
            match policy.client(username.as_bytes()) {
                Some(client) if page.verbose => {
                    clients::write(writer, client, session.policy, session.host);
                }
                _ => writer.string(username.as_bytes()),
            }
        }
        writer.end_array();
        about::write_change_index(writer, policy);
    });
    session.log("listAffectedClients", &[(member, name)]);
    Ok(answer)
}
