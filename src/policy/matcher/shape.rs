//! The shape of a topic filter: where its wildcards and placeholders stand.
//!
//! Filters of one shape that match one topic are one filter: its literal levels are the topic's. So an ACL is found with a
//! single probe for each shape that a role uses, however many ACLs it has. Levels side by side are hashed at once.

use super::asked::Cut;
use super::levels::{Levels, MAX_CUT, MAX_HASHED};
use super::topic::{Placeholder, has_wildcard, is_well_formed};
use crate::policy::Subject;
use crate::policy::hash::{Keys, is_same};

/// Where a filter's wildcards and placeholders stand. A mask has bit `i` for level `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    /// How many levels there are, a last `#` not counted.
    depth: u8,
    /// Whether a `#` comes last.
    open: bool,
    plus: u16,
    clientid: u16,
    username: u16,
}

/// What a filter is filed under.
pub(super) enum Filed<'f> {
    /// Nothing but literal levels: its hash is its key.
    Literal(u64),
    /// A shape, with what is looked at for it, and the filter's levels.
    Shaped(Shape, Sieve, Levels<'f>),
    /// It has more levels than are hashed, or is longer than any topic and not all literal.
    Deep,
    /// It is no valid filter.
    Malformed,
}

/// Levels side by side that are literal: from one on, up to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    first: u8,
    next: u8,
    /// How many bytes a filter has between the run before, or its beginning, and this.
    gap: u8,
}

impl Run {
    /// Whether there are so many levels.
    #[inline]
    pub(super) fn is_in(self, levels: &Levels<'_>) -> bool {
        usize::from(self.next) <= levels.count()
    }

    /// These levels.
    #[inline]
    pub(super) fn of<'t>(self, levels: &Levels<'t>) -> &'t [u8] {
        levels.between(self.first.into(), self.next.into())
    }

    /// What hashes of such levels begin with.
    pub(super) fn salt(self, keys: &Keys) -> u64 {
        keys.hash_pair(u64::from(self.first), u64::from(self.next))
    }
}

/// What tells for most topics that no filter of a shape matches, and where the others' filters are filed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sieve {
    /// How many levels a topic has at least.
    least: usize,
    /// And at most.
    most: usize,
    /// The key of a filter without literal levels.
    salt: u64,
    /// The first level is a wildcard or a placeholder.
    begins_with_any: bool,
    pub(super) has_placeholders: bool,
    /// How many runs of literal levels there are.
    count: u8,
    /// How many bytes a filter has behind the last run.
    behind: u8,
    runs: [Run; MAX_HASHED / 2],
}

impl Sieve {
    /// Whether a filter of this shape can match. Placeholders are not looked at.
    #[inline]
    pub(super) fn lets_through(&self, cut: &Cut<'_, '_>) -> bool {
        self.least <= cut.levels.count()
            && self.most >= cut.closed
            // MQTT 5.0 §4.7.2: what begins with a wildcard does not match what begins with `$`.
            && !(self.begins_with_any & cut.is_apart)
    }

    /// The first one or two literal levels; none if there is none.
    pub(super) fn head(&self) -> Option<Run> {
        let run = self.runs.first().filter(|_| self.count > 0)?;
        Some(Run { next: run.next.min(run.first.saturating_add(2)), gap: 0, ..*run })
    }

    /// Whether a filter, which is of this shape, has the literal levels of a topic that they let through. Placeholders are not
    /// looked at.
    ///
    /// What lies in the gaps is not looked at. A run has as many `/` in the filter as in the topic: so one that is looked for
    /// too early, since one before it is shorter in the topic, is found to end too early as well, if it is found at all, and
    /// in the end too many bytes are left.
    #[inline]
    pub(super) fn is_match(&self, filter: &[u8], levels: &Levels<'_>) -> bool {
        let mut rest = filter;
        for run in self.runs() {
            let literal = run.of(levels);
            let Some((_, after)) = rest.split_at_checked(usize::from(run.gap)) else { return false };
            let Some((own, after)) = after.split_at_checked(literal.len()) else { return false };
            if !is_same(own, literal) {
                return false;
            }
            rest = after;
        }
        rest.len() == usize::from(self.behind)
    }

    #[inline]
    fn runs(&self) -> &[Run] {
        self.runs.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// The key of the filter of this shape that would match, which lets them through.
    #[inline]
    pub(super) fn key_of_levels(&self, levels: &Levels<'_>, keys: &Keys) -> u64 {
        let mut key = self.salt;
        for run in self.runs() {
            key = keys.text().hash_after(key, run.of(levels));
        }
        key
    }
}

/// Whether the levels at some places, if there are any, are all what a placeholder stands for, which is no wildcard.
#[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
#[inline(always)]
fn are_all(levels: &Levels<'_>, places: u16, placeholder: Placeholder, subject: &Subject<'_>) -> bool {
    let mut left = places;
    if left == 0 {
        return true;
    }
    let Some(value) = placeholder.value(subject) else { return false };
    if levels.has_wildcard() && has_wildcard(value) {
        return false;
    }
    while left != 0 {
        if !is_same(levels.level(left.trailing_zeros() as usize), value) {
            return false;
        }
        left &= left.wrapping_sub(1);
    }
    true
}

impl Shape {
    /// Takes a filter apart.
    pub(super) fn file<'f>(filter: &'f [u8], keys: &Keys) -> Filed<'f> {
        if filter.is_empty() || !is_well_formed(filter) {
            return Filed::Malformed;
        }
        if filter.len() > MAX_CUT {
            let is_literal = |level: &[u8]| !matches!(level, b"+" | b"#") && Placeholder::of(level).is_none();
            let all_are = filter.split(|byte| *byte == b'/').all(is_literal);
            return if all_are { Filed::Literal(keys.hash(filter)) } else { Filed::Deep };
        }
        let levels = Levels::of(filter);
        let open = filter == b"#" || filter.ends_with(b"/#");
        let depth = levels.count().saturating_sub(usize::from(open));
        if depth > MAX_HASHED {
            return Filed::Deep;
        }
        let mut shape = Self { depth: u8::try_from(depth).unwrap_or(u8::MAX), open, ..Self::default() };
        for index in 0..depth {
            let level = levels.level(index);
            let bit = 1_u16.wrapping_shl(u32::try_from(index).unwrap_or(0));
            match (level, Placeholder::of(level)) {
                (_, Some(Placeholder::ClientId)) => shape.clientid |= bit,
                (_, Some(Placeholder::Username)) => shape.username |= bit,
                (b"+", None) => shape.plus |= bit,
                _ => {}
            }
        }
        if shape.varying() == 0 && !open {
            return Filed::Literal(keys.hash(filter));
        }
        Filed::Shaped(shape, shape.sieve(keys), levels)
    }

    fn varying(self) -> u16 {
        self.plus | self.clientid | self.username
    }

    /// What is looked at for each topic.
    pub(super) fn sieve(self, keys: &Keys) -> Sieve {
        let masks = u64::from(self.plus) << 32 | u64::from(self.clientid) << 16 | u64::from(self.username);
        let varying = self.varying();
        let depth = usize::from(self.depth);
        let mut sieve = Sieve {
            least: depth,
            most: if self.open { usize::MAX } else { depth },
            salt: keys.hash_pair(masks, u64::from(self.depth) << 1 | u64::from(self.open)),
            begins_with_any: varying & 1 == 1 || depth == 0,
            has_placeholders: varying != self.plus,
            count: 0,
            behind: 0,
            runs: [Run::default(); MAX_HASHED / 2],
        };
        let (mut first, mut gap) = (0_u8, 0_u8);
        for index in 0..=self.depth {
            let width = if index < self.depth { self.width(index) } else { None };
            if index < self.depth && width.is_none() {
                continue;
            }
            // Up to sixteen levels have no more than eight runs.
            if first < index
                && let Some(run) = sieve.runs.get_mut(usize::from(sieve.count))
            {
                *run = Run { first, next: index, gap: gap.wrapping_add(u8::from(first > 0)) };
                sieve.count = sieve.count.wrapping_add(1);
                gap = 0;
            }
            gap = gap.wrapping_add(width.map_or(0, |width| width.wrapping_add(u8::from(index > 0))));
            first = index.wrapping_add(1);
        }
        sieve.behind = gap.wrapping_add(match (self.open, depth) {
            (false, _) => 0,
            (true, 0) => 1,
            (true, _) => 2,
        });
        sieve
    }

    /// How many bytes a level has that is not literal.
    fn width(self, index: u8) -> Option<u8> {
        let has = |mask: u16| mask.wrapping_shr(index.into()) & 1 == 1;
        if has(self.plus) {
            return Some(1);
        }
        has(self.clientid | self.username).then_some(2)
    }

    /// The subject, if its client id is not known with the one that fits a filter of this shape: that of the
    /// topic's own level where the first `%c` stands.
    pub(super) fn subject_that_fits<'t>(self, levels: &Levels<'t>, subject: Subject<'t>) -> Subject<'t> {
        if self.clientid == 0 || subject.clientid.get().is_some() {
            return subject;
        }
        Subject::known(subject.username, Some(levels.level(self.clientid.trailing_zeros() as usize)))
    }

    /// Whether the levels where this shape has placeholders are what those stand for.
    #[inline]
    pub(super) fn placeholders_fit(self, levels: &Levels<'_>, subject: &Subject<'_>) -> bool {
        are_all(levels, self.username, Placeholder::Username, subject)
            && are_all(levels, self.clientid, Placeholder::ClientId, subject)
    }
}
