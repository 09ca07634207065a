//! A hash table by numbers that are hashes.

use hashbrown::HashTable;

/// Entries by key. Several can have one key.
#[derive(Debug)]
pub(super) struct Slots<E>(HashTable<(u64, E)>);

impl<E> Default for Slots<E> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<E> Slots<E> {
    /// The entry with that key that `is_it`.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(super) fn find(&self, key: u64, mut is_it: impl FnMut(&E) -> bool) -> Option<&E> {
        self.0.find(key, |(other, entry)| *other == key && is_it(entry)).map(|(_, entry)| entry)
    }

    /// [`Self::find`], to be changed.
    pub(super) fn find_mut(&mut self, key: u64, mut is_it: impl FnMut(&E) -> bool) -> Option<&mut E> {
        self.0.find_mut(key, |(other, entry)| *other == key && is_it(entry)).map(|(_, entry)| entry)
    }

    /// Adds an entry.
    pub(super) fn insert(&mut self, key: u64, entry: E) {
        self.0.insert_unique(key, (key, entry), |(key, _)| *key);
    }

    /// Takes the entry with that key that `is_it` away.
    pub(super) fn remove(&mut self, key: u64, mut is_it: impl FnMut(&E) -> bool) -> Option<E> {
        let found = self.0.find_entry(key, |(other, entry)| *other == key && is_it(entry)).ok()?;
        let ((_, entry), _) = found.remove();
        Some(entry)
    }

    /// Whether there is no entry.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
