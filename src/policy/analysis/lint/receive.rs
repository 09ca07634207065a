//! Subscriptions that bring nothing, since what they are for may not be delivered.

use std::collections::{HashMap, HashSet};

use super::{ANYBODY, Finding, Holder, RoleAcl, Work, address};
use crate::policy::analysis::effective::is_one_topic;
use crate::policy::matcher::Cut;
use crate::policy::matcher::topic::{Match, is_well_formed};
use crate::policy::name::Linked;
use crate::policy::{AclType, Action, Client, HeldRole, Never, Policy, Role, Rule, Subject};

const RECEIVE: AclType = AclType::PublishClientReceive;

/// How many ACLs of a role are looked at for one client, where its other roles may deny what it allows.
const MOST: usize = 1000;

/// What is found out about a role once for all who have it.
struct OfRole<'a> {
    /// The ACLs that let subscribe to something that the role itself does not let receive.
    deaf: Vec<RoleAcl<'a>>,
    /// Whether it denies to receive something.
    denies: bool,
}

impl Policy {
    /// One finding for each ACL that lets somebody subscribe, with the first client that it brings nothing.
    pub(super) fn lint_receiving<'a>(&'a self, work: &mut Work, findings: &mut Vec<Finding<'a>>) {
        let allowed = self.default_access().allows(Action::PublishClientReceive);
        let mut seen = HashSet::new();
        let mut found = HashSet::new();
        let mut of_roles: HashMap<usize, OfRole<'a>> = HashMap::new();
        for client in self.clients() {
            if !work.may(1) {
                return;
            }
            let roles = roles_of(client);
            // Who is disabled may subscribe to nothing.
            if client.disabled || seen.contains(&roles) {
                continue;
            }
            let subject = Subject::known(Some(client.username.as_bytes()), None);
            let mut depends_on_name = false;
            let held = self.held_roles(Some(client.username.as_bytes())).unwrap_or_default();
            for role in &held {
                of_roles.entry(address(role.role)).or_insert_with(|| self.of_role(role, work));
            }
            let known = |role: &HeldRole<'_>| of_roles.get(&address(role.role));
            let denies = held.iter().filter_map(known).any(|role| role.denies);
            if allowed && !denies {
                continue;
            }
            for role in &held {
                let deaf = known(role).map(|role| &role.deaf[..]).unwrap_or_default();
                let all = || subscriptions(role.role).take(MOST);
                work.leave_out(denies && subscriptions(role.role).nth(MOST).is_some());
                let candidates: Vec<RoleAcl<'a>> = if denies { all().collect() } else { deaf.to_vec() };
                for acl in candidates {
                    if found.contains(&address(acl.acl)) || self.receives(&held, &acl.acl.topic, work) {
                        continue;
                    }
                    let rule = Rule { held: *role, acl_type: acl.acl_type, acl: acl.acl };
                    if self.may_subscribe(&held, &rule, subject, work) {
                        found.insert(address(acl.acl));
                        findings.push(Finding::SubscribeWithoutReceive(acl, Holder::Client(client)));
                    } else {
                        depends_on_name |=
                            !is_one_topic(&acl.acl.topic) && self.may_subscribe(&held, &rule, ANYBODY, work);
                    }
                }
            }
            // If so, the next one with these roles is looked at too.
            if !depends_on_name {
                seen.insert(roles);
            }
        }
    }

    /// Whether somebody with these roles may subscribe to something that a rule of theirs allows; `false` if work runs out.
    fn may_subscribe<'a>(
        &'a self,
        held: &[HeldRole<'a>],
        rule: &Rule<'a>,
        subject: Subject<'_>,
        work: &mut Work,
    ) -> bool {
        let allows = |rule: &Rule<'_>| rule.acl.allow && is_well_formed(&rule.acl.topic);
        let may = match self.never(held, rule, subject, work) {
            None => allows(rule),
            Some(Never::CoveredBy(by)) => allows(&by),
            Some(Never::CoveredByBoth(both)) => both.iter().any(allows),
            Some(Never::WildcardsRefused(_) | Never::MatchesNothing) => false,
        };
        may && work.may(0)
    }

    fn of_role<'a>(&self, held: &HeldRole<'a>, work: &mut Work) -> OfRole<'a> {
        let alone = [*held];
        let denied =
            |acl: &RoleAcl<'_>, work: &mut Work| !self.receives_by(&alone, &acl.acl.topic, false, work);
        let deaf = subscriptions(held.role).filter(|acl| denied(acl, work)).collect();
        OfRole { deaf, denies: held.role.acls(RECEIVE).iter().any(|acl| !acl.allow) }
    }

    /// Whether an ACL lets all be sent that stands one level below the subscription, which is quickly found
    /// out and often so.
    fn receives_one_level(&self, held: &[HeldRole<'_>], filter: &[u8], work: &mut Work) -> bool {
        let Some(before) = filter.strip_suffix(b"#") else { return false };
        let one_level = [before, b"+"].concat();
        let asked = self.filter_as_asked(RECEIVE, &one_level, &ANYBODY);
        let Some(cut) = Cut::of(&asked, self.keys()) else { return false };
        let first = held.iter().find_map(|role| {
            if work.may(role.index.steps(RECEIVE)) { role.index.first(RECEIVE, &asked, &cut) } else { None }
        });
        first.is_some_and(|found| found.how == Match::Yes && found.ranked.item.allow)
    }

    /// Whether somebody with these roles may be sent something by a subscription; `true` if work runs out.
    fn receives(&self, held: &[HeldRole<'_>], filter: &[u8], work: &mut Work) -> bool {
        let by_default = self.default_access().allows(Action::PublishClientReceive);
        self.receives_by(held, filter, by_default, work)
    }

    fn receives_by(&self, held: &[HeldRole<'_>], filter: &[u8], by_default: bool, work: &mut Work) -> bool {
        let filter = without_share(filter);
        if self.receives_one_level(held, filter, work) {
            return true;
        }
        let asked = self.filter_as_asked(RECEIVE, filter, &ANYBODY);
        let Some(cut) = Cut::of(&asked, self.keys()) else { return true };
        for role in held {
            if !work.may(role.index.steps(RECEIVE).saturating_add(1)) {
                return true;
            }
            let acls = role.role.acls(RECEIVE);
            let first = role.index.first(RECEIVE, &asked, &cut).filter(|found| found.how == Match::Yes);
            if first.as_ref().is_some_and(|found| found.ranked.item.allow) {
                return true;
            }
            // What is allowed before all the rest is denied, or denied by default.
            let before = acls
                .iter()
                .take_while(|acl| first.as_ref().is_none_or(|found| acl.rank() < found.ranked.rank));
            for acl in before {
                if !work.may(1) || (acl.allow && may_meet(&acl.topic, filter)) {
                    return true;
                }
            }
            if first.is_some() {
                return false;
            }
        }
        by_default
    }
}

/// The ACLs that let subscribe.
fn subscriptions(role: &Role) -> impl Iterator<Item = RoleAcl<'_>> {
    [AclType::SubscribeLiteral, AclType::SubscribePattern].into_iter().flat_map(move |acl_type| {
        let allowing = role.acls(acl_type).iter().filter(|acl| acl.allow);
        allowing.map(move |acl| RoleAcl { role, acl_type, acl })
    })
}

/// A client's roles and groups, in their order: clients with the same have the same rights.
fn roles_of(client: &Client) -> Vec<usize> {
    let roles = client.roles.iter().map(|link| link.name.place());
    roles.chain(client.groups.iter().map(|link| link.name.place())).collect()
}

/// The filter of a shared subscription without `$share/NAME/`.
fn without_share(filter: &[u8]) -> &[u8] {
    let Some(rest) = filter.strip_prefix(b"$share/") else { return filter };
    let slash = rest.iter().position(|byte| *byte == b'/');
    slash.and_then(|slash| rest.get(slash.saturating_add(1)..)).unwrap_or(filter)
}

/// Whether there may be a topic that both match.
fn may_meet(a: &[u8], b: &[u8]) -> bool {
    let (mut a, mut b) = (a.split(|byte| *byte == b'/'), b.split(|byte| *byte == b'/'));
    loop {
        match (a.next(), b.next()) {
            (Some(b"#"), _) | (_, Some(b"#")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || is_open(a) || is_open(b) => {}
            _ => return false,
        }
    }
}

fn is_open(level: &[u8]) -> bool {
    matches!(level, b"+" | b"%c" | b"%u")
}
