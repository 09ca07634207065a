//! Who holds what, the other way round: derived from the records, never said twice.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use super::{Client, Extra, Group, GroupName, Links, RoleName, Username};

/// The holders of each group and role.
#[derive(Debug, Default)]
pub(super) struct Relations {
    members: HashMap<GroupName, BTreeSet<Username>>,
    role_clients: HashMap<RoleName, BTreeSet<Username>>,
    role_groups: HashMap<RoleName, BTreeSet<GroupName>>,
    /// How many clients and groups hold elements that were set aside.
    records_with_inert: usize,
}

impl Relations {
    pub(super) fn add_client(&mut self, client: &Client) {
        add(&mut self.role_clients, &client.roles, &client.username);
        add(&mut self.members, &client.groups, &client.username);
        self.records_with_inert = self.records_with_inert.saturating_add(has_inert(&client.extra));
    }

    pub(super) fn remove_client(&mut self, client: &Client) {
        remove(&mut self.role_clients, &client.roles, &client.username);
        remove(&mut self.members, &client.groups, &client.username);
        self.records_with_inert = self.records_with_inert.saturating_sub(has_inert(&client.extra));
    }

    pub(super) fn add_group(&mut self, group: &Group) {
        add(&mut self.role_groups, &group.roles, &group.name);
        self.records_with_inert = self.records_with_inert.saturating_add(has_inert(&group.extra));
    }

    pub(super) fn remove_group(&mut self, group: &Group) {
        remove(&mut self.role_groups, &group.roles, &group.name);
        self.records_with_inert = self.records_with_inert.saturating_sub(has_inert(&group.extra));
    }

    pub(super) fn members(&self, group: &[u8]) -> impl Iterator<Item = &Username> {
        self.members.get(group).into_iter().flatten()
    }

    pub(super) fn clients_with_role(&self, role: &[u8]) -> impl Iterator<Item = &Username> {
        self.role_clients.get(role).into_iter().flatten()
    }

    pub(super) fn groups_with_role(&self, role: &[u8]) -> impl Iterator<Item = &GroupName> {
        self.role_groups.get(role).into_iter().flatten()
    }

    pub(super) fn has_inert(&self) -> bool {
        self.records_with_inert > 0
    }
}

fn has_inert(extra: &Extra) -> usize {
    usize::from(!extra.all_inert().is_empty())
}

fn add<N, H>(holders: &mut HashMap<N, BTreeSet<H>>, links: &Links<N>, holder: &H)
where
    N: Ord + Clone + Hash + Borrow<[u8]>,
    H: Ord + Clone,
{
    for link in links {
        holders.entry(link.name.clone()).or_default().insert(holder.clone());
    }
}

fn remove<N, H>(holders: &mut HashMap<N, BTreeSet<H>>, links: &Links<N>, holder: &H)
where
    N: Ord + Clone + Hash + Borrow<[u8]>,
    H: Ord + Clone,
{
    for link in links {
        let name: &[u8] = link.name.borrow();
        if let Some(set) = holders.get_mut(name) {
            set.remove(holder);
            if set.is_empty() {
                holders.remove(name);
            }
        }
    }
}
