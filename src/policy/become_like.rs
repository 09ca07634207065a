//! Making a policy what another one is, record by record, and whom that concerns.

use std::collections::{BTreeSet, HashSet};

use super::journal::Replaced;
use super::{AclType, Client, Group, GroupName, Holders, Links, Policy, Role, RoleName};

/// What is told of the difference between two policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// How many clients, groups and roles are new, gone or not what they were.
    pub records: usize,
    /// Whose rights or login it changes. Nobody is concerned by texts, or by the default access, which is
    /// nobody's own.
    pub concerned: Holders,
}

impl Policy {
    /// Makes this policy what `new` is. Records that are the same in both stay untouched.
    pub fn become_like(&mut self, new: &Self) -> Difference {
        self.replace_all_that_link_to_gone();
        let (roles, groups) = (self.touched_roles(new), self.touched_groups(new));
        let mut difference = Difference::default();
        let mut concerned = Holders::default();
        self.add_holders(&roles, &groups, &mut concerned);
        concerned.anonymous |= self.anonymous_group != new.anonymous_group;
        // What is linked to comes before what links to it, and goes after it.
        for role in new.roles() {
            if self.role(role.name.as_bytes()) == Some(role) {
                continue;
            }
            self.replace_role(&role.name, Some(Role::clone(role)));
            difference.records = difference.records.saturating_add(1);
        }
        for group in new.groups().map(|group| new.group_there(group)) {
            if self.group(group.name.as_bytes()).is_some_and(|old| **old == *group) {
                continue;
            }
            self.replace_group(&group.name, Some(Group::clone(&group)));
            difference.records = difference.records.saturating_add(1);
        }
        for client in new.clients().map(|client| new.client_there(client)) {
            let old = self.client(client.username.as_bytes());
            if old.is_some_and(|old| **old == *client) {
                continue;
            }
            if old.is_some_and(|old| is_concerned(old, &client)) {
                concerned.clients.insert(client.username.clone());
            }
            self.replace_client(client.username.clone(), Some(Client::clone(&client)));
            difference.records = difference.records.saturating_add(1);
        }
        self.remove_what_is_not_in(new, &mut difference, &mut concerned);
        self.set_default_access(new.default_access());
        self.journal.push(Replaced::AnonymousGroup(self.anonymous_group.take()));
        self.anonymous_group.clone_from(&new.anonymous_group);
        self.set_change_index(new.change_index());
        self.set_extra(new.extra().clone());
        self.remember_deletions_like(new);
        self.add_holders(&roles, &groups, &mut concerned);
        Difference { concerned, ..difference }
    }

    fn remove_what_is_not_in(&mut self, new: &Self, difference: &mut Difference, concerned: &mut Holders) {
        let clients: Vec<_> = self.clients().map(|client| client.username.clone()).collect();
        for name in clients.into_iter().filter(|name| new.client(name.as_bytes()).is_none()) {
            self.replace_client(name.clone(), None);
            concerned.clients.insert(name);
            difference.records = difference.records.saturating_add(1);
        }
        let groups: Vec<_> = self.groups().map(|group| group.name.clone()).collect();
        for name in groups.into_iter().filter(|name| new.group(name.as_bytes()).is_none()) {
            self.replace_group(&name, None);
            difference.records = difference.records.saturating_add(1);
        }
        let roles: Vec<_> = self.roles().map(|role| role.name.clone()).collect();
        for name in roles.into_iter().filter(|name| new.role(name.as_bytes()).is_none()) {
            self.replace_role(&name, None);
            difference.records = difference.records.saturating_add(1);
        }
    }

    /// Roles that decide otherwise in `new`, or are in one of both only.
    fn touched_roles(&self, new: &Self) -> HashSet<RoleName> {
        let differs = |role: &Role| match new.role(role.name.as_bytes()) {
            Some(other) => {
                role.allow_wildcard_subs != other.allow_wildcard_subs
                    || AclType::ALL.iter().any(|acl_type| role.acls(*acl_type) != other.acls(*acl_type))
            }
            None => true,
        };
        self.roles().filter(|role| differs(role)).map(|role| role.name.clone()).collect()
    }

    /// Groups whose roles are others in `new`, or that are not there.
    fn touched_groups(&self, new: &Self) -> HashSet<GroupName> {
        let differs = |group: &Group| match new.group(group.name.as_bytes()) {
            Some(other) => !are_the_same(&group.roles, &new.roles_there(&other.roles)),
            None => true,
        };
        self.groups().filter(|group| differs(group)).map(|group| group.name.clone()).collect()
    }
}

fn is_concerned(old: &Client, new: &Client) -> bool {
    (&old.password, old.clientid(), old.disabled) != (&new.password, new.clientid(), new.disabled)
        || !are_the_same(&old.roles, &new.roles)
        || !are_the_same(&old.groups, &new.groups)
}

/// Whether they decide the same: what else the file says of a link does not count.
fn are_the_same<N: Ord>(one: &Links<N>, other: &Links<N>) -> bool {
    fn plain<N: Ord>(links: &Links<N>) -> BTreeSet<(&N, i32)> {
        links.iter().map(|link| (&link.name, link.priority.get())).collect()
    }
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Acl, Compat, DefaultAccess, Extra, Link, Priority, Text, Username};

    fn username(name: &str) -> Username {
        Username::new(name.as_bytes()).unwrap()
    }

    fn linked<N: Ord + Clone + std::borrow::Borrow<[u8]>>(name: N) -> Links<N> {
        Links::from_given([Link { name, priority: Priority::DEFAULT_LINK, extra: Extra::default() }])
    }

    fn role() -> RoleName {
        RoleName::new(b"r").unwrap()
    }

    fn group() -> GroupName {
        GroupName::new(b"g").unwrap()
    }

    /// `ann` has the role `r` through the group `g`, `bob` has it himself, `eve` has nothing; `g` is the
    /// group of anonymous clients.
    fn policy() -> Policy {
        let mut policy = Policy::new(Compat::V2_1);
        policy.put_role(Role::new(role()));
        policy.put_group(Group { roles: linked(role()), ..Group::new(group()) }).unwrap();
        policy.put_client(Client { groups: linked(group()), ..Client::new(username("ann")) }).unwrap();
        policy.put_client(Client { roles: linked(role()), ..Client::new(username("bob")) }).unwrap();
        policy.put_client(Client::new(username("eve"))).unwrap();
        policy.set_anonymous_group(&group()).unwrap();
        policy.keep();
        policy
    }

    /// How many records differ and who is concerned, once `change` was made in the file.
    fn difference(change: impl FnOnce(&mut Policy)) -> (usize, Vec<String>) {
        let (mut here, mut there) = (policy(), policy());
        change(&mut there);
        let mark = here.mark();
        let difference = here.become_like(&there);
        let same = |a: &Policy, b: &Policy| {
            let clients = |policy: &Policy| {
                policy.clients().map(|client| policy.client_there(client).into_owned()).collect::<Vec<_>>()
            };
            let groups = |policy: &Policy| {
                policy.groups().map(|group| policy.group_there(group).into_owned()).collect::<Vec<_>>()
            };
            assert_eq!((clients(a), groups(a)), (clients(b), groups(b)));
            assert!(a.roles().eq(b.roles()));
            let anonymous = |policy: &Policy| policy.anonymous_group().map(|group| group.name.clone());
            assert_eq!((anonymous(a), a.change_index()), (anonymous(b), b.change_index()));
            assert_eq!(a.default_access(), b.default_access());
        };
        same(&here, &there);
        assert_eq!(here.become_like(&there), Difference::default(), "there is nothing left to do");
        here.undo_to(mark);
        same(&here, &policy());
        let anonymous = difference.concerned.anonymous.then(|| "anonymous".to_owned());
        let names = difference.concerned.clients.iter().map(ToString::to_string);
        (difference.records, names.chain(anonymous).collect())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_the_same_concerns_nobody() {
        assert_eq!(difference(|_| ()), (0, vec![]));
        let texts = |policy: &mut Policy| {
            let text_name = Some(Text::new(b"text"));
            policy.put_client(Client::new(username("eve")).with_text_name(text_name.clone())).unwrap();
            let mut described = Role::new(role());
            described.text_name = text_name;
            policy.put_role(described);
            policy.set_change_index(7);
            policy.set_default_access(DefaultAccess::default().with(crate::policy::Action::Subscribe, true));
        };
        assert_eq!(difference(texts), (2, vec![]));
    }

    #[test]
    fn who_logs_in_otherwise_or_is_gone_is_concerned_and_who_is_new_is_not() {
        let disable = |policy: &mut Policy| {
            policy.put_client(Client { disabled: true, ..Client::new(username("eve")) }).unwrap();
            policy.put_client(Client::new(username("new"))).unwrap();
        };
        assert_eq!(difference(disable), (2, names(&["eve"])));
        assert_eq!(difference(|policy| policy.remove_client(&username("ann"))), (1, names(&["ann"])));
    }

    #[test]
    fn whose_roles_are_others_is_concerned_through_groups_too() {
        let give = |policy: &mut Policy| {
            policy.put_client(Client { roles: linked(role()), ..Client::new(username("eve")) }).unwrap();
        };
        assert_eq!(difference(give), (1, names(&["eve"])));
        let acl = |policy: &mut Policy| {
            let mut changed = Role::new(role());
            changed.set_acls(
                vec![(AclType::PublishClientSend, Acl::new(b"t", Priority::DEFAULT_ACL, true))],
                Compat::V2_1,
            );
            policy.put_role(changed);
        };
        assert_eq!(difference(acl), (1, names(&["ann", "bob", "anonymous"])));
        let without = |policy: &mut Policy| policy.put_group(Group::new(group())).unwrap();
        assert_eq!(difference(without), (1, names(&["ann", "anonymous"])));
        assert_eq!(
            difference(|policy| policy.remove_role(&role())),
            (3, names(&["ann", "bob", "anonymous"]))
        );
    }

    #[test]
    fn another_group_of_anonymous_clients_concerns_them() {
        let other = GroupName::new(b"other").unwrap();
        let set = |policy: &mut Policy| {
            policy.put_group(Group::new(other.clone())).unwrap();
            policy.set_anonymous_group(&other).unwrap();
            policy.remove_group(&group());
        };
        assert_eq!(difference(set), (3, names(&["ann", "anonymous"])));
    }
}
