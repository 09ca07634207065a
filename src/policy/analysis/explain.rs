//! [`Policy::explain`]: a decision of [`Policy::authorize`], and why no other ACL that matches made it.

use crate::policy::matcher::topic::{self, Match, Placeholder};
use crate::policy::matcher::{Asked, Cut};
use crate::policy::{
    Acl, AclRequest, Action, Compat, Effect, Group, HeldRole, Policy, Reason, Role, Rule, Subject,
    is_mqtt_utf8,
};

/// What would be decided, and what has part in it.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// What is decided.
    pub verdict: Verdict<'a>,
    /// The other ACLs that match, in the order of evaluation.
    pub others: Vec<Other<'a>>,
}

/// What is decided, if it can be said.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// That, for that reason.
    Decided(Effect, Why<'a>),
    /// It depends on the client id, which was not given.
    NeedsClientId,
}

/// Why it is decided so.
#[derive(Clone, Copy, Debug)]
pub enum Why<'a> {
    /// An ACL that matches.
    Acl(Rule<'a>),
    /// An ACL that cannot be evaluated, at which 2.1 denies.
    MalformedAcl(Rule<'a>),
    /// A filter with wildcards, at a role with `allowwildcardsubs` false.
    WildcardSubscription(HeldRole<'a>),
    /// No ACL matched, so the default for the action.
    DefaultAccess,
    /// No ACL matched, and defaults never grant a topic that begins with `$CONTROL`.
    ControlTopic,
    /// No ACL matched, and everybody may ask about its own rights.
    SelfService,
    /// The policy does not know the username.
    ClientNotFound,
    /// The client may not log in at all.
    ClientDisabled,
    /// The client's password is still being verified.
    LoginPending,
    /// The broker refuses the topic before anybody is asked.
    InvalidTopic,
}

/// An ACL that matches and does not decide.
#[derive(Clone, Copy, Debug)]
pub struct Other<'a> {
    /// The ACL.
    pub rule: Rule<'a>,
    /// Why it does not decide.
    pub why: WhyNot,
}

/// Why an ACL that matches does not decide. Where several are true, the first that separates it from what
/// decides, in the order of evaluation: group, role, ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhyNot {
    /// Its group, its role or itself has a lower priority.
    LowerPriority,
    /// It comes through a group, and the client's own roles are asked first.
    ThroughGroup,
    /// Its group or role has the same priority and a later name.
    LaterName,
    /// It has the same priority and came later to the role.
    LaterAcl,
    /// The role has an ACL for this very filter, which is looked up before its patterns.
    LiteralFirst,
    /// Its role refuses filters with wildcards before its ACLs are asked.
    WildcardSubscription,
    /// It cannot be evaluated, and 2.0 passes over it.
    MalformedAcl,
    /// Whether it decides depends on the client id, which was not given.
    NeedsClientId,
    /// The client may not log in at all.
    ClientDisabled,
    /// The client's password is still being verified.
    LoginPending,
}

impl Why<'_> {
    /// The name in answers: where it is the reason of a decision, that of [`Reason::name`], and of a deleted client no other than
    /// of one that never was.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Acl(_) => "acl",
            Self::MalformedAcl(_) => "malformedACL",
            Self::WildcardSubscription(_) => "allowwildcardsubs",
            Self::DefaultAccess => "defaultACLAccess",
            Self::ControlTopic => "controlTopic",
            Self::SelfService => "selfService",
            Self::ClientNotFound => "clientNotFound",
            Self::ClientDisabled => "clientDisabled",
            Self::LoginPending => "loginPending",
            Self::InvalidTopic => "invalidTopic",
        }
    }
}

impl WhyNot {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LowerPriority => "lowerPriority",
            Self::ThroughGroup => "throughGroup",
            Self::LaterName => "laterName",
            Self::LaterAcl => "laterACL",
            Self::LiteralFirst => "literalFirst",
            Self::WildcardSubscription => "allowwildcardsubs",
            Self::MalformedAcl => "malformedACL",
            Self::NeedsClientId => "missingClientid",
            Self::ClientDisabled => "clientDisabled",
            Self::LoginPending => "loginPending",
        }
    }
}

/// What decides, as far as others are compared with it.
#[derive(Clone, Copy)]
enum Decider<'a> {
    Rule(Rule<'a>),
    /// The role, before its ACLs.
    Role(HeldRole<'a>),
    /// No ACL: none is asked, for that reason.
    Nothing(WhyNot),
    /// No ACL matches.
    NoRule,
}

impl Policy {
    /// What [`Self::authorize`] decides, why, and why not otherwise. `login_pending` says whether the
    /// client waits for its password to be verified.
    #[must_use]
    pub fn explain(&self, request: &AclRequest<'_>, login_pending: bool) -> Explanation<'_> {
        if !is_valid_request(request) {
            return Explanation {
                verdict: Verdict::Decided(Effect::Deny, Why::InvalidTopic),
                others: Vec::new(),
            };
        }
        let Some(held) = self.held_roles(request.subject.username) else {
            return Explanation {
                verdict: Verdict::Decided(Effect::Defer, Why::ClientNotFound),
                others: Vec::new(),
            };
        };
        let (effect, why) =
            if login_pending { (Effect::Deny, Why::LoginPending) } else { self.decided(request, &held) };
        let decider = match why {
            Why::Acl(rule) | Why::MalformedAcl(rule) => Decider::Rule(rule),
            Why::WildcardSubscription(role) => Decider::Role(role),
            Why::LoginPending => Decider::Nothing(WhyNot::LoginPending),
            Why::ClientDisabled => Decider::Nothing(WhyNot::ClientDisabled),
            Why::DefaultAccess
            | Why::ControlTopic
            | Why::SelfService
            | Why::ClientNotFound
            | Why::InvalidTopic => Decider::NoRule,
        };
        let (others, needs_clientid) = self.others(request, &held, decider);
        let verdict = if needs_clientid { Verdict::NeedsClientId } else { Verdict::Decided(effect, why) };
        Explanation { verdict, others }
    }

    /// The decision, with the role's way to the client.
    fn decided<'a>(&'a self, request: &AclRequest<'_>, held: &[HeldRole<'a>]) -> (Effect, Why<'a>) {
        let decision = self.authorize(request);
        let rule = |group: Option<&Group>, role: &Role| {
            let is_it = |held: &&HeldRole<'a>| {
                let same_group = match (held.group, group) {
                    (None, None) => true,
                    (Some(held), Some(group)) => held.group.name == group.name,
                    _ => false,
                };
                same_group && held.role.name == role.name
            };
            held.iter().find(is_it).copied()
        };
        let why = match decision.reason {
            Reason::Acl { group, role, acl_type, acl } => {
                rule(group, role).map(|held| Why::Acl(Rule { held, acl_type, acl }))
            }
            Reason::MalformedAcl { group, role, acl_type, acl } => {
                rule(group, role).map(|held| Why::MalformedAcl(Rule { held, acl_type, acl }))
            }
            Reason::WildcardSubscription { group, role } => rule(group, role).map(Why::WildcardSubscription),
            Reason::DefaultAccess => Some(Why::DefaultAccess),
            Reason::ControlTopic => Some(Why::ControlTopic),
            Reason::SelfService => Some(Why::SelfService),
            Reason::ClientNotFound | Reason::ClientDeleted => Some(Why::ClientNotFound),
            Reason::ClientDisabled => Some(Why::ClientDisabled),
        };
        (decision.effect, why.unwrap_or(Why::DefaultAccess))
    }

    /// All ACLs that match but the one that decides, and whether one may come before it that depends on
    /// the client id.
    fn others<'a>(
        &self,
        request: &AclRequest<'_>,
        held: &[HeldRole<'a>],
        decider: Decider<'a>,
    ) -> (Vec<Other<'a>>, bool) {
        let is_filter = matches!(request.action, Action::Subscribe | Action::Unsubscribe);
        let asked =
            Asked { topic: request.topic, subject: &request.subject, is_filter, compat: self.compat() };
        let cut = Cut::of(&asked, self.keys());
        let mut search = Search { asked, decider, found: Vec::new(), needs_clientid: false, decided: false };
        for held in held {
            search.enter_role(held);
            let refuses_wildcards = request.action == Action::Subscribe
                && !held.role.allow_wildcard_subs
                && topic::has_wildcard(request.topic);
            for acl_type in request.action.acl_types() {
                if acl_type.is_literal() {
                    let literal = held.index.get(*acl_type, request.topic, self.keys());
                    if let Some(acl) = literal {
                        let rule = Rule { held: *held, acl_type: *acl_type, acl };
                        search.meet(rule, Match::Yes, refuses_wildcards);
                    }
                    continue;
                }
                let mut hold_against = |acl: &'a Acl| {
                    search.hold_against(Rule { held: *held, acl_type: *acl_type, acl }, refuses_wildcards);
                };
                match &cut {
                    Some(cut) => {
                        for acl in held.index.candidates(*acl_type, &asked, cut) {
                            hold_against(acl);
                        }
                    }
                    // What is asked for is irregular.
                    None => {
                        for acl in held.role.acls(*acl_type) {
                            hold_against(acl);
                        }
                    }
                }
            }
        }
        (search.found, search.needs_clientid)
    }
}

/// A walk along the ACLs that somebody has, in the order of evaluation.
struct Search<'q, 'a> {
    asked: Asked<'q>,
    decider: Decider<'a>,
    found: Vec<Other<'a>>,
    /// Met one before the decision that depends on the client id.
    needs_clientid: bool,
    /// The walk has passed what decides.
    decided: bool,
}

impl<'a> Search<'_, 'a> {
    fn enter_role(&mut self, held: &HeldRole<'a>) {
        match self.decider {
            Decider::Role(role) if role.is(held) => self.decided = true,
            Decider::Nothing(_) => self.decided = true,
            _ => {}
        }
    }

    fn hold_against(&mut self, rule: Rule<'a>, refuses_wildcards: bool) {
        match self.asked.of_filter(&rule.acl.topic) {
            Match::No => {
                if self.asked.subject.clientid.get().is_none()
                    && !self.decided
                    && !refuses_wildcards
                    && self.depends_on_clientid(rule.acl)
                {
                    self.needs_clientid = true;
                    self.found.push(Other { rule, why: WhyNot::NeedsClientId });
                }
            }
            how => self.meet(rule, how, refuses_wildcards),
        }
    }

    /// An ACL that matches, or that turns out malformed.
    fn meet(&mut self, rule: Rule<'a>, how: Match, refuses_wildcards: bool) {
        if let Decider::Rule(decider) = self.decider
            && decider.is(&rule)
            && !self.decided
        {
            self.decided = true;
            if self.needs_clientid {
                self.found.push(Other { rule, why: WhyNot::NeedsClientId });
            }
            return;
        }
        let why = if let Decider::Nothing(why) = self.decider {
            why
        } else if refuses_wildcards {
            WhyNot::WildcardSubscription
        } else if how == Match::Malformed && self.asked.compat < Compat::V2_1 {
            WhyNot::MalformedAcl
        } else {
            why_not(self.decider, &rule)
        };
        self.found.push(Other { rule, why });
    }

    /// Whether a placeholder keeps it from matching that some client id would fill: the only one that
    /// can is the topic's own level at that place.
    fn depends_on_clientid(&self, acl: &Acl) -> bool {
        let is_clientid = |level: &[u8]| matches!(Placeholder::of(level), Some(Placeholder::ClientId));
        let Some(at) = acl.topic.split(|byte| *byte == b'/').position(is_clientid) else { return false };
        let level = self.asked.topic.split(|byte| *byte == b'/').nth(at);
        let subject = Subject::known(self.asked.subject.username, level);
        match (Asked { subject: &subject, ..self.asked }).of_filter(&acl.topic) {
            Match::Yes => true,
            Match::Malformed => self.asked.compat >= Compat::V2_1,
            Match::No => false,
        }
    }
}

/// What makes the decider come first.
fn why_not(decider: Decider<'_>, other: &Rule<'_>) -> WhyNot {
    let (held, rule) = match decider {
        Decider::Rule(rule) => (rule.held, Some(rule)),
        Decider::Role(held) => (held, None),
        Decider::Nothing(why) => return why,
        Decider::NoRule => return WhyNot::MalformedAcl,
    };
    let lower_or = |lower: bool, else_why: WhyNot| if lower { WhyNot::LowerPriority } else { else_why };
    match (held.group, other.held.group) {
        (None, Some(_)) => return WhyNot::ThroughGroup,
        (Some(first), Some(then)) if first.group.name != then.group.name => {
            return lower_or(then.priority < first.priority, WhyNot::LaterName);
        }
        _ => {}
    }
    if held.role.name != other.held.role.name {
        return lower_or(other.held.priority < held.priority, WhyNot::LaterName);
    }
    let Some(rule) = rule else { return WhyNot::WildcardSubscription };
    if rule.acl_type != other.acl_type {
        return WhyNot::LiteralFirst;
    }
    lower_or(other.acl.priority < rule.acl.priority, WhyNot::LaterAcl)
}

/// Whether the broker asks about such a topic at all (`mosquitto_pub_topic_check`,
/// `mosquitto_sub_topic_check`, mosquitto.h).
fn is_valid_request(request: &AclRequest<'_>) -> bool {
    let is_filter = matches!(request.action, Action::Subscribe | Action::Unsubscribe);
    !request.topic.is_empty()
        && is_mqtt_utf8(request.topic)
        && topic::is_valid_filter(request.topic, Compat::V2_1)
        && (is_filter || !topic::has_wildcard(request.topic))
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
