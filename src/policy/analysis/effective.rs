//! [`Policy::effective_acls`]: the ACLs that somebody has, in the order in which they are asked, and
//! which of them can never decide.

use std::borrow::Cow;

use crate::policy::matcher::topic::{self, Match, Placeholder};
use crate::policy::matcher::{Asked, Cut};
use crate::policy::{
    AclRequest, AclType, Action, Compat, Decision, HeldRole, Policy, Reason, Rule, Subject, Work,
    is_valid_filter,
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
    /// Of some it was not found out whether they can decide, since that would have taken too long.
    pub is_uncompared: bool,
    /// Fewer than were asked for, since that is all that may be listed.
    pub is_cut: bool,
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

impl EffectiveAcl<'_> {
    /// How long its topic and names are, with those of what is said of it.
    fn bytes(&self) -> usize {
        let by = match &self.never {
            Some(Never::CoveredBy(rule)) => rule.bytes(),
            Some(Never::CoveredByBoth([first, second])) => first.bytes().saturating_add(second.bytes()),
            Some(Never::WildcardsRefused(held)) => held.bytes(),
            Some(Never::MatchesNothing) | None => 0,
        };
        self.rule.bytes().saturating_add(by)
    }
}

impl Policy {
    /// The ACLs of these types that a client has, from the `offset`-th on, at most `limit`; `None` if there
    /// is no such client. Without a client id what depends on it is left open. Whether those behind others can decide is
    /// found out as long as there is work for it, and no more are listed than it has room for.
    #[must_use]
    pub fn effective_acls(
        &self,
        subject: Subject<'_>,
        acl_types: &[AclType],
        offset: usize,
        limit: usize,
        work: &mut Work,
    ) -> Option<EffectiveAcls<'_>> {
        let held = self.held_roles(subject.username)?;
        let needs_clientid = subject.clientid.get().is_none()
            && rules(&held, acl_types, 0).any(|rule| is_for_a_clientid(&rule));
        let (mut acls, mut is_uncompared, mut is_cut) = (Vec::new(), false, false);
        for rule in rules(&held, acl_types, offset).take(limit) {
            is_cut = !work.may_list();
            if is_cut {
                break;
            }
            let never = self.never(&held, &rule, subject, work);
            is_uncompared |= work.is_incomplete();
            let acl = EffectiveAcl { rule, never };
            work.list(acl.bytes());
            acls.push(acl);
        }
        let of_role =
            |held: &HeldRole<'_>| acl_types.iter().map(|acl_type| held.role.acls(*acl_type).len()).sum();
        Some(EffectiveAcls {
            total: held.iter().map(of_role).fold(0, usize::saturating_add),
            acls,
            needs_clientid,
            is_uncompared,
            is_cut,
        })
    }

    /// Why a rule can never decide for that subject, whose roles these are.
    pub(super) fn never<'a>(
        &'a self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        subject: Subject<'_>,
        work: &mut Work,
    ) -> Option<Never<'a>> {
        if rule.acl_type.is_literal() {
            return self.never_about(held, rule, &rule.acl.topic, subject, work);
        }
        if !topic::is_well_formed(&rule.acl.topic) {
            return None;
        }
        let Some(filled) = filled(&rule.acl.topic, subject) else { return Some(Never::MatchesNothing) };
        if !is_of_publishes(rule.acl_type) && is_one_topic(&filled) {
            return self.never_about(held, rule, &filled, subject, work);
        }
        let subject = Subject::known(subject.username, subject.clientid.get().or(Some(b"%c")));
        if let Some(by) = self.covering(held, rule, &filled, subject, work) {
            return Some(Never::CoveredBy(by));
        }
        let (itself, below) = parts(rule.acl_type, &filled)?;
        let first = self.covering(held, rule, itself, subject, work)?;
        let second = self.covering(held, rule, &below, subject, work)?;
        Some(Never::CoveredByBoth([first, second]))
    }

    /// An ACL that matches one filter only, as literal ones do, and patterns without wildcards: what decides about that
    /// can be looked up.
    fn never_about<'a>(
        &'a self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        topic: &[u8],
        subject: Subject<'_>,
        work: &mut Work,
    ) -> Option<Never<'a>> {
        if !is_valid_filter(topic, Compat::V2_1) {
            return Some(Never::MatchesNothing);
        }
        let action = match rule.acl_type {
            AclType::SubscribeLiteral | AclType::SubscribePattern => Action::Subscribe,
            _ => Action::Unsubscribe,
        };
        let (held, decision) = self.ask_held(held, &AclRequest { subject, action, topic }, work)?;
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
        work: &mut Work,
    ) -> Option<(HeldRole<'a>, Decision<'a>)> {
        // With no steps left nothing is hashed for it either.
        if !work.may(0) {
            return None;
        }
        let hashed = self.hashed(request);
        let mut question = self.question(&hashed);
        let acl_type = request.action.pattern_type();
        for held in held {
            if !work.may(held.index.steps(acl_type).saturating_add(1)) {
                return None;
            }
            if let Some(decision) = question.ask_role(held.role, held.index, None) {
                return Some((*held, decision));
            }
        }
        None
    }

    /// The first rule of these roles that matches all that a pattern matches, if it is asked before it.
    /// The pattern, which must be well-formed, is such a rule itself, so the search ends with it. None is found where there
    /// is no work left.
    pub(super) fn covering<'a>(
        &self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        filled: &[u8],
        subject: Subject<'_>,
        work: &mut Work,
    ) -> Option<Rule<'a>> {
        if !work.may(0) {
            return None;
        }
        let asked = self.filter_as_asked(rule.acl_type, filled, &subject);
        let cut = Cut::of(&asked, self.keys())?;
        for held in held {
            if !work.may(held.index.steps(rule.acl_type).saturating_add(1)) {
                return None;
            }
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
        if is_of_publishes(acl_type) {
            let topic = with_first_level(filter);
            return Asked { topic, subject, is_filter: true, compat: Compat::V2_1 };
        }
        // To 2.0 a `#` that is asked for is a level without a name, and more of it; one in an ACL is all.
        let topic = if filter == b"#" && self.compat() < Compat::V2_1 { b"+/#" } else { filter };
        Asked { topic, subject, is_filter: true, compat: self.compat() }
    }
}

/// The ACLs of these types that these roles have, by action, then in the order of evaluation, from the `offset`-th on: those
/// before it are not looked at one by one.
fn rules<'r, 'a>(
    held: &'r [HeldRole<'a>],
    acl_types: &'r [AclType],
    offset: usize,
) -> impl Iterator<Item = Rule<'a>> + use<'r, 'a> {
    let lists = Action::ALL.into_iter().flat_map(move |action| {
        held.iter().flat_map(move |held| {
            let asked = action.acl_types().iter().filter(|acl_type| acl_types.contains(acl_type));
            asked.map(move |acl_type| (*held, *acl_type))
        })
    });
    let mut to_pass = offset;
    lists.flat_map(move |(held, acl_type)| {
        let acls = held.role.acls(acl_type);
        let passed = to_pass.min(acls.len());
        to_pass = to_pass.saturating_sub(passed);
        acls.iter().skip(passed).map(move |acl| Rule { held, acl_type, acl })
    })
}

/// The topic `a` itself and all that is below it, where the filter is `a/#`: two ACLs that cover one of them each cover it
/// together. No other two filters are together what a third one is, unless one of them is.
///
/// For topics of publishes only: a subscription to `a/#` itself is covered by neither.
pub(super) fn parts(acl_type: AclType, filter: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let (itself, is_open) = topic::without_hash(with_first_level(filter));
    (is_of_publishes(acl_type) && is_open).then(|| (itself, [itself, b"/+/#"].concat()))
}

pub(super) fn is_of_publishes(acl_type: AclType) -> bool {
    matches!(acl_type, AclType::PublishClientSend | AclType::PublishClientReceive)
}

/// A filter for topics, with what each of them has, where that leaves the filter the same: no topic is empty.
pub(super) fn with_first_level(filter: &[u8]) -> &[u8] {
    match filter {
        b"#" => b"+/#",
        b"/#" => b"/+/#",
        _ => filter,
    }
}

/// Whether a pattern matches a single topic, whoever asks.
pub(super) fn is_one_topic(pattern: &[u8]) -> bool {
    let is_open = |level: &[u8]| topic::has_wildcard(level) || Placeholder::of(level).is_some();
    // An empty one is malformed to 2.1, which may deny what gets as far as to it.
    !pattern.is_empty() && !pattern.split(|byte| *byte == b'/').any(is_open)
}

fn is_for_a_clientid(rule: &Rule<'_>) -> bool {
    let is_placeholder = |level: &[u8]| matches!(Placeholder::of(level), Some(Placeholder::ClientId));
    !rule.acl_type.is_literal() && rule.acl.topic.split(|byte| *byte == b'/').any(is_placeholder)
}

/// A filter with what is known of the subject in it; `None` if that keeps it from ever matching.
pub(super) fn filled<'t>(filter: &'t [u8], subject: Subject<'_>) -> Option<Cow<'t, [u8]>> {
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

#[cfg(test)]
#[path = "effective_tests.rs"]
mod tests;
