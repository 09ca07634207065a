//! Who is in a group and who has a role: what the records say, asked the other way round.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::table::Id;
use super::{Client, GroupName, Link, Policy, RoleName, Username};

/// Whom a change to a role or group concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Clients, by username.
    pub clients: BTreeSet<Username>,
    /// Whether anonymous clients are among them.
    pub anonymous: bool,
}

impl Holders {
    pub(super) fn extend(&mut self, others: Self) {
        self.clients.extend(others.clients);
        self.anonymous |= others.anonymous;
    }
}

impl Policy {
    /// The members of a group, by the bytes of their names, each with its link to the group.
    pub fn members<'a>(
        &'a self,
        group: &[u8],
    ) -> impl Iterator<Item = (&'a Arc<Client>, &'a Link<GroupName>)> {
        let with_link = |client: &'a Arc<Client>| Some((client, client.groups.get(group)?));
        let members = self.member_ids(group).filter_map(|id| self.client_by_id(id));
        let mut members: Vec<_> = members.filter_map(with_link).collect();
        // Those that came with the file are in this order already.
        members.sort_by(|(a, _), (b, _)| a.username.cmp(&b.username));
        members.into_iter()
    }

    /// Everybody whose rights a role has a part in.
    #[must_use]
    pub fn holders_of_role(&self, role: &[u8]) -> Holders {
        let mut holders = Holders { clients: self.with_role(role).collect(), anonymous: false };
        for group in self.groups_with_role(role) {
            holders.extend(self.holders_of_group(group.as_bytes()));
        }
        holders
    }

    /// Everybody who is in a group.
    #[must_use]
    pub fn holders_of_group(&self, group: &[u8]) -> Holders {
        Holders {
            clients: self.in_group(group).collect(),
            anonymous: self.anonymous_group().is_some_and(|anonymous| anonymous.name.as_bytes() == group),
        }
    }

    /// Adds everybody whose rights one of these roles has a part in, or who is in one of these groups.
    pub(super) fn add_holders(
        &self,
        roles: &HashSet<RoleName>,
        groups: &HashSet<GroupName>,
        concerned: &mut Holders,
    ) {
        let of_roles = roles.iter().map(|role| self.holders_of_role(role.as_bytes()));
        let of_groups = groups.iter().map(|group| self.holders_of_group(group.as_bytes()));
        of_roles.chain(of_groups).for_each(|holders| concerned.extend(holders));
    }

    /// Whether any client or group has a role.
    pub(super) fn is_role_held(&self, role: &[u8]) -> bool {
        self.with_role(role).next().is_some() || self.groups_with_role(role).next().is_some()
    }

    /// The clients that have a role themselves.
    pub(super) fn with_role(&self, role: &[u8]) -> impl Iterator<Item = Username> {
        let role = self.role(role).map(|role| &role.name);
        let ids = role.into_iter().flat_map(|role| self.relations().clients_with_role(role));
        let clients = ids.filter_map(|id| self.client_by_id(id));
        clients.map(|client| client.username.clone())
    }

    /// The clients that are in a group.
    pub(super) fn in_group(&self, group: &[u8]) -> impl Iterator<Item = Username> {
        let clients = self.member_ids(group).filter_map(|id| self.client_by_id(id));
        clients.map(|client| client.username.clone())
    }

    // What links to a group or role that is gone is no member and no holder, also of another of that name.
    fn member_ids(&self, group: &[u8]) -> impl Iterator<Item = Id> {
        let group = self.group(group).map(|group| &group.name);
        group.into_iter().flat_map(|group| self.relations().members(group))
    }

    /// The groups that have a role.
    pub(super) fn groups_with_role(&self, role: &[u8]) -> impl Iterator<Item = GroupName> {
        let role = self.role(role).map(|role| &role.name);
        let ids = role.into_iter().flat_map(|role| self.relations().groups_with_role(role));
        let groups = ids.filter_map(|id| self.group_by_id(id));
        groups.map(|group| group.name.clone())
    }
}
