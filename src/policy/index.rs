//! The compiled matcher: finds the first of many filters that matches, at a cost that depends on the
//! topic's depth and the number of shapes among the filters, not on how many filters there are.

use std::borrow::Borrow;

use hashbrown::HashTable;

use super::levels::{Keys, Levels, MAX_CUT};
use super::rank::Rank;
use super::shape::{Filed, Question, Shape};
use super::topic::{self, Match};
use super::{Acl, Compat, Subject};

/// How many shapes are probed for one topic; filters of further shapes are walked one by one.
const MAX_SHAPES: usize = 64;

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
    table: HashTable<Entry<T>>,
    shapes: Vec<ShapeInUse>,
    /// Deep filters, malformed ones, and those of rare shapes: by rank, looked at one by one.
    walked: Vec<Entry<T>>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    key: u64,
    rank: Rank,
    item: T,
}

#[derive(Clone, Debug)]
struct ShapeInUse {
    shape: Shape,
    salt: u64,
    filters: usize,
}

/// What was found.
pub(super) struct Found<'i, T> {
    pub(super) item: &'i T,
    /// `Yes` or `Malformed`.
    pub(super) how: Match,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { table: HashTable::new(), shapes: Vec::new(), walked: Vec::new() }
    }
}

impl<T: Borrow<Acl>> Index<T> {
    /// Files an item under its ACL's topic.
    pub(super) fn insert(&mut self, rank: Rank, item: T, keys: &Keys) {
        let topic = &item.borrow().topic;
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(salt) = self.use_shape(shape, keys)
        {
            let key = literals.wrapping_add(salt);
            self.table.insert_unique(key, Entry { key, rank, item }, |entry| entry.key);
            return;
        }
        let at = self.walked.partition_point(|other| other.rank < rank);
        self.walked.insert(at, Entry { key: 0, rank, item });
    }

    /// Takes the item of that rank, filed under that topic, away.
    pub(super) fn remove(&mut self, rank: Rank, topic: &[u8], keys: &Keys) {
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(at) = self.shapes.iter().position(|used| used.shape == shape)
            && let Some(used) = self.shapes.get_mut(at)
            && let Ok(entry) =
                self.table.find_entry(literals.wrapping_add(used.salt), |entry| entry.rank == rank)
        {
            entry.remove();
            used.filters = used.filters.saturating_sub(1);
            if used.filters == 0 {
                self.shapes.swap_remove(at);
            }
            return;
        }
        self.walked.retain(|entry| entry.rank != rank);
    }

    /// The item filed under exactly that topic.
    pub(super) fn get(&self, topic: &[u8], keys: &Keys) -> Option<&T> {
        let is_it = |entry: &Entry<T>| *entry.item.borrow().topic == *topic;
        if let Filed::Shaped(shape, literals) = Shape::file(topic, keys)
            && let Some(used) = self.shapes.iter().find(|used| used.shape == shape)
            && let Some(entry) = self.table.find(literals.wrapping_add(used.salt), is_it)
        {
            return Some(&entry.item);
        }
        self.walked.iter().find(|entry| is_it(entry)).map(|entry| &entry.item)
    }

    /// The first item, by rank, whose filter matches; or, in 2.1, that turns out malformed before.
    ///
    /// `None` too where the topic is irregular: the caller must then walk the filters in their order.
    pub(super) fn first(&self, asked: &Asked<'_>, levels: &Cut<'_>) -> Option<Found<'_, T>> {
        let question = levels.question(asked.subject);
        let mut best: Option<&Entry<T>> = None;
        for used in &self.shapes {
            let Some(literals) = used.shape.literals_of(&question) else { continue };
            let key = literals.wrapping_add(used.salt);
            let found = self.table.find(key, |entry| {
                entry.key == key && used.shape.is_match(&entry.item.borrow().topic, question.levels)
            });
            if let Some(entry) = found
                && best.is_none_or(|best| entry.rank < best.rank)
            {
                best = Some(entry);
            }
        }
        for entry in &self.walked {
            if best.is_some_and(|best| best.rank < entry.rank) {
                break;
            }
            match asked.of_filter(&entry.item.borrow().topic) {
                Match::No => {}
                Match::Malformed if asked.compat < Compat::V2_1 => {}
                how => return Some(Found { item: &entry.item, how }),
            }
        }
        best.map(|entry| Found { item: &entry.item, how: Match::Yes })
    }

    /// About how many steps a look-up takes.
    pub(super) fn steps(&self) -> usize {
        self.shapes.len().saturating_add(self.walked.len())
    }

    fn use_shape(&mut self, shape: Shape, keys: &Keys) -> Option<u64> {
        if let Some(used) = self.shapes.iter_mut().find(|used| used.shape == shape) {
            used.filters = used.filters.saturating_add(1);
            return Some(used.salt);
        }
        if self.shapes.len() >= MAX_SHAPES {
            return None;
        }
        let salt = shape.salt(keys);
        self.shapes.push(ShapeInUse { shape, salt, filters: 1 });
        Some(salt)
    }
}

/// A regular topic, cut and hashed once for all indexes.
pub(super) struct Cut<'t> {
    levels: Levels<'t>,
    open: bool,
    dollar_is_apart: bool,
}

impl<'t> Cut<'t> {
    /// `None` where the topic is irregular.
    #[inline]
    pub(super) fn of(asked: &Asked<'t>, keys: &Keys) -> Option<Self> {
        if asked.topic.is_empty() || asked.topic.len() > MAX_CUT {
            return None;
        }
        if !asked.is_filter {
            let levels = Levels::of(asked.topic, keys);
            return (!levels.has_wildcard()).then_some(Self { levels, open: false, dollar_is_apart: true });
        }
        if !topic::is_well_formed(asked.topic) {
            return None;
        }
        let dollar_is_apart = asked.compat == Compat::V2_1;
        let (head, open) = topic::without_hash(asked.topic);
        // To 2.0 the head of `#` is a level without a name, to 2.1 it is no level.
        let levels = match asked.compat {
            Compat::V2_1 if asked.topic == b"#" => Levels::none(),
            _ => Levels::of(head, keys),
        };
        Some(Self { levels, open, dollar_is_apart })
    }

    #[inline]
    fn question<'q>(&'q self, subject: Subject<'q>) -> Question<'q, 't> {
        Question { levels: &self.levels, open: self.open, dollar_is_apart: self.dollar_is_apart, subject }
    }
}
