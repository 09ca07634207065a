//! A topic cut into its levels, once for all look-ups.

use std::hash::{BuildHasher, RandomState};

use wide::u8x16;

use super::hash::TextKeys;

/// How many levels of a topic are looked at through hashes; what lies deeper is compared byte by byte.
pub(super) const MAX_HASHED: usize = 16;

/// The keys of the hashes, so that nobody can choose names or topics that collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    text: TextKeys,
    first_generation: u64,
}

impl Keys {
    /// Keys that differ from process to process.
    pub(super) fn random() -> Self {
        Self { text: TextKeys::of_process(), first_generation: RandomState::new().hash_one("generation") }
    }

    /// The generation that a policy begins with.
    pub(super) fn first_generation(&self) -> u64 {
        self.first_generation
    }

    /// The keys of the hashes of whole texts.
    #[inline]
    pub(super) fn text(&self) -> &TextKeys {
        &self.text
    }

    /// The hash of a string.
    #[inline]
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        self.text.hash(bytes)
    }

    /// The hash of two numbers.
    pub(super) fn hash_pair(&self, a: u64, b: u64) -> u64 {
        self.text.hash_pair(a, b)
    }
}

/// The levels of a topic, or of a filter that a client asks for.
pub(super) struct Levels<'t> {
    text: &'t [u8],
    /// How many there are, beyond [`MAX_HASHED`] too.
    count: usize,
    /// Whether a `+` or `#` is in it.
    has_wildcard: bool,
    /// Where each of the first of them begins, and the one behind the last would. So many that a place is found
    /// without a look at how many there are.
    starts: [u32; PLACES],
}

/// More than [`MAX_HASHED`], and a power of two.
const PLACES: usize = 32;

/// The longest topic that is cut: no client can send a longer one.
pub(super) const MAX_CUT: usize = 65_535;

impl<'t> Levels<'t> {
    /// No level at all, which only `#` stands for.
    #[inline]
    pub(super) fn none() -> Self {
        Self { text: b"", count: 0, has_wildcard: false, starts: [0; PLACES] }
    }

    /// Cuts a topic of at most [`MAX_CUT`] bytes.
    #[cfg(test)]
    pub(super) fn of(text: &'t [u8]) -> Self {
        let mut levels = Self::none();
        levels.cut(text);
        levels
    }

    /// Cuts a topic of at most [`MAX_CUT`] bytes into this, which was [`Self::none`]: so that much is not
    /// moved about.
    #[inline(never)]
    #[expect(clippy::cast_possible_truncation, reason = "a topic has no more bytes than a `u32` counts")]
    pub(super) fn cut(&mut self, text: &'t [u8]) {
        let (mut count, mut has_wildcard) = (0_usize, false);
        let mut mark = |bytes: u8x16, at: usize, new: u32| {
            has_wildcard |= has_wildcards(bytes);
            let mut ends = slashes(bytes) & new;
            while ends != 0 {
                count = count.wrapping_add(1);
                if count <= MAX_HASHED
                    && let Some(start) = self.starts.get_mut(count)
                {
                    *start = (at as u32).wrapping_add(ends.trailing_zeros()).wrapping_add(1);
                }
                ends &= ends.wrapping_sub(1);
            }
        };
        if let Some(last) = text.last_chunk::<16>() {
            let (mut rest, mut at) = (text, 0_usize);
            while let Some((bytes, after)) = rest.split_first_chunk::<16>()
                && !after.is_empty()
            {
                mark(u8x16::new(*bytes), at, u32::MAX);
                (rest, at) = (after, at.wrapping_add(16));
            }
            // The last bytes overlap those before; only what is behind those is new.
            let seen = 16_usize.wrapping_sub(rest.len());
            mark(u8x16::new(*last), at.wrapping_sub(seen), u32::MAX << (seen & 15));
        } else {
            mark(short(text), 0, u32::MAX);
        }
        count = count.wrapping_add(1);
        if count <= MAX_HASHED
            && let Some(behind) = self.starts.get_mut(count)
        {
            *behind = (text.len() as u32).wrapping_add(1);
        }
        self.text = text;
        self.count = count;
        self.has_wildcard = has_wildcard;
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn has_wildcard(&self) -> bool {
        self.has_wildcard
    }

    /// Where a level begins that is there, or the one behind the last would.
    #[inline]
    fn start(&self, index: usize) -> usize {
        self.starts.get(index & (PLACES - 1)).map_or(0, |start| *start as usize)
    }

    /// The bytes of the levels from one on, up to another, with the `/` between them. Both are there, the second
    /// perhaps behind the last.
    #[inline]
    pub(super) fn between(&self, first: usize, next: usize) -> &'t [u8] {
        self.text.get(self.start(first)..self.start(next).wrapping_sub(1)).unwrap_or_default()
    }

    /// The same, with the `/` behind the last.
    #[inline]
    pub(super) fn up_to(&self, first: usize, next: usize) -> &'t [u8] {
        self.text.get(self.start(first)..self.start(next)).unwrap_or_default()
    }

    #[inline]
    pub(super) fn level(&self, index: usize) -> &'t [u8] {
        self.between(index, index.wrapping_add(1))
    }

    /// What lies behind the levels that are hashed; none if nothing does.
    pub(super) fn tail(&self) -> Option<&'t [u8]> {
        if self.count <= MAX_HASHED {
            return None;
        }
        self.text.get(self.start(MAX_HASHED)..)
    }
}

/// Less than sixteen bytes, with zeros behind.
#[inline]
fn short(text: &[u8]) -> u8x16 {
    let mut bytes = [0; 16];
    for (place, byte) in bytes.iter_mut().zip(text) {
        *place = *byte;
    }
    u8x16::new(bytes)
}

/// Which of sixteen bytes are `/`, the first in the lowest bit.
#[inline]
fn slashes(bytes: u8x16) -> u32 {
    bytes.cmp_eq(u8x16::splat(b'/')).move_mask().cast_unsigned()
}

/// Whether one of sixteen bytes is `+` or `#`, which differ in one bit.
#[inline]
fn has_wildcards(bytes: u8x16) -> bool {
    (bytes | u8x16::splat(0x08)).cmp_eq(u8x16::splat(b'+')).any()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn levels_are_those_between_the_slashes(text in "[ab/+#é]{0,40}|[ab]{5,9}/[abcdef]{7,9}|[+/]{0,9}|([ab+]{0,17}/){0,20}") {
            let levels = Levels::of(text.as_bytes());
            let wanted: Vec<&str> = text.split('/').collect();
            prop_assert_eq!(levels.count(), wanted.len());
            prop_assert_eq!(levels.has_wildcard(), text.contains(['+', '#']));
            for (index, level) in wanted.iter().enumerate().take(MAX_HASHED) {
                prop_assert_eq!(levels.level(index), level.as_bytes());
                let joined = wanted[..=index].join("/");
                prop_assert_eq!(levels.between(0, index.wrapping_add(1)), joined.as_bytes());
            }
        }
    }
}
