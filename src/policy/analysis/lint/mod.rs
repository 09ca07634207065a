//! [`Policy::lint`]: what is probably wrong in a policy.
//!
//! Every check looks at each record once, and asks the roles' indexes instead of comparing ACLs with each
//! other. What could take longer on some policies is bounded by [`Work`]; the answer says if it ran out.

mod acls;
mod conflicts;
mod receive;
mod records;

use crate::policy::{
    Acl, AclType, Action, Client, Group, HeldRole, InertIn, Policy, Priority, Role, Subject, Work,
};

/// What was found.
#[derive(Clone, Debug)]
pub struct Lint<'a> {
    /// The findings, check by check.
    pub findings: Vec<Finding<'a>>,
    /// Not everything was looked at, since it would have taken too long.
    pub incomplete: bool,
}

/// An ACL of a role.
#[derive(Clone, Copy, Debug)]
pub struct RoleAcl<'a> {
    /// The role.
    pub role: &'a Role,
    /// The ACL's type.
    pub acl_type: AclType,
    /// The ACL.
    pub acl: &'a Acl,
}

/// Something that is probably wrong.
#[derive(Clone, Copy, Debug)]
pub enum Finding<'a> {
    /// An ACL that cannot be evaluated.
    MalformedAcl(RoleAcl<'a>),
    /// An ACL that can never decide, since another one of the role is asked before and covers it.
    ShadowedAcl(RoleAcl<'a>, RoleAcl<'a>),
    /// An ACL that can never decide, since two others of the role are asked before and together cover it.
    ShadowedByTwo(RoleAcl<'a>, [RoleAcl<'a>; 2]),
    /// An ACL for a filter with wildcards that its role refuses.
    WildcardsRefused(RoleAcl<'a>),
    /// An ACL with a placeholder that is none here.
    LiteralPlaceholder(RoleAcl<'a>),
    /// Two ACLs with the same priority, in one role or in two roles that somebody has with the same
    /// priority, that disagree about what the second matches or the first: the first decides.
    Conflict(RoleAcl<'a>, RoleAcl<'a>, Option<Holder<'a>>),
    /// A client may subscribe by this ACL, but may be sent nothing that it would get.
    SubscribeWithoutReceive(RoleAcl<'a>, Holder<'a>),
    /// Everybody may do that, but for what ACLs say.
    DefaultAllowsAll(Action),
    /// Nobody has the role.
    UnusedRole(&'a Role),
    /// Nobody is in the group.
    UnusedGroup(&'a Group),
    /// The client has no password that a login could be compared with.
    ClientWithoutPassword(&'a Client),
    /// No role gives the client an ACL.
    ClientWithoutRights(&'a Client),
    /// The client's password is hashed with less work than new ones are.
    WeakHash(&'a Client),
    /// A link to something that does not exist.
    DanglingReference(Option<Holder<'a>>, InertIn, &'a [u8]),
}

/// Who has a role, or a link.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// A client.
    Client(&'a Client),
    /// A group.
    Group(&'a Group),
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something probably does not do what was meant.
    Warning,
    /// Something could be tidied.
    Info,
}

impl Severity {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl Finding<'_> {
    /// The name in answers, which stays.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::MalformedAcl(_) => "malformedACL",
            Self::ShadowedAcl(..) | Self::ShadowedByTwo(..) | Self::WildcardsRefused(_) => "shadowedACL",
            Self::LiteralPlaceholder(_) => "literalPlaceholder",
            Self::Conflict(..) => "conflictAtEqualPriority",
            Self::SubscribeWithoutReceive(..) => "subscribeWithoutReceive",
            Self::DefaultAllowsAll(_) => "defaultAllowsAll",
            Self::UnusedRole(_) => "unusedRole",
            Self::UnusedGroup(_) => "unusedGroup",
            Self::ClientWithoutPassword(_) => "clientWithoutPassword",
            Self::ClientWithoutRights(_) => "clientWithoutRights",
            Self::WeakHash(_) => "weakHash",
            Self::DanglingReference(..) => "danglingReference",
        }
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::MalformedAcl(_) => Severity::Error,
            Self::ShadowedAcl(acl, by) if acl.acl.allow == by.acl.allow => Severity::Info,
            Self::ShadowedByTwo(acl, by) if by.iter().all(|by| by.acl.allow == acl.acl.allow) => {
                Severity::Info
            }
            Self::UnusedRole(_) | Self::UnusedGroup(_) | Self::ClientWithoutRights(_) => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

/// The subject that stands for all: each placeholder covers itself, and nothing else.
const ANYBODY: Subject<'static> = Subject::known(Some(b"%u"), Some(b"%c"));

/// A level that no ACL has, since no topic can.
const NO_LEVEL: &[u8] = b"\x01";

impl Policy {
    /// What is probably wrong. Hashes with fewer than `iterations` are weak.
    #[must_use]
    pub fn lint(&self, iterations: u32) -> Lint<'_> {
        self.lint_within(&mut Work::new(Work::STEPS), iterations)
    }

    fn lint_within(&self, work: &mut Work, iterations: u32) -> Lint<'_> {
        let mut findings = Vec::new();
        self.lint_defaults(&mut findings);
        self.lint_records(iterations, &mut findings);
        for role in self.roles() {
            self.lint_acls(role, work, &mut findings);
        }
        self.lint_conflicts(work, &mut findings);
        self.lint_receiving(work, &mut findings);
        findings.sort_by_key(Finding::severity);
        Lint { findings, incomplete: work.is_incomplete() }
    }

    /// A role for itself, as if somebody had it.
    fn alone<'a>(&'a self, role: &Role) -> Option<HeldRole<'a>> {
        let (role, index) = self.role_with_index(role.name.as_bytes())?;
        Some(HeldRole { group: None, role, priority: Priority::DEFAULT_LINK, index })
    }
}

/// Where a record is, which tells it from all others.
fn address<T>(record: &T) -> usize {
    std::ptr::from_ref(record).addr()
}

#[cfg(test)]
mod tests;
