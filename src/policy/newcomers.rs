//! Clients that come all at once, with a file.

use std::sync::Arc;

use hashbrown::HashTable;

use super::hash::Keys;
use super::table::{Id, MORE};
use super::{Client, Policy};

/// Clients that are not in a policy yet, of different names, found by these.
#[derive(Debug)]
pub struct Newcomers {
    // INVARIANT: no record is shared.
    records: Vec<Arc<Client>>,
    // INVARIANT: has the hashes and, if the records come sorted, the numbers of the policy's own table, which it becomes.
    by_name: HashTable<Id>,
    /// Whether the names rise.
    sorted: bool,
    keys: Keys,
}

impl Newcomers {
    /// None yet, of which about so many will come into that policy.
    #[must_use]
    pub fn new(policy: &Policy, count: usize) -> Self {
        Self {
            records: Vec::with_capacity(count),
            by_name: HashTable::with_capacity(count.saturating_add(MORE)),
            sorted: true,
            keys: *policy.keys(),
        }
    }

    /// The number of the client of that name.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        self.by_name.find(self.keys.hash(name), |&id| self.is_named(id, name)).copied()
    }

    /// Whether the client of that number has that name.
    #[must_use]
    pub fn is_named(&self, number: u32, name: &[u8]) -> bool {
        self.records.get(number as usize).is_some_and(|client| client.username.as_bytes() == name)
    }

    /// Whether there is a client of that name, which is about to be added.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        // Most files are sorted.
        if self.sorted && self.is_behind_all(name) { false } else { self.find(name).is_some() }
    }

    fn is_behind_all(&self, name: &[u8]) -> bool {
        self.records.last().is_none_or(|last| last.username.as_bytes() < name)
    }

    /// Adds a client of another name than all others.
    pub fn add(&mut self, client: Client) {
        // There is never room for more clients than a `u32` counts.
        let Ok(id) = Id::try_from(self.records.len()) else { return };
        let name = client.username.as_bytes();
        self.sorted = self.sorted && self.is_behind_all(name);
        let keys = self.keys;
        let hash = keys.hash(name);
        self.records.push(Arc::new(client));
        let records = &self.records;
        let hash_at =
            |&id: &Id| records.get(id as usize).map_or(0, |client| keys.hash(client.username.as_bytes()));
        self.by_name.insert_unique(hash, id, hash_at);
    }

    /// The client of that number.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Client> {
        self.records.get_mut(id as usize).and_then(Arc::get_mut)
    }

    /// The clients in the order of their names, and the numbers by the hashes of those.
    pub(super) fn into_sorted(mut self) -> (Vec<Arc<Client>>, HashTable<Id>) {
        if !self.sorted {
            self.records.sort_by(|a, b| a.username.cmp(&b.username));
            self.by_name.clear();
            let (records, keys) = (&self.records, &self.keys);
            for (id, client) in (0..).zip(records) {
                let hash = keys.hash(client.username.as_bytes());
                // There is room for all of them.
                self.by_name.insert_unique(hash, id, |_| hash);
            }
        }
        (self.records, self.by_name)
    }

    pub(super) fn into_records(self) -> Vec<Arc<Client>> {
        self.records
    }
}
