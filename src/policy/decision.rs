//! A decision and what it rests on.

use super::{Acl, AclType, Group, Role};

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Effect {
    /// The client may.
    Allow,
    /// It may not, whatever others say.
    Deny,
    /// Nothing here speaks for it: the next plugin or `acl_file` decides; with none, it may not.
    Defer,
}

impl Effect {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::Defer];

    /// The name in counters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Defer => "defer",
        }
    }
}

/// A decision with its provenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision<'a> {
    /// What is decided.
    pub effect: Effect,
    /// Why.
    pub reason: Reason<'a>,
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// An ACL that matches.
    Acl {
        /// The group through which the client has the role, if not its own.
        group: Option<&'a Group>,
        /// The role that the ACL is in.
        role: &'a Role,
        /// The ACL's type.
        acl_type: AclType,
        /// The ACL.
        acl: &'a Acl,
    },
    /// An ACL that cannot be evaluated, at which 2.1 denies.
    MalformedAcl {
        /// The group through which the client has the role, if not its own.
        group: Option<&'a Group>,
        /// The role that the ACL is in.
        role: &'a Role,
        /// The ACL's type.
        acl_type: AclType,
        /// The ACL.
        acl: &'a Acl,
    },
    /// A filter with wildcards, at a role with `allowwildcardsubs` false.
    WildcardSubscription {
        /// The group through which the client has the role, if not its own.
        group: Option<&'a Group>,
        /// The role.
        role: &'a Role,
    },
    /// No ACL matched, so the default for the action.
    DefaultAccess,
    /// No ACL matched, and defaults never grant a topic that begins with `$CONTROL`.
    ControlTopic,
    /// No ACL matched, and everybody may ask about its own rights.
    SelfService,
    /// The policy does not know the username.
    ClientNotFound,
    /// The policy does not know the username any more: since the start it was deleted.
    ClientDeleted,
    /// The client is disabled.
    ClientDisabled,
}

impl Reason<'_> {
    /// The name in log lines; answers have it from [`super::Why::name`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Acl { .. } => "acl",
            Self::MalformedAcl { .. } => "malformedACL",
            Self::WildcardSubscription { .. } => "allowwildcardsubs",
            Self::DefaultAccess => "defaultACLAccess",
            Self::ControlTopic => "controlTopic",
            Self::SelfService => "selfService",
            Self::ClientNotFound => "clientNotFound",
            Self::ClientDeleted => "clientDeleted",
            Self::ClientDisabled => "clientDisabled",
        }
    }
}
