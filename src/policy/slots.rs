//! A hash table by numbers that are hashes: open, half empty, so that one that is not there is seen at a glance.

/// Entries by key. Several can have one key.
#[derive(Debug)]
pub(super) struct Slots<E> {
    // INVARIANT: both are as many as a power of two, or none; a slot's key is [`EMPTY`] where there is no entry;
    // no more than half of them are taken; from the place of a key on there is no empty slot before that of an
    // entry with that key.
    keys: Box<[u64]>,
    entries: Box<[Option<E>]>,
    taken: usize,
}

/// No entry's key.
const EMPTY: u64 = 0;

/// A key as it is kept, never [`EMPTY`].
#[inline]
fn kept(key: u64) -> u64 {
    key | 1
}

impl<E> Default for Slots<E> {
    fn default() -> Self {
        Self { keys: Box::default(), entries: Box::default(), taken: 0 }
    }
}

impl<E> Slots<E> {
    /// The first entry with that key that `is_it`.
    #[inline]
    pub(super) fn find(&self, key: u64, is_it: impl FnMut(&E) -> bool) -> Option<&E> {
        let at = self.probe(key)?;
        self.find_from(at, key, is_it)
    }

    /// Where the first entry with that key is, if there is any.
    #[inline]
    pub(super) fn probe(&self, key: u64) -> Option<usize> {
        let mut at = self.place(key);
        loop {
            match *self.keys.get(at)? {
                found if found == kept(key) => return Some(at),
                EMPTY => return None,
                _ => at = self.after(at),
            }
        }
    }

    /// The first entry with that key that `is_it`, from where [`Self::probe`] has found one.
    #[inline]
    pub(super) fn find_from(&self, mut at: usize, key: u64, mut is_it: impl FnMut(&E) -> bool) -> Option<&E> {
        loop {
            let entry = self.entries.get(at)?.as_ref()?;
            if self.keys.get(at) == Some(&kept(key)) && is_it(entry) {
                return Some(entry);
            }
            at = self.after(at);
        }
    }

    /// The first entry with that key, to be changed.
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut E> {
        let at = self.probe(key)?;
        self.entries.get_mut(at)?.as_mut()
    }

    /// All entries.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter().flatten()
    }

    /// Adds an entry.
    pub(super) fn insert(&mut self, key: u64, entry: E) {
        self.reserve(1);
        self.put(kept(key), entry);
        self.taken = self.taken.saturating_add(1);
    }

    /// Takes the first entry with that key that `is_it` away.
    pub(super) fn remove(&mut self, key: u64, mut is_it: impl FnMut(&E) -> bool) -> bool {
        let mut at = self.place(key);
        while let Some(entry) = self.entries.get(at).and_then(Option::as_ref) {
            if self.keys.get(at) == Some(&kept(key)) && is_it(entry) {
                self.empty(at);
                self.taken = self.taken.saturating_sub(1);
                return true;
            }
            at = self.after(at);
        }
        false
    }

    /// Empties a slot, and moves those behind it up that would not be found any more.
    fn empty(&mut self, at: usize) {
        self.take(at);
        let mut next = self.after(at);
        while let Some((key, entry)) = self.take(next) {
            self.put(key, entry);
            next = self.after(next);
        }
    }

    /// What is in a slot, which is empty then.
    fn take(&mut self, at: usize) -> Option<(u64, E)> {
        let entry = self.entries.get_mut(at)?.take()?;
        Some((std::mem::replace(self.keys.get_mut(at)?, EMPTY), entry))
    }

    /// Makes room for so many more entries.
    pub(super) fn reserve(&mut self, count: usize) {
        let least = self.taken.saturating_add(count).saturating_mul(2);
        if least > self.keys.len() {
            self.grow_to(least.max(4).next_power_of_two());
        }
    }

    fn grow_to(&mut self, size: usize) {
        let keys = std::mem::replace(&mut self.keys, vec![EMPTY; size].into());
        let entries = std::mem::replace(&mut self.entries, (0..size).map(|_| None).collect());
        for (key, entry) in keys.into_iter().zip(entries) {
            if let Some(entry) = entry {
                self.put(key, entry);
            }
        }
    }

    fn put(&mut self, key: u64, entry: E) {
        let mut at = self.place(key);
        while self.entries.get(at).is_some_and(Option::is_some) {
            at = self.after(at);
        }
        if let (Some(slot), Some(place)) = (self.entries.get_mut(at), self.keys.get_mut(at)) {
            (*slot, *place) = (Some(entry), key);
        }
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        (key >> 32) as usize & self.keys.len().wrapping_sub(1)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.keys.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_in_and_not_taken_out_is_there(
            steps in prop::collection::vec((any::<bool>(), 0_u64..6, 0_u32..20), 0..200),
        ) {
            let mut slots = Slots::default();
            let mut model = BTreeSet::new();
            for (insert, key, id) in steps {
                // Keys of few places, so that they get into each other's way.
                let key = key << 32 | key >> 1 << 1;
                if insert && model.insert((key, id)) {
                    slots.insert(key, id);
                } else if !insert {
                    let was_there = slots.remove(key, |entry| *entry == id);
                    prop_assert_eq!(was_there, model.remove(&(key, id)));
                }
                for (key, id) in &model {
                    prop_assert!(slots.find(*key, |entry| entry == id).is_some());
                }
                prop_assert!(slots.find(99 << 32, |_| true).is_none());
                prop_assert_eq!(slots.entries.iter().flatten().count(), model.len());
                let taken = slots.keys.iter().zip(&slots.entries);
                prop_assert!(taken.into_iter().all(|(key, entry)| (*key != EMPTY) == entry.is_some()));
            }
        }
    }
}
