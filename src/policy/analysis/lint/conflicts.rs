//! Roles that somebody has with the same priority, and that disagree: which is asked first is then up to
//! their names.

use std::collections::{HashMap, HashSet};

use super::{ANYBODY, Finding, Holder, NO_LEVEL, RoleAcl, Work, address};
use crate::policy::analysis::effective::{filled, is_of_publishes, with_first_level};
use crate::policy::matcher::topic::{has_wildcard, without_hash};
use crate::policy::{
    AclRequest, AclType, Action, Client, ClientId, Compat, HeldRole, Link, Links, Policy, Reason, Role,
    RoleName, Subject, is_valid_filter,
};

/// A client id that no ACL has.
const NO_CLIENTID: &[u8] = b"\x02";

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
            let conflict = |whose: &Whose<'_>, work: &mut Work| {
                self.conflict((first, second), &can_disagree, whose, work)
            };
            let mut found = conflict(&Whose::ANYBODY, work);
            if let (Some(_), Holder::Client(client)) = (found, holder) {
                found = conflict(&Whose::of(client), work);
                if found.is_none() {
                    // What others who have them so may disagree about, this one cannot ask for.
                    seen.roles.remove(&places);
                }
            }
            if let Some((acl, other)) = found {
                seen.found.push(Finding::Conflict(acl, other, Some(holder)));
            }
        }
    }

    /// The ACLs by which two roles decide otherwise about something.
    fn conflict<'a>(
        &'a self,
        (first, second): (&'a Role, &'a Role),
        acl_types: &[AclType],
        whose: &Whose<'_>,
        work: &mut Work,
    ) -> Option<(RoleAcl<'a>, RoleAcl<'a>)> {
        let (held, other) = (self.alone(first)?, self.alone(second)?);
        self.disagreement(&held, &other, acl_types, whose, work).or_else(|| {
            let (by, acl) = self.disagreement(&other, &held, acl_types, whose, work)?;
            Some((acl, by))
        })
    }

    /// The same, where an ACL of the first role matches.
    fn disagreement<'a>(
        &'a self,
        role: &HeldRole<'a>,
        other: &HeldRole<'a>,
        acl_types: &[AclType],
        whose: &Whose<'_>,
        work: &mut Work,
    ) -> Option<(RoleAcl<'a>, RoleAcl<'a>)> {
        for &acl_type in acl_types {
            let acls = role.role.acls(acl_type);
            work.leave_out(acls.len() > MOST);
            for acl in acls.iter().take(MOST) {
                for topic in examples(acl_type, &acl.topic, whose.subject) {
                    let [by, own] = self.deciders([other, role], acl_type, &topic, whose, work)?;
                    if let (Some(by), Some(own)) = (by, own)
                        && by.acl.allow != own.acl.allow
                    {
                        return Some((own, by));
                    }
                }
            }
        }
        None
    }

    /// The ACLs by which two roles decide about a topic, of the second role only where the first one does; `None` if there
    /// is no work left.
    fn deciders<'a>(
        &'a self,
        roles: [&HeldRole<'a>; 2],
        acl_type: AclType,
        topic: &[u8],
        whose: &Whose<'_>,
        work: &mut Work,
    ) -> Option<[Option<RoleAcl<'a>>; 2]> {
        let action = Action::ALL.into_iter().find(|action| action.acl_types().contains(&acl_type))?;
        let subject = if acl_type.is_literal() { whose.subject_of_literals } else { whose.subject };
        let hashed = self.hashed(&AclRequest { subject, action, topic });
        let mut question = self.question(&hashed);
        let mut deciders = [None; 2];
        for (decider, held) in deciders.iter_mut().zip(roles) {
            if !work.may(held.index.steps(action.pattern_type()).saturating_add(1)) {
                return None;
            }
            let decision = question.ask_role(held.role, held.index, None);
            let Some(Reason::Acl { acl_type, acl, .. }) = decision.map(|decision| decision.reason) else {
                break;
            };
            *decider = Some(RoleAcl { role: held.role, acl_type, acl });
        }
        Some(deciders)
    }
}

/// Who asks.
struct Whose<'s> {
    subject: Subject<'s>,
    /// For filters of literal ACLs, in which `%u` is no placeholder.
    subject_of_literals: Subject<'s>,
}

impl<'s> Whose<'s> {
    /// Whoever has the roles.
    const ANYBODY: Self = Self { subject: ANYBODY, subject_of_literals: Subject::known(None, None) };

    fn of(client: &'s Client) -> Self {
        let clientid = client.clientid().map_or(NO_CLIENTID, ClientId::as_bytes);
        let subject = Subject::known(Some(client.username.as_bytes()), Some(clientid));
        Self { subject, subject_of_literals: subject }
    }
}

/// Some of what an ACL matches, for somebody: filters that are subscribed to, and topics, with levels that no other ACL
/// names. So what decides about one of these decides about all that are like it.
fn examples(acl_type: AclType, filter: &[u8], subject: Subject<'_>) -> Vec<Vec<u8>> {
    if acl_type.is_literal() {
        return vec![filter.to_vec()];
    }
    let filled = match filled(filter, subject) {
        Some(filled) if !filled.is_empty() && is_valid_filter(filter, Compat::V2_1) => filled,
        _ => return Vec::new(),
    };
    let mut examples = Vec::new();
    if !is_of_publishes(acl_type) && has_wildcard(&filled) {
        examples.push(filled.to_vec());
    }
    let (head, is_open) = without_hash(with_first_level(&filled));
    let any_level = |level| if level == b"+" { NO_LEVEL } else { level };
    let head = head.split(|byte| *byte == b'/').map(any_level).collect::<Vec<_>>().join(&b'/');
    if is_open {
        examples.extend([1, 4].map(|deeper| [&head[..], &[b"/", NO_LEVEL].concat().repeat(deeper)].concat()));
    }
    examples.push(head);
    examples
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
