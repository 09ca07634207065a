//! Roles and groups that are gone while records still link to them.
//!
//! A deletion takes the record away and leaves the links, so that it takes the same time however many there are.
//! A link to what is not there decides nothing, is in no answer and no file, and is taken out later, some records at
//! a time ([`Policy::sweep`]), once the deletion cannot be undone any more. So no record of that name may come before
//! the links are out: who makes one takes them out first, all at once ([`Policy::put_role`], [`Policy::put_group`]).

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use super::table::Id;
use super::{Client, Group, GroupName, Links, LoginStamp, Mark, Policy, RoleName, Username};

/// The names that are linked to and not there, each with the end of the history at that time.
///
/// There can be more than that for a while: names that nothing links to any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone {
    roles: HashMap<RoleName, Mark>,
    groups: HashMap<GroupName, Mark>,
}

impl Gone {
    pub(super) fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.groups.is_empty()
    }

    /// Those of these links that lead to roles that are there.
    pub(super) fn roles_there<'l>(&self, links: &'l Links<RoleName>) -> Cow<'l, Links<RoleName>> {
        there(links, &self.roles)
    }

    /// Those of these links that lead to groups that are there.
    pub(super) fn groups_there<'l>(&self, links: &'l Links<GroupName>) -> Cow<'l, Links<GroupName>> {
        there(links, &self.groups)
    }
}

fn there<'l, N>(links: &'l Links<N>, gone: &HashMap<N, Mark>) -> Cow<'l, Links<N>>
where
    N: Ord + Clone + Hash + Borrow<[u8]>,
{
    if gone.is_empty() || !links.iter().any(|link| gone.contains_key(link.name.borrow())) {
        return Cow::Borrowed(links);
    }
    let there = links.iter().filter(|link| !gone.contains_key(link.name.borrow()));
    Cow::Owned(there.cloned().collect::<Vec<_>>().into())
}

/// What is to be taken out of the records.
#[derive(Clone, Copy)]
enum Name<'n> {
    Role(&'n RoleName),
    Group(&'n GroupName),
}

impl Policy {
    /// Those of these links that lead to roles that are there: a record can link to some that were deleted.
    #[must_use]
    pub fn roles_there<'l>(&self, links: &'l Links<RoleName>) -> Cow<'l, Links<RoleName>> {
        self.gone.roles_there(links)
    }

    /// Those of these links that lead to groups that are there: a record can link to some that were deleted.
    #[must_use]
    pub fn groups_there<'l>(&self, links: &'l Links<GroupName>) -> Cow<'l, Links<GroupName>> {
        self.gone.groups_there(links)
    }

    /// A client with those of its links only that lead to what is there.
    #[must_use]
    pub fn client_there<'c>(&self, client: &'c Client) -> Cow<'c, Client> {
        match (self.roles_there(&client.roles), self.groups_there(&client.groups)) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(client),
            (roles, groups) => {
                let (roles, groups) = (roles.into_owned(), groups.into_owned());
                Cow::Owned(Client { roles, groups, ..client.clone() })
            }
        }
    }

    /// A group with those of its links only that lead to what is there.
    #[must_use]
    pub fn group_there<'g>(&self, group: &'g Group) -> Cow<'g, Group> {
        match self.roles_there(&group.roles) {
            Cow::Borrowed(_) => Cow::Borrowed(group),
            Cow::Owned(roles) => Cow::Owned(Group { roles, ..group.clone() }),
        }
    }

    /// Whether there are links for [`Self::sweep`] to take out now.
    #[must_use]
    pub fn is_to_be_swept(&self) -> bool {
        let mut marks = self.gone.roles.values().chain(self.gone.groups.values());
        marks.any(|mark| self.journal.is_forgotten(*mark))
    }

    /// Takes links to what is gone out of so many records, where the deletion cannot be undone any more. Nothing that
    /// anybody can see changes. Says whether there are more.
    pub fn sweep(&mut self, most: usize) -> bool {
        let mut left = most;
        while left > 0 {
            let journal = &self.journal;
            let role = self.gone.roles.iter().find(|(_, mark)| journal.is_forgotten(**mark));
            let group = self.gone.groups.iter().find(|(_, mark)| journal.is_forgotten(**mark));
            let swept = match (role.map(|(name, _)| name.clone()), group.map(|(name, _)| name.clone())) {
                (Some(role), _) => self.sweep_some(Name::Role(&role), left),
                (None, Some(group)) => self.sweep_some(Name::Group(&group), left),
                (None, None) => return false,
            };
            left = left.saturating_sub(swept);
        }
        self.is_to_be_swept()
    }

    /// Takes one name out of at most so many records, without a history, and says of how many.
    fn sweep_some(&mut self, name: Name<'_>, most: usize) -> usize {
        let keys = *self.keys();
        let (clients, groups) = self.linked_to(name, most);
        for id in &clients {
            let Some(client) = self.client_by_id(*id).and_then(|client| client_without(client, name)) else {
                continue;
            };
            let client = Arc::new(client);
            let (id, old) = self.clients.put(Arc::clone(&client), &keys, LoginStamp::follow);
            self.relations.replace_client(id, old.as_deref(), Some(&client));
        }
        for id in &groups {
            let Some(group) = self.group_by_id(*id).and_then(|group| group_without(group, name)) else {
                continue;
            };
            let group = Arc::new(group);
            self.merged.outdate();
            let (id, old) = self.groups.put(Arc::clone(&group), &keys, |(), _, _| ());
            self.relations.replace_group(id, old.as_deref(), Some(&group));
        }
        let swept = clients.len().saturating_add(groups.len());
        if swept < most {
            self.forget_gone(name);
        }
        // Also a name that nothing links to is work.
        swept.max(1)
    }

    /// Takes the links to everything that is gone out of all records, in a way that can be undone.
    pub(super) fn replace_all_that_link_to_gone(&mut self) {
        for role in self.gone.roles.keys().cloned().collect::<Vec<_>>() {
            self.replace_all_that_link_to(Name::Role(&role));
        }
        for group in self.gone.groups.keys().cloned().collect::<Vec<_>>() {
            self.replace_all_that_link_to(Name::Group(&group));
        }
    }

    /// A role of that name is about to be made.
    pub(super) fn role_comes(&mut self, name: &RoleName) {
        let gone = self.gone.roles.get(name).copied();
        self.take_out_before(Name::Role(name), gone);
    }

    /// A group of that name is about to be made.
    pub(super) fn group_comes(&mut self, name: &GroupName) {
        let gone = self.gone.groups.get(name).copied();
        self.take_out_before(Name::Group(name), gone);
    }

    /// What has that name is about to be made, and went at that time.
    fn take_out_before(&mut self, name: Name<'_>, gone: Option<Mark>) {
        let Some(gone) = gone else { return };
        if self.journal.is_forgotten(gone) {
            self.sweep_some(name, usize::MAX);
        } else {
            self.replace_all_that_link_to(name);
        }
    }

    fn replace_all_that_link_to(&mut self, name: Name<'_>) {
        let (clients, groups) = self.linked_to(name, usize::MAX);
        let clients = clients.into_iter().filter_map(|id| self.client_by_id(id));
        let clients: Vec<Client> = clients.filter_map(|client| client_without(client, name)).collect();
        let groups = groups.into_iter().filter_map(|id| self.group_by_id(id));
        let groups: Vec<Group> = groups.filter_map(|group| group_without(group, name)).collect();
        for client in clients {
            self.replace_client(client.username.clone(), Some(client));
        }
        for group in groups {
            self.replace_group(&group.name.clone(), Some(group));
        }
        self.forget_gone(name);
    }

    /// The clients and groups that link to it, at most so many together.
    fn linked_to(&self, name: Name<'_>, most: usize) -> (Vec<Id>, Vec<Id>) {
        match name {
            Name::Role(role) => {
                let clients: Vec<Id> = self.relations.clients_with_role(role.as_bytes()).take(most).collect();
                let left = most.saturating_sub(clients.len());
                (clients, self.relations.groups_with_role(role.as_bytes()).take(left).collect())
            }
            Name::Group(group) => (self.relations.members(group.as_bytes()).take(most).collect(), Vec::new()),
        }
    }

    fn forget_gone(&mut self, name: Name<'_>) {
        match name {
            Name::Role(role) => drop(self.gone.roles.remove(role)),
            Name::Group(group) => drop(self.gone.groups.remove(group)),
        }
    }

    /// After a role was replaced, made or deleted: whether links to it lead anywhere.
    pub(super) fn note_role(&mut self, name: &RoleName) {
        let is_gone = self.role(name.as_bytes()).is_none()
            && (self.relations.clients_with_role(name.as_bytes()).next().is_some()
                || self.relations.groups_with_role(name.as_bytes()).next().is_some());
        note(&mut self.gone.roles, name, is_gone, self.journal.end_mark());
    }

    /// After a group was replaced, made or deleted: whether links to it lead anywhere.
    pub(super) fn note_group(&mut self, name: &GroupName) {
        let is_gone =
            self.group(name.as_bytes()).is_none() && self.relations.members(name.as_bytes()).next().is_some();
        note(&mut self.gone.groups, name, is_gone, self.journal.end_mark());
    }

    /// After going back in the history: what is linked to by records that came back, and what was gone or came back
    /// itself.
    pub(super) fn note_all(&mut self, clients: &[Username], groups: &[GroupName]) {
        let mut of_clients: Vec<GroupName> = Vec::new();
        let mut of_all: Vec<RoleName> = Vec::new();
        for client in clients.iter().filter_map(|name| self.client(name.as_bytes())) {
            of_all.extend(client.roles.iter().map(|link| link.name.clone()));
            of_clients.extend(client.groups.iter().map(|link| link.name.clone()));
        }
        for group in groups.iter().filter_map(|name| self.group(name.as_bytes())) {
            of_all.extend(group.roles.iter().map(|link| link.name.clone()));
        }
        of_all.extend(self.gone.roles.keys().cloned());
        of_clients.extend(self.gone.groups.keys().cloned());
        of_all.sort_unstable();
        of_all.dedup();
        of_clients.sort_unstable();
        of_clients.dedup();
        for role in of_all {
            self.note_role(&role);
        }
        for group in of_clients {
            self.note_group(&group);
        }
    }

    /// A client as it is to be put, without the links to what is gone that its record has already.
    pub(super) fn client_to_put(&self, client: Client) -> Client {
        if self.gone.is_empty() {
            return client;
        }
        let Some(present) = self.client(client.username.as_bytes()) else { return client };
        let roles = without_those_of(&client.roles, &present.roles, &self.gone.roles);
        let groups = without_those_of(&client.groups, &present.groups, &self.gone.groups);
        Client { roles: roles.unwrap_or(client.roles), groups: groups.unwrap_or(client.groups), ..client }
    }

    /// A group as it is to be put, without the links to what is gone that its record has already.
    pub(super) fn group_to_put(&self, group: Group) -> Group {
        if self.gone.is_empty() {
            return group;
        }
        let Some(present) = self.group(group.name.as_bytes()) else { return group };
        let roles = without_those_of(&group.roles, &present.roles, &self.gone.roles);
        Group { roles: roles.unwrap_or(group.roles), ..group }
    }
}

/// The links without those to what is gone that are among `present`; `None` if there are none.
fn without_those_of<N>(links: &Links<N>, present: &Links<N>, gone: &HashMap<N, Mark>) -> Option<Links<N>>
where
    N: Ord + Clone + Hash + Borrow<[u8]>,
{
    let leaves = |name: &N| gone.contains_key(name.borrow()) && present.get(name.borrow()).is_some();
    if !links.iter().any(|link| leaves(&link.name)) {
        return None;
    }
    Some(links.iter().filter(|link| !leaves(&link.name)).cloned().collect::<Vec<_>>().into())
}

fn note<N: Eq + Hash + Clone>(gone: &mut HashMap<N, Mark>, name: &N, is_gone: bool, now: Mark) {
    if is_gone {
        // What is gone for longer stays so, but not longer than the history goes back.
        gone.entry(name.clone()).and_modify(|mark| *mark = now.min(*mark)).or_insert(now);
    } else {
        gone.remove(name);
    }
}

fn client_without(client: &Client, name: Name<'_>) -> Option<Client> {
    match name {
        Name::Role(role) => {
            let roles = client.roles.without(role.as_bytes())?;
            Some(Client { roles, ..client.clone() })
        }
        Name::Group(group) => {
            let groups = client.groups.without(group.as_bytes())?;
            Some(Client { groups, ..client.clone() })
        }
    }
}

fn group_without(group: &Group, name: Name<'_>) -> Option<Group> {
    let Name::Role(role) = name else { return None };
    let roles = group.roles.without(role.as_bytes())?;
    Some(Group { roles, ..group.clone() })
}
