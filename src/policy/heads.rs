//! Which shapes a topic's filters can have, told from how it begins: so that most shapes are not probed at all.
//!
//! A filter's head is its first one or two literal levels, wherever they stand. A role has few kinds of heads, by place and
//! length; each takes one look-up, which tells the shapes of all filters with the topic's head.

use std::num::NonZeroU32;

use super::levels::{Keys, Levels};
use super::shape::{Run, Sieve};
use super::slots::Slots;

/// Shapes by number: bit `i` is for the one with number `i`.
pub(super) type Shapes = u64;

/// How many shapes there can be.
pub(super) const MOST_SHAPES: usize = 64;

/// The heads of filters.
#[derive(Debug, Default)]
pub(super) struct Heads {
    kinds: Vec<Kind>,
    /// Those without a literal level.
    headless: Shapes,
    filters: Slots<Filters>,
}

/// Heads in one place.
#[derive(Debug)]
struct Kind {
    run: Run,
    salt: u64,
    /// The shapes with such a head.
    shapes: Shapes,
}

/// The filters with one head.
#[derive(Debug)]
struct Filters {
    /// Their shapes, and perhaps some of filters that are not there any more.
    shapes: Shapes,
    /// The keys that they are filed under, one over the other: that of the only one, if it is alone.
    keys: u64,
    count: NonZeroU32,
}

/// What a topic's heads tell.
pub(super) struct Told {
    /// The shapes that filters can have which match it, and perhaps others.
    pub(super) shapes: Shapes,
    /// The key of the only filter that there is with a head of it, if only one kind of heads tells of any.
    pub(super) only: Option<u64>,
}

impl Heads {
    /// What a topic's heads tell about the filters that match it.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(super) fn of_topic(&self, levels: &Levels<'_>, keys: &Keys) -> Told {
        let mut told = Told { shapes: self.headless, only: None };
        for kind in &self.kinds {
            if kind.run.is_in(levels)
                && let Some(filters) = self.filters.find(kind.key_of(levels, keys), |_| true)
            {
                let is_only = told.shapes == 0 && filters.count == NonZeroU32::MIN;
                told.only = is_only.then_some(filters.keys);
                told.shapes |= filters.shapes & kind.shapes;
            }
        }
        told
    }

    /// A shape comes into use.
    pub(super) fn add_shape(&mut self, number: usize, sieve: &Sieve, keys: &Keys) {
        let bit = bit(number);
        let Some(run) = sieve.head() else {
            self.headless |= bit;
            return;
        };
        if let Some(kind) = self.kinds.iter_mut().find(|kind| kind.run == run) {
            kind.shapes |= bit;
            return;
        }
        self.kinds.push(Kind { run, salt: run.salt(keys), shapes: bit });
    }

    /// A shape is in use no more.
    pub(super) fn remove_shape(&mut self, number: usize) {
        let bit = bit(number);
        self.headless &= !bit;
        for kind in &mut self.kinds {
            kind.shapes &= !bit;
        }
        self.kinds.retain(|kind| kind.shapes != 0);
    }

    /// A filter of that shape comes, filed under `filed`.
    pub(super) fn add(&mut self, number: usize, filed: u64, sieve: &Sieve, levels: &Levels<'_>, keys: &Keys) {
        let Some(key) = self.key_of(sieve, levels, keys) else { return };
        if let Some(filters) = self.filters.get_mut(key) {
            filters.shapes |= bit(number);
            filters.keys ^= filed;
            filters.count = filters.count.saturating_add(1);
            return;
        }
        let filters = Filters { shapes: bit(number), keys: filed, count: NonZeroU32::MIN };
        self.filters.insert(key, filters);
    }

    /// A filter goes that was filed under `filed`.
    pub(super) fn remove(&mut self, filed: u64, sieve: &Sieve, levels: &Levels<'_>, keys: &Keys) {
        let Some(key) = self.key_of(sieve, levels, keys) else { return };
        let Some(filters) = self.filters.get_mut(key) else { return };
        match NonZeroU32::new(filters.count.get().wrapping_sub(1)) {
            Some(count) => {
                filters.count = count;
                filters.keys ^= filed;
            }
            None => drop(self.filters.remove(key, |_| true)),
        }
    }

    fn key_of(&self, sieve: &Sieve, levels: &Levels<'_>, keys: &Keys) -> Option<u64> {
        let run = sieve.head()?;
        self.kinds.iter().find(|kind| kind.run == run).map(|kind| kind.key_of(levels, keys))
    }

    /// Whether nothing is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.headless == 0 && self.filters.iter().next().is_none()
    }
}

impl Kind {
    #[inline]
    fn key_of(&self, levels: &Levels<'_>, keys: &Keys) -> u64 {
        keys.text().hash_after(self.salt, self.run.of(levels))
    }
}

/// The bit of a shape; no shape has a number that has none.
#[inline]
fn bit(number: usize) -> Shapes {
    u32::try_from(number).ok().and_then(|number| 1_u64.checked_shl(number)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::shape::{Filed, Shape};

    proptest! {
        #[test]
        fn the_shape_of_a_filter_is_told_from_each_topic_that_it_matches_until_it_is_gone(
            filters in prop::collection::vec("([ab+]|%u|long-one)(/([ab+]|%c|long-one)){0,4}(/#)?|#", 1..20),
        ) {
            let keys = Keys::random();
            let mut heads = Heads::default();
            let mut shapes: Vec<Shape> = Vec::new();
            let mut filed = Vec::new();
            for filter in &filters {
                let Filed::Shaped(shape, sieve, levels) = Shape::file(filter.as_bytes(), &keys) else { continue };
                let number = shapes.iter().position(|other| *other == shape).unwrap_or_else(|| {
                    heads.add_shape(shapes.len(), &sieve, &keys);
                    shapes.push(shape);
                    shapes.len().saturating_sub(1)
                });
                heads.add(number, sieve.key_of_levels(&levels, &keys), &sieve, &levels, &keys);
                filed.push((number, sieve, filter));
            }
            for (number, sieve, filter) in &filed {
                let topic = filter.replace(['+', '#'], "x").replace("%u", "x").replace("%c", "x");
                let told = heads.of_topic(&Levels::of(topic.as_bytes()), &keys);
                prop_assert_ne!(told.shapes & bit(*number), 0, "{} {}", filter, topic);
                let key = sieve.key_of_levels(&Levels::of(filter.as_bytes()), &keys);
                prop_assert!(told.only.is_none_or(|only| only == key), "{} {}", filter, topic);
            }
            for (_, sieve, filter) in &filed {
                let levels = Levels::of(filter.as_bytes());
                heads.remove(sieve.key_of_levels(&levels, &keys), sieve, &levels, &keys);
            }
            (0..shapes.len()).for_each(|number| heads.remove_shape(number));
            prop_assert!(heads.is_empty());
        }
    }

    #[test]
    fn a_topic_that_begins_like_no_filter_has_no_shape() {
        let keys = Keys::random();
        let mut heads = Heads::default();
        for (number, filter) in ["site/1/+", "site/2/+/x", "+/deep/er"].iter().enumerate() {
            let Filed::Shaped(_, sieve, levels) = Shape::file(filter.as_bytes(), &keys) else {
                panic!("{filter}")
            };
            heads.add_shape(number, &sieve, &keys);
            heads.add(number, sieve.key_of_levels(&levels, &keys), &sieve, &levels, &keys);
        }
        for (topic, shapes) in
            [("site/1/x", 0b1), ("site/2/x/x", 0b10), ("site/3/x", 0), ("site", 0), ("site/deep/er", 0b100)]
        {
            let told = heads.of_topic(&Levels::of(topic.as_bytes()), &keys);
            assert_eq!((told.shapes, told.only.is_some()), (shapes, shapes != 0), "{topic}");
        }
    }
}
