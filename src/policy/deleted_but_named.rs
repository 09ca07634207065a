//! Roles and clients that were deleted while the file has records that do not count, which may name them.
//!
//! Such a record says what a client or group has, or who is in it, to a version by whose rules it counts. Nothing looks for
//! it when something is deleted: whoever writes the file leaves it out if it names something of that.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use super::journal::Replaced;
use super::{Policy, RoleName, Snapshot, Username};

/// The roles and clients that such records name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    roles: HashSet<Box<[u8]>>,
    clients: HashSet<Box<[u8]>>,
}

impl Named {
    /// One more record names these.
    pub fn add<'n>(
        &mut self,
        roles: impl Iterator<Item = &'n [u8]>,
        clients: impl Iterator<Item = &'n [u8]>,
    ) {
        self.roles.extend(roles.map(Box::from));
        self.clients.extend(clients.map(Box::from));
    }
}

/// What was deleted of these since the file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeletedButNamed {
    /// Of nothing else is it remembered.
    named: Arc<Named>,
    // Shared with snapshots.
    roles: Arc<HashSet<RoleName>>,
    clients: Arc<HashSet<Username>>,
}

impl DeletedButNamed {
    pub(super) fn forget_role(&mut self, name: &RoleName) {
        Arc::make_mut(&mut self.roles).remove(name.as_bytes());
    }

    pub(super) fn forget_client(&mut self, name: &Username) {
        Arc::make_mut(&mut self.clients).remove(name.as_bytes());
    }
}

impl Policy {
    /// The file has records that do not count and name these: from now on it is remembered which of them are deleted.
    pub fn remember_deletions_of(&mut self, named: Named) {
        self.deleted_but_named.named = Arc::new(named);
    }

    pub(super) fn remember_deleted_role(&mut self, name: &RoleName) {
        if self.deleted_but_named.named.roles.contains(name.as_bytes())
            && Arc::make_mut(&mut self.deleted_but_named.roles).insert(name.clone())
        {
            self.journal.push(Replaced::DeletedButNamed(Name::Role(name.clone())));
        }
    }

    pub(super) fn remember_deleted_client(&mut self, name: &Username) {
        if self.deleted_but_named.named.clients.contains(name.as_bytes())
            && Arc::make_mut(&mut self.deleted_but_named.clients).insert(name.clone())
        {
            self.journal.push(Replaced::DeletedButNamed(Name::Client(name.clone())));
        }
    }

    /// The records that do not count are those of another file now.
    pub(super) fn remember_deletions_like(&mut self, new: DeletedButNamed) {
        if self.deleted_but_named != new {
            let before = mem::replace(&mut self.deleted_but_named, new);
            self.journal.push(Replaced::AllDeletedButNamed(before));
        }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) enum Name {
    Role(RoleName),
    Client(Username),
}

impl Snapshot {
    /// Whether anything was deleted that records which do not count may name.
    #[must_use]
    pub fn has_deleted_but_named(&self) -> bool {
        !self.deleted_but_named.roles.is_empty() || !self.deleted_but_named.clients.is_empty()
    }

    /// Whether a role of that name was deleted since the file was read, while such a record names it.
    #[must_use]
    pub fn is_deleted_role(&self, name: &[u8]) -> bool {
        self.deleted_but_named.roles.contains(name)
    }

    /// Whether a client of that name was deleted since the file was read, while such a record names it.
    #[must_use]
    pub fn is_deleted_client(&self, name: &[u8]) -> bool {
        self.deleted_but_named.clients.contains(name)
    }
}
