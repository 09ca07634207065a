//! [`Crowd`]: whom a change to a role or group concerns, where they are too many to be named one by one.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use super::link::lead_to;
use super::name::Linked;
use super::{GroupName, Holders, Links, Policy, RoleName, Snapshot, Username};

/// How many holders are named one by one: what it takes to name more is not in proportion to a change.
pub const FEW: usize = 100;

/// Everybody who had one of some roles, or was in one of some groups, at one moment. Who it is can be found out
/// later, of those who are connected.
#[derive(Clone)]
pub struct Crowd {
    then: Snapshot,
    roles: HashSet<RoleName>,
    groups: HashSet<GroupName>,
    /// Roles and groups do not matter: it is all clients.
    all: bool,
}

impl Crowd {
    /// Whether a client is one of them.
    #[must_use]
    pub fn has(&self, username: &[u8]) -> bool {
        let Some(client) = self.then.client(username) else { return false };
        let has_role = |links: &Links<RoleName>| links.iter().any(|link| is_in(&self.roles, &link.name));
        self.all
            || has_role(&client.roles)
            || client.groups.iter().any(|link| {
                let group =
                    || self.then.group(link.name.as_bytes()).filter(|group| group.name.is(&link.name));
                is_in(&self.groups, &link.name) || group().is_some_and(|group| has_role(&group.roles))
            })
    }

    /// All of them.
    pub fn usernames(&self) -> impl Iterator<Item = &Username> {
        let usernames = self.then.clients().map(|client| &client.username);
        usernames.filter(|username| self.has(username.as_bytes()))
    }
}

/// Whether this very name is among them.
pub(super) fn is_in<N: Linked + Hash>(names: &HashSet<N>, name: &N) -> bool {
    names.get(name.borrow()).is_some_and(|other| other.is(name))
}

impl PartialEq for Crowd {
    fn eq(&self, other: &Self) -> bool {
        self.usernames().eq(other.usernames())
    }
}

impl Eq for Crowd {}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd")
            .field("roles", &self.roles)
            .field("groups", &self.groups)
            .field("all", &self.all)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Everybody who has one of these roles, itself or through a group, and who is in one of these groups.
    pub(super) fn crowd(&self, roles: HashSet<RoleName>, groups: HashSet<GroupName>) -> Crowd {
        Crowd { then: self.clone(), roles, groups, all: false }
    }
}

impl Policy {
    /// Everybody whose rights these roles have a part in, and who is in these groups: those who are few by
    /// their names, and the rest.
    #[must_use]
    pub fn concerned(
        &self,
        roles: &HashSet<RoleName>,
        groups: &HashSet<GroupName>,
    ) -> (Holders, Option<Crowd>) {
        let mut holders = Holders::default();
        let mut crowd = Crowd { all: false, ..self.all_clients() };
        for role in roles.iter().filter_map(|role| self.role(role.as_bytes())) {
            let name = &role.name;
            if self.are_few_with_role(name) {
                holders.extend(self.holders_of_role(name.as_bytes()));
            } else {
                holders.anonymous |= self.anonymous_group().is_some_and(|group| lead_to(&group.roles, name));
                crowd.roles.insert(name.clone());
            }
        }
        for group in groups.iter().filter_map(|group| self.group(group.as_bytes())) {
            let name = &group.name;
            if self.relations().member_count(name) <= FEW {
                holders.extend(self.holders_of_group(name.as_bytes()));
            } else {
                holders.anonymous |= self.anonymous_group().is_some_and(|anonymous| anonymous.name == *name);
                crowd.groups.insert(name.clone());
            }
        }
        let is_crowd = !(crowd.roles.is_empty() && crowd.groups.is_empty());
        (holders, is_crowd.then_some(crowd))
    }

    /// All clients.
    #[must_use]
    pub fn all_clients(&self) -> Crowd {
        Crowd { then: self.snapshot(), roles: HashSet::new(), groups: HashSet::new(), all: true }
    }

    fn are_few_with_role(&self, role: &RoleName) -> bool {
        let mut left = FEW.checked_sub(self.relations().client_count(role));
        for (index, group) in self.groups_with_role(role.as_bytes()).enumerate() {
            let members = self.relations().member_count(&group);
            left = left.filter(|_| index < FEW).and_then(|left| left.checked_sub(members));
            if left.is_none() {
                break;
            }
        }
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Client, Compat, Extra, Group, Link, Links, Priority, Role};

    fn linked<N: Ord + Clone + std::borrow::Borrow<[u8]>>(name: &N) -> Links<N> {
        let link = Link { name: name.clone(), priority: Priority::DEFAULT_LINK, extra: Extra::default() };
        Links::from_given([link])
    }

    /// So many clients in group `g`, and as many with role `own`; `g` has role `r` and is the anonymous group.
    fn policy(members: usize) -> Policy {
        let mut policy = Policy::new(Compat::V2_1);
        for role in ["r", "own", "nobody's"] {
            policy.put_role(Role::new(RoleName::new(role.as_bytes()).unwrap()));
        }
        let (r, own) = (RoleName::new(b"r").unwrap(), RoleName::new(b"own").unwrap());
        let g = GroupName::new(b"g").unwrap();
        policy.put_group(Group { roles: linked(&r), ..Group::new(g.clone()) }).unwrap();
        policy.set_anonymous_group(&g).unwrap();
        for number in 0..members {
            let client =
                |kind: &str| Client::new(Username::new(format!("{kind}{number}").as_bytes()).unwrap());
            policy.put_client(Client { groups: linked(&g), ..client("member") }).unwrap();
            policy.put_client(Client { roles: linked(&own), ..client("owner") }).unwrap();
        }
        policy
    }

    fn concerned(policy: &Policy, roles: &[&str], groups: &[&str]) -> (Vec<String>, bool, bool) {
        let roles = roles.iter().map(|name| RoleName::new(name.as_bytes()).unwrap()).collect();
        let groups = groups.iter().map(|name| GroupName::new(name.as_bytes()).unwrap()).collect();
        let (holders, crowd) = policy.concerned(&roles, &groups);
        let of_crowd = crowd.iter().flat_map(Crowd::usernames);
        let mut all: Vec<String> = holders.clients.iter().chain(of_crowd).map(ToString::to_string).collect();
        all.sort();
        all.dedup();
        (all, holders.anonymous, crowd.is_some())
    }

    #[test]
    fn few_or_many_they_are_the_same() {
        for (members, many) in [(1, false), (FEW, false), (FEW + 1, true), (1000, true)] {
            let policy = policy(members);
            let expected = |kind: &str| {
                let mut names: Vec<_> = (0..members).map(|number| format!("{kind}{number}")).collect();
                names.sort();
                names
            };
            assert_eq!(concerned(&policy, &["r"], &[]), (expected("member"), true, many));
            assert_eq!(concerned(&policy, &[], &["g"]), (expected("member"), true, many));
            assert_eq!(concerned(&policy, &["own"], &[]), (expected("owner"), false, many));
            assert_eq!(concerned(&policy, &["nobody's"], &[]), (vec![], false, false));
            let (all, anonymous, _) = concerned(&policy, &["own", "r"], &["g"]);
            assert_eq!((all.len(), anonymous), (2 * members, true));
        }
    }

    #[test]
    fn who_had_a_role_of_that_name_before_is_not_concerned() {
        let mut policy = policy(FEW + 1);
        let role = RoleName::new(b"own").unwrap();
        policy.remove_role(&role);
        policy.put_role(Role::new(role.clone()));
        assert_eq!(concerned(&policy, &["own"], &[]), (vec![], false, false));
        let member = |number: usize| Username::new(format!("member{number}").as_bytes()).unwrap();
        for number in 0..=FEW {
            let present = Client::clone(policy.client(member(number).as_bytes()).unwrap());
            policy.put_client(Client { roles: linked(&role), ..present }).unwrap();
        }
        let (names, _, is_crowd) = concerned(&policy, &["own"], &[]);
        assert_eq!((names.len(), is_crowd), (FEW + 1, true));
        assert!(names.iter().all(|name| name.starts_with("member")), "{names:?}");
    }

    #[test]
    fn a_crowd_is_who_it_was_whatever_happens_then() {
        let mut policy = policy(200);
        let role = RoleName::new(b"r").unwrap();
        let (_, crowd) = policy.concerned(&HashSet::from([role.clone()]), &HashSet::new());
        policy.remove_role(&role);
        policy.remove_client(&Username::new(b"member7").unwrap());
        let crowd = crowd.unwrap();
        assert!(crowd.has(b"member7") && !crowd.has(b"owner7") && !crowd.has(b"none"));
        assert_eq!(crowd.usernames().count(), 200);
    }
}
