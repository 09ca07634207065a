//! Links to roles and groups that are gone.
//!
//! A deletion takes the record away and leaves the links, so that it takes the same time however many there are.
//! A link to what is not there decides nothing, is in no answer and no file, and is taken out later, some records at
//! a time ([`Policy::sweep`]), once the deletion cannot be undone any more. A role or group that is made under that name
//! meanwhile has another name ([`Linked`]), to which those links do not lead.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::link::{lead_to, without_very};
use super::name::Linked;
use super::table::Id;
use super::{Client, Group, GroupName, Links, LoginStamp, Mark, Policy, Role, RoleName, Username};

/// The names that are linked to and not there, each with the end of the history at that time.
///
/// There can be more than that for a while: names that nothing links to any more.
#[derive(Clone, Debug, Default)]
pub(super) struct DeadLinks {
    roles: Names<RoleName>,
    groups: Names<GroupName>,
}

/// By their places.
#[derive(Clone, Debug)]
struct Names<N>(HashMap<usize, (N, Mark)>);

impl<N> Default for Names<N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl DeadLinks {
    /// Whether there may be some to the role of this very name.
    pub(super) fn lead_to_role(&self, name: &RoleName) -> bool {
        self.roles.have(name)
    }

    /// Whether there may be some to the group of this very name.
    pub(super) fn lead_to_group(&self, name: &GroupName) -> bool {
        self.groups.have(name)
    }

    /// Those of these links that lead to roles that are there.
    pub(super) fn roles_there<'l>(&self, links: &'l Links<RoleName>) -> Cow<'l, Links<RoleName>> {
        self.roles.there(links)
    }

    /// Those of these links that lead to groups that are there.
    pub(super) fn groups_there<'l>(&self, links: &'l Links<GroupName>) -> Cow<'l, Links<GroupName>> {
        self.groups.there(links)
    }

    /// A client with those of its links only that lead to what is there.
    pub(super) fn client_there<'c>(&self, client: &'c Client) -> Cow<'c, Client> {
        match (self.roles_there(&client.roles), self.groups_there(&client.groups)) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => Cow::Borrowed(client),
            (roles, groups) => {
                let (roles, groups) = (roles.into_owned(), groups.into_owned());
                Cow::Owned(Client { roles, groups, ..client.clone() })
            }
        }
    }

    /// A group with those of its links only that lead to what is there.
    pub(super) fn group_there<'g>(&self, group: &'g Group) -> Cow<'g, Group> {
        match self.roles_there(&group.roles) {
            Cow::Borrowed(_) => Cow::Borrowed(group),
            Cow::Owned(roles) => Cow::Owned(Group { roles, ..group.clone() }),
        }
    }
}

impl<N: Linked> Names<N> {
    fn have(&self, name: &N) -> bool {
        !self.0.is_empty() && self.0.contains_key(&name.place())
    }

    fn there<'l>(&self, links: &'l Links<N>) -> Cow<'l, Links<N>> {
        if self.0.is_empty() || !links.iter().any(|link| self.have(&link.name)) {
            return Cow::Borrowed(links);
        }
        let there = links.iter().filter(|link| !self.have(&link.name));
        Cow::Owned(there.cloned().collect::<Vec<_>>().into())
    }

    fn all(&self) -> Vec<N> {
        self.0.values().map(|(name, _)| name.clone()).collect()
    }

    /// One for which that is true.
    fn find(&self, is_so: impl Fn(Mark) -> bool) -> Option<N> {
        self.0.values().find(|(_, mark)| is_so(*mark)).map(|(name, _)| name.clone())
    }

    fn note(&mut self, name: &N, is_gone: bool, now: Mark) {
        if is_gone {
            // What is gone for longer stays so, but not longer than the history goes back.
            let (_, mark) = self.0.entry(name.place()).or_insert_with(|| (name.clone(), now));
            *mark = now.min(*mark);
        } else {
            self.0.remove(&name.place());
        }
    }

    /// Links that are to be put in the place of `present`, if they are not to be put as they are: those that lead to
    /// something under the name that it has, and without those to what is gone that are among `present`. `there` finds
    /// by its bytes the name of what is there.
    fn to_put(
        &self,
        links: &Links<N>,
        present: Option<&Links<N>>,
        there: impl Fn(&[u8]) -> Option<N>,
        is_there: impl Fn(&N) -> bool,
    ) -> Option<Links<N>> {
        if links.iter().all(|link| is_there(&link.name)) {
            return None;
        }
        let is_left = |name: &N| self.have(name) && present.is_some_and(|present| lead_to(present, name));
        let links = links.iter().filter(|link| !is_left(&link.name)).cloned().map(|mut link| {
            link.name = there(link.name.borrow()).unwrap_or(link.name);
            link
        });
        Some(links.collect::<Vec<_>>().into())
    }
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
        self.dead_links.roles_there(links)
    }

    /// Those of these links that lead to groups that are there: a record can link to some that were deleted.
    #[must_use]
    pub fn groups_there<'l>(&self, links: &'l Links<GroupName>) -> Cow<'l, Links<GroupName>> {
        self.dead_links.groups_there(links)
    }

    /// A client with those of its links only that lead to what is there.
    #[must_use]
    pub fn client_there<'c>(&self, client: &'c Client) -> Cow<'c, Client> {
        self.dead_links.client_there(client)
    }

    /// A group with those of its links only that lead to what is there.
    #[must_use]
    pub fn group_there<'g>(&self, group: &'g Group) -> Cow<'g, Group> {
        self.dead_links.group_there(group)
    }

    /// Whether there are links for [`Self::sweep`] to take out now.
    #[must_use]
    pub fn is_to_be_swept(&self) -> bool {
        let is_forgotten = |mark| self.journal.is_forgotten(mark);
        self.dead_links.roles.find(is_forgotten).is_some()
            || self.dead_links.groups.find(is_forgotten).is_some()
    }

    /// Takes links to what is gone out of so many records, where the deletion cannot be undone any more. Nothing that
    /// anybody can see changes. Says whether there are more.
    pub fn sweep(&mut self, most: usize) -> bool {
        let mut left = most;
        while left > 0 {
            let is_forgotten = |mark| self.journal.is_forgotten(mark);
            let swept =
                match (self.dead_links.roles.find(is_forgotten), self.dead_links.groups.find(is_forgotten)) {
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

    /// The clients and groups that link to it, at most so many together.
    fn linked_to(&self, name: Name<'_>, most: usize) -> (Vec<Id>, Vec<Id>) {
        match name {
            Name::Role(role) => {
                let clients: Vec<Id> = self.relations.clients_with_role(role).take(most).collect();
                let left = most.saturating_sub(clients.len());
                (clients, self.relations.groups_with_role(role).take(left).collect())
            }
            Name::Group(group) => (self.relations.members(group).take(most).collect(), Vec::new()),
        }
    }

    fn forget_gone(&mut self, name: Name<'_>) {
        let now = self.journal.end_mark();
        match name {
            Name::Role(role) => self.dead_links.roles.note(role, false, now),
            Name::Group(group) => self.dead_links.groups.note(group, false, now),
        }
    }

    /// After the role of this very name was made or deleted: whether links to it lead anywhere.
    pub(super) fn note_role(&mut self, name: &RoleName) {
        let is_gone = self.linked_role(name).is_none() && self.relations.is_role_linked_to(name);
        self.dead_links.roles.note(name, is_gone, self.journal.end_mark());
    }

    /// After the group of this very name was made or deleted: whether links to it lead anywhere.
    pub(super) fn note_group(&mut self, name: &GroupName) {
        let is_gone = self.linked_group(name).is_none() && self.relations.is_group_linked_to(name);
        self.dead_links.groups.note(name, is_gone, self.journal.end_mark());
    }

    /// After going back in the history: what is linked to by records that came back, and what was gone. Nothing links to
    /// what was made since then.
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
        of_all.extend(self.dead_links.roles.all());
        of_clients.extend(self.dead_links.groups.all());
        of_all.sort_unstable_by_key(Linked::place);
        of_all.dedup_by_key(|name| name.place());
        of_clients.sort_unstable_by_key(Linked::place);
        of_clients.dedup_by_key(|name| name.place());
        for role in of_all {
            self.note_role(&role);
        }
        for group in of_clients {
            self.note_group(&group);
        }
    }

    /// A client as it is to be put: its links lead to what is called so now, and those to what is gone that its record has
    /// already are left out.
    pub(super) fn client_to_put(&self, mut client: Client) -> Client {
        let present = self.client(client.username.as_bytes());
        let roles = self.roles_to_put(&client.roles, present.map(|present| &present.roles));
        let groups = self.dead_links.groups.to_put(
            &client.groups,
            present.map(|present| &present.groups),
            |name| self.group(name).map(|group| group.name.clone()),
            |name| self.linked_group(name).is_some(),
        );
        client.roles = roles.unwrap_or(client.roles);
        client.groups = groups.unwrap_or(client.groups);
        client
    }

    /// A group as it is to be put, under the name that the present one has; its links as in [`Self::client_to_put`].
    pub(super) fn group_to_put(&self, mut group: Group) -> Group {
        let present = self.group(group.name.as_bytes());
        if let Some(roles) = self.roles_to_put(&group.roles, present.map(|present| &present.roles)) {
            group.roles = roles;
        }
        match present {
            Some(present) => group.name = present.name.clone(),
            None if self.dead_links.lead_to_group(&group.name) => group.name = group.name.another(),
            None => {}
        }
        group
    }

    /// A role as it is to be put, under the name that the present one has.
    pub(super) fn role_to_put(&self, mut role: Role) -> Role {
        match self.role(role.name.as_bytes()) {
            Some(present) => role.name = present.name.clone(),
            None if self.dead_links.lead_to_role(&role.name) => role.name = role.name.another(),
            None => {}
        }
        role
    }

    fn roles_to_put(
        &self,
        roles: &Links<RoleName>,
        present: Option<&Links<RoleName>>,
    ) -> Option<Links<RoleName>> {
        self.dead_links.roles.to_put(
            roles,
            present,
            |name| self.role(name).map(|role| role.name.clone()),
            |name| self.linked_role(name).is_some(),
        )
    }
}

/// What was set aside beside the record names the role, too.
fn client_without(client: &Client, name: Name<'_>) -> Option<Client> {
    match name {
        Name::Role(role) => {
            let roles = without_very(&client.roles, role)?;
            Some(Client { roles, extra: client.extra.clone().alone(), ..client.clone() })
        }
        Name::Group(group) => {
            let groups = without_very(&client.groups, group)?;
            Some(Client { groups, extra: client.extra.clone().alone(), ..client.clone() })
        }
    }
}

fn group_without(group: &Group, name: Name<'_>) -> Option<Group> {
    let Name::Role(role) = name else { return None };
    let roles = without_very(&group.roles, role)?;
    Some(Group { roles, extra: group.extra.clone().alone(), ..group.clone() })
}
