//! Which shapes a topic's filters can have, told from how it begins: so that most shapes are not probed at all.
//!
//! A filter's head is its first one or two literal levels, wherever they stand. A role has few kinds of heads, by place and
//! length; each takes one look-up, which finds the only filter with the topic's head, or tells the shapes of all that have it.

use std::mem;
use std::num::NonZeroU32;

use super::levels::Levels;
use super::shape::{Run, Sieve};
use super::slots::Slots;
use crate::policy::hash::Keys;

/// Shapes by number: bit `i` is for the one with number `i`.
pub(super) type Shapes = u64;

/// How many shapes there can be.
pub(super) const MOST_SHAPES: usize = 64;

/// The heads of filters.
#[derive(Debug)]
pub(super) struct Heads<E> {
    kinds: Vec<Kind>,
    /// Those without a literal level.
    headless: Shapes,
    filters: Slots<Filters<E>>,
}

/// Heads in one place.
#[derive(Debug)]
pub(super) struct Kind {
    run: Run,
    salt: u64,
    /// The shapes with such a head.
    pub(super) shapes: Shapes,
}

/// The filters with one head.
#[derive(Debug)]
pub(super) enum Filters<E> {
    /// One, with the number of its shape.
    Alone(u8, E),
    /// So many, which are kept elsewhere, and their shapes, with perhaps some of filters that are not there any more.
    Many(NonZeroU32, Shapes),
}

impl<E> Default for Heads<E> {
    fn default() -> Self {
        Self { kinds: Vec::new(), headless: 0, filters: Slots::default() }
    }
}

impl<E> Heads<E> {
    /// The shapes of filters without a literal level.
    #[inline]
    pub(super) fn headless(&self) -> Shapes {
        self.headless
    }

    /// The kinds of heads.
    #[inline]
    pub(super) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The filters that begin like a topic at the place of these heads.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(super) fn of_topic(&self, kind: &Kind, levels: &Levels<'_>, keys: &Keys) -> Option<&Filters<E>> {
        if kind.run.is_in(levels) { self.filters.find(kind.key_of(levels, keys), |_| true) } else { None }
    }

    /// A shape comes into use.
    pub(super) fn add_shape(&mut self, number: u8, sieve: &Sieve, keys: &Keys) {
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
    pub(super) fn remove_shape(&mut self, number: u8) {
        let bit = bit(number);
        self.headless &= !bit;
        for kind in &mut self.kinds {
            kind.shapes &= !bit;
        }
        self.kinds.retain(|kind| kind.shapes != 0);
    }

    /// What filters with the head of these levels are found by; none if filters of that shape have no head, or there is no such
    /// shape.
    pub(super) fn key_of(&self, sieve: &Sieve, levels: &Levels<'_>, keys: &Keys) -> Option<u64> {
        let run = sieve.head()?;
        self.kinds.iter().find(|kind| kind.run == run).map(|kind| kind.key_of(levels, keys))
    }

    /// A filter of that shape comes, which is `entry`, with that head. What is to be kept elsewhere is given to `keep`: perhaps
    /// this one, perhaps the one that was alone until now.
    pub(super) fn add(&mut self, head: Option<u64>, number: u8, entry: E, mut keep: impl FnMut(u8, E)) {
        let Some(head) = head else {
            keep(number, entry);
            return;
        };
        let Some(filters) = self.filters.find_mut(head, |_| true) else {
            self.filters.insert(head, Filters::Alone(number, entry));
            return;
        };
        let many = match filters {
            Filters::Alone(other, _) => Filters::Many(TWO, bit(*other) | bit(number)),
            Filters::Many(count, shapes) => Filters::Many(count.saturating_add(1), *shapes | bit(number)),
        };
        if let Filters::Alone(other, alone) = mem::replace(filters, many) {
            keep(other, alone);
        }
        keep(number, entry);
    }

    /// A filter with that head goes; false if there is none. `is_it` tells it where it is alone, `remove` takes it away where
    /// it is kept elsewhere.
    pub(super) fn remove(
        &mut self,
        head: Option<u64>,
        is_it: impl FnOnce(&E) -> bool,
        remove: impl FnOnce() -> bool,
    ) -> bool {
        let Some(head) = head else { return remove() };
        let is_last = match self.filters.find_mut(head, |_| true) {
            None => return false,
            Some(Filters::Alone(_, entry)) => {
                if !is_it(entry) {
                    return false;
                }
                true
            }
            Some(Filters::Many(count, _)) => {
                if !remove() {
                    return false;
                }
                let fewer = NonZeroU32::new(count.get().wrapping_sub(1));
                *count = fewer.unwrap_or(*count);
                fewer.is_none()
            }
        };
        if is_last {
            self.filters.remove(head, |_| true);
        }
        true
    }

    /// The filter that is alone with that head.
    pub(super) fn alone(&self, head: u64) -> Option<&E> {
        match self.filters.find(head, |_| true)? {
            Filters::Alone(_, entry) => Some(entry),
            Filters::Many(..) => None,
        }
    }

    /// Whether nothing is left.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.headless == 0 && self.filters.is_empty()
    }
}

impl Kind {
    #[inline]
    fn key_of(&self, levels: &Levels<'_>, keys: &Keys) -> u64 {
        keys.text().hash_after(self.salt, self.run.of(levels))
    }
}

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// The bit of a shape; no shape has a number that has none.
#[inline]
fn bit(number: u8) -> Shapes {
    1_u64.checked_shl(number.into()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::matcher::shape::{Filed, Shape};

    /// The heads of these filters, with what is kept elsewhere.
    struct Model {
        heads: Heads<usize>,
        elsewhere: Vec<(u8, usize)>,
        shapes: Vec<(Shape, Sieve)>,
        keys: Keys,
    }

    impl Model {
        fn of(filters: &[&str]) -> Self {
            let mut model = Self {
                heads: Heads::default(),
                elsewhere: Vec::new(),
                shapes: Vec::new(),
                keys: Keys::random(),
            };
            for (id, filter) in filters.iter().enumerate() {
                let (number, head) = model.place(filter);
                model.heads.add(head, number, id, |number, id| model.elsewhere.push((number, id)));
            }
            model
        }

        /// The number of its shape, which is in use then, and its head.
        fn place(&mut self, filter: &str) -> (u8, Option<u64>) {
            let Filed::Shaped(shape, sieve, levels) = Shape::file(filter.as_bytes(), &self.keys) else {
                panic!("{filter}")
            };
            let known = self.shapes.iter().position(|(other, _)| *other == shape);
            let number = u8::try_from(known.unwrap_or(self.shapes.len())).unwrap();
            if known.is_none() {
                self.heads.add_shape(number, &sieve, &self.keys);
                self.shapes.push((shape, sieve));
            }
            (number, self.heads.key_of(&sieve, &levels, &self.keys))
        }

        /// The filters that are alone with a head of a topic, and the shapes of others.
        fn told(&self, topic: &str) -> (Vec<usize>, Shapes) {
            let (mut alone, mut shapes) = (Vec::new(), self.heads.headless());
            for kind in self.heads.kinds() {
                match self.heads.of_topic(kind, &Levels::of(topic.as_bytes()), &self.keys) {
                    None => {}
                    Some(Filters::Alone(_, id)) => alone.push(*id),
                    Some(Filters::Many(_, some)) => shapes |= some & kind.shapes,
                }
            }
            (alone, shapes)
        }
    }

    proptest! {
        #[test]
        fn a_filter_is_told_from_each_topic_that_it_matches_until_it_is_gone(
            filters in prop::collection::vec("([ab]|long-one)(/([ab+]|%c|long-one)){0,4}/([+]|%u|#)|[+](/[ab])?|#", 1..20),
        ) {
            let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
            let mut model = Model::of(&filters);
            for (id, filter) in filters.iter().enumerate() {
                let topic = filter.replace(['+', '#'], "x").replace("%u", "x").replace("%c", "x");
                let (alone, shapes) = model.told(&topic);
                let kept = model.elsewhere.iter().find(|(_, other)| *other == id);
                prop_assert_eq!(alone.contains(&id), kept.is_none(), "{} {}", filter, topic);
                prop_assert!(kept.is_none_or(|(number, _)| shapes & bit(*number) != 0), "{} {}", filter, topic);
            }
            for (id, filter) in filters.iter().enumerate() {
                let (_, head) = model.place(filter);
                let Model { heads, elsewhere, .. } = &mut model;
                let mut remove = || {
                    let place = elsewhere.iter().position(|(_, other)| *other == id);
                    place.map(|place| elsewhere.remove(place)).is_some()
                };
                prop_assert!(heads.remove(head, |other| *other == id, &mut remove), "{}", filter);
                prop_assert!(!heads.remove(head, |other| *other == id, &mut remove), "{}", filter);
            }
            prop_assert!(model.elsewhere.is_empty());
            (0..).zip(&model.shapes).for_each(|(number, _)| model.heads.remove_shape(number));
            prop_assert!(model.heads.is_empty());
        }
    }

    #[test]
    fn a_topic_that_begins_like_no_filter_has_no_shape() {
        let model = Model::of(&["site/1/+", "site/2/+/x", "+/deep/er", "site/4/+", "site/4/+/x"]);
        for (topic, alone, shapes) in [
            ("site/1/x", &[0][..], 0),
            ("site/2/x/x", &[1], 0),
            ("site/3/x", &[], 0),
            ("site", &[], 0),
            ("site/deep/er", &[2], 0),
            ("site/4/x", &[], 0b11),
        ] {
            assert_eq!(model.told(topic), (alone.to_vec(), shapes), "{topic}");
        }
    }
}
