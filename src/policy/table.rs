//! Records by name: found at once by name, or by what links to them.

use std::borrow::Borrow;
use std::sync::Arc;

use hashbrown::HashTable;

use super::hash::{Keys, is_same};
use super::hints::{Hint, Hints};
use super::name::Linked;
use super::sorted::Sorted;
use super::{Client, Group, GroupName, Role, RoleName};

/// For how many more records there is room behind those that come all at once: moving many takes long, and is to
/// happen to no first command.
pub(super) const MORE: usize = 1024;

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

/// A record that others link to.
pub(super) trait LinkedTo: Named {
    /// What its name is.
    type Name: Linked;

    /// Its name.
    fn linked_name(&self) -> &Self::Name;
}

impl LinkedTo for Group {
    type Name = GroupName;

    #[inline]
    fn linked_name(&self) -> &GroupName {
        &self.name
    }
}

impl LinkedTo for Role {
    type Name = RoleName;

    #[inline]
    fn linked_name(&self) -> &RoleName {
        &self.name
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

impl<R, D> Default for Table<R, D> {
    fn default() -> Self {
        Self { by_name: HashTable::new(), slots: Vec::new(), free: Vec::new(), sorted: Sorted::default() }
    }
}

impl<R: Named, D: Default> Table<R, D> {
    #[inline]
    pub(super) fn get(&self, name: &[u8], keys: &Keys) -> Option<&Arc<R>> {
        self.slot(name, keys).map(|slot| &slot.record)
    }

    /// [`Self::get`] of a name that the broker holds, which has been looked up before, as a rule.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
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

impl<R: LinkedTo, D: Default> Table<R, D> {
    /// The record that a link leads to.
    #[inline]
    pub(super) fn get_linked(&self, name: &R::Name, keys: &Keys) -> Option<(&Arc<R>, &D)> {
        let slot = match slot(&self.slots, name.hint()) {
            Some(slot) if slot.record.linked_name().is(name) => slot,
            _ => slot(&self.slots, self.find_linked(name, keys)?)?,
        };
        Some((&slot.record, &slot.derived))
    }

    /// The number of the record that a link leads to.
    pub(super) fn id_of_linked(&self, name: &R::Name, keys: &Keys) -> Option<Id> {
        let hint = name.hint();
        match slot(&self.slots, hint) {
            Some(slot) if slot.record.linked_name().is(name) => Some(hint),
            _ => self.find_linked(name, keys),
        }
    }

    #[cold]
    fn find_linked(&self, name: &R::Name, keys: &Keys) -> Option<Id> {
        let id = self.id_of(name.borrow(), keys)?;
        if !slot(&self.slots, id)?.record.linked_name().is(name) {
            return None;
        }
        name.set_hint(id);
        Some(id)
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
