//! [`Policy::authorize`]: the order of evaluation.

use std::sync::Arc;

use super::index::{Asked, Cut};
use super::role_index::RoleIndex;
use super::self_service;
use super::topic::{self, Match};
use super::{
    Acl, AclRequest, AclType, Action, Client, Compat, Decision, Effect, Group, Links, Policy, Reason, Role,
    RoleName,
};

/// A request, with all that is worked out once for it.
pub(super) struct Question<'a> {
    asked: Asked<'a>,
    action: Action,
    /// `None` where the topic is one that no broker lets through.
    cut: Option<Cut<'a>>,
    /// The hash of a filter that is asked for, for literal ACLs.
    literal: u64,
}

impl Policy {
    /// Decides, and says what decided.
    ///
    /// A client's own roles are asked first, then its groups' roles, then the default access; an
    /// anonymous client has the anonymous group's roles only. The first ACL that matches decides. A
    /// disabled client may nothing.
    pub fn authorize<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        let Some(username) = request.subject.username else {
            return self.authorize_client(None, request);
        };
        match self.client(username) {
            Some(client) if client.disabled => {
                Decision { effect: Effect::Deny, reason: Reason::ClientDisabled }
            }
            Some(client) => self.authorize_client(Some(client), request),
            None if self.was_deleted(username) => {
                Decision { effect: Effect::Defer, reason: Reason::ClientDeleted }
            }
            None => Decision { effect: Effect::Defer, reason: Reason::ClientNotFound },
        }
    }

    /// [`Self::authorize`] as if no client were disabled: for one that still is to get an answer.
    pub fn authorize_though_disabled<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        match request.subject.username.and_then(|username| self.client(username)) {
            Some(client) => self.authorize_client(Some(client), request),
            None => self.authorize(request),
        }
    }

    /// What a client's roles decide, or those of the anonymous group.
    #[inline]
    fn authorize_client<'a>(&'a self, client: Option<&'a Client>, request: &AclRequest<'_>) -> Decision<'a> {
        let decided = match client {
            Some(client) => {
                let question = self.question(request);
                self.ask_roles(&question, &client.roles, None).or_else(|| {
                    client.groups.iter().find_map(|link| {
                        let group = self.group(link.name.as_bytes())?;
                        self.ask_roles(&question, &group.roles, Some(group))
                    })
                })
            }
            None => self
                .anonymous_group()
                .and_then(|group| self.ask_roles(&self.question(request), &group.roles, Some(group))),
        };
        decided.unwrap_or_else(|| self.default_decision(request))
    }

    /// What a client's own roles decide, looking at one ACL after another: what a fuzz target holds the
    /// index against.
    #[cfg(fuzzing)]
    pub fn authorize_by_walking<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        let question = Question { cut: None, ..self.question(request) };
        let client = request.subject.username.and_then(|username| self.client(username));
        client
            .and_then(|client| self.ask_roles(&question, &client.roles, None))
            .unwrap_or_else(|| self.default_decision(request))
    }

    #[inline]
    pub(super) fn question<'r>(&self, request: &AclRequest<'r>) -> Question<'r> {
        let is_filter = matches!(request.action, Action::Subscribe | Action::Unsubscribe);
        let asked =
            Asked { topic: request.topic, subject: request.subject, is_filter, compat: self.compat() };
        let literal = if is_filter { self.keys().hash(request.topic) } else { 0 };
        Question { cut: Cut::of(&asked, self.keys()), asked, action: request.action, literal }
    }

    fn default_decision(&self, request: &AclRequest<'_>) -> Decision<'_> {
        let (effect, reason) = if self.self_service() && self_service::is_part(request) {
            (Effect::Allow, Reason::SelfService)
        } else if !self.default_access().allows(request.action) {
            (Effect::Defer, Reason::DefaultAccess)
        } else if request.topic.starts_with(b"$CONTROL") {
            (Effect::Defer, Reason::ControlTopic)
        } else {
            (Effect::Allow, Reason::DefaultAccess)
        };
        Decision { effect, reason }
    }

    fn ask_roles<'a>(
        &'a self,
        question: &Question<'_>,
        roles: &'a Links<RoleName>,
        group: Option<&'a Group>,
    ) -> Option<Decision<'a>> {
        roles.iter().find_map(|link| {
            let (role, index) = self.role_with_index(link.name.as_bytes())?;
            question.ask_role(role, index, group)
        })
    }
}

impl Question<'_> {
    /// What a role decides, if it does.
    pub(super) fn ask_role<'a>(
        &self,
        role: &'a Role,
        index: &'a RoleIndex,
        group: Option<&'a Group>,
    ) -> Option<Decision<'a>> {
        let (literal, pattern) = match self.action {
            Action::PublishClientSend => (None, AclType::PublishClientSend),
            Action::PublishClientReceive => (None, AclType::PublishClientReceive),
            Action::Subscribe => (Some(AclType::SubscribeLiteral), AclType::SubscribePattern),
            Action::Unsubscribe => (Some(AclType::UnsubscribeLiteral), AclType::UnsubscribePattern),
        };
        if self.action == Action::Subscribe
            && !role.allow_wildcard_subs
            && topic::has_wildcard(self.asked.topic)
        {
            return Some(Decision {
                effect: Effect::Deny,
                reason: Reason::WildcardSubscription { group, role },
            });
        }
        if let Some(acl_type) = literal
            && let Some(acl) = index.literal(acl_type, self.asked.topic, self.literal)
        {
            return Some(decided_by(Match::Yes, group, role, acl_type, acl));
        }
        let (acl, how) = match &self.cut {
            Some(cut) => index.first(pattern, &self.asked, cut).map(|found| (found.item, found.how))?,
            None => self.walk(role, pattern)?,
        };
        Some(decided_by(how, group, role, pattern, acl))
    }

    /// Holds the ACLs against the topic one by one, as the C plugin does.
    fn walk<'a>(&self, role: &'a Role, acl_type: AclType) -> Option<(&'a Arc<Acl>, Match)> {
        role.acls(acl_type).iter().find_map(|acl| match self.asked.of_filter(&acl.topic) {
            Match::No => None,
            Match::Malformed if self.asked.compat < Compat::V2_1 => None,
            how => Some((acl, how)),
        })
    }
}

fn decided_by<'a>(
    how: Match,
    group: Option<&'a Group>,
    role: &'a Role,
    acl_type: AclType,
    acl: &'a Acl,
) -> Decision<'a> {
    if how == Match::Malformed {
        return Decision {
            effect: Effect::Deny,
            reason: Reason::MalformedAcl { group, role, acl_type, acl },
        };
    }
    let effect = if acl.allow { Effect::Allow } else { Effect::Deny };
    Decision { effect, reason: Reason::Acl { group, role, acl_type, acl } }
}

#[cfg(test)]
#[path = "authorize_tests.rs"]
mod tests;
