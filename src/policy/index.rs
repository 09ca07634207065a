//! The compiled matcher: finds the first of many filters that matches, at a cost that depends on the
//! topic's depth and the number of shapes among the filters, not on how many filters there are.

use std::borrow::Borrow;

use super::levels::{Keys, Levels, MAX_CUT};
use super::rank::Rank;
use super::scan::{Print, Scan};
use super::shape::{Filed, Shape};
use super::slots::{Entry, Slots};
use super::topic::{self, Match};
use super::{Acl, Compat, Subject};

/// How many shapes are probed for one topic; filters of further shapes are scanned.
const MAX_SHAPES: usize = if cfg!(test) { 3 } else { 64 };

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
    slots: Slots<T>,
    shapes: Vec<ShapeInUse>,
    /// Deep filters, malformed ones, and those of rare shapes.
    scanned: Scan<T>,
}

#[derive(Clone, Debug)]
struct ShapeInUse {
    shape: Shape,
    salt: u64,
    filters: usize,
    /// No filter of this shape comes before this.
    first: Rank,
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
        Self { slots: Slots::default(), shapes: Vec::new(), scanned: Scan::default() }
    }
}

impl<T: Borrow<Acl>> Index<T> {
    /// Files an item under its ACL's topic.
    pub(super) fn insert(&mut self, rank: Rank, item: T, keys: &Keys) {
        let topic = &item.borrow().topic;
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(salt) = self.use_shape(shape, rank, keys)
        {
            self.slots.insert(Entry { key: literals.wrapping_add(salt), rank, item });
            return;
        }
        self.scanned.insert(rank, item, keys);
    }

    /// Files an item that comes after all others, unless one with its topic is there already.
    pub(super) fn insert_if_first(&mut self, rank: Rank, item: T, keys: &Keys) {
        let topic = &item.borrow().topic;
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(salt) = self.use_shape(shape, rank, keys)
        {
            let key = literals.wrapping_add(salt);
            if self.slots.find(key, |entry| entry.item.borrow().topic == *topic).is_none() {
                self.slots.insert(Entry { key, rank, item });
            }
            return;
        }
        self.scanned.insert(rank, item, keys);
    }

    /// Takes the item of that rank, filed under that topic, away.
    pub(super) fn remove(&mut self, rank: Rank, topic: &[u8], keys: &Keys) {
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(at) = self.shapes.iter().position(|used| used.shape == shape)
            && let Some(used) = self.shapes.get_mut(at)
            && self.slots.remove(literals.wrapping_add(used.salt), |entry| entry.rank == rank)
        {
            used.filters = used.filters.saturating_sub(1);
            if used.filters == 0 {
                self.shapes.swap_remove(at);
            }
            return;
        }
        self.scanned.remove(rank);
    }

    /// The item filed under exactly that topic.
    pub(super) fn get(&self, topic: &[u8], keys: &Keys) -> Option<&T> {
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(used) = self.shapes.iter().find(|used| used.shape == shape)
            && let Some(entry) = self
                .slots
                .find(literals.wrapping_add(used.salt), |entry| *entry.item.borrow().topic == *topic)
        {
            return Some(&entry.item);
        }
        self.scanned.iter().find(|item| *(*item).borrow().topic == *topic)
    }

    /// The first item, by rank, whose filter matches; or, in 2.1, that turns out malformed before.
    #[inline]
    pub(super) fn first(&self, asked: &Asked<'_>, cut: &Cut<'_, '_>) -> Option<Found<'_, T>> {
        let mut best: Option<&Entry<T>> = None;
        for used in &self.shapes {
            if best.is_some_and(|best| best.rank < used.first) {
                continue;
            }
            let Some(literals) = used.shape.literals_of(cut, asked.subject) else { continue };
            let key = literals.wrapping_add(used.salt);
            let found =
                self.slots.find(key, |entry| used.shape.is_match(&entry.item.borrow().topic, cut.levels));
            if let Some(entry) = found
                && best.is_none_or(|best| entry.rank < best.rank)
            {
                best = Some(entry);
            }
        }
        if !self.scanned.is_empty()
            && let Some(found) = self.first_scanned(asked, cut, best.map(|best| best.rank))
        {
            return Some(found);
        }
        best.map(|entry| Found { rank: entry.rank, item: &entry.item, how: Match::Yes })
    }

    /// The items, in their order, whose filters may match: all that do, that are malformed, or, where the
    /// client id is not known, that would match for some client id.
    pub(super) fn candidates<'i>(&'i self, asked: &Asked<'_>, cut: &Cut<'_, '_>) -> Vec<&'i T> {
        let mut found: Vec<(Rank, &T)> = Vec::new();
        for used in &self.shapes {
            let subject = used.shape.subject_that_fits(cut.levels, asked.subject);
            let Some(literals) = used.shape.literals_of(cut, subject) else { continue };
            let key = literals.wrapping_add(used.salt);
            let is_it = |entry: &Entry<T>| used.shape.is_match(&entry.item.borrow().topic, cut.levels);
            found.extend(self.slots.find(key, is_it).map(|entry| (entry.rank, &entry.item)));
        }
        if !self.scanned.is_empty() {
            let print = Print::of_topic(cut.levels, cut.open, cut.keys);
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
        self.shapes.len().saturating_add(self.scanned.steps())
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
        let print = Print::of_topic(cut.levels, cut.open, cut.keys).skipping_malformed(skips);
        let found =
            self.scanned.first(&print, before, |rank, item| match asked.of_filter(&item.borrow().topic) {
                Match::No => None,
                Match::Malformed if asked.compat < Compat::V2_1 => None,
                how => Some((rank, how)),
            });
        found.map(|(item, (rank, how))| Found { rank, item, how })
    }

    fn use_shape(&mut self, shape: Shape, rank: Rank, keys: &Keys) -> Option<u64> {
        if let Some(used) = self.shapes.iter_mut().find(|used| used.shape == shape) {
            used.filters = used.filters.saturating_add(1);
            used.first = used.first.min(rank);
            return Some(used.salt);
        }
        if self.shapes.len() >= MAX_SHAPES {
            return None;
        }
        let salt = shape.salt(keys);
        self.shapes.push(ShapeInUse { shape, salt, filters: 1, first: rank });
        Some(salt)
    }
}

/// A regular topic, cut and hashed once for all indexes.
pub(super) struct Cut<'l, 't> {
    pub(super) levels: &'l Levels<'t>,
    pub(super) keys: &'l Keys,
    /// A filter with a last `#`, which is not among the levels: only a filter with one covers it.
    pub(super) open: bool,
    /// It begins with `$`, and a leading wildcard leaves that out.
    pub(super) is_apart: bool,
}

impl<'l, 't> Cut<'l, 't> {
    /// Cuts a topic into `levels`, which were [`Levels::none`].
    ///
    /// `None` where the topic is irregular: filters have then to be walked in their order.
    #[inline]
    pub(super) fn of(asked: &Asked<'t>, levels: &'l mut Levels<'t>, keys: &'l Keys) -> Option<Self> {
        if asked.topic.is_empty() || asked.topic.len() > MAX_CUT {
            return None;
        }
        let mut open = false;
        let mut dollar_is_apart = true;
        if asked.is_filter {
            dollar_is_apart = asked.compat == Compat::V2_1;
            let (head, has_hash) = topic::without_hash(asked.topic);
            open = has_hash;
            // To 2.0 the head of `#` is a level without a name, to 2.1 it is no level.
            if !(dollar_is_apart && asked.topic == b"#") {
                levels.cut(head, keys);
            }
            let second_hash = has_hash && head.ends_with(b"#");
            if levels.has_wildcard() && (second_hash || !topic::is_well_formed(head)) {
                return None;
            }
        } else {
            levels.cut(asked.topic, keys);
            if levels.has_wildcard() {
                return None;
            }
        }
        let is_apart = dollar_is_apart && levels.begins_with_dollar();
        Some(Self { levels, keys, open, is_apart })
    }
}
