//! [`Policy`]: the records, and what follows from them. How they change is in `changes.rs`.
//!
//! Clients say which roles and groups they have, groups say which roles; everything else (a group's
//! members, a role's holders) is derived and follows each replacement by itself. So a link to something that is gone
//! leads nowhere, in whatever order changes come, and undoing is putting records back.

use std::fmt;
use std::sync::Arc;

use super::dead_links::DeadLinks;
use super::decoys::Decoys;
use super::deleted_but_named::DeletedButNamed;
use super::deleted_usernames::DeletedUsernames;
use super::dropped_later::DroppedLater;
use super::hash::Keys;
use super::hints::Hints;
use super::journal::Journal;
use super::matcher::RoleIndex;
use super::merging::MergedRoles;
use super::relations::Relations;
use super::table::{Id, Table};
use super::{
    Acl, AclType, Client, Compat, DefaultAccess, Extra, Group, GroupName, LoginStamp, Role, RoleName,
    Snapshot,
};

/// Clients, groups and roles, and what applies where they say nothing.
#[derive(Debug)]
pub struct Policy {
    compat: Compat,
    pub(super) keys: Keys,
    pub(super) clients: Table<Client, LoginStamp>,
    /// Where those that checks ask about are.
    hints: Hints,
    pub(super) deleted_usernames: DeletedUsernames,
    pub(super) decoys: Decoys,
    pub(super) groups: Table<Group>,
    pub(super) roles: Table<Role, RoleIndex>,
    pub(super) default_access: DefaultAccess,
    self_service: bool,
    pub(super) anonymous_group: Option<GroupName>,
    pub(super) change_index: i64,
    pub(super) extra: Extra,
    /// What records link to that is not there.
    pub(super) dead_links: DeadLinks,
    pub(super) deleted_but_named: DeletedButNamed,
    // INVARIANT: follows from `clients` and `groups`, also from their links to what is gone.
    pub(super) relations: Relations,
    pub(super) dropped_later: DroppedLater,
    /// Follows from roles, groups and clients; what replaces a role or group outdates it.
    pub(super) merged: MergedRoles,
    pub(super) journal: Journal,
}

/// A record names a role or group that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingReference {
    /// That role.
    Role(RoleName),
    /// That group.
    Group(GroupName),
}

impl fmt::Display for MissingReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "there is no role `{name}`"),
            Self::Group(name) => write!(f, "there is no group `{name}`"),
        }
    }
}

impl std::error::Error for MissingReference {}

impl Policy {
    /// A policy without anything, which defers everything.
    #[must_use]
    pub fn new(compat: Compat) -> Self {
        Self {
            compat,
            keys: Keys::random(),
            clients: Table::default(),
            hints: Hints::default(),
            deleted_usernames: DeletedUsernames::default(),
            decoys: Decoys::default(),
            groups: Table::default(),
            roles: Table::default(),
            default_access: DefaultAccess::default(),
            self_service: false,
            anonymous_group: None,
            change_index: 0,
            extra: Extra::default(),
            dead_links: DeadLinks::default(),
            deleted_but_named: DeletedButNamed::default(),
            relations: Relations::default(),
            dropped_later: DroppedLater::default(),
            merged: MergedRoles::default(),
            journal: Journal::default(),
        }
    }

    /// Which C plugin decides where versions differ.
    #[must_use]
    pub fn compat(&self) -> Compat {
        self.compat
    }

    /// The client of that name.
    #[must_use]
    pub fn client(&self, username: &[u8]) -> Option<&Arc<Client>> {
        self.clients.get(username, &self.keys)
    }

    /// [`Self::client`] for a name that the broker holds: found faster when it is asked about again.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(super) fn client_again(&self, username: &[u8]) -> Option<&Arc<Client>> {
        self.clients.get_again(username, &self.hints, &self.keys)
    }

    pub(super) fn client_with_stamp(&self, username: &[u8]) -> Option<(&Arc<Client>, LoginStamp)> {
        self.clients.get_with_derived(username, &self.keys).map(|(client, stamp)| (client, *stamp))
    }

    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &[u8]) -> Option<&Arc<Group>> {
        self.groups.get(name, &self.keys)
    }

    /// The role of that name.
    #[must_use]
    pub fn role(&self, name: &[u8]) -> Option<&Arc<Role>> {
        self.roles.get(name, &self.keys)
    }

    /// A role's ACL of that type with exactly that topic.
    #[must_use]
    pub fn acl(&self, role: &[u8], acl_type: AclType, topic: &[u8]) -> Option<&Arc<Acl>> {
        let (_, index) = self.role_with_index(role)?;
        index.get(acl_type, topic, &self.keys)
    }

    pub(super) fn role_with_index(&self, name: &[u8]) -> Option<(&Arc<Role>, &RoleIndex)> {
        self.roles.get_with_derived(name, &self.keys)
    }

    /// The role that a link leads to.
    #[inline]
    pub(super) fn linked_role(&self, name: &RoleName) -> Option<(&Arc<Role>, &RoleIndex)> {
        self.roles.get_linked(name, &self.keys)
    }

    /// The group that a link leads to.
    #[inline]
    pub(super) fn linked_group(&self, name: &GroupName) -> Option<&Arc<Group>> {
        self.groups.get_linked(name, &self.keys).map(|(group, ())| group)
    }

    #[inline]
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// All clients, by the bytes of their names.
    #[must_use]
    pub fn clients(&self) -> impl ExactSizeIterator<Item = &Arc<Client>> {
        self.clients.sorted().iter()
    }

    /// The clients from the `offset`-th on, found without counting through those before.
    pub fn clients_from(&self, offset: usize) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.sorted().iter_from(offset)
    }

    /// All groups, by the bytes of their names.
    #[must_use]
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Arc<Group>> {
        self.groups.sorted().iter()
    }

    /// The groups from the `offset`-th on, found without counting through those before.
    pub fn groups_from(&self, offset: usize) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.sorted().iter_from(offset)
    }

    /// All roles, by the bytes of their names.
    #[must_use]
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Arc<Role>> {
        self.roles.sorted().iter()
    }

    /// The roles from the `offset`-th on, found without counting through those before.
    pub fn roles_from(&self, offset: usize) -> impl Iterator<Item = &Arc<Role>> {
        self.roles.sorted().iter_from(offset)
    }

    /// What applies where no ACL matches.
    #[must_use]
    pub fn default_access(&self) -> DefaultAccess {
        self.default_access
    }

    /// Whether everybody whom no ACL denies it may ask about its own rights.
    #[must_use]
    pub fn self_service(&self) -> bool {
        self.self_service
    }

    /// Gives everybody that right. It is no part of the policy's file.
    pub fn set_self_service(&mut self, given: bool) {
        self.self_service = given;
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

    /// All of this as it is now, at a small fraction of what copying it would cost.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            generation: self.generation(),
            compat: self.compat,
            clients: self.clients.sorted().clone(),
            groups: self.groups.sorted().clone(),
            roles: self.roles.sorted().clone(),
            default_access: self.default_access,
            anonymous_group: self.anonymous_group.clone(),
            change_index: self.change_index,
            extra: self.extra.clone(),
            dead_links: self.dead_links.clone(),
            deleted_but_named: self.deleted_but_named.clone(),
        }
    }

    pub(super) fn relations(&self) -> &Relations {
        &self.relations
    }

    pub(super) fn client_by_id(&self, id: Id) -> Option<&Arc<Client>> {
        self.clients.by_id(id)
    }

    pub(super) fn group_by_id(&self, id: Id) -> Option<&Arc<Group>> {
        self.groups.by_id(id)
    }
}
