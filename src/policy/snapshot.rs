//! [`Snapshot`]: what a policy was at one moment, to be saved by another thread while it goes on changing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::dead_links::DeadLinks;
use super::deleted_but_named::DeletedButNamed;
use super::sorted::Sorted;
use super::{Client, Compat, DefaultAccess, Extra, Group, GroupName, Link, Links, Role, RoleName};

/// A policy as it was when [`super::Policy::snapshot`] was called.
///
/// It shares all records with the policy, which copies a small part of its lists with each change as long
/// as there is a snapshot. It decides nothing and is found through by halving, not by hashing.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// [`super::Policy::generation`] then.
    pub(super) generation: u64,
    pub(super) compat: Compat,
    pub(super) clients: Sorted<Client>,
    pub(super) groups: Sorted<Group>,
    pub(super) roles: Sorted<Role>,
    pub(super) default_access: DefaultAccess,
    pub(super) anonymous_group: Option<GroupName>,
    pub(super) change_index: i64,
    pub(super) extra: Extra,
    pub(super) dead_links: DeadLinks,
    pub(super) deleted_but_named: DeletedButNamed,
}

impl Snapshot {
    /// Which C plugin decides where versions differ.
    #[must_use]
    pub fn compat(&self) -> Compat {
        self.compat
    }

    /// All clients, by the bytes of their names.
    #[must_use]
    pub fn clients(&self) -> impl ExactSizeIterator<Item = &Arc<Client>> {
        self.clients.iter()
    }

    /// All groups, by the bytes of their names.
    #[must_use]
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Arc<Group>> {
        self.groups.iter()
    }

    /// All roles, by the bytes of their names.
    #[must_use]
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Arc<Role>> {
        self.roles.iter()
    }

    /// The client of that name.
    #[must_use]
    pub fn client(&self, username: &[u8]) -> Option<&Arc<Client>> {
        self.clients.find(username)
    }

    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Arc<Group>> {
        self.groups.find(name)
    }

    /// The role of that name.
    #[must_use]
    pub fn role(&self, name: &[u8]) -> Option<&Arc<Role>> {
        self.roles.find(name)
    }

    /// Those of these links that lead to roles that were there: a record can link to some that were deleted.
    #[must_use]
    pub fn roles_there<'l>(&self, links: &'l Links<RoleName>) -> Cow<'l, Links<RoleName>> {
        self.dead_links.roles_there(links)
    }

    /// Those of these links that lead to groups that were there: a record can link to some that were deleted.
    #[must_use]
    pub fn groups_there<'l>(&self, links: &'l Links<GroupName>) -> Cow<'l, Links<GroupName>> {
        self.dead_links.groups_there(links)
    }

    /// A client with those of its links only that led to what was there.
    pub(super) fn client_there<'c>(&self, client: &'c Client) -> Cow<'c, Client> {
        self.dead_links.client_there(client)
    }

    /// A group with those of its links only that led to what was there.
    pub(super) fn group_there<'g>(&self, group: &'g Group) -> Cow<'g, Group> {
        self.dead_links.group_there(group)
    }

    /// What applies where no ACL matches.
    #[must_use]
    pub fn default_access(&self) -> DefaultAccess {
        self.default_access
    }

    /// The group that anonymous clients are in.
    #[must_use]
    pub fn anonymous_group(&self) -> Option<&Arc<Group>> {
        self.group(self.anonymous_group.as_ref()?.as_bytes())
    }

    /// How many commands have changed the policy since the file was made.
    #[must_use]
    pub fn change_index(&self) -> i64 {
        self.change_index
    }

    /// What the file holds beside all this.
    #[must_use]
    pub fn extra(&self) -> &Extra {
        &self.extra
    }

    /// Who is in which group, found out by looking at every client once.
    #[must_use]
    pub fn members(&self) -> Members<'_> {
        let mut of_groups: HashMap<&[u8], Vec<&Client>> = HashMap::new();
        for client in self.clients() {
            for link in client.groups.iter().filter(|link| !self.dead_links.lead_to_group(&link.name)) {
                of_groups.entry(link.name.as_bytes()).or_default().push(client);
            }
        }
        Members(of_groups)
    }
}

/// The members of all groups of a [`Snapshot`].
#[derive(Debug)]
pub struct Members<'s>(HashMap<&'s [u8], Vec<&'s Client>>);

impl<'s> Members<'s> {
    /// The members of a group, by the bytes of their names, each with its link to the group.
    pub fn of(&self, group: &[u8]) -> impl Iterator<Item = (&'s Client, &'s Link<GroupName>)> {
        let members = self.0.get(group).into_iter().flatten();
        members.filter_map(move |&client| Some((client, client.groups.get(group)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Links, Policy, Priority, Text, Username};

    fn client(name: &str, group: &GroupName) -> Client {
        let link = Link { name: group.clone(), priority: Priority::DEFAULT_LINK, extra: Extra::default() };
        Client { groups: Links::from_given([link]), ..Client::new(Username::new(name.as_bytes()).unwrap()) }
    }

    fn names(snapshot: &Snapshot, group: &[u8]) -> Vec<String> {
        snapshot.members().of(group).map(|(client, _)| client.username.to_string()).collect()
    }

    #[test]
    fn a_snapshot_stays_what_it_was_and_can_go_to_another_thread() {
        fn goes_anywhere<T: Send + Sync + 'static>(_: &T) {}
        let mut policy = Policy::new(Compat::V2_1);
        let group = GroupName::new(b"g").unwrap();
        policy.put_group(Group::new(group.clone())).unwrap();
        for number in 0..600 {
            policy.put_client(client(&format!("c{number:03}"), &group)).unwrap();
        }
        policy.set_anonymous_group(&group).unwrap();
        let snapshot = policy.snapshot();
        goes_anywhere(&snapshot);
        policy.put_client(client("c0000", &group)).unwrap();
        policy.remove_client(&Username::new(b"c300").unwrap());
        let described = Group { text_name: Some(Text::new(b"new")), ..Group::new(group.clone()) };
        policy.put_group(described).unwrap();
        policy.set_change_index(7);
        assert_eq!((snapshot.clients().len(), names(&snapshot, b"g").len()), (600, 600));
        assert!(names(&snapshot, b"g").is_sorted());
        assert!(snapshot.client(b"c300").is_some() && snapshot.client(b"c0000").is_none());
        assert_eq!(snapshot.anonymous_group().unwrap().text_name, None);
        assert_eq!(snapshot.change_index(), 0);
        assert_eq!(names(&policy.snapshot(), b"g").len(), 600);
        assert!(names(&policy.snapshot(), b"other").is_empty());
    }
}
