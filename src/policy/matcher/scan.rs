//! Filters that are looked at one after another, in the order of evaluation, sixty-four at a time.
//!
//! For what is filed under no shape: of rare shapes, very deep, or malformed. Of each filter the depth and a
//! few bits of each level's hash stand in columns; a topic is held against a column of a whole block at
//! once, and only filters that no column rules out are compared with it. So a topic that nothing matches
//! takes, for each block, a few instructions for each of its levels.

use std::borrow::Borrow;

use memchr::memchr_iter;

use super::levels::{Levels, MAX_HASHED};
use super::slots::Slots;
use super::topic::{Placeholder, is_well_formed, without_hash};
use crate::policy::Acl;
use crate::policy::hash::Keys;
use crate::policy::rank::{Rank, Ranked};

/// How many filters there are in a block.
const BLOCK: usize = 64;

/// Something about each filter of a block.
type Column = [u16; BLOCK];

/// A level that can be anything.
const ANY: u16 = 0;
/// No filter has this depth.
const NEVER: u16 = u16::MAX;
/// A filter for which depth says nothing.
const NO_DEPTH: u16 = u16::MAX - 1;
/// A malformed filter that matches no topic; no topic that a broker lets through is so deep.
const MALFORMED: u16 = u16::MAX - 3;

/// Filters by rank, with what is filed under each.
#[derive(Debug)]
pub(super) struct Scan<T> {
    // INVARIANT: no block is empty, and ranks rise through all blocks.
    blocks: Vec<Block<T>>,
    // INVARIANT: has each item once, by the hash of its topic.
    by_topic: Slots<Rank>,
}

#[derive(Debug)]
struct Block<T> {
    items: Vec<Ranked<T>>,
    columns: Box<Columns>,
}

#[derive(Debug)]
struct Columns {
    /// The depth of a filter without a last `#`.
    closed: Column,
    /// The depth of one with it, which is not counted.
    open: Column,
    levels: [Column; MAX_HASHED],
    /// All that lies deeper than that, where it is literal.
    tail: Column,
}

/// What stands in the columns of one filter, or is looked for in them for one topic.
#[derive(Clone, Copy)]
pub(super) struct Print {
    closed: u16,
    open: u16,
    levels: [u16; MAX_HASHED],
    tail: u16,
    /// Malformed filters need not be looked at.
    skips_malformed: bool,
}

/// Some bits of a hash, never [`ANY`].
fn bits(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(1)
}

fn depth(levels: usize) -> u16 {
    u16::try_from(levels).unwrap_or(NO_DEPTH).min(NO_DEPTH)
}

impl Print {
    /// Of a filter of an ACL.
    fn of_filter(filter: &[u8], keys: &Keys) -> Self {
        let mut print = Self { closed: NEVER, open: 0, ..NOTHING };
        if filter.is_empty() || !is_well_formed(filter) {
            // What comes of it depends on the topic: always to be looked at. To match it must end in what C takes
            // for a `+/#`, which does not look at what is behind.
            if !filter.windows(3).any(|bytes| bytes == b"+/#") {
                print.closed = MALFORMED;
            }
            return print;
        }
        let (_, open) = without_hash(filter);
        let levels = || filter.split(|byte| *byte == b'/');
        let count = levels().count().saturating_sub(usize::from(open));
        (print.closed, print.open) = if open { (NEVER, depth(count)) } else { (depth(count), NEVER) };
        let is_literal = |level: &[u8]| level != b"+" && Placeholder::of(level).is_none();
        for (print, level) in print.levels.iter_mut().zip(levels().take(count)) {
            if is_literal(level) {
                *print = bits(keys.hash(level));
            }
        }
        let tail = memchr_iter(b'/', filter).nth(MAX_HASHED.saturating_sub(1));
        if let Some(tail) = tail.and_then(|slash| filter.get(slash.saturating_add(1)..)).filter(|_| !open)
            && tail.split(|byte| *byte == b'/').all(is_literal)
        {
            print.tail = bits(keys.hash(tail));
        }
        print
    }

    /// Of a topic, or of a filter that is asked for, which may have a last `#` beside its levels.
    pub(super) fn of_topic(levels: &Levels<'_>, open: bool, keys: &Keys) -> Self {
        let count = depth(levels.count());
        let mut print = Self {
            // Only a filter with a `#` covers one.
            closed: if open { NO_DEPTH.wrapping_sub(1) } else { count },
            open: count,
            levels: [ANY; MAX_HASHED],
            tail: levels.tail().map_or(ANY, |tail| bits(keys.hash(tail))),
            skips_malformed: false,
        };
        for (index, print) in print.levels.iter_mut().enumerate().take(levels.count()) {
            *print = bits(keys.hash(levels.level(index)));
        }
        print
    }

    /// The same for a topic which no malformed filter has anything to say about.
    pub(super) fn skipping_malformed(self, skips_malformed: bool) -> Self {
        Self { skips_malformed, ..self }
    }
}

/// All ones if it is so.
#[inline]
fn mask(is_so: bool) -> u16 {
    u16::from(is_so).wrapping_neg()
}

impl Columns {
    /// Which filters of the block may match, and whether any may.
    #[inline]
    fn candidates(&self, topic: &Print) -> (Column, bool) {
        let mut alive = [0_u16; BLOCK];
        for ((alive, closed), open) in alive.iter_mut().zip(&self.closed).zip(&self.open) {
            *alive = mask(*closed == topic.closed) | mask(*open <= topic.open);
        }
        let columns = self.levels.iter().zip(&topic.levels).take(usize::from(topic.open));
        for (column, level) in columns.chain([(&self.tail, &topic.tail)]) {
            let mut any = 0;
            for (alive, print) in alive.iter_mut().zip(column) {
                *alive &= mask(*print == *level) | mask(*print == ANY);
                any |= *alive;
            }
            if any == 0 {
                return (alive, false);
            }
        }
        (alive, true)
    }

    /// All columns, each with what stands in it for one filter.
    fn with<'c>(&'c mut self, print: &'c Print) -> impl Iterator<Item = (&'c mut Column, u16)> {
        let levels = self.levels.iter_mut().zip(print.levels);
        [(&mut self.closed, print.closed), (&mut self.open, print.open), (&mut self.tail, print.tail)]
            .into_iter()
            .chain(levels)
    }

    fn insert(&mut self, at: usize, len: usize, print: &Print) {
        for (column, value) in self.with(print) {
            if let Some(behind) = column.get_mut(at..=len) {
                behind.rotate_right(1);
                if let Some(first) = behind.first_mut() {
                    *first = value;
                }
            }
        }
    }

    fn remove(&mut self, at: usize) {
        for (column, value) in self.with(&NOTHING) {
            if let Some(behind) = column.get_mut(at..) {
                behind.rotate_left(1);
                if let Some(last) = behind.last_mut() {
                    *last = value;
                }
            }
        }
    }
}

/// The print of no filter.
const NOTHING: Print =
    Print { closed: NEVER, open: NEVER, levels: [ANY; MAX_HASHED], tail: ANY, skips_malformed: false };

impl<T> Default for Scan<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), by_topic: Slots::default() }
    }
}

impl<T: Borrow<Acl>> Scan<T> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// About how many probes take as long as one scan.
    pub(super) fn steps(&self) -> usize {
        self.blocks.len().saturating_mul(8)
    }

    /// Adds a filter.
    pub(super) fn insert(&mut self, rank: Rank, item: T, keys: &Keys) {
        let topic = &item.borrow().topic;
        self.by_topic.insert(keys.hash(topic), rank);
        let print = Print::of_filter(topic, keys);
        let mut at = self.block_of(rank);
        if self.blocks.get(at).is_some_and(|block| block.items.len() >= BLOCK) {
            at = self.split(at, rank);
        }
        if self.blocks.is_empty() {
            self.blocks.push(Block::new());
        }
        if let Some(block) = self.blocks.get_mut(at) {
            let place = block.items.partition_point(|other| other.rank < rank);
            block.columns.insert(place, block.items.len(), &print);
            block.items.insert(place, Ranked { rank, item });
        }
    }

    /// Takes the filter of that rank, which is that topic, away.
    pub(super) fn remove(&mut self, rank: Rank, topic: &[u8], keys: &Keys) {
        self.by_topic.remove(keys.hash(topic), |other| *other == rank);
        let at = self.block_of(rank);
        let Some(block) = self.blocks.get_mut(at) else { return };
        let Ok(place) = block.items.binary_search_by_key(&rank, |ranked| ranked.rank) else { return };
        block.items.remove(place);
        block.columns.remove(place);
        if block.items.is_empty() {
            self.blocks.remove(at);
        }
    }

    /// The first item before that rank, if one is given, which may match the topic and `is_it`.
    pub(super) fn first<'s, M>(
        &'s self,
        topic: &Print,
        before: Option<Rank>,
        mut is_it: impl FnMut(&'s Ranked<T>) -> Option<M>,
    ) -> Option<(&'s Ranked<T>, M)> {
        let is_before = |rank: Rank| before.is_none_or(|before| rank < before);
        for block in &self.blocks {
            if !block.items.first().is_some_and(|first| is_before(first.rank)) {
                return None;
            }
            let (candidates, any) = block.columns.candidates(topic);
            if !any {
                continue;
            }
            let closed = &block.columns.closed;
            for ((ranked, alive), closed) in block.items.iter().zip(candidates).zip(closed) {
                if alive != 0
                    && !(topic.skips_malformed && *closed == MALFORMED)
                    && is_before(ranked.rank)
                    && let Some(found) = is_it(ranked)
                {
                    return Some((ranked, found));
                }
            }
        }
        None
    }

    /// The item whose filter is exactly that topic.
    pub(super) fn get(&self, topic: &[u8], keys: &Keys) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let is_it = |item: &T| *item.borrow().topic == *topic;
        let rank = self.by_topic.find(keys.hash(topic), |rank| self.of_rank(*rank).is_some_and(is_it))?;
        self.of_rank(*rank)
    }

    fn of_rank(&self, rank: Rank) -> Option<&T> {
        let items = &self.blocks.get(self.block_of(rank))?.items;
        let place = items.binary_search_by_key(&rank, |ranked| ranked.rank).ok()?;
        items.get(place).map(|ranked| &ranked.item)
    }

    /// The block that holds or would hold that rank.
    fn block_of(&self, rank: Rank) -> usize {
        let begins_before = |block: &Block<T>| block.items.first().is_some_and(|first| first.rank <= rank);
        self.blocks.partition_point(begins_before).saturating_sub(1)
    }

    /// Makes two of a full block, and says which of them a rank belongs to.
    fn split(&mut self, at: usize, rank: Rank) -> usize {
        let next = at.saturating_add(1);
        let Some(block) = self.blocks.get_mut(at) else { return at };
        // Roles come in their order: the full block is then left full.
        let is_last = block.items.last().is_some_and(|last| last.rank < rank);
        let keep = if is_last { BLOCK } else { BLOCK / 2 };
        let mut second = Block::new();
        second.items = block.items.split_off(keep);
        for place in keep..BLOCK {
            let print = block.columns.take(keep);
            second.columns.insert(place.saturating_sub(keep), place.saturating_sub(keep), &print);
        }
        let begins_after = second.items.first().is_some_and(|first| rank < first.rank);
        self.blocks.insert(next, second);
        if begins_after { at } else { next }
    }
}

impl Columns {
    /// What stands there for a filter, which is taken out.
    fn take(&mut self, at: usize) -> Print {
        let of = |column: &Column| column.get(at).copied().unwrap_or(NEVER);
        let mut levels = [ANY; MAX_HASHED];
        for (level, column) in levels.iter_mut().zip(&self.levels) {
            *level = of(column);
        }
        let (closed, open, tail) = (of(&self.closed), of(&self.open), of(&self.tail));
        let print = Print { closed, open, levels, tail, ..NOTHING };
        self.remove(at);
        print
    }
}

impl<T> Block<T> {
    fn new() -> Self {
        let columns = Columns {
            closed: [NEVER; BLOCK],
            open: [NEVER; BLOCK],
            levels: [[ANY; BLOCK]; MAX_HASHED],
            tail: [ANY; BLOCK],
        };
        Self { items: Vec::with_capacity(BLOCK), columns: Box::new(columns) }
    }
}
