//! The compiled matcher: finds the first of many filters that matches, at a cost that depends on the
//! topic's depth and the number of shapes among the filters, not on how many filters there are.

use std::borrow::Borrow;

use super::heads::{Heads, MOST_SHAPES, Told};
use super::levels::{Keys, Levels, MAX_CUT};
use super::rank::Rank;
use super::scan::{Print, Scan};
use super::shape::{Filed, Shape, Sieve};
use super::slots::Slots;
use super::topic::{self, Match};
use super::{Acl, Compat, Subject};

/// How many shapes are probed for one topic; filters of further shapes are scanned.
const MAX_SHAPES: usize = if cfg!(test) { 3 } else { MOST_SHAPES };

/// What is asked of the filters: does one match this topic, or cover this filter?
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) topic: &'a [u8],
    pub(super) subject: Subject<'a>,
    /// The topic is a filter that a client asks for.
    pub(super) is_filter: bool,
    pub(super) compat: Compat,
}

impl Asked<'_> {
    /// Holds one filter against the topic.
    pub(super) fn of_filter(&self, filter: &[u8]) -> Match {
        if self.is_filter {
            topic::covers_filter(filter, self.topic, self.subject, self.compat)
        } else {
            topic::matches_topic(filter, self.topic, self.subject)
        }
    }
}

/// Topic filters with what is filed under each, by rank.
#[derive(Debug)]
pub(super) struct Index<T> {
    slots: Slots<Entry<T>>,
    // INVARIANT: not in `heads` where it has no filters.
    shapes: Vec<ShapeInUse>,
    heads: Heads,
    /// Deep filters, malformed ones, and those of rare shapes.
    scanned: Scan<T>,
    /// No filter that is not all literal comes before this.
    first_other: Rank,
}

/// What is filed.
#[derive(Clone, Debug)]
pub(super) struct Entry<T> {
    rank: Rank,
    item: T,
}

#[derive(Clone, Debug)]
struct ShapeInUse {
    sieve: Sieve,
    /// No filter of this shape comes before this.
    first: Rank,
    shape: Shape,
    filters: usize,
}

/// What was found.
pub(super) struct Found<'i, T> {
    pub(super) rank: Rank,
    pub(super) item: &'i T,
    /// `Yes` or `Malformed`.
    pub(super) how: Match,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            slots: Slots::default(),
            shapes: Vec::new(),
            heads: Heads::default(),
            scanned: Scan::default(),
            first_other: Rank::LAST,
        }
    }
}

impl<T: Borrow<Acl>> Index<T> {
    /// Makes room for so many more items.
    pub(super) fn reserve(&mut self, count: usize) {
        self.slots.reserve(count);
    }

    /// Files an item under its ACL's topic.
    pub(super) fn insert(&mut self, rank: Rank, item: T, keys: &Keys) {
        self.file(rank, item, keys, |_, _, _| false);
    }

    /// Files an item that comes after all others, unless one with its topic is there already.
    pub(super) fn insert_if_first(&mut self, rank: Rank, item: T, keys: &Keys) {
        self.file(rank, item, keys, |slots, key, item| {
            slots.find(key, |entry| entry.item.borrow().topic == item.borrow().topic).is_some()
        });
    }

    fn file(
        &mut self,
        rank: Rank,
        item: T,
        keys: &Keys,
        is_there: impl FnOnce(&Slots<Entry<T>>, u64, &T) -> bool,
    ) {
        let key = match Shape::file(&item.borrow().topic, keys) {
            Filed::Literal(hash) => Some(hash),
            Filed::Shaped(shape, sieve, levels) => {
                let key = sieve.key_of_levels(&levels, keys);
                if is_there(&self.slots, key, &item) {
                    return;
                }
                self.first_other = self.first_other.min(rank);
                let number = self.use_shape(shape, sieve, rank, keys);
                if let Some(number) = number {
                    self.heads.add(number, key, &sieve, &levels, keys);
                }
                if number.is_some() {
                    self.slots.insert(key, Entry { rank, item });
                } else {
                    self.scanned.insert(rank, item, keys);
                }
                return;
            }
            Filed::Deep | Filed::Malformed => None,
        };
        match key {
            Some(key) if is_there(&self.slots, key, &item) => {}
            Some(key) => self.slots.insert(key, Entry { rank, item }),
            None => {
                self.first_other = self.first_other.min(rank);
                self.scanned.insert(rank, item, keys);
            }
        }
    }

    /// Takes the item of that rank, filed under that topic, away.
    pub(super) fn remove(&mut self, rank: Rank, topic: &[u8], keys: &Keys) {
        let is_removed = match Shape::file(topic, keys) {
            Filed::Literal(hash) => self.slots.remove(hash, |entry| entry.rank == rank),
            Filed::Shaped(shape, sieve, levels) => self.remove_shaped(rank, shape, &sieve, &levels, keys),
            Filed::Deep | Filed::Malformed => false,
        };
        if !is_removed {
            self.scanned.remove(rank);
        }
    }

    fn remove_shaped(
        &mut self,
        rank: Rank,
        shape: Shape,
        sieve: &Sieve,
        levels: &Levels<'_>,
        keys: &Keys,
    ) -> bool {
        let Some(number) = self.shapes.iter().position(|used| used.filters > 0 && used.shape == shape) else {
            return false;
        };
        let Some(used) = self.shapes.get_mut(number) else { return false };
        let key = sieve.key_of_levels(levels, keys);
        if !self.slots.remove(key, |entry| entry.rank == rank) {
            return false;
        }
        self.heads.remove(key, sieve, levels, keys);
        used.filters = used.filters.saturating_sub(1);
        if used.filters == 0 {
            self.heads.remove_shape(number);
        }
        true
    }

    /// The item filed under exactly that topic.
    pub(super) fn get(&self, topic: &[u8], keys: &Keys) -> Option<&T> {
        let key = match Shape::file(topic, keys) {
            Filed::Literal(hash) => Some(hash),
            Filed::Shaped(_, sieve, levels) => Some(sieve.key_of_levels(&levels, keys)),
            Filed::Deep | Filed::Malformed => None,
        };
        if let Some(entry) =
            key.and_then(|key| self.slots.find(key, |entry| *entry.item.borrow().topic == *topic))
        {
            return Some(&entry.item);
        }
        self.scanned.iter().find(|item| *(*item).borrow().topic == *topic)
    }

    /// The item whose filter is all literal and that very topic, which has that hash; and whether no other can come
    /// before it.
    #[inline]
    pub(super) fn literal(&self, topic: &[u8], hash: u64) -> Option<(Found<'_, T>, bool)> {
        let at = self.slots.probe(hash)?;
        let entry = self.slots.find_from(at, hash, |entry| *entry.item.borrow().topic == *topic)?;
        Some((entry.found(), entry.rank <= self.first_other))
    }

    /// The first item, by rank, whose filter matches; or, in 2.1, that turns out malformed before. `literal` is what
    /// [`Self::literal`] has found.
    #[inline]
    pub(super) fn first<'i>(
        &'i self,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
        literal: Option<Found<'i, T>>,
    ) -> Option<Found<'i, T>> {
        let mut best = literal;
        let mut best_rank = best.as_ref().map_or(Rank::LAST, |best| best.rank);
        let Told { mut shapes, only } = self.heads.of_topic(&cut.levels, cut.keys);
        while shapes != 0 {
            let Some(used) = self.shapes.get(shapes.trailing_zeros() as usize) else { break };
            shapes &= shapes.wrapping_sub(1);
            if used.first <= best_rank
                && used.sieve.lets_through(cut)
                && let key = only.unwrap_or_else(|| used.sieve.key_of_levels(&cut.levels, cut.keys))
                && let Some(at) = self.slots.probe(key)
                && let Some(entry) = self.of_shape(used, key, at, asked, cut)
                && entry.rank < best_rank
            {
                best = Some(entry.found());
                best_rank = entry.rank;
            }
        }
        if !self.scanned.is_empty()
            && let Some(found) = self.first_scanned(asked, cut, best.as_ref().map(|best| best.rank))
        {
            return Some(found);
        }
        best
    }

    /// The item of a shape whose filter matches, if there is one. Its key was found at that place.
    #[inline]
    fn of_shape(
        &self,
        used: &ShapeInUse,
        key: u64,
        at: usize,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
    ) -> Option<&Entry<T>> {
        if used.sieve.has_placeholders && !used.shape.placeholders_fit(&cut.levels, asked.subject) {
            return None;
        }
        self.slots.find_from(at, key, |entry| used.shape.is_match(&entry.item.borrow().topic, &cut.levels))
    }

    /// The items, in their order, whose filters may match: all that do, that are malformed, or, where the
    /// client id is not known, that would match for some client id.
    pub(super) fn candidates<'i>(&'i self, asked: &Asked<'_>, cut: &Cut<'_, '_>) -> Vec<&'i T> {
        let mut found: Vec<(Rank, &T)> = Vec::new();
        let literal = self.literal(asked.topic, cut.keys.hash(asked.topic));
        found.extend(literal.map(|(found, _)| (found.rank, found.item)));
        for used in self.shapes.iter().filter(|used| used.filters > 0) {
            let subject = used.shape.subject_that_fits(&cut.levels, asked.subject);
            let asked = Asked { subject, ..*asked };
            if used.sieve.lets_through(cut)
                && let key = used.sieve.key_of_levels(&cut.levels, cut.keys)
                && let Some(at) = self.slots.probe(key)
            {
                let entry = self.of_shape(used, key, at, &asked, cut);
                found.extend(entry.map(|entry| (entry.rank, &entry.item)));
            }
        }
        if !self.scanned.is_empty() {
            let print = Print::of_topic(&cut.levels, cut.open, cut.keys);
            self.scanned.first(&print, None, |rank, item| {
                found.push((rank, item));
                None::<()>
            });
        }
        found.sort_unstable_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, item)| item).collect()
    }

    /// About how many steps a look-up takes.
    pub(super) fn steps(&self) -> usize {
        self.shapes.iter().filter(|used| used.filters > 0).count().saturating_add(self.scanned.steps())
    }

    #[cold]
    fn first_scanned(
        &self,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
        before: Option<Rank>,
    ) -> Option<Found<'_, T>> {
        // Most malformed filters match no topic, and only 2.1 denies what gets as far as to find that out.
        let skips = asked.compat < Compat::V2_1 && !asked.is_filter;
        let print = Print::of_topic(&cut.levels, cut.open, cut.keys).skipping_malformed(skips);
        let found =
            self.scanned.first(&print, before, |rank, item| match asked.of_filter(&item.borrow().topic) {
                Match::No => None,
                Match::Malformed if asked.compat < Compat::V2_1 => None,
                how => Some((rank, how)),
            });
        found.map(|(item, (rank, how))| Found { rank, item, how })
    }

    /// One more filter of that shape, whose number comes back; none if there are too many shapes already.
    fn use_shape(&mut self, shape: Shape, sieve: Sieve, rank: Rank, keys: &Keys) -> Option<usize> {
        let in_use = self.shapes.iter().position(|used| used.filters > 0 && used.shape == shape);
        if let Some(number) = in_use {
            let used = self.shapes.get_mut(number)?;
            used.filters = used.filters.saturating_add(1);
            used.first = used.first.min(rank);
            return Some(number);
        }
        let fresh = ShapeInUse { sieve, first: rank, shape, filters: 1 };
        let number = match self.shapes.iter().position(|used| used.filters == 0) {
            Some(free) => {
                *self.shapes.get_mut(free)? = fresh;
                free
            }
            None if self.shapes.len() >= MAX_SHAPES => return None,
            None => {
                self.shapes.push(fresh);
                self.shapes.len().saturating_sub(1)
            }
        };
        self.heads.add_shape(number, &sieve, keys);
        Some(number)
    }
}

impl<T> Entry<T> {
    #[inline]
    fn found(&self) -> Found<'_, T> {
        Found { rank: self.rank, item: &self.item, how: Match::Yes }
    }
}

/// A regular topic, cut once for all indexes.
pub(super) struct Cut<'k, 't> {
    pub(super) keys: &'k Keys,
    pub(super) levels: Levels<'t>,
    /// A filter with a last `#`, which is not among the levels: only a filter with one covers it.
    pub(super) open: bool,
    /// How many levels a filter without a last `#` has that covers this.
    pub(super) closed: usize,
    /// It begins with `$`, and a leading wildcard leaves that out.
    pub(super) is_apart: bool,
}

impl<'k, 't> Cut<'k, 't> {
    /// Of nothing yet.
    #[inline]
    pub(super) fn none(keys: &'k Keys) -> Self {
        Self { keys, levels: Levels::none(), open: false, closed: 0, is_apart: false }
    }

    /// A topic, cut; `None` where it is irregular: filters have then to be walked in their order.
    pub(super) fn of(asked: &Asked<'t>, keys: &'k Keys) -> Option<Self> {
        let mut cut = Self::none(keys);
        cut.take(asked).then_some(cut)
    }

    /// Cuts a topic into this, which was [`Self::none`]; false where it is irregular. So that much is not moved about.
    #[inline]
    pub(super) fn take(&mut self, asked: &Asked<'t>) -> bool {
        if asked.topic.is_empty() || asked.topic.len() > MAX_CUT {
            return false;
        }
        if asked.is_filter {
            return self.take_filter(asked);
        }
        self.levels.cut(asked.topic);
        self.closed = self.levels.count();
        self.is_apart = asked.topic.first() == Some(&b'$');
        !self.levels.has_wildcard()
    }

    #[inline(never)]
    fn take_filter(&mut self, asked: &Asked<'t>) -> bool {
        let dollar_is_apart = asked.compat == Compat::V2_1;
        let (head, open) = topic::without_hash(asked.topic);
        // To 2.0 the head of `#` is a level without a name, to 2.1 it is no level.
        if !(dollar_is_apart && asked.topic == b"#") {
            self.levels.cut(head);
        }
        let second_hash = open && head.ends_with(b"#");
        if self.levels.has_wildcard() && (second_hash || !topic::is_well_formed(head)) {
            return false;
        }
        self.open = open;
        self.closed = if open { usize::MAX } else { self.levels.count() };
        self.is_apart = dollar_is_apart && head.first() == Some(&b'$');
        true
    }
}
