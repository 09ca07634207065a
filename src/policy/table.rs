//! Records by name: found at once by name, listed in the order of names, copied in no time.

use std::sync::Arc;

use hashbrown::HashTable;

use super::levels::Keys;
use super::{Client, Group, Role};

/// How many records share an allocation of the sorted list.
const CHUNK: usize = 256;

/// A record with a name.
pub(super) trait Named {
    /// The bytes of its name.
    fn name(&self) -> &[u8];
}

impl Named for Client {
    fn name(&self) -> &[u8] {
        self.username.as_bytes()
    }
}

impl Named for Group {
    fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Named for Role {
    fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

/// Records of one kind, each with something that is derived from it.
#[derive(Debug)]
pub(super) struct Table<R, D = ()> {
    by_name: HashTable<Slot<R, D>>,
    sorted: Sorted<R>,
}

#[derive(Debug)]
struct Slot<R, D> {
    record: Arc<R>,
    derived: D,
}

/// The records of a table in the order of their names' bytes. A clone shares them and is a snapshot.
#[derive(Debug)]
pub(super) struct Sorted<R> {
    // INVARIANT: no chunk is empty, and names rise through all chunks.
    chunks: Vec<Arc<Vec<Arc<R>>>>,
    len: usize,
}

impl<R, D> Default for Table<R, D> {
    fn default() -> Self {
        Self { by_name: HashTable::new(), sorted: Sorted { chunks: Vec::new(), len: 0 } }
    }
}

impl<R> Clone for Sorted<R> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<R: Named, D: Default> Table<R, D> {
    pub(super) fn get(&self, name: &[u8], keys: &Keys) -> Option<&Arc<R>> {
        self.by_name.find(keys.hash(name), |slot| slot.record.name() == name).map(|slot| &slot.record)
    }

    pub(super) fn get_with_derived(&self, name: &[u8], keys: &Keys) -> Option<(&Arc<R>, &D)> {
        let slot = self.by_name.find(keys.hash(name), |slot| slot.record.name() == name)?;
        Some((&slot.record, &slot.derived))
    }

    pub(super) fn sorted(&self) -> &Sorted<R> {
        &self.sorted
    }

    /// Puts a record in the place of the one of its name, which comes back. `derive` makes what is
    /// derived follow.
    pub(super) fn put(
        &mut self,
        record: Arc<R>,
        keys: &Keys,
        derive: impl FnOnce(&mut D, Option<&R>, &R),
    ) -> Option<Arc<R>> {
        self.sorted.put(&record);
        let hash = keys.hash(record.name());
        if let Some(slot) = self.by_name.find_mut(hash, |slot| slot.record.name() == record.name()) {
            derive(&mut slot.derived, Some(&slot.record), &record);
            return Some(std::mem::replace(&mut slot.record, record));
        }
        let mut derived = D::default();
        derive(&mut derived, None, &record);
        self.by_name.insert_unique(hash, Slot { record, derived }, |slot| keys.hash(slot.record.name()));
        None
    }

    /// Takes the record of that name out.
    pub(super) fn remove(&mut self, name: &[u8], keys: &Keys) -> Option<Arc<R>> {
        let entry = self.by_name.find_entry(keys.hash(name), |slot| slot.record.name() == name).ok()?;
        let (slot, _) = entry.remove();
        self.sorted.remove(name);
        Some(slot.record)
    }
}

impl<R: Named> Sorted<R> {
    /// All records.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<R>> {
        Records { left: self.len, records: self.chunks.iter().flat_map(|chunk| chunk.iter()) }
    }

    /// The record of that name, found by halving.
    pub(super) fn find(&self, name: &[u8]) -> Option<&Arc<R>> {
        let chunk = self.chunks.get(self.chunk_of(name))?;
        let place = chunk.binary_search_by(|record| record.name().cmp(name)).ok()?;
        chunk.get(place)
    }

    /// The records from the `offset`-th on, found without counting through those before.
    pub(super) fn iter_from(&self, offset: usize) -> impl Iterator<Item = &Arc<R>> {
        let mut left = offset;
        let mut first = 0_usize;
        for chunk in &self.chunks {
            if left < chunk.len() {
                break;
            }
            left = left.saturating_sub(chunk.len());
            first = first.saturating_add(1);
        }
        self.chunks.get(first..).unwrap_or_default().iter().flat_map(|chunk| chunk.iter()).skip(left)
    }

    fn put(&mut self, record: &Arc<R>) {
        let at = self.chunk_of(record.name());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(vec![Arc::clone(record)]));
            self.len = 1;
            return;
        };
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by(|other| other.name().cmp(record.name())) {
            Ok(place) => {
                if let Some(old) = chunk.get_mut(place) {
                    *old = Arc::clone(record);
                }
            }
            Err(place) => {
                chunk.insert(place, Arc::clone(record));
                self.len = self.len.saturating_add(1);
                if chunk.len() > CHUNK {
                    // Files come sorted: the full half is left behind full.
                    let keep = if place.saturating_add(1) == chunk.len() { CHUNK } else { CHUNK / 2 };
                    let second = chunk.split_off(keep);
                    chunk.shrink_to_fit();
                    self.chunks.insert(at.saturating_add(1), Arc::new(second));
                }
            }
        }
    }

    fn remove(&mut self, name: &[u8]) {
        let at = self.chunk_of(name);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Ok(place) = chunk.binary_search_by(|other| other.name().cmp(name)) else { return };
        let chunk = Arc::make_mut(chunk);
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.len = self.len.saturating_sub(1);
    }

    /// The chunk that holds or would hold that name.
    fn chunk_of(&self, name: &[u8]) -> usize {
        let begins_before =
            |chunk: &Arc<Vec<Arc<R>>>| chunk.first().is_some_and(|first| first.name() <= name);
        self.chunks.partition_point(begins_before).saturating_sub(1)
    }
}

/// All records, and how many are left.
struct Records<I> {
    records: I,
    left: usize,
}

impl<I: Iterator> Iterator for Records<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let record = self.records.next()?;
        self.left = self.left.saturating_sub(1);
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator> ExactSizeIterator for Records<I> {}
