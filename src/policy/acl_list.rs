//! The ACLs of one type in a role, in the order in which they are asked.

use std::sync::Arc;

use super::Acl;
use super::rank::Rank;

/// How many ACLs share an allocation: what a change copies, against what a copy of the list costs.
const CHUNK: usize = 128;

/// ACLs: highest priority first, then in the order in which they came.
///
/// A clone shares the ACLs with the original; a change copies a small part.
#[derive(Clone, Debug, Default)]
pub struct AclList {
    // INVARIANT: no chunk is empty, and ranks rise through all chunks.
    chunks: Vec<Arc<Vec<Arc<Acl>>>>,
    len: usize,
    next_order: u32,
}

impl AclList {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ACLs, first asked first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Acl>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The ACL with exactly that topic, found by looking at each.
    #[must_use]
    pub fn find(&self, topic: &[u8]) -> Option<&Arc<Acl>> {
        self.iter().find(|acl| *acl.topic == *topic)
    }

    /// Adds an ACL behind those with the same or a higher priority.
    pub(super) fn insert(&mut self, mut acl: Acl) -> Arc<Acl> {
        acl.order = self.next_order;
        self.next_order = self.next_order.saturating_add(1);
        let acl = Arc::new(acl);
        self.len = self.len.saturating_add(1);
        let at = self.chunk_of(acl.rank());
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(vec![Arc::clone(&acl)]));
            return acl;
        };
        let chunk = Arc::make_mut(chunk);
        let place = chunk.partition_point(|other| other.rank() < acl.rank());
        chunk.insert(place, Arc::clone(&acl));
        if chunk.len() > CHUNK {
            let second = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at.saturating_add(1), Arc::new(second));
        }
        acl
    }

    /// Takes the ACL of that rank away.
    pub(super) fn remove(&mut self, rank: Rank) {
        let at = self.chunk_of(rank);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Ok(place) = chunk.binary_search_by_key(&rank, |acl| acl.rank()) else { return };
        let chunk = Arc::make_mut(chunk);
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.len = self.len.saturating_sub(1);
    }

    /// The ACLs of that list, in the order given; the caller sees to it that no two have one topic.
    pub(super) fn from_given(acls: Vec<Acl>) -> Self {
        let mut order = 0_u32;
        let mut acls: Vec<Arc<Acl>> = acls
            .into_iter()
            .map(|acl| {
                let acl = Arc::new(Acl { order, ..acl });
                order = order.saturating_add(1);
                acl
            })
            .collect();
        acls.sort_by_key(|acl| acl.rank());
        let len = acls.len();
        let mut acls = acls.into_iter();
        let chunk = |_| Arc::new(acls.by_ref().take(CHUNK).collect());
        let chunks = (0..len.div_ceil(CHUNK)).map(chunk).collect();
        Self { chunks, len, next_order: order }
    }

    /// What is in this list and not in the other, at a cost in proportion to what differs.
    pub(super) fn not_in<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Arc<Acl>> {
        // Lists that differ by a few changes share all chunks but a few, mostly at the same places.
        let pairs = self.chunks.iter().zip(&other.chunks);
        let before = pairs.take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
        let (rest, others) = (self.chunks.get(before..), other.chunks.get(before..));
        let (rest, others) = (rest.unwrap_or_default(), others.unwrap_or_default());
        let behind =
            rest.iter().rev().zip(others.iter().rev()).take_while(|(a, b)| Arc::ptr_eq(a, b)).count();
        let rest = rest.get(..rest.len().saturating_sub(behind)).unwrap_or_default();
        let chunk_is_in = |chunk: &Arc<Vec<Arc<Acl>>>, list: &Self| {
            let first = chunk.first().map(|acl| acl.rank());
            first.is_some_and(|rank| {
                list.chunks.get(list.chunk_of(rank)).is_some_and(|candidate| Arc::ptr_eq(candidate, chunk))
            })
        };
        rest.iter()
            .filter(move |chunk| !chunk_is_in(chunk, other))
            .flat_map(|chunk| chunk.iter())
            .filter(move |acl| !other.at(acl.rank()).is_some_and(|same| Arc::ptr_eq(same, acl)))
    }

    fn at(&self, rank: Rank) -> Option<&Arc<Acl>> {
        let chunk = self.chunks.get(self.chunk_of(rank))?;
        chunk.get(chunk.binary_search_by_key(&rank, |acl| acl.rank()).ok()?)
    }

    /// The chunk that holds or would hold that rank.
    fn chunk_of(&self, rank: Rank) -> usize {
        let begins_after = |chunk: &Arc<Vec<Arc<Acl>>>| chunk.first().is_some_and(|acl| acl.rank() <= rank);
        self.chunks.partition_point(begins_after).saturating_sub(1)
    }
}

impl<'a> IntoIterator for &'a AclList {
    type Item = &'a Arc<Acl>;
    type IntoIter = Box<dyn Iterator<Item = &'a Arc<Acl>> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl PartialEq for AclList {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for AclList {}
