//! lintPolicy.

use super::about;
use super::acl_list;
use super::error::CommandError;
use super::fields::Fields;
use super::page::Page;
use super::response::Answer;
use super::session::{FileFinding, Session};
use crate::json::Writer;
use crate::policy::{Acl, Compat, Finding, Holder, InertIn, RoleAcl, Severity};

/// What is probably wrong in the policy, errors first.
pub(super) fn policy(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    session.count_lint()?;
    let page = Page::of(fields);
    let policy = &*session.policy;
    let lint = policy.lint(session.host.iterations().get());
    let of_file = session.host.file_findings();
    let mut all: Vec<Found<'_>> = of_file.iter().map(Found::File).collect();
    all.extend(lint.findings.iter().map(Found::Policy));
    all.sort_by_key(Found::severity);
    let answer = Answer::data(|writer| {
        if lint.incomplete {
            writer.key("incomplete");
            writer.bool(true);
        }
        Page::write_total(writer, all.len());
        writer.key("findings");
        writer.begin_array();
        for found in page.part_of(&all) {
            write(writer, found, policy.compat());
        }
        writer.end_array();
        about::write_change_index(writer, policy);
    });
    session.log("lintPolicy", &[]);
    Ok(answer)
}

/// Something that is probably wrong.
enum Found<'f> {
    Policy(&'f Finding<'f>),
    File(&'f FileFinding),
}

impl Found<'_> {
    fn severity(&self) -> Severity {
        match self {
            Self::Policy(finding) => finding.severity(),
            Self::File(FileFinding::Unwritable { .. }) => Severity::Error,
            Self::File(FileFinding::SetAside { .. }) => Severity::Warning,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Policy(finding) => finding.code(),
            Self::File(FileFinding::Unwritable { .. }) => "unwritableFile",
            Self::File(FileFinding::SetAside { .. }) => "setAside",
        }
    }

    fn message(&self, compat: Compat) -> String {
        match self {
            Self::Policy(finding) => message(finding, compat),
            Self::File(FileFinding::Unwritable { why, .. }) => {
                format!(
                    "The policy file cannot be saved, so that commands that change it are refused: {why}."
                )
            }
            Self::File(FileFinding::SetAside { line, column, path, what }) if path.is_empty() => {
                format!("Line {line}, column {column} of the policy file, as it was read: {what}.")
            }
            Self::File(FileFinding::SetAside { line, column, path, what }) => {
                format!("Line {line}, column {column} of the policy file, as it was read: `{path}` {what}.")
            }
        }
    }
}

/// `{"code":…,"severity":…,"objects":[…],"message":…}`
fn write(writer: &mut Writer, found: &Found<'_>, compat: Compat) {
    writer.begin_object();
    writer.key("code");
    writer.string(found.code());
    writer.key("severity");
    writer.string(found.severity().name());
    writer.key("objects");
    writer.begin_array();
    match found {
        Found::Policy(finding) => write_objects(writer, finding),
        Found::File(FileFinding::Unwritable { path, .. }) => write_named(writer, "file", path.as_bytes()),
        Found::File(FileFinding::SetAside { line, column, path, .. }) => {
            writer.begin_object();
            for (member, number) in [("line", line), ("column", column)] {
                writer.key(member);
                writer.int(i64::try_from(*number).unwrap_or(i64::MAX));
            }
            writer.key("path");
            writer.string(path);
            writer.end_object();
        }
    }
    writer.end_array();
    writer.key("message");
    writer.string(found.message(compat));
    writer.end_object();
}

/// The objects concerned, each as a command takes it.
fn write_objects(writer: &mut Writer, finding: &Finding<'_>) {
    match finding {
        Finding::MalformedAcl(acl) | Finding::LiteralPlaceholder(acl) | Finding::WildcardsRefused(acl) => {
            write_acl(writer, acl);
        }
        Finding::ShadowedAcl(acl, other) => {
            write_acl(writer, acl);
            write_acl(writer, other);
        }
        Finding::ShadowedByTwo(acl, others) => {
            write_acl(writer, acl);
            for other in others {
                write_acl(writer, other);
            }
        }
        Finding::Conflict(acl, other, holder) => {
            write_acl(writer, acl);
            write_acl(writer, other);
            write_holder(writer, holder.as_ref());
        }
        Finding::SubscribeWithoutReceive(acl, holder) => {
            write_acl(writer, acl);
            write_holder(writer, Some(holder));
        }
        Finding::DefaultAllowsAll(action) => {
            writer.begin_object();
            writer.key("acltype");
            writer.string(action.name());
            writer.key("allow");
            writer.bool(true);
            writer.end_object();
        }
        Finding::UnusedRole(role) => write_named(writer, "rolename", role.name.as_bytes()),
        Finding::UnusedGroup(group) => write_named(writer, "groupname", group.name.as_bytes()),
        Finding::ClientWithoutPassword(client)
        | Finding::ClientWithoutRights(client)
        | Finding::WeakHash(client) => write_named(writer, "username", client.username.as_bytes()),
        Finding::DanglingReference(holder, kind, name) => {
            write_holder(writer, holder.as_ref());
            write_named(writer, member_of(*kind), name);
        }
    }
}

fn write_named(writer: &mut Writer, member: &str, name: &[u8]) {
    writer.begin_object();
    writer.key(member);
    writer.string(name);
    writer.end_object();
}

fn write_holder(writer: &mut Writer, holder: Option<&Holder<'_>>) {
    match holder {
        Some(Holder::Client(client)) => write_named(writer, "username", client.username.as_bytes()),
        Some(Holder::Group(group)) => write_named(writer, "groupname", group.name.as_bytes()),
        None => {}
    }
}

/// `{"rolename":…,"acltype":…,"topic":…,"priority":…,"allow":…}`
fn write_acl(writer: &mut Writer, acl: &RoleAcl<'_>) {
    writer.begin_object();
    writer.key("rolename");
    writer.string(acl.role.name.as_bytes());
    acl_list::write_members(writer, acl.acl_type, acl.acl);
    writer.end_object();
}

fn member_of(kind: InertIn) -> &'static str {
    match kind {
        InertIn::Clients => "username",
        InertIn::Groups | InertIn::AnonymousGroup => "groupname",
        InertIn::Roles | InertIn::Acls | InertIn::Beside => "rolename",
    }
}

fn message(finding: &Finding<'_>, compat: Compat) -> String {
    match finding {
        Finding::MalformedAcl(acl) => format!(
            "The topic `{}` of role `{}` is no valid filter: rules of 2.1 deny what reaches it, those of 2.0 pass \
             over it.",
            topic(acl.acl),
            acl.role.name
        ),
        Finding::ShadowedAcl(acl, by) => format!(
            "The ACL for `{}` in role `{}` can never decide, since the one for `{}` is asked before it and matches \
             all that it does.",
            topic(acl.acl),
            acl.role.name,
            topic(by.acl)
        ),
        Finding::ShadowedByTwo(acl, [one, other]) => format!(
            "The ACL for `{}` in role `{}` can never decide, since those for `{}` and `{}` are asked before it and \
             together match all that it does.",
            topic(acl.acl),
            acl.role.name,
            topic(one.acl),
            topic(other.acl)
        ),
        Finding::WildcardsRefused(acl) => format!(
            "The ACL for `{}` in role `{}` can never decide, since the role's allowwildcardsubs is false.",
            topic(acl.acl),
            acl.role.name
        ),
        Finding::LiteralPlaceholder(acl) => format!(
            "`{}` in role `{}` holds something like a placeholder that is taken literally: only `%c` and `%u` are \
             replaced, as whole levels, and not in literal ACLs.",
            topic(acl.acl),
            acl.role.name
        ),
        Finding::Conflict(acl, other, None) => format!(
            "The ACLs for `{}` and `{}` in role `{}` disagree with the same priority: the first decides only \
             because it came first to the role.",
            topic(acl.acl),
            topic(other.acl),
            acl.role.name
        ),
        Finding::Conflict(acl, other, Some(holder)) => format!(
            "Roles `{}` and `{}` have the same priority for {} and disagree about `{}` and `{}`: the first decides \
             only because of its name.",
            acl.role.name,
            other.role.name,
            name(holder),
            topic(acl.acl),
            topic(other.acl)
        ),
        Finding::SubscribeWithoutReceive(acl, holder) => format!(
            "By role `{}` {} may subscribe to `{}`, but nothing lets it receive what is published there.",
            acl.role.name,
            name(holder),
            topic(acl.acl)
        ),
        Finding::DefaultAllowsAll(action) => format!(
            "The default access of {} is to allow: every client may, wherever no ACL says otherwise.",
            action.name()
        ),
        Finding::UnusedRole(role) => format!("Role `{}` is given to no client and no group.", role.name),
        Finding::UnusedGroup(group) => format!("Group `{}` has no clients.", group.name),
        Finding::ClientWithoutPassword(client) if client.password.is_for_others(compat) => format!(
            "Client `{}` has no password: with rules of 2.0 it can log in with one only if another plugin or the \
             `password_file` lets it in.",
            client.username
        ),
        Finding::ClientWithoutPassword(client) => format!(
            "Client `{}` has no password that could be compared, so that it cannot log in with one.",
            client.username
        ),
        Finding::ClientWithoutRights(client) => {
            format!(
                "Client `{}` has no ACLs from any role: only the default access applies.",
                client.username
            )
        }
        Finding::WeakHash(client) => format!(
            "The password of client `{}` is hashed with less work than new ones are: set it again.",
            client.username
        ),
        Finding::DanglingReference(holder, kind, missing) => {
            let whose = holder.as_ref().map_or_else(|| "the policy file".to_owned(), name);
            let what = match kind {
                InertIn::Clients => "client",
                InertIn::Groups => "group",
                InertIn::AnonymousGroup => "anonymous group",
                InertIn::Roles | InertIn::Acls | InertIn::Beside => "role",
            };
            let missing = String::from_utf8_lossy(missing);
            format!("In the file {whose} names the {what} `{missing}`, which does not exist.")
        }
    }
}

fn topic(acl: &Acl) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&acl.topic)
}

fn name(holder: &Holder<'_>) -> String {
    match holder {
        Holder::Client(client) => format!("client `{}`", client.username),
        Holder::Group(group) => format!("group `{}`", group.name),
    }
}
