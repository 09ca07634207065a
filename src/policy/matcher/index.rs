//! The compiled matcher: finds the first of many filters that matches, at a cost that depends on the
//! topic's depth and the number of shapes among the filters, not on how many filters there are.

use std::borrow::Borrow;

use super::asked::{Asked, Cut};
use super::heads::{Filters, Heads, MOST_SHAPES};
use super::levels::Levels;
use super::scan::{Print, Scan};
use super::shape::{Filed, Shape, Sieve};
use super::slots::Slots;
use super::topic::Match;
use crate::policy::hash::{Keys, is_same};
use crate::policy::rank::{Rank, Ranked};
use crate::policy::{Acl, Compat, Subject};

/// How many shapes are probed for one topic; filters of further shapes are scanned.
const MAX_SHAPES: usize = if cfg!(test) { 3 } else { MOST_SHAPES };

/// Topic filters with what is filed under each, by rank.
#[derive(Debug)]
pub(in crate::policy) struct Index<T> {
    /// Filters of literal levels alone, by the hashes of their topics.
    literals: Slots<Ranked<T>>,
    // INVARIANT: not in `heads` where it has no filters.
    shapes: Vec<ShapeInUse>,
    heads: Heads<Ranked<T>>,
    /// Filters of shapes that are not alone with their heads, by shape and literal levels.
    shaped: Slots<Ranked<T>>,
    /// Deep filters, malformed ones, and those of rare shapes.
    scanned: Scan<T>,
    /// No filter that is not all literal comes before this.
    first_other: Rank,
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
pub(in crate::policy) struct Found<'i, T> {
    pub(in crate::policy) ranked: &'i Ranked<T>,
    /// `Yes` or `Malformed`.
    pub(in crate::policy) how: Match,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            literals: Slots::default(),
            shapes: Vec::new(),
            heads: Heads::default(),
            shaped: Slots::default(),
            scanned: Scan::default(),
            first_other: Rank::LAST,
        }
    }
}

impl<T: Borrow<Acl>> Index<T> {
    /// Files an item under its ACL's topic.
    pub(super) fn insert(&mut self, rank: Rank, item: T, keys: &Keys) {
        let place = match Shape::file(&item.borrow().topic, keys) {
            Filed::Literal(hash) => {
                self.literals.insert(hash, Ranked { rank, item });
                return;
            }
            Filed::Shaped(shape, sieve, levels) => self
                .use_shape(shape, sieve, rank, keys)
                .map(|number| (number, self.heads.key_of(&sieve, &levels, keys))),
            Filed::Deep | Filed::Malformed => None,
        };
        self.first_other = self.first_other.min(rank);
        let Some((number, head)) = place else {
            self.scanned.insert(rank, item, keys);
            return;
        };
        let (in_use, shaped) = (&self.shapes, &mut self.shaped);
        self.heads.add(head, number, Ranked { rank, item }, |number, ranked: Ranked<T>| {
            if let Some(used) = in_use.get(usize::from(number)) {
                let levels = Levels::of(&ranked.item.borrow().topic);
                shaped.insert(used.key_of_levels(number, &levels, keys), ranked);
            }
        });
    }

    /// Files an item that comes after all others, unless one with its topic is there already.
    pub(in crate::policy) fn insert_if_first(&mut self, rank: Rank, item: T, keys: &Keys) {
        if self.get(&item.borrow().topic, keys).is_none() {
            self.insert(rank, item, keys);
        }
    }

    /// Takes the item of that rank, filed under that topic, away.
    pub(super) fn remove(&mut self, rank: Rank, topic: &[u8], keys: &Keys) {
        let is_removed = match Shape::file(topic, keys) {
            Filed::Literal(hash) => self.literals.remove(hash, |entry| entry.rank == rank).is_some(),
            Filed::Shaped(shape, sieve, levels) => self.remove_shaped(rank, shape, &sieve, &levels, keys),
            Filed::Deep | Filed::Malformed => false,
        };
        if !is_removed {
            self.scanned.remove(rank, topic, keys);
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
        let Some((number, used)) = in_use(&mut self.shapes, shape) else { return false };
        let is_it = |entry: &Ranked<T>| entry.rank == rank;
        let key = used.key_of_levels(number, levels, keys);
        let head = self.heads.key_of(sieve, levels, keys);
        let shaped = &mut self.shaped;
        if !self.heads.remove(head, is_it, || shaped.remove(key, is_it).is_some()) {
            return false;
        }
        used.filters = used.filters.saturating_sub(1);
        if used.filters == 0 {
            self.heads.remove_shape(number);
        }
        true
    }

    /// The item filed under exactly that topic.
    pub(super) fn get(&self, topic: &[u8], keys: &Keys) -> Option<&T> {
        let is_it = |entry: &Ranked<T>| *entry.item.borrow().topic == *topic;
        let entry = match Shape::file(topic, keys) {
            // That is never scanned.
            Filed::Literal(hash) => return self.literals.find(hash, is_it).map(|entry| &entry.item),
            Filed::Shaped(shape, sieve, levels) => {
                let head = self.heads.key_of(&sieve, &levels, keys);
                let alone = head.and_then(|head| self.heads.alone(head)).filter(|entry| is_it(entry));
                alone.or_else(|| {
                    let used = self.shapes.iter().zip(0..);
                    let (used, number) = used.into_iter().find(|(used, _)| used.is_of(shape))?;
                    self.shaped.find(used.key_of_levels(number, &levels, keys), is_it)
                })
            }
            Filed::Deep | Filed::Malformed => None,
        };
        entry.map(|entry| &entry.item).or_else(|| self.scanned.get(topic, keys))
    }

    /// The item whose filter is all literal and that very topic, which has that hash.
    #[inline(never)]
    pub(in crate::policy) fn literal(&self, topic: &[u8], hash: u64) -> Option<&Ranked<T>> {
        self.literals.find(hash, |entry| is_same(&entry.item.borrow().topic, topic))
    }

    /// Whether no filter that is not all literal can come before this.
    #[inline]
    pub(in crate::policy) fn is_first(&self, literal: &Ranked<T>) -> bool {
        literal.rank <= self.first_other
    }

    /// The first item, by rank, whose filter matches; or, in 2.1, that turns out malformed before. `literal` is what
    /// [`Self::literal`] has found.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a number of a bit is small")]
    pub(in crate::policy) fn first<'i>(
        &'i self,
        asked: &Asked<'_>,
        cut: &Cut<'_, '_>,
        literal: Option<&'i Ranked<T>>,
    ) -> Option<Found<'i, T>> {
        let mut best = literal;
        let mut best_rank = literal.map_or(Rank::LAST, |best| best.rank);
        let mut shapes = self.heads.headless();
        for kind in self.heads.kinds() {
            match self.heads.of_topic(kind, &cut.levels, cut.keys) {
                None => {}
                Some(Filters::Alone(number, entry)) => {
                    if entry.rank < best_rank
                        && let Some(used) = self.shapes.get(usize::from(*number))
                        && used.sieve.lets_through(cut)
                        && used.is_match(&entry.item.borrow().topic, asked.subject, cut)
                    {
                        best = Some(entry);
                        best_rank = entry.rank;
                    }
                }
                Some(Filters::Many(_, of_head)) => shapes |= of_head & kind.shapes,
            }
        }
        while shapes != 0 {
            let number = shapes.trailing_zeros() as u8;
            let Some(used) = self.shapes.get(usize::from(number)) else { break };
            shapes &= shapes.wrapping_sub(1);
            if used.first <= best_rank
                && used.sieve.lets_through(cut)
                && let Some(entry) = self.of_shape(used, number, asked.subject, cut)
                && entry.rank < best_rank
            {
                best = Some(entry);
                best_rank = entry.rank;
            }
        }
        if !self.scanned.is_empty()
            && let Some(found) = self.first_scanned(asked, cut, best.map(|best| best.rank))
        {
            return Some(found);
        }
        best.map(|ranked| Found { ranked, how: Match::Yes })
    }

    /// The item of a shape, which lets the topic through, whose filter matches, if there is one that is not alone.
    #[inline]
    fn of_shape(
        &self,
        used: &ShapeInUse,
        number: u8,
        subject: &Subject<'_>,
        cut: &Cut<'_, '_>,
    ) -> Option<&Ranked<T>> {
        let key = used.key_of_levels(number, &cut.levels, cut.keys);
        self.shaped.find(key, |entry| used.is_match(&entry.item.borrow().topic, subject, cut))
    }

    /// The items, in their order, whose filters may match: all that do, that are malformed, or, where the
    /// client id is not known, that would match for some client id.
    pub(super) fn candidates<'i>(&'i self, asked: &Asked<'_>, cut: &Cut<'_, '_>) -> Vec<&'i T> {
        let mut found: Vec<&Ranked<T>> = Vec::new();
        found.extend(self.literal(asked.topic, cut.keys.hash(asked.topic)));
        for kind in self.heads.kinds() {
            if let Some(Filters::Alone(number, entry)) = self.heads.of_topic(kind, &cut.levels, cut.keys)
                && let Some(used) = self.shapes.get(usize::from(*number))
                && used.sieve.lets_through(cut)
                && used.is_match(&entry.item.borrow().topic, &used.subject_that_fits(asked, cut), cut)
            {
                found.push(entry);
            }
        }
        for (used, number) in self.shapes.iter().zip(0..) {
            if used.filters > 0 && used.sieve.lets_through(cut) {
                found.extend(self.of_shape(used, number, &used.subject_that_fits(asked, cut), cut));
            }
        }
        if !self.scanned.is_empty() {
            let print = Print::of_topic(&cut.levels, cut.open, cut.keys);
            self.scanned.first(&print, None, |ranked| {
                found.push(ranked);
                None::<()>
            });
        }
        found.sort_unstable_by_key(|ranked| ranked.rank);
        found.into_iter().map(|ranked| &ranked.item).collect()
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
            self.scanned.first(&print, before, |ranked| match asked.of_filter(&ranked.item.borrow().topic) {
                Match::No => None,
                Match::Malformed if asked.compat < Compat::V2_1 => None,
                how => Some(how),
            });
        found.map(|(ranked, how)| Found { ranked, how })
    }

    /// One more filter of that shape, whose number comes back; none if there are too many shapes already.
    fn use_shape(&mut self, shape: Shape, sieve: Sieve, rank: Rank, keys: &Keys) -> Option<u8> {
        if let Some((number, used)) = in_use(&mut self.shapes, shape) {
            used.filters = used.filters.saturating_add(1);
            used.first = used.first.min(rank);
            return Some(number);
        }
        let fresh = ShapeInUse { sieve, first: rank, shape, filters: 1 };
        let free = self.shapes.iter().position(|used| used.filters == 0).unwrap_or(self.shapes.len());
        let number = u8::try_from(free).ok().filter(|_| free < MAX_SHAPES)?;
        match self.shapes.get_mut(free) {
            Some(place) => *place = fresh,
            None => self.shapes.push(fresh),
        }
        self.heads.add_shape(number, &sieve, keys);
        Some(number)
    }
}

/// A shape that has filters, with its number.
fn in_use(shapes: &mut [ShapeInUse], shape: Shape) -> Option<(u8, &mut ShapeInUse)> {
    (0..).zip(shapes).find(|(_, used)| used.is_of(shape))
}

impl ShapeInUse {
    fn is_of(&self, shape: Shape) -> bool {
        self.filters > 0 && self.shape == shape
    }

    /// What a filter of this shape, which has that number, is filed under: what is filed under the same is of the same shape.
    #[inline]
    fn key_of_levels(&self, number: u8, levels: &Levels<'_>, keys: &Keys) -> u64 {
        // Neither of the ends, by which tables find their places.
        const PLACE: u32 = 48;
        let key = self.sieve.key_of_levels(levels, keys) & !(0xff << PLACE);
        key | u64::from(number) << PLACE
    }

    /// Whether a filter of this shape, which lets the topic through, matches it.
    #[inline(never)]
    fn is_match(&self, filter: &[u8], subject: &Subject<'_>, cut: &Cut<'_, '_>) -> bool {
        self.sieve.is_match(filter, &cut.levels)
            && (!self.sieve.has_placeholders || self.shape.placeholders_fit(&cut.levels, subject))
    }

    /// [`Shape::subject_that_fits`].
    fn subject_that_fits<'t>(&self, asked: &Asked<'t>, cut: &Cut<'_, 't>) -> Subject<'t> {
        self.shape.subject_that_fits(&cut.levels, *asked.subject)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::policy::Priority;

    thread_local! {
        static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    /// An ACL that counts how often it is looked at.
    struct Counted(Acl);

    impl Borrow<Acl> for Counted {
        fn borrow(&self) -> &Acl {
            LOOKED_AT.set(LOOKED_AT.get().saturating_add(1));
            &self.0
        }
    }

    #[test]
    fn what_is_filed_under_a_topic_is_found_without_a_look_at_all_that_is_scanned() {
        let keys = Keys::random();
        let mut index = Index::default();
        let deep = |number: u64| format!("{}{number}/+", "a/".repeat(20));
        let malformed = |number: u64| format!("a/{number}#");
        let topics: Vec<String> = (0..500).flat_map(|number| [deep(number), malformed(number)]).collect();
        for (rank, topic) in (0..).zip(&topics) {
            let acl = Acl::new(topic.as_bytes(), Priority::DEFAULT_ACL, true);
            index.insert(Rank::of_number(rank), Counted(acl), &keys);
        }
        let mut gone = 0;
        for (rank, topic) in (0..).zip(&topics) {
            if rank % 3 == 0 {
                index.remove(Rank::of_number(rank), topic.as_bytes(), &keys);
                gone += 1;
            }
        }
        assert!(gone > 0 && !index.scanned.is_empty());
        let strangers = ["a/b".into(), "a/+/b".into(), deep(500), malformed(500), "+/+/+/+/#".into()];
        for (rank, topic) in topics.iter().chain(&strangers).enumerate() {
            LOOKED_AT.set(0);
            let found = index.get(topic.as_bytes(), &keys).map(|found| &found.0.topic);
            assert!(LOOKED_AT.get() < 10, "{} for {topic}", LOOKED_AT.get());
            let is_there = rank < topics.len() && rank % 3 != 0;
            assert_eq!(found.map(|topic| &**topic), is_there.then_some(topic.as_bytes()), "{topic}");
        }
    }

    /// Were it not so, a filter of another shape, with a hash that is the same by chance, might be taken for one of this.
    #[test]
    fn what_is_filed_under_one_key_is_of_one_shape() {
        let keys = Keys::random();
        let Filed::Shaped(shape, sieve, levels) = Shape::file(b"a/+/b", &keys) else { panic!() };
        let used = ShapeInUse { sieve, first: Rank::LAST, shape, filters: 1 };
        let numbers = 0..u8::try_from(MOST_SHAPES).unwrap();
        let keys: Vec<u64> = numbers.map(|number| used.key_of_levels(number, &levels, &keys)).collect();
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(number));
        }
    }
}
