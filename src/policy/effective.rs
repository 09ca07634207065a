//! [`Policy::effective_acls`]: the ACLs that somebody has, in the order in which they are asked, and
//! which of them can never decide.

use std::borrow::Cow;

use super::asked::{Asked, Cut};
use super::topic::{self, Match, Placeholder};
use super::{
    AclRequest, AclType, Action, Compat, Decision, HeldRole, Policy, Reason, Rule, Subject, is_valid_filter,
};

/// A part of the ACLs that somebody has.
#[derive(Clone, Debug)]
pub struct EffectiveAcls<'a> {
    /// How many there are in all.
    pub total: usize,
    /// Those asked for, by action, then in the order of evaluation.
    pub acls: Vec<EffectiveAcl<'a>>,
    /// Whether one of all depends on the client id, which was not given.
    pub needs_clientid: bool,
}

/// An ACL that somebody has.
#[derive(Clone, Copy, Debug)]
pub struct EffectiveAcl<'a> {
    /// The ACL.
    pub rule: Rule<'a>,
    /// Why it can never decide, if that can be said.
    pub never: Option<Never<'a>>,
}

/// Why an ACL can never decide.
#[derive(Clone, Copy, Debug)]
pub enum Never<'a> {
    /// An ACL that is asked before it matches all that it matches.
    CoveredBy(Rule<'a>),
    /// Two ACLs that are asked before it match together all that it matches.
    CoveredByBoth([Rule<'a>; 2]),
    /// That role refuses filters with wildcards, and this is the filter it is for.
    WildcardsRefused(HeldRole<'a>),
    /// It matches nothing that this client could ask for.
    MatchesNothing,
}

impl Policy {
    /// The ACLs of these types that a client has, from the `offset`-th on, at most `limit`; `None` if there
    /// is no such client. Without a client id what depends on it is left open.
    #[must_use]
    pub fn effective_acls(
        &self,
        subject: Subject<'_>,
        acl_types: &[AclType],
        offset: usize,
        limit: usize,
    ) -> Option<EffectiveAcls<'_>> {
        let held = self.held_roles(subject.username)?;
        let all = || rules(&held).filter(|rule| acl_types.contains(&rule.acl_type));
        let needs_clientid = subject.clientid.get().is_none() && all().any(|rule| is_for_a_clientid(&rule));
        let part = all().skip(offset).take(limit);
        let acls = part.map(|rule| EffectiveAcl { rule, never: self.never(&held, &rule, subject) }).collect();
        let of_role =
            |held: &HeldRole<'_>| acl_types.iter().map(|acl_type| held.role.acls(*acl_type).len()).sum();
        Some(EffectiveAcls {
            total: held.iter().map(of_role).fold(0, usize::saturating_add),
            acls,
            needs_clientid,
        })
    }

    /// Why a rule can never decide for that subject, whose roles these are.
    fn never<'a>(
        &'a self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        subject: Subject<'_>,
    ) -> Option<Never<'a>> {
        if rule.acl_type.is_literal() {
            return self.literal_never(held, rule, subject);
        }
        if !topic::is_well_formed(&rule.acl.topic) {
            return None;
        }
        let Some(filled) = filled(&rule.acl.topic, subject) else { return Some(Never::MatchesNothing) };
        let subject = Subject::known(subject.username, subject.clientid.get().or(Some(b"%c")));
        if let Some(by) = self.covering(held, rule, &filled, subject) {
            return Some(Never::CoveredBy(by));
        }
        let (itself, below) = parts(rule.acl_type, &filled)?;
        let first = self.covering(held, rule, itself, subject)?;
        let second = self.covering(held, rule, &below, subject)?;
        Some(Never::CoveredByBoth([first, second]))
    }

    /// A literal ACL is asked about one filter only, so what decides about that can be looked up.
    fn literal_never<'a>(
        &'a self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        subject: Subject<'_>,
    ) -> Option<Never<'a>> {
        if rule.acl.topic.is_empty() || !is_valid_filter(&rule.acl.topic, Compat::V2_1) {
            return Some(Never::MatchesNothing);
        }
        let action = match rule.acl_type {
            AclType::SubscribeLiteral => Action::Subscribe,
            _ => Action::Unsubscribe,
        };
        let (held, decision) =
            self.ask_held(held, &AclRequest { subject, action, topic: &rule.acl.topic })?;
        match decision.reason {
            Reason::Acl { acl_type, acl, .. } | Reason::MalformedAcl { acl_type, acl, .. } => {
                let decider = Rule { held, acl_type, acl };
                (!decider.is(rule)).then_some(Never::CoveredBy(decider))
            }
            Reason::WildcardSubscription { .. } => Some(Never::WildcardsRefused(held)),
            _ => None,
        }
    }

    /// The first of these roles that decides, and how.
    fn ask_held<'a>(
        &'a self,
        held: &[HeldRole<'a>],
        request: &AclRequest<'_>,
    ) -> Option<(HeldRole<'a>, Decision<'a>)> {
        let hashed = self.hashed(request);
        let mut question = self.question(&hashed);
        held.iter().find_map(|held| Some((*held, question.ask_role(held.role, held.index, None)?)))
    }

    /// The first rule of these roles that matches all that a pattern matches, if it is asked before it.
    /// The pattern, which must be well-formed, is such a rule itself, so the search ends with it.
    pub(super) fn covering<'a>(
        &self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        filled: &[u8],
        subject: Subject<'_>,
    ) -> Option<Rule<'a>> {
        let asked = self.filter_as_asked(rule.acl_type, filled, &subject);
        let cut = Cut::of(&asked, self.keys())?;
        for held in held {
            let found = held.index.first(rule.acl_type, &asked, &cut);
            if held.is(&rule.held) {
                let found = found.filter(|found| found.ranked.rank < rule.acl.rank())?;
                let covers = found.how == Match::Yes;
                return covers.then_some(Rule {
                    held: *held,
                    acl_type: rule.acl_type,
                    acl: &found.ranked.item,
                });
            }
            match found {
                Some(found) if found.how == Match::Yes => {
                    return Some(Rule { held: *held, acl_type: rule.acl_type, acl: &found.ranked.item });
                }
                // What a malformed one keeps from those behind it depends on the topic.
                Some(_) => return None,
                None => {}
            }
        }
        None
    }

    /// The question whether a filter of an ACL is covered by another. What patterns of subscriptions cover
    /// is the version's; topics of publishes are matched the same way in all.
    pub(super) fn filter_as_asked<'q>(
        &self,
        acl_type: AclType,
        filter: &'q [u8],
        subject: &'q Subject<'q>,
    ) -> Asked<'q> {
        let compat = match acl_type {
            AclType::PublishClientSend | AclType::PublishClientReceive => Compat::V2_1,
            _ => self.compat(),
        };
        // To 2.0 a `#` that is asked for is a level without a name, and more of it; one in an ACL is all.
        let topic = if filter == b"#" && compat < Compat::V2_1 { b"+/#" } else { filter };
        Asked { topic, subject, is_filter: true, compat }
    }
}

/// All ACLs of these roles, by action, then in the order of evaluation.
fn rules<'r, 'a>(held: &'r [HeldRole<'a>]) -> impl Iterator<Item = Rule<'a>> + use<'r, 'a> {
    Action::ALL.into_iter().flat_map(move |action| {
        held.iter().flat_map(move |held| {
            action.acl_types().iter().flat_map(move |acl_type| {
                let held = *held;
                let acls = held.role.acls(*acl_type).iter();
                acls.map(move |acl| Rule { held, acl_type: *acl_type, acl })
            })
        })
    })
}

/// The topic `a` itself and all that is below it, where the filter is `a/#`: two ACLs that cover one of them each cover it
/// together. No other two filters are together what a third one is, unless one of them is.
///
/// For topics of publishes only: a subscription to `a/#` itself is covered by neither.
pub(super) fn parts(acl_type: AclType, filter: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let is_of_publishes = matches!(acl_type, AclType::PublishClientSend | AclType::PublishClientReceive);
    let (itself, is_open) = topic::without_hash(filter);
    let has_parts = is_of_publishes && is_open && !itself.is_empty();
    has_parts.then(|| (itself, [itself, b"/+/#"].concat()))
}

fn is_for_a_clientid(rule: &Rule<'_>) -> bool {
    let is_placeholder = |level: &[u8]| matches!(Placeholder::of(level), Some(Placeholder::ClientId));
    !rule.acl_type.is_literal() && rule.acl.topic.split(|byte| *byte == b'/').any(is_placeholder)
}

/// A filter with what is known of the subject in it; `None` if that keeps it from ever matching.
fn filled<'t>(filter: &'t [u8], subject: Subject<'_>) -> Option<Cow<'t, [u8]>> {
    let mut levels: Vec<&[u8]> = Vec::new();
    let mut changed = false;
    for level in filter.split(|byte| *byte == b'/') {
        let placeholder = Placeholder::of(level);
        let value = match placeholder {
            Some(Placeholder::Username) => Some(subject.username?),
            Some(Placeholder::ClientId) => subject.clientid.get(),
            None => None,
        };
        if let (Some(placeholder), Some(value)) = (placeholder, value) {
            if value.contains(&b'/') || !placeholder.is_level(value, subject) {
                return None;
            }
            changed = true;
        }
        levels.push(value.unwrap_or(level));
    }
    Some(if changed { Cow::Owned(levels.join(&b'/')) } else { Cow::Borrowed(filter) })
}
