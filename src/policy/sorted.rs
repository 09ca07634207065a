//! Records in the order of their names, copied in no time.

use std::sync::Arc;

use super::table::Named;

/// How many records share an allocation of the sorted list.
const CHUNK: usize = 256;

/// The records of a table in the order of their names' bytes. A clone shares them and is a snapshot.
#[derive(Debug)]
pub(super) struct Sorted<R> {
    // INVARIANT: no chunk is empty, and names rise through all chunks.
    chunks: Vec<Arc<Vec<Arc<R>>>>,
    len: usize,
}

impl<R> Default for Sorted<R> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<R> Clone for Sorted<R> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<R: Named> Sorted<R> {
    /// These records, which are in the order of their different names.
    pub(super) fn of(records: &[Arc<R>]) -> Self {
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

    pub(super) fn put(&mut self, record: &Arc<R>) {
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

    pub(super) fn remove(&mut self, name: &[u8]) {
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
