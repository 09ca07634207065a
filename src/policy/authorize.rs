//! [`Policy::authorize`]: the order of evaluation.

use std::cell::OnceCell;
use std::sync::Arc;

use super::index::{Asked, Cut};
use super::levels::{Keys, Levels};
use super::merged::{ENOUGH_ROLES, Irregular, Walked};
use super::role_index::RoleIndex;
use super::self_service;
use super::topic::{self, Match};
use super::{
    Acl, AclRequest, AclType, Action, Client, Compat, Decision, Effect, Group, Links, Policy, Reason, Role,
    RoleName,
};

/// A request, with all that is worked out once for it.
pub(super) struct Question<'l, 'a> {
    pub(super) asked: Asked<'a>,
    pub(super) action: Action,
    /// `None` where the topic is one that no broker lets through.
    pub(super) cut: Option<Cut<'l, 'a>>,
    keys: &'l Keys,
    /// [`Self::literal_hash`], once it was asked for.
    literal: OnceCell<u64>,
}

impl Policy {
    /// Decides, and says what decided.
    ///
    /// A client's own roles are asked first, then its groups' roles, then the default access; an
    /// anonymous client has the anonymous group's roles only. The first ACL that matches decides. A
    /// disabled client may nothing.
    pub fn authorize<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        self.authorize_noting(request, &mut None)
    }

    /// [`Self::authorize`], which notes whose roles had to be asked one by one, if they are many
    /// ([`Self::merge`]).
    #[inline]
    pub fn authorize_noting<'a>(&'a self, request: &AclRequest<'_>, walked: &mut Walked<'a>) -> Decision<'a> {
        let Some(username) = request.subject.username else {
            return self.authorize_client(None, request, walked);
        };
        match self.client(username) {
            Some(client) if client.disabled => {
                Decision { effect: Effect::Deny, reason: Reason::ClientDisabled }
            }
            Some(client) => self.authorize_client(Some(client), request, walked),
            None if self.was_deleted(username) => {
                Decision { effect: Effect::Defer, reason: Reason::ClientDeleted }
            }
            None => Decision { effect: Effect::Defer, reason: Reason::ClientNotFound },
        }
    }

    /// [`Self::authorize`] as if no client were disabled: for one that still is to get an answer.
    pub fn authorize_though_disabled<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        match request.subject.username.and_then(|username| self.client(username)) {
            Some(client) => self.authorize_client(Some(client), request, &mut None),
            None => self.authorize(request),
        }
    }

    /// What a client's roles decide, or those of the anonymous group.
    #[inline]
    fn authorize_client<'a>(
        &'a self,
        client: Option<&'a Arc<Client>>,
        request: &AclRequest<'_>,
        walked: &mut Walked<'a>,
    ) -> Decision<'a> {
        let mut levels = Levels::none();
        let question = self.question(request, &mut levels);
        let decided = match client {
            Some(client) if client.roles.is_single() && client.groups.is_empty() => {
                self.ask_roles(&question, &client.roles, None)
            }
            Some(client) => {
                let merged = self.merged.of(client, self.keys());
                match merged.map(|merged| merged.ask(&question)) {
                    Some(Ok(decided)) => decided,
                    Some(Err(Irregular)) | None => self.ask_one_by_one(client, &question, walked),
                }
            }
            None => {
                self.anonymous_group().and_then(|group| self.ask_roles(&question, &group.roles, Some(group)))
            }
        };
        decided.unwrap_or_else(|| self.default_decision(request))
    }

    /// What a client's own roles decide, looking at one ACL after another: what a fuzz target holds the
    /// index against.
    #[cfg(fuzzing)]
    pub fn authorize_by_walking<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        let mut levels = Levels::none();
        let question = Question { cut: None, ..self.question(request, &mut levels) };
        let client = request.subject.username.and_then(|username| self.client(username));
        client
            .and_then(|client| self.ask_roles(&question, &client.roles, None))
            .unwrap_or_else(|| self.default_decision(request))
    }

    /// What is asked, cut into `levels`, which were [`Levels::none`].
    #[inline]
    pub(super) fn question<'l, 'r>(
        &'l self,
        request: &AclRequest<'r>,
        levels: &'l mut Levels<'r>,
    ) -> Question<'l, 'r> {
        let is_filter = matches!(request.action, Action::Subscribe | Action::Unsubscribe);
        let asked =
            Asked { topic: request.topic, subject: request.subject, is_filter, compat: self.compat() };
        let keys = self.keys();
        Question {
            cut: Cut::of(&asked, levels, keys),
            asked,
            action: request.action,
            keys,
            literal: OnceCell::new(),
        }
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

    /// What a client's roles decide, its own and then those of its groups.
    fn ask_one_by_one<'a>(
        &'a self,
        client: &'a Arc<Client>,
        question: &Question<'_, '_>,
        walked: &mut Walked<'a>,
    ) -> Option<Decision<'a>> {
        let groups = || client.groups.iter().filter_map(|link| self.group(link.name.as_bytes()));
        let roles = groups()
            .fold(client.roles.iter().len(), |roles, group| roles.saturating_add(group.roles.iter().len()));
        if roles >= ENOUGH_ROLES {
            *walked = Some(client);
        }
        self.ask_roles(question, &client.roles, None)
            .or_else(|| groups().find_map(|group| self.ask_roles(question, &group.roles, Some(group))))
    }

    fn ask_roles<'a>(
        &'a self,
        question: &Question<'_, '_>,
        roles: &'a Links<RoleName>,
        group: Option<&'a Group>,
    ) -> Option<Decision<'a>> {
        roles.iter().find_map(|link| {
            let (role, index) = self.role_with_index(link.name.as_bytes())?;
            question.ask_role(role, index, group)
        })
    }
}

impl Question<'_, '_> {
    /// The hash of a filter that is asked for, for literal ACLs.
    pub(super) fn literal_hash(&self) -> u64 {
        *self.literal.get_or_init(|| self.keys.hash(self.asked.topic))
    }

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
            && let Some(acl) = index.literal(acl_type, self.asked.topic, || self.literal_hash())
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

pub(super) fn decided_by<'a>(
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
pub(super) mod tests;
