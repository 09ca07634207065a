//! Making a policy what another one is, record by record.

use super::journal::Replaced;
use super::{Difference, Edit, Policy};

impl Policy {
    /// Makes this policy what `new` is, and says whom that concerns. Records that are the same in both stay untouched. To
    /// compare them takes as long as there are records: where others wait, that is for another thread, and then
    /// [`Self::take_over`].
    pub fn become_like(&mut self, new: &Self) -> Difference {
        self.take_over(Edit::between(&self.snapshot(), &new.snapshot()))
    }

    /// Whether the policy is still what it was when the snapshot was taken from which the edit comes.
    #[must_use]
    pub fn is_as_before(&self, edit: &Edit) -> bool {
        self.generation() == edit.generation
    }

    /// Makes the policy what the edit makes of it, which is to be made of what the policy is now ([`Self::is_as_before`]).
    /// Takes as long as the records are many that differ.
    pub fn take_over(&mut self, edit: Edit) -> Difference {
        // What is linked to comes before what links to it, and goes after it.
        for role in edit.roles {
            self.replace_role(&role.name.clone(), Some(role));
        }
        for group in edit.groups {
            self.replace_group(&group.name.clone(), Some(group));
        }
        for client in edit.clients {
            self.replace_client(client.username.clone(), Some(client));
        }
        for name in edit.gone_clients {
            self.replace_client(name, None);
        }
        for name in edit.gone_groups {
            self.replace_group(&name, None);
        }
        for name in edit.gone_roles {
            self.replace_role(&name, None);
        }
        self.set_default_access(edit.default_access);
        self.journal.push(Replaced::AnonymousGroup(self.anonymous_group.take()));
        self.anonymous_group = edit.anonymous_group;
        self.set_change_index(edit.change_index);
        self.set_extra(edit.extra);
        self.remember_deletions_like(edit.deleted_but_named);
        edit.difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        Acl, AclType, Client, Compat, Crowd, DefaultAccess, Extra, FEW, Group, GroupName, Link, Links,
        Priority, Role, RoleName, Text, Username,
    };

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
    /// So many clients with a role, as many in a group that has it, and one that has something else.
    fn many(holders: usize) -> Policy {
        let mut policy = policy();
        for number in 0..holders {
            let name = |kind: &str| username(&format!("{kind}{number}"));
            policy.put_client(Client { roles: linked(role()), ..Client::new(name("holder")) }).unwrap();
            policy.put_client(Client { groups: linked(group()), ..Client::new(name("member")) }).unwrap();
        }
        policy.keep();
        policy
    }

    #[test]
    fn whom_a_role_or_group_concerns_is_a_crowd_where_they_are_many() {
        for (holders, is_crowd) in [(FEW / 2 - 1, false), (FEW / 2, true), (FEW, true)] {
            let (mut here, mut there) = (many(holders), many(holders));
            let mut changed = Role::new(role());
            changed.allow_wildcard_subs = false;
            there.put_role(changed);
            there.remove_client(&username("holder0"));
            there.put_client(Client { disabled: true, ..Client::new(username("eve")) }).unwrap();
            let difference = here.become_like(&there);
            // Ann is a member and bob is a holder.
            assert_eq!((difference.records, difference.clients), (3, 2 * holders + 3));
            assert_eq!(difference.crowd.is_some(), is_crowd);
            let crowd: Vec<_> = difference.crowd.iter().flat_map(Crowd::usernames).cloned().collect();
            assert!(crowd.is_empty() || crowd.len() == 2 * holders + 2, "without eve");
            let mut all = difference.concerned.clients;
            assert_eq!(all.len(), if is_crowd { 2 } else { 2 * holders + 3 });
            all.extend(crowd);
            assert_eq!(all.len(), 2 * holders + 3);
            assert!(difference.concerned.anonymous);
        }
    }

    #[test]
    fn an_edit_that_comes_from_what_the_policy_was_before_is_known() {
        let mut policy = policy();
        let edit = Edit::between(&policy.snapshot(), &many(1).snapshot());
        let present = policy.mark();
        assert!(policy.is_as_before(&edit));
        policy.remove_client(&username("eve"));
        assert!(!policy.is_as_before(&edit));
        policy.undo_to(present);
        assert!(!policy.is_as_before(&edit), "there was a change");
    }

    #[test]
    fn links_to_what_was_deleted_are_no_difference_and_do_not_come_back() {
        let (mut here, mut there) = (many(3), many(3));
        for policy in [&mut here, &mut there] {
            policy.remove_role(&role());
        }
        there.keep();
        while there.sweep(2) {}
        assert_eq!(here.become_like(&there), Difference::default());
        // The file has the role again, and one of its holders.
        there.put_role(Role::new(role()));
        there.put_client(Client { roles: linked(role()), ..Client::new(username("holder1")) }).unwrap();
        let difference = here.become_like(&there);
        assert_eq!((difference.records, difference.clients), (2, 1));
        assert_eq!(here.holders_of_role(role().as_bytes()), there.holders_of_role(role().as_bytes()));
        here.keep();
        while here.sweep(2) {}
        assert_eq!(here.become_like(&there), Difference::default());
        assert_eq!(here.holders_of_role(role().as_bytes()).clients.len(), 1);
    }
}
