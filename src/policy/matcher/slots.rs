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
    pub(super) fn find(&self, key: u64, is_it: impl Fn(&E) -> bool) -> Option<&E> {
        // Two that have one key are all but impossible, and to look for the key alone is cheap.
        let (_, entry) = self.0.find(key, |(other, _)| *other == key)?;
        if is_it(entry) { Some(entry) } else { self.find_behind(key, is_it) }
    }

    /// [`Self::find`], where the first entry with that key is not it.
    #[cold]
    fn find_behind(&self, key: u64, is_it: impl Fn(&E) -> bool) -> Option<&E> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_one_key_are_told_apart() {
        let mut slots = Slots::default();
        for entry in 0..3 {
            slots.insert(7, entry);
        }
        slots.insert(8, 3);
        for entry in 0..4 {
            assert_eq!(slots.find(7, |other| *other == entry), (0..3).find(|other| *other == entry).as_ref());
        }
        assert_eq!(slots.find(8, |_| true), Some(&3));
        assert_eq!(slots.find(9, |_| true), None);
    }
}
