//! The shape of a topic filter: where its wildcards and placeholders stand.
//!
//! Filters of one shape that match one topic are one filter. So an ACL is found with a single probe for
//! each shape that a role uses, however many ACLs it has.

use super::Subject;
use super::index::Cut;
use super::levels::{Keys, Levels, MAX_HASHED};
use super::topic::{Placeholder, is_well_formed};

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
pub(super) enum Filed {
    /// Its shape, and what its literal levels add up to.
    Shaped(Shape, u64),
    /// It has more levels than are hashed.
    Deep,
    /// It is no valid filter.
    Malformed,
}

impl Shape {
    /// Takes a filter apart.
    pub(super) fn file(filter: &[u8], keys: &Keys) -> Filed {
        if filter.is_empty() || !is_well_formed(filter) {
            return Filed::Malformed;
        }
        let mut levels = Levels::none();
        levels.cut(filter, keys);
        let open = filter == b"#" || filter.ends_with(b"/#");
        let depth = levels.count().saturating_sub(usize::from(open));
        if depth > MAX_HASHED {
            return Filed::Deep;
        }
        let mut shape = Self { depth: u8::try_from(depth).unwrap_or(u8::MAX), open, ..Self::default() };
        let mut literals = levels.sum(depth);
        for index in 0..depth {
            let level = levels.level(index);
            let bit = 1_u16.wrapping_shl(u32::try_from(index).unwrap_or(0));
            match (level, Placeholder::of(level)) {
                (_, Some(Placeholder::ClientId)) => shape.clientid |= bit,
                (_, Some(Placeholder::Username)) => shape.username |= bit,
                (b"+", None) => shape.plus |= bit,
                _ => continue,
            }
            literals = literals.wrapping_sub(levels.term(index));
        }
        Filed::Shaped(shape, literals)
    }

    /// The key of a filter of this shape with those literal levels.
    pub(super) fn salt(self, keys: &Keys) -> u64 {
        let masks = u64::from(self.plus) << 32 | u64::from(self.clientid) << 16 | u64::from(self.username);
        keys.hash_pair(masks, u64::from(self.depth) << 1 | u64::from(self.open))
    }

    fn varying(self) -> u16 {
        self.plus | self.clientid | self.username
    }

    /// What the literal levels of a filter of this shape would add up to if it matched; `None` if none
    /// of this shape can.
    #[inline]
    pub(super) fn literals_of(self, cut: &Cut<'_, '_>, subject: Subject<'_>) -> Option<u64> {
        let depth = usize::from(self.depth);
        let levels = cut.levels;
        let fits = if self.open { depth <= levels.count() } else { depth == levels.count() && !cut.open };
        if !fits {
            return None;
        }
        let mut literals = levels.sum(depth);
        let mut varying = self.varying();
        // MQTT 5.0 §4.7.2: what begins with a wildcard does not match what begins with `$`.
        if cut.is_apart && (varying & 1 == 1 || depth == 0) {
            return None;
        }
        if self.clientid | self.username != 0 && !self.placeholders_fit(levels, subject) {
            return None;
        }
        while varying != 0 {
            literals = literals.wrapping_sub(levels.term(varying.trailing_zeros() as usize));
            varying &= varying.wrapping_sub(1);
        }
        Some(literals)
    }

    /// The subject, if its client id is not known with the one that fits a filter of this shape: that of the
    /// topic's own level where the first `%c` stands.
    pub(super) fn subject_that_fits<'t>(self, levels: &Levels<'t>, subject: Subject<'t>) -> Subject<'t> {
        if subject.clientid.is_some() || self.clientid == 0 {
            return subject;
        }
        Subject { clientid: Some(levels.level(self.clientid.trailing_zeros() as usize)), ..subject }
    }

    fn placeholders_fit(self, levels: &Levels<'_>, subject: Subject<'_>) -> bool {
        let all = |mask: u16, placeholder: Placeholder| {
            let mut left = mask;
            while left != 0 {
                let index = left.trailing_zeros() as usize;
                left &= left.wrapping_sub(1);
                if !placeholder.is_level(levels.level(index), subject) {
                    return false;
                }
            }
            true
        };
        all(self.clientid, Placeholder::ClientId) && all(self.username, Placeholder::Username)
    }

    /// Whether this is the filter of this shape whose literal levels are those of the topic.
    pub(super) fn is_match(self, filter: &[u8], levels: &Levels<'_>) -> bool {
        let depth = usize::from(self.depth);
        if self.varying() == 0 && !self.open {
            return filter == levels.text();
        }
        let mut rest = filter;
        let mut index = 0_usize;
        let mut varying = self.varying();
        while index < depth {
            let next = (varying.trailing_zeros() as usize).min(depth);
            if let Some(last) = next.checked_sub(1)
                && index < next
            {
                // A run of literal levels, with the `/` behind it.
                let Some(after) = rest.strip_prefix(levels.between(index, last)) else { return false };
                rest = after;
            }
            if next < depth {
                if index < next {
                    let [b'/', after @ ..] = rest else { return false };
                    rest = after;
                }
                let bit = 1_u16.wrapping_shl(u32::try_from(next).unwrap_or(0));
                let level: &[u8] = match bit {
                    bit if self.plus & bit != 0 => b"+",
                    bit if self.clientid & bit != 0 => b"%c",
                    _ => b"%u",
                };
                let Some(after) = rest.strip_prefix(level) else { return false };
                rest = after;
                varying &= varying.wrapping_sub(1);
            }
            index = next.wrapping_add(1);
            if index < depth {
                let [b'/', after @ ..] = rest else { return false };
                rest = after;
            }
        }
        match (self.open, depth) {
            (false, _) => rest.is_empty(),
            (true, 0) => rest == b"#",
            (true, _) => rest == b"/#",
        }
    }
}
