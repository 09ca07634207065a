//! Who holds what, the other way round: derived from the records, never said twice.

use std::cmp::{Ordering, Reverse};
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::hash::Keys;
use super::name::Linked;
use super::table::{Id, Table};
use super::{Client, Group, GroupName, Link, Links, MissingReference, Role, RoleName};

/// The holders of each group and role, by their numbers in the tables: those do not change when the
/// holder's record is replaced, and a million take little room. What is called like one that is gone has holders of its
/// own ([`Linked`]).
#[derive(Debug, Default)]
pub(super) struct Relations {
    members: Holders<GroupName>,
    role_clients: Holders<RoleName>,
    role_groups: Holders<RoleName>,
}

/// By the place of the name that is linked to.
#[derive(Debug)]
struct Holders<N>(HashMap<usize, HoldersOf<N>>);

/// Who links to one name.
#[derive(Debug)]
struct HoldersOf<N> {
    /// Keeps its place.
    _name: N,
    // INVARIANT: not empty.
    ids: BTreeSet<Id>,
}

impl<N> Default for Holders<N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<N: Linked> Holders<N> {
    fn of(&self, name: &N) -> Option<&BTreeSet<Id>> {
        self.0.get(&name.place()).map(|holders| &holders.ids)
    }

    fn add(&mut self, name: &N, holder: Id) {
        let of_name = || HoldersOf { _name: name.clone(), ids: BTreeSet::new() };
        self.0.entry(name.place()).or_insert_with(of_name).ids.insert(holder);
    }

    fn remove(&mut self, name: &N, holder: Id) {
        if let Entry::Occupied(mut holders) = self.0.entry(name.place()) {
            holders.get_mut().ids.remove(&holder);
            if holders.get().ids.is_empty() {
                holders.remove();
            }
        }
    }
}

impl Relations {
    /// A client takes the place of another state of it; either may be none.
    pub(super) fn replace_client(&mut self, id: Id, old: Option<&Client>, new: Option<&Client>) {
        relink(&mut self.role_clients, old.map(|old| &old.roles), new.map(|new| &new.roles), id);
        relink(&mut self.members, old.map(|old| &old.groups), new.map(|new| &new.groups), id);
    }

    /// A group takes the place of another state of it; either may be none.
    pub(super) fn replace_group(&mut self, id: Id, old: Option<&Group>, new: Option<&Group>) {
        relink(&mut self.role_groups, old.map(|old| &old.roles), new.map(|new| &new.roles), id);
    }

    /// All clients come at once, numbered from zero on; there were none before. Their links lead to these tables.
    ///
    /// # Errors
    /// [`MissingReference`], and no change, if one names a role or group that is not in these tables.
    pub(super) fn fill<D: Default>(
        &mut self,
        clients: &[Arc<Client>],
        groups: &Table<Group>,
        roles: &Table<Role, D>,
        keys: &Keys,
    ) -> Result<(), MissingReference> {
        let mut members: Vec<Vec<Id>> = vec![Vec::new(); groups.ids()];
        let mut with_role: Vec<Vec<Id>> = vec![Vec::new(); roles.ids()];
        for (id, client) in (0..).zip(clients) {
            for link in &client.groups {
                let group = groups.id_of_linked(&link.name, keys);
                let list = group.and_then(|group| members.get_mut(group as usize));
                list.ok_or_else(|| MissingReference::Group(link.name.clone()))?.push(id);
            }
            for link in &client.roles {
                let role = roles.id_of_linked(&link.name, keys);
                let list = role.and_then(|role| with_role.get_mut(role as usize));
                list.ok_or_else(|| MissingReference::Role(link.name.clone()))?.push(id);
            }
        }
        let group = |id| groups.by_id(id).map(|group| group.name.clone());
        let role = |id| roles.by_id(id).map(|role| role.name.clone());
        self.members = packed(members, group);
        self.role_clients = packed(with_role, role);
        Ok(())
    }

    pub(super) fn members(&self, group: &GroupName) -> impl Iterator<Item = Id> {
        self.members.of(group).into_iter().flatten().copied()
    }

    pub(super) fn clients_with_role(&self, role: &RoleName) -> impl Iterator<Item = Id> {
        self.role_clients.of(role).into_iter().flatten().copied()
    }

    pub(super) fn groups_with_role(&self, role: &RoleName) -> impl Iterator<Item = Id> {
        self.role_groups.of(role).into_iter().flatten().copied()
    }

    pub(super) fn member_count(&self, group: &GroupName) -> usize {
        self.members.of(group).map_or(0, BTreeSet::len)
    }

    /// How many clients have a role themselves.
    pub(super) fn client_count(&self, role: &RoleName) -> usize {
        self.role_clients.of(role).map_or(0, BTreeSet::len)
    }

    /// Whether a record links to a group of this very name.
    pub(super) fn is_group_linked_to(&self, group: &GroupName) -> bool {
        self.members.of(group).is_some()
    }

    /// Whether a record links to a role of this very name.
    pub(super) fn is_role_linked_to(&self, role: &RoleName) -> bool {
        self.role_clients.of(role).is_some() || self.role_groups.of(role).is_some()
    }
}

/// Lists of numbers, each for the record of its own number, by those records' names and in as little room as
/// can be.
fn packed<N: Linked>(lists: Vec<Vec<Id>>, name: impl Fn(Id) -> Option<N>) -> Holders<N> {
    let held = (0..).zip(lists).filter(|(_, ids)| !ids.is_empty());
    let of_names = held.filter_map(|(id, ids)| {
        let name = name(id)?;
        Some((name.place(), HoldersOf { _name: name, ids: ids.into_iter().collect() }))
    });
    Holders(of_names.collect())
}

/// Adds and removes a holder where its links differ. Links that are in both states are passed over.
fn relink<N: Linked>(holders: &mut Holders<N>, old: Option<&Links<N>>, new: Option<&Links<N>>, holder: Id) {
    let place = |link: &Link<N>| (Reverse(link.priority), link.name.clone(), link.name.place());
    let (mut old, mut new) = (old.into_iter().flatten().peekable(), new.into_iter().flatten().peekable());
    // A link whose priority changes is removed and added, in whichever order the walk meets it.
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => place(old).cmp(&place(new)),
        };
        match order {
            Ordering::Less => gone.extend(old.next()),
            Ordering::Greater => come.extend(new.next()),
            Ordering::Equal => {
                old.next();
                new.next();
            }
        }
    }
    for link in gone {
        holders.remove(&link.name, holder);
    }
    for link in come {
        holders.add(&link.name, holder);
    }
}
