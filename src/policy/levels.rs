//! A topic cut into its levels, once for all look-ups.

use std::hash::{BuildHasher, RandomState};

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

/// Less than eight bytes as a number, the first in the lowest place: `rest`, which is the end of `text`.
#[inline]
fn last_word(text: &[u8], rest: &[u8]) -> u64 {
    if let Some(last) = text.last_chunk::<8>() {
        let before = 8_usize.wrapping_sub(rest.len()) << 3;
        // Shifted in two steps, since a shift by 64 is none.
        return u64::from_le_bytes(*last) >> (before >> 1) >> (before >> 1);
    }
    if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        let place = rest.len().wrapping_sub(4) << 3;
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (place & 63);
    }
    match *rest {
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        _ => 0,
    }
}

/// The levels of a topic, or of a filter that a client asks for.
pub(super) struct Levels<'t> {
    text: &'t [u8],
    /// How many there are, beyond [`MAX_HASHED`] too.
    count: usize,
    /// Whether a `+` or `#` is in it.
    has_wildcard: bool,
    /// Where each of the first of them begins, and the one behind the last would.
    starts: [u32; MAX_HASHED + 1],
}

/// The longest topic that is cut: no client can send a longer one.
pub(super) const MAX_CUT: usize = 65_535;

impl<'t> Levels<'t> {
    /// No level at all, which only `#` stands for.
    #[inline]
    pub(super) fn none() -> Self {
        Self { text: b"", count: 0, has_wildcard: false, starts: [0; MAX_HASHED + 1] }
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
        let (mut count, mut at, mut wildcards) = (0_usize, 0_usize, 0);
        let mut rest = text;
        while !rest.is_empty() {
            let (word, after) = match rest.split_first_chunk::<8>() {
                Some((word, after)) => (u64::from_le_bytes(*word), after),
                None => (last_word(text, rest), &[][..]),
            };
            wildcards |= wildcard_bytes(word);
            let mut ends = bytes_that_are(word, b'/');
            while ends != 0 {
                count = count.wrapping_add(1);
                if let Some(start) = self.starts.get_mut(count) {
                    *start = (at as u32).wrapping_add(ends.trailing_zeros() >> 3).wrapping_add(1);
                }
                ends &= ends.wrapping_sub(1);
            }
            at = at.wrapping_add(8);
            rest = after;
        }
        count = count.wrapping_add(1);
        if let Some(behind) = self.starts.get_mut(count) {
            *behind = (text.len() as u32).wrapping_add(1);
        }
        self.text = text;
        self.count = count;
        self.has_wildcard = wildcards != 0;
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn has_wildcard(&self) -> bool {
        self.has_wildcard
    }

    #[inline]
    pub(super) fn begins_with_dollar(&self) -> bool {
        self.text.first() == Some(&b'$')
    }

    /// Where a level begins.
    #[inline]
    fn start(&self, index: usize) -> usize {
        self.starts.get(index).map_or(usize::MAX, |start| *start as usize)
    }

    /// The bytes of the levels from one on, up to another, with the `/` between them.
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

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Not zero if one of eight bytes is `+` or `#` ("Hacker's Delight", 6-1).
#[inline]
fn wildcard_bytes(word: u64) -> u64 {
    // They differ in one bit.
    let zero_where_it_is = (word | LOW.wrapping_mul(0x08)) ^ LOW.wrapping_mul(u64::from(b'+'));
    zero_where_it_is.wrapping_sub(LOW) & !zero_where_it_is & HIGH
}

/// The high bit of each of eight bytes that is that one, and no other bit.
#[inline]
fn bytes_that_are(word: u64, byte: u8) -> u64 {
    let zero_where_it_is = word ^ LOW.wrapping_mul(u64::from(byte));
    let low_bits_set = (zero_where_it_is & !HIGH).wrapping_add(!HIGH);
    !(low_bits_set | zero_where_it_is) & HIGH
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
