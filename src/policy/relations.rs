//! Who holds what, the other way round: derived from the records, never said twice.

use std::borrow::Borrow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use super::{Client, Extra, Group, GroupName, Link, Links, RoleName, Username};

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
    /// A client takes the place of another state of it; either may be none.
    pub(super) fn replace_client(&mut self, old: Option<&Client>, new: Option<&Client>) {
        let Some(name) = new.or(old).map(|client| &client.username) else { return };
        relink(&mut self.role_clients, old.map(|old| &old.roles), new.map(|new| &new.roles), name);
        relink(&mut self.members, old.map(|old| &old.groups), new.map(|new| &new.groups), name);
        self.count_inert(old.map(|old| &old.extra), new.map(|new| &new.extra));
    }

    /// A group takes the place of another state of it; either may be none.
    pub(super) fn replace_group(&mut self, old: Option<&Group>, new: Option<&Group>) {
        let Some(name) = new.or(old).map(|group| &group.name) else { return };
        relink(&mut self.role_groups, old.map(|old| &old.roles), new.map(|new| &new.roles), name);
        self.count_inert(old.map(|old| &old.extra), new.map(|new| &new.extra));
    }

    fn count_inert(&mut self, old: Option<&Extra>, new: Option<&Extra>) {
        let has_inert = |extra: &Extra| usize::from(!extra.all_inert().is_empty());
        self.records_with_inert = self
            .records_with_inert
            .saturating_sub(old.map_or(0, has_inert))
            .saturating_add(new.map_or(0, has_inert));
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

/// Adds and removes a holder where its links differ. Links that are in both states are passed over.
fn relink<N, H>(
    holders: &mut HashMap<N, BTreeSet<H>>,
    old: Option<&Links<N>>,
    new: Option<&Links<N>>,
    holder: &H,
) where
    N: Ord + Clone + Hash + Borrow<[u8]>,
    H: Ord + Clone,
{
    let place = |link: &Link<N>| (Reverse(link.priority), link.name.clone());
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
        let name: &[u8] = link.name.borrow();
        if let Some(set) = holders.get_mut(name) {
            set.remove(holder);
            if set.is_empty() {
                holders.remove(name);
            }
        }
    }
    for link in come {
        holders.entry(link.name.clone()).or_default().insert(holder.clone());
    }
}
