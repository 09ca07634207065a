//! Records by name: found at once by name, listed in the order of names, copied in no time.

use std::sync::Arc;

use hashbrown::HashTable;

use super::hash::is_same;
use super::hints::{Hint, Hints};
use super::levels::Keys;
use super::{Client, Group, Role, RoleName};

/// For how many more records there is room behind those that come all at once: moving many takes long, and is to
/// happen to no first command.
pub(super) const MORE: usize = 1024;
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
    by_name: HashTable<Id>,
    slots: Vec<Option<Slot<R, D>>>,
    /// The ids that are free.
    free: Vec<Id>,
    sorted: Sorted<R>,
}

/// A record of a table by number: small, and the same as long as the record is there, in whatever state.
/// After that another record may have it.
pub(super) type Id = u32;

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
        let sorted = Sorted { chunks: Vec::new(), len: 0 };
        Self { by_name: HashTable::new(), slots: Vec::new(), free: Vec::new(), sorted }
    }
}

impl<R> Clone for Sorted<R> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<R: Named, D: Default> Table<R, D> {
    #[inline]
    pub(super) fn get(&self, name: &[u8], keys: &Keys) -> Option<&Arc<R>> {
        self.slot(name, keys).map(|slot| &slot.record)
    }

    /// [`Self::get`] of a name that the broker holds, which has been looked up before, as a rule.
    #[inline]
    pub(super) fn get_again(&self, name: &[u8], hints: &Hints, keys: &Keys) -> Option<&Arc<R>> {
        let hint = hints.of(name)?;
        match slot(&self.slots, hint.get()) {
            Some(slot) if is_same(slot.record.name(), name) => Some(&slot.record),
            _ => self.find_again(name, &hint, keys),
        }
    }

    #[inline(never)]
    fn find_again(&self, name: &[u8], hint: &Hint<'_>, keys: &Keys) -> Option<&Arc<R>> {
        let id = self.id_of(name, keys)?;
        hint.set(id);
        self.by_id(id)
    }

    #[inline]
    pub(super) fn get_with_derived(&self, name: &[u8], keys: &Keys) -> Option<(&Arc<R>, &D)> {
        self.slot(name, keys).map(|slot| (&slot.record, &slot.derived))
    }

    /// The number of the record of that name.
    pub(super) fn id_of(&self, name: &[u8], keys: &Keys) -> Option<Id> {
        self.by_name.find(keys.hash(name), |&id| is_named(&self.slots, id, name)).copied()
    }

    /// All ids are below this.
    pub(super) fn ids(&self) -> usize {
        self.slots.len()
    }

    /// The record of that number.
    pub(super) fn by_id(&self, id: Id) -> Option<&Arc<R>> {
        slot(&self.slots, id).map(|slot| &slot.record)
    }

    pub(super) fn sorted(&self) -> &Sorted<R> {
        &self.sorted
    }

    #[inline]
    fn slot(&self, name: &[u8], keys: &Keys) -> Option<&Slot<R, D>> {
        let slots = self.slots.as_slice();
        let id = self.by_name.find(keys.hash(name), |&id| is_named(slots, id, name))?;
        slot(slots, *id)
    }

    /// Puts a record in the place of the one of its name, which comes back. `derive` makes what is
    /// derived follow.
    pub(super) fn put(
        &mut self,
        record: Arc<R>,
        keys: &Keys,
        derive: impl FnOnce(&mut D, Option<&R>, &R),
    ) -> (Id, Option<Arc<R>>) {
        self.sorted.put(&record);
        let hash = keys.hash(record.name());
        let slots = &mut self.slots;
        if let Some(&id) = self.by_name.find(hash, |&id| is_named(slots, id, record.name()))
            && let Some(slot) = slots.get_mut(id as usize).and_then(Option::as_mut)
        {
            derive(&mut slot.derived, Some(&slot.record), &record);
            return (id, Some(std::mem::replace(&mut slot.record, record)));
        }
        let mut derived = D::default();
        derive(&mut derived, None, &record);
        let slot = Some(Slot { record, derived });
        let id = if let Some(id) = self.free.pop()
            && let Some(place) = slots.get_mut(id as usize)
        {
            *place = slot;
            id
        } else {
            slots.push(slot);
            last_id(slots)
        };
        self.by_name.insert_unique(hash, id, |&id| hash_of(slots, id, keys));
        (id, None)
    }

    /// Puts many records of different names, in the order of those, into a table that is empty. `by_name` has the place of
    /// each by the hash of its name.
    pub(super) fn fill(
        &mut self,
        records: Vec<Arc<R>>,
        by_name: HashTable<Id>,
        derive: impl Fn(&mut D, Option<&R>, &R),
    ) {
        self.sorted = Sorted::of(&records);
        let slot = |record: Arc<R>| {
            let mut derived = D::default();
            derive(&mut derived, None, &record);
            Some(Slot { record, derived })
        };
        self.slots = Vec::with_capacity(records.len().saturating_add(MORE));
        self.slots.extend(records.into_iter().map(slot));
        self.free = Vec::new();
        self.by_name = by_name;
    }

    /// Takes the record of that name out, with what is derived from it.
    pub(super) fn remove(&mut self, name: &[u8], keys: &Keys) -> Option<(Id, Arc<R>, D)> {
        let slots = &mut self.slots;
        let entry = self.by_name.find_entry(keys.hash(name), |&id| is_named(slots, id, name)).ok()?;
        let (id, _) = entry.remove();
        let slot = slots.get_mut(id as usize)?.take()?;
        self.free.push(id);
        self.sorted.remove(name);
        Some((id, slot.record, slot.derived))
    }
}

impl<D: Default> Table<Role, D> {
    /// The role that a link names.
    #[inline]
    pub(super) fn get_linked(&self, name: &RoleName, keys: &Keys) -> Option<(&Arc<Role>, &D)> {
        let slot = match slot(&self.slots, name.hint()) {
            Some(slot) if slot.record.name.is(name) => slot,
            _ => self.find_linked(name, keys)?,
        };
        Some((&slot.record, &slot.derived))
    }

    #[cold]
    fn find_linked(&self, name: &RoleName, keys: &Keys) -> Option<&Slot<Role, D>> {
        let id = self.id_of(name.as_bytes(), keys)?;
        name.set_hint(id);
        slot(&self.slots, id)
    }
}

#[inline]
fn slot<R, D>(slots: &[Option<Slot<R, D>>], id: Id) -> Option<&Slot<R, D>> {
    slots.get(id as usize)?.as_ref()
}

#[inline]
fn is_named<R: Named, D>(slots: &[Option<Slot<R, D>>], id: Id, name: &[u8]) -> bool {
    slot(slots, id).is_some_and(|slot| is_same(slot.record.name(), name))
}

fn hash_of<R: Named, D>(slots: &[Option<Slot<R, D>>], id: Id, keys: &Keys) -> u64 {
    slot(slots, id).map_or(0, |slot| keys.hash(slot.record.name()))
}

/// The id of the last slot. There is never room for more records than a `u32` counts: a name alone takes
/// 24 bytes.
fn last_id<T>(slots: &[T]) -> Id {
    Id::try_from(slots.len().saturating_sub(1)).unwrap_or(Id::MAX)
}

impl<R: Named> Sorted<R> {
    /// These records, which are in the order of their different names.
    fn of(records: &[Arc<R>]) -> Self {
        let chunks = records.chunks(CHUNK).map(|chunk| Arc::new(chunk.to_vec())).collect();
        Self { chunks, len: records.len() }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Username;

    fn client(number: usize) -> Arc<Client> {
        Arc::new(Client::new(Username::new(format!("c{number:04}").as_bytes()).unwrap()))
    }

    fn names(table: &Table<Client>) -> Vec<String> {
        table.sorted().iter().map(|client| client.username.to_string()).collect()
    }

    #[test]
    fn what_is_filled_is_as_if_put_one_by_one_and_goes_on_changing() {
        let keys = Keys::random();
        let records: Vec<Arc<Client>> = (0..2000).map(client).collect();
        let (mut filled, mut put) = (Table::<Client>::default(), Table::<Client>::default());
        let mut by_name = HashTable::new();
        for (id, record) in (0..).zip(&records) {
            by_name.insert_unique(keys.hash(record.name()), id, |&id| {
                records.get(id as usize).map_or(0, |record| keys.hash(record.name()))
            });
        }
        filled.fill(records.clone(), by_name, |(), _, _| ());
        for record in records.into_iter().rev() {
            put.put(record, &keys, |(), _, _| ());
        }
        for step in 0..4000 {
            let number = (step * 7919) % 2500;
            for table in [&mut filled, &mut put] {
                if step % 3 == 0 {
                    let removed = table.remove(client(number).name(), &keys);
                    assert!(removed.is_none_or(|(id, ..)| table.by_id(id).is_none()));
                } else {
                    let (id, _) = table.put(client(number), &keys, |(), _, _| ());
                    assert_eq!(table.id_of(client(number).name(), &keys), Some(id));
                    assert_eq!(table.by_id(id).unwrap().name(), client(number).name());
                }
            }
        }
        assert_eq!(names(&filled), names(&put));
        assert!(names(&filled).is_sorted() && filled.sorted().iter().len() > 1000);
        for number in 0..2500 {
            let name = client(number).username.clone();
            let is_there = filled.get(name.as_bytes(), &keys).is_some();
            assert_eq!(is_there, filled.sorted().find(name.as_bytes()).is_some());
            assert_eq!(is_there, put.get(name.as_bytes(), &keys).is_some());
        }
        assert!(filled.ids() <= 2500, "numbers are used again");
    }
}
