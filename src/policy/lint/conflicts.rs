//! Roles that somebody has with the same priority, and that disagree: which is asked first is then up to
//! their names.

use std::collections::{HashMap, HashSet};

use super::{ANYBODY, Finding, Holder, RoleAcl, Work};
use crate::policy::asked::Cut;
use crate::policy::topic::Match;
use crate::policy::{
    AclRequest, AclType, Action, HeldRole, Link, Links, Policy, Reason, Role, RoleName, Subject,
};

/// How many ACLs of one type in a role are held against another role, so that a big role that everybody
/// has is not gone through again for each other role.
const MOST: usize = 1000;

/// What was looked at, by where the records lie.
#[derive(Default)]
struct Seen<'a> {
    roles: HashSet<(usize, usize)>,
    groups: HashSet<(usize, usize)>,
    says: HashMap<usize, Says>,
    found: Vec<Finding<'a>>,
}

/// Whether a role allows, and denies, something of each action.
type Says = [(bool, bool); 4];

fn says(role: &Role) -> Says {
    Action::ALL.map(|action| {
        let acls = || action.acl_types().iter().flat_map(|acl_type| role.acls(*acl_type));
        (acls().any(|acl| acl.allow), acls().any(|acl| !acl.allow))
    })
}

impl Policy {
    /// One finding for each pair of roles, with the first who has them so.
    pub(super) fn lint_conflicts<'a>(&'a self, work: &mut Work, findings: &mut Vec<Finding<'a>>) {
        let mut seen = Seen::default();
        for group in self.groups() {
            self.conflicts_among(&group.roles, Holder::Group(group), &mut seen, work);
        }
        for client in self.clients() {
            let holder = Holder::Client(client);
            self.conflicts_among(&client.roles, holder, &mut seen, work);
            for (first, second) in pairs(&client.groups) {
                if !work.may(1) {
                    break;
                }
                let groups = (self.linked_group(&first.name), self.linked_group(&second.name));
                let (Some(first), Some(second)) = groups else { continue };
                if seen.groups.insert((address(&**first), address(&**second))) {
                    let both =
                        first.roles.iter().flat_map(|one| second.roles.iter().map(move |two| (one, two)));
                    self.conflicts(both, holder, &mut seen, work);
                }
            }
        }
        findings.append(&mut seen.found);
    }

    fn conflicts_among<'a>(
        &'a self,
        links: &'a Links<RoleName>,
        holder: Holder<'a>,
        seen: &mut Seen<'a>,
        work: &mut Work,
    ) {
        self.conflicts(pairs(links), holder, seen, work);
    }

    fn conflicts<'a>(
        &'a self,
        pairs: impl Iterator<Item = (&'a Link<RoleName>, &'a Link<RoleName>)>,
        holder: Holder<'a>,
        seen: &mut Seen<'a>,
        work: &mut Work,
    ) {
        for (first, second) in pairs {
            if !work.may(1) {
                return;
            }
            let roles = (self.linked_role(&first.name), self.linked_role(&second.name));
            let (Some((first, _)), Some((second, _))) = roles else { continue };
            let places = (address(&**first), address(&**second));
            if places.0 == places.1 || !seen.roles.insert(places) {
                continue;
            }
            let of_first = *seen.says.entry(places.0).or_insert_with(|| says(first));
            let of_second = *seen.says.entry(places.1).or_insert_with(|| says(second));
            let can_disagree: Vec<AclType> = Action::ALL
                .into_iter()
                .zip(of_first.into_iter().zip(of_second))
                .filter(|(_, (first, second))| (first.0 && second.1) || (first.1 && second.0))
                .flat_map(|(action, _)| action.acl_types().iter().copied())
                .collect();
            if let Some((acl, other)) = self.conflict(first, second, &can_disagree, work) {
                seen.found.push(Finding::Conflict(acl, other, Some(holder)));
            }
        }
    }

    fn conflict<'a>(
        &'a self,
        first: &'a Role,
        second: &'a Role,
        acl_types: &[AclType],
        work: &mut Work,
    ) -> Option<(RoleAcl<'a>, RoleAcl<'a>)> {
        let (held, other) = (self.alone(first)?, self.alone(second)?);
        self.disagreement(&held, &other, acl_types, work).or_else(|| {
            let (acl, by) = self.disagreement(&other, &held, acl_types, work)?;
            Some((by, acl))
        })
    }

    /// The first ACL of a role about which the other role decides otherwise, and the other's ACL.
    fn disagreement<'a>(
        &'a self,
        role: &HeldRole<'a>,
        other: &HeldRole<'a>,
        acl_types: &[AclType],
        work: &mut Work,
    ) -> Option<(RoleAcl<'a>, RoleAcl<'a>)> {
        for &acl_type in acl_types {
            let acls = role.role.acls(acl_type);
            work.left_out |= acls.len() > MOST;
            for acl in acls.iter().take(MOST) {
                if !work.may(other.index.steps(acl_type).saturating_add(1)) {
                    return None;
                }
                let this = RoleAcl { role: role.role, acl_type, acl };
                if let Some(by) = self.decides_about(other, this).filter(|by| by.acl.allow != acl.allow) {
                    return Some((this, by));
                }
            }
        }
        None
    }

    /// The ACL by which a role decides about all that an ACL of another matches.
    fn decides_about<'a>(&'a self, held: &HeldRole<'a>, about: RoleAcl<'_>) -> Option<RoleAcl<'a>> {
        let topic = &about.acl.topic;
        if about.acl_type.is_literal() {
            let action = match about.acl_type {
                AclType::SubscribeLiteral => Action::Subscribe,
                _ => Action::Unsubscribe,
            };
            let subject = Subject::known(None, None);
            let hashed = self.hashed(&AclRequest { subject, action, topic });
            let mut question = self.question(&hashed);
            let Reason::Acl { acl_type, acl, .. } = question.ask_role(held.role, held.index, None)?.reason
            else {
                return None;
            };
            return Some(RoleAcl { role: held.role, acl_type, acl });
        }
        let asked = self.filter_as_asked(about.acl_type, topic, &ANYBODY);
        let cut = Cut::of(&asked, self.keys())?;
        let found = held.index.first(about.acl_type, &asked, &cut)?;
        (found.how == Match::Yes).then_some(RoleAcl {
            role: held.role,
            acl_type: about.acl_type,
            acl: &found.ranked.item,
        })
    }
}

/// All pairs with the same priority, in the order in which they are asked.
fn pairs<N: Ord + Clone + std::borrow::Borrow<[u8]>>(
    links: &Links<N>,
) -> impl Iterator<Item = (&Link<N>, &Link<N>)> {
    links.iter().enumerate().flat_map(move |(index, first)| {
        let after = links.iter().skip(index.saturating_add(1));
        after.take_while(|second| second.priority == first.priority).map(move |second| (first, second))
    })
}

fn address<T>(record: &T) -> usize {
    std::ptr::from_ref(record).addr()
}
