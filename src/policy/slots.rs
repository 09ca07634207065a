//! A hash table of filed filters: open, half empty, so that one that is not there is seen at a glance.

use super::rank::Rank;

/// What is filed.
#[derive(Clone, Debug)]
pub(super) struct Entry<T> {
    pub(super) key: u64,
    pub(super) rank: Rank,
    pub(super) item: T,
}

/// Entries by key. Several can have one key.
#[derive(Debug)]
pub(super) struct Slots<T> {
    // INVARIANT: as many as a power of two, or none; no more than half of them are taken; from the place of
    // a key on there is no empty slot before that of an entry with that key.
    slots: Box<[Option<Entry<T>>]>,
    taken: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Box::default(), taken: 0 }
    }
}

impl<T> Slots<T> {
    /// The first entry with that key that `is_it`.
    #[inline]
    pub(super) fn find(&self, key: u64, mut is_it: impl FnMut(&Entry<T>) -> bool) -> Option<&Entry<T>> {
        let mut at = self.place(key);
        loop {
            let entry = self.slots.get(at)?.as_ref()?;
            if entry.key == key && is_it(entry) {
                return Some(entry);
            }
            at = self.after(at);
        }
    }

    /// Adds an entry.
    pub(super) fn insert(&mut self, entry: Entry<T>) {
        if self.taken.saturating_add(1) > self.slots.len() / 2 {
            self.grow();
        }
        self.put(entry);
        self.taken = self.taken.saturating_add(1);
    }

    /// Takes the first entry with that key that `is_it` away.
    pub(super) fn remove(&mut self, key: u64, mut is_it: impl FnMut(&Entry<T>) -> bool) -> bool {
        let mut at = self.place(key);
        while let Some(entry) = self.slots.get(at).and_then(Option::as_ref) {
            if entry.key == key && is_it(entry) {
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
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = None;
        }
        let mut next = self.after(at);
        while let Some(entry) = self.slots.get_mut(next).and_then(Option::take) {
            self.put(entry);
            next = self.after(next);
        }
    }

    fn grow(&mut self) {
        let size = self.slots.len().saturating_mul(2).max(4);
        let old = std::mem::replace(&mut self.slots, (0..size).map(|_| None).collect());
        for entry in old.into_iter().flatten() {
            self.put(entry);
        }
    }

    fn put(&mut self, entry: Entry<T>) {
        let mut at = self.place(entry.key);
        while self.slots.get(at).is_some_and(Option::is_some) {
            at = self.after(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(entry);
        }
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        (key >> 32) as usize & self.slots.len().wrapping_sub(1)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::policy::Priority;

    proptest! {
        #[test]
        fn what_was_put_in_and_not_taken_out_is_there(
            steps in prop::collection::vec((any::<bool>(), 0_u64..6, 0_u32..20), 0..200),
        ) {
            let mut slots = Slots::default();
            let mut model = BTreeSet::new();
            for (insert, key, id) in steps {
                // Keys of few places, so that they get into each other's way.
                let key = key << 32 | key >> 1;
                if insert && model.insert((key, id)) {
                    slots.insert(Entry { key, rank: Rank::new(Priority::DEFAULT_LINK, id), item: id });
                } else if !insert {
                    let was_there = slots.remove(key, |entry| entry.item == id);
                    prop_assert_eq!(was_there, model.remove(&(key, id)));
                }
                for (key, id) in &model {
                    prop_assert!(slots.find(*key, |entry| entry.item == *id).is_some());
                }
                prop_assert!(slots.find(99 << 32, |_| true).is_none());
                prop_assert_eq!(slots.slots.iter().flatten().count(), model.len());
            }
        }
    }
}
