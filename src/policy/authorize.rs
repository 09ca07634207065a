//! [`Policy::authorize`]: the order of evaluation.

use std::sync::Arc;

use super::matcher::topic::{self, Match};
use super::matcher::{Asked, Cut, Index, RoleIndex};
use super::merging::{ENOUGH_ROLES, Irregular, Walked};
use super::rank::Ranked;
use super::self_service;
use super::{
    Acl, AclRequest, AclType, Action, Client, Compat, Decision, Effect, Group, Hashed, Links, Policy, Reason,
    Role, RoleName,
};

/// A request, with all that is worked out once for it.
pub(super) struct Question<'k, 'h> {
    pub(super) hashed: &'h Hashed<'h>,
    pub(super) asked: Asked<'h>,
    /// The topic, cut, once [`Self::is_cut`] was asked.
    pub(super) cut: Cut<'k, 'h>,
    topic: Topic,
}

/// What is known about the topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    /// Nothing yet.
    Whole,
    /// It could be cut.
    Cut,
    /// No broker lets it through.
    Irregular,
}

impl Policy {
    /// Decides, and says what decided.
    ///
    /// A client's own roles are asked first, then its groups' roles, then the default access; an
    /// anonymous client has the anonymous group's roles only. The first ACL that matches decides. A
    /// disabled client may nothing.
    pub fn authorize<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        self.authorize_saying(&self.hashed(request), &mut None, |decision| decision)
    }

    /// [`Self::authorize`] for many checks: of the decision only what `say` makes of it comes back, and `walked` is told
    /// whose roles had to be asked one by one, if they are many ([`Self::merge`]).
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub fn authorize_saying<'a, S>(
        &'a self,
        request: &Hashed<'_>,
        walked: &mut Walked<'a>,
        say: impl Fn(Decision<'a>) -> S,
    ) -> S {
        let Some(username) = request.request.subject.username else {
            return self.authorize_client(None, request, walked, say);
        };
        let barred = |effect, reason| Decision { effect, reason };
        match self.client_again(username) {
            Some(client) if client.disabled => say(barred(Effect::Deny, Reason::ClientDisabled)),
            Some(client) => self.authorize_client(Some(client), request, walked, say),
            None if self.was_deleted(username) => say(barred(Effect::Defer, Reason::ClientDeleted)),
            None => say(barred(Effect::Defer, Reason::ClientNotFound)),
        }
    }

    /// [`Self::authorize`] as if no client were disabled: for one that still is to get an answer.
    #[cold]
    pub fn authorize_though_disabled<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        match request.subject.username.and_then(|username| self.client(username)) {
            Some(client) => {
                self.authorize_client(Some(client), &self.hashed(request), &mut None, |decision| decision)
            }
            None => self.authorize(request),
        }
    }

    /// What a client's roles decide, or those of the anonymous group.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    fn authorize_client<'a, S>(
        &'a self,
        client: Option<&'a Arc<Client>>,
        request: &Hashed<'_>,
        walked: &mut Walked<'a>,
        say: impl Fn(Decision<'a>) -> S,
    ) -> S {
        let said = match client {
            Some(client) => match client.only_role() {
                Some(name) => self.ask_only(request, name, &say),
                None => self.ask_many(client, request, walked).map(&say),
            },
            None => self
                .anonymous_group()
                .and_then(|group| self.ask_roles(&mut self.question(request), &group.roles, Some(group)))
                .map(&say),
        };
        said.unwrap_or_else(|| say(self.default_decision(&request.request)))
    }

    /// What a client's own roles decide, looking at one ACL after another: what a fuzz target holds the
    /// index against.
    #[cfg(fuzzing)]
    pub fn authorize_by_walking<'a>(&'a self, request: &AclRequest<'_>) -> Decision<'a> {
        let hashed = self.hashed(request);
        let mut question = Question { topic: Topic::Irregular, ..self.question(&hashed) };
        let client = request.subject.username.and_then(|username| self.client(username));
        client
            .and_then(|client| self.ask_roles(&mut question, &client.roles, None))
            .unwrap_or_else(|| self.default_decision(request))
    }

    pub(super) fn hashed<'a>(&self, request: &AclRequest<'a>) -> Hashed<'a> {
        Hashed::new(*request, self.keys().text())
    }

    /// What is asked; the topic is not cut yet.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(super) fn question<'k, 'h>(&'k self, hashed: &'h Hashed<'h>) -> Question<'k, 'h> {
        let AclRequest { ref subject, action, topic } = hashed.request;
        let is_filter = matches!(action, Action::Subscribe | Action::Unsubscribe);
        let asked = Asked { topic, subject, is_filter, compat: self.compat() };
        Question { hashed, asked, cut: Cut::none(self.keys()), topic: Topic::Whole }
    }

    #[inline]
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

    /// What the only role of a client decides.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    fn ask_only<'a, S>(
        &'a self,
        request: &Hashed<'_>,
        role: &RoleName,
        say: impl Fn(Decision<'a>) -> S,
    ) -> Option<S> {
        let (role, index) = self.linked_role(role)?;
        match at_once(request, role, index, None) {
            AtOnce::Decided(decision) => Some(say(decision)),
            AtOnce::Else(patterns) => self.question(request).ask_patterns(&patterns).map(say),
        }
    }

    /// What the roles of a client decide that has several, or groups.
    #[inline(never)]
    fn ask_many<'a>(
        &'a self,
        client: &'a Arc<Client>,
        request: &Hashed<'_>,
        walked: &mut Walked<'a>,
    ) -> Option<Decision<'a>> {
        let mut question = self.question(request);
        let merged = self.merged.of(client, self.keys());
        match merged.map(|merged| merged.ask(&mut question)) {
            Some(Ok(decided)) => decided,
            Some(Err(Irregular)) | None => self.ask_one_by_one(client, &mut question, walked),
        }
    }

    /// What a client's roles decide, its own and then those of its groups.
    fn ask_one_by_one<'a>(
        &'a self,
        client: &'a Arc<Client>,
        question: &mut Question<'_, '_>,
        walked: &mut Walked<'a>,
    ) -> Option<Decision<'a>> {
        let groups = client.groups.iter().filter_map(|link| self.linked_group(&link.name));
        let through_groups =
            groups.flat_map(|group| group.roles.iter().map(move |link| (link, Some(&**group))));
        let links = client.roles.iter().map(|link| (link, None)).chain(through_groups);
        let mut asked = 0_u32;
        let decided = links
            .inspect(|_| asked = asked.saturating_add(1))
            .find_map(|(link, group)| self.ask_link(question, &link.name, group));
        if asked >= ENOUGH_ROLES {
            *walked = Some((client, asked));
        }
        decided
    }

    #[inline(never)]
    fn ask_roles<'a>(
        &'a self,
        question: &mut Question<'_, '_>,
        roles: &'a Links<RoleName>,
        group: Option<&'a Group>,
    ) -> Option<Decision<'a>> {
        roles.iter().find_map(|link| self.ask_link(question, &link.name, group))
    }

    fn ask_link<'a>(
        &'a self,
        question: &mut Question<'_, '_>,
        role: &RoleName,
        group: Option<&'a Group>,
    ) -> Option<Decision<'a>> {
        let (role, index) = self.linked_role(role)?;
        question.ask_role(role, index, group)
    }
}

/// What comes of a look at the ACLs of a role that match one topic only.
enum AtOnce<'p> {
    /// They decide.
    Decided(Decision<'p>),
    /// Others are to be asked, too.
    Else(Patterns<'p>),
}

/// The ACLs of a role that are left to be asked.
struct Patterns<'p> {
    group: Option<&'p Group>,
    role: &'p Role,
    index: &'p Index<Arc<Acl>>,
    /// The one that is literal and matches.
    literal: Option<&'p Ranked<Arc<Acl>>>,
}

/// What a role decides at once, if it does.
#[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
#[inline(always)]
fn at_once<'p>(
    hashed: &Hashed<'_>,
    role: &'p Role,
    index: &'p RoleIndex,
    group: Option<&'p Group>,
) -> AtOnce<'p> {
    let AclRequest { action, topic, .. } = hashed.request;
    if action == Action::Subscribe && !role.allow_wildcard_subs && topic::has_wildcard(topic) {
        let reason = Reason::WildcardSubscription { group, role };
        return AtOnce::Decided(Decision { effect: Effect::Deny, reason });
    }
    let (literals, index) = index.of_action(action);
    if let Some((literals, acl_type)) = literals
        && let Some(acl) = literals.get(topic, hashed.topic())
    {
        return AtOnce::Decided(decided_by(Match::Yes, group, role, acl_type, acl));
    }
    let literal = index.literal(topic, hashed.topic());
    if let Some(literal) = literal
        && index.is_first(literal)
    {
        return AtOnce::Decided(decided_by(Match::Yes, group, role, action.pattern_type(), &literal.item));
    }
    AtOnce::Else(Patterns { group, role, index, literal })
}

impl Question<'_, '_> {
    /// Whether the topic is cut, which it is now if it can be; if not, no broker lets it through.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(super) fn is_cut(&mut self) -> bool {
        if self.topic == Topic::Whole {
            self.topic = if self.cut.take(&self.asked) { Topic::Cut } else { Topic::Irregular };
        }
        self.topic == Topic::Cut
    }

    /// What a role decides, if it does.
    pub(super) fn ask_role<'p>(
        &mut self,
        role: &'p Role,
        index: &'p RoleIndex,
        group: Option<&'p Group>,
    ) -> Option<Decision<'p>> {
        match at_once(self.hashed, role, index, group) {
            AtOnce::Decided(decision) => Some(decision),
            AtOnce::Else(patterns) => self.ask_patterns(&patterns),
        }
    }

    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    fn ask_patterns<'p>(&mut self, patterns: &Patterns<'p>) -> Option<Decision<'p>> {
        let Patterns { group, role, index, literal } = *patterns;
        let acl_type = self.hashed.request.action.pattern_type();
        let (acl, how) = if self.is_cut() {
            let found = index.first(&self.asked, &self.cut, literal)?;
            (&found.ranked.item, found.how)
        } else {
            self.walk(role, acl_type)?
        };
        Some(decided_by(how, group, role, acl_type, acl))
    }

    /// Holds the ACLs against the topic one by one, as the C plugin does.
    #[cold]
    fn walk<'p>(&self, role: &'p Role, acl_type: AclType) -> Option<(&'p Arc<Acl>, Match)> {
        role.acls(acl_type).iter().find_map(|acl| match self.asked.of_filter(&acl.topic) {
            Match::No => None,
            Match::Malformed if self.asked.compat < Compat::V2_1 => None,
            how => Some((acl, how)),
        })
    }
}

#[inline]
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
