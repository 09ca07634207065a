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

/// What was deleted since the file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revoked {
    /// Of nothing else is it remembered.
    named: Arc<Named>,
    // Shared with snapshots.
    roles: Arc<HashSet<RoleName>>,
    clients: Arc<HashSet<Username>>,
}

impl Revoked {
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
        self.revoked.named = Arc::new(named);
    }

    pub(super) fn revoke_role(&mut self, name: &RoleName) {
        if self.revoked.named.roles.contains(name.as_bytes())
            && Arc::make_mut(&mut self.revoked.roles).insert(name.clone())
        {
            self.journal.push(Replaced::Revoked(Name::Role(name.clone())));
        }
    }

    pub(super) fn revoke_client(&mut self, name: &Username) {
        if self.revoked.named.clients.contains(name.as_bytes())
            && Arc::make_mut(&mut self.revoked.clients).insert(name.clone())
        {
            self.journal.push(Replaced::Revoked(Name::Client(name.clone())));
        }
    }

    /// The records that do not count are those of another file now.
    pub(super) fn revoke_like(&mut self, new: &Self) {
        if self.revoked != new.revoked {
            let before = mem::replace(&mut self.revoked, new.revoked.clone());
            self.journal.push(Replaced::AllRevoked(before));
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
    pub fn has_revoked(&self) -> bool {
        !self.revoked.roles.is_empty() || !self.revoked.clients.is_empty()
    }

    /// Whether a role of that name was deleted since the file was read.
    #[must_use]
    pub fn is_role_revoked(&self, name: &[u8]) -> bool {
        self.revoked.roles.contains(name)
    }

    /// Whether a client of that name was deleted since the file was read.
    #[must_use]
    pub fn is_client_revoked(&self, name: &[u8]) -> bool {
        self.revoked.clients.contains(name)
    }
}
