//! A topic cut into its levels, each hashed once for all look-ups.

use std::hash::{BuildHasher, RandomState};

/// How many levels of a topic are looked at through hashes; what lies deeper is compared byte by byte.
pub(super) const MAX_HASHED: usize = 16;

/// The keys of the hashes, so that nobody can choose names or topics that collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    start: u64,
    fold: u64,
    step: u64,
}

impl Keys {
    /// Keys that differ from process to process.
    pub(super) fn random() -> Self {
        let state = RandomState::new();
        // Odd, so that multiplying loses nothing.
        Self { start: state.hash_one(1_u8), fold: state.hash_one(2_u8) | 1, step: state.hash_one(3_u8) | 1 }
    }

    /// The hash of a string.
    #[inline]
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = self.start ^ bytes.len() as u64;
        let mut rest = bytes;
        while rest.len() > 8
            && let Some((word, after)) = rest.split_first_chunk::<8>()
        {
            state = self.fold(state ^ u64::from_le_bytes(*word));
            rest = after;
        }
        self.fold(state ^ last_word(rest))
    }

    /// [`Self::hash`] of a part of `text`, which is quicker to read than the part alone.
    #[inline]
    fn hash_part(&self, text: &[u8], start: usize, end: usize) -> u64 {
        let length = end.wrapping_sub(start);
        if length <= 8
            && let Some(word) = text.get(start..).and_then(<[u8]>::first_chunk::<8>)
        {
            // Shifted in two steps, since a shift by 64 is none.
            let unused = 64_usize.wrapping_sub(length << 3);
            let word = u64::from_le_bytes(*word);
            let word = if length == 0 { 0 } else { word << unused >> unused };
            return self.fold(self.start ^ length as u64 ^ word);
        }
        self.hash(text.get(start..end).unwrap_or_default())
    }

    /// The hash of two numbers.
    pub(super) fn hash_pair(&self, a: u64, b: u64) -> u64 {
        self.fold(self.fold(self.start ^ a) ^ b)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are wanted")]
    fn fold(&self, value: u64) -> u64 {
        let product = u128::from(value).wrapping_mul(u128::from(self.fold));
        (product as u64) ^ ((product >> 64) as u64)
    }

    /// What a level adds to the sum of its topic: the hash, made to depend on where it stands.
    #[inline]
    fn at(&self, index: usize, hash: u64) -> u64 {
        hash.wrapping_mul(self.step.wrapping_add((index as u64) << 1))
    }
}

/// Up to eight bytes as a number, the first in the lowest place.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let place = bytes.len().wrapping_sub(4) << 3;
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (place & 63);
    }
    match *bytes {
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
    /// Where each of the first levels ends.
    ends: [u16; MAX_HASHED],
    /// What the first levels add up to: `sums[i]` for the first `i`.
    sums: [u64; MAX_HASHED + 1],
    /// The last of them.
    sum: u64,
}

/// The longest topic that is cut: no client can send a longer one.
pub(super) const MAX_CUT: usize = 65_535;

impl<'t> Levels<'t> {
    /// Cuts a topic of at most [`MAX_CUT`] bytes.
    #[inline]
    pub(super) fn of(text: &'t [u8], keys: &Keys) -> Self {
        let mut levels = Self::none();
        levels.text = text;
        let mut rest = text;
        let mut at = 0_usize;
        let mut start = 0_usize;
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            levels.has_wildcard |= has_byte(word, b'+') | has_byte(word, b'#');
            let mut slashes = bytes_that_are(word, b'/');
            while slashes != 0 {
                let end = at.wrapping_add((slashes.trailing_zeros() >> 3) as usize);
                slashes &= slashes.wrapping_sub(1);
                levels.push(start, end, keys);
                start = end.wrapping_add(1);
            }
            rest = after;
            at = at.wrapping_add(8);
        }
        for byte in rest {
            match byte {
                b'/' => {
                    levels.push(start, at, keys);
                    start = at.wrapping_add(1);
                }
                b'+' | b'#' => levels.has_wildcard = true,
                _ => {}
            }
            at = at.wrapping_add(1);
        }
        levels.push(start, text.len(), keys);
        levels
    }

    /// A topic of no level at all, which only `#` stands for.
    #[inline]
    pub(super) fn none() -> Self {
        Self {
            text: b"",
            count: 0,
            has_wildcard: false,
            ends: [0; MAX_HASHED],
            sums: [0; MAX_HASHED + 1],
            sum: 0,
        }
    }

    #[inline]
    fn push(&mut self, start: usize, end: usize, keys: &Keys) {
        let index = self.count;
        self.count = index.wrapping_add(1);
        if let Some(end_slot) = self.ends.get_mut(index)
            && let Some(after) = self.sums.get_mut(index.wrapping_add(1))
        {
            self.sum = self.sum.wrapping_add(keys.at(index, keys.hash_part(self.text, start, end)));
            *after = self.sum;
            *end_slot = u16::try_from(end).unwrap_or(u16::MAX);
        }
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.has_wildcard
    }

    #[inline]
    pub(super) fn begins_with_dollar(&self) -> bool {
        self.text.first() == Some(&b'$')
    }

    /// What the first `depth` levels add up to.
    #[inline]
    pub(super) fn sum(&self, depth: usize) -> u64 {
        self.sums.get(depth).copied().unwrap_or_default()
    }

    /// What one level adds.
    #[inline]
    pub(super) fn term(&self, index: usize) -> u64 {
        self.sum(index.wrapping_add(1)).wrapping_sub(self.sum(index))
    }

    /// Where a level begins.
    #[inline]
    fn start(&self, index: usize) -> usize {
        match index.checked_sub(1) {
            None => 0,
            Some(before) => self.end(before).wrapping_add(1),
        }
    }

    #[inline]
    fn end(&self, index: usize) -> usize {
        self.ends.get(index).map_or(usize::MAX, |end| usize::from(*end))
    }

    /// The bytes from the begin of one level to the end of another.
    #[inline]
    pub(super) fn between(&self, first: usize, last: usize) -> &'t [u8] {
        self.text.get(self.start(first)..self.end(last)).unwrap_or_default()
    }

    #[inline]
    pub(super) fn level(&self, index: usize) -> &'t [u8] {
        self.between(index, index)
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Whether one of eight bytes is that one ("Hacker's Delight", 6-1).
#[inline]
fn has_byte(word: u64, byte: u8) -> bool {
    let zero_where_it_is = word ^ LOW.wrapping_mul(u64::from(byte));
    zero_where_it_is.wrapping_sub(LOW) & !zero_where_it_is & HIGH != 0
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
        fn levels_are_those_between_the_slashes(text in "[ab/+#é]{0,40}") {
            let keys = Keys::random();
            let levels = Levels::of(text.as_bytes(), &keys);
            let wanted: Vec<&str> = text.split('/').collect();
            prop_assert_eq!(levels.count(), wanted.len());
            prop_assert_eq!(levels.has_wildcard(), text.contains(['+', '#']));
            for (index, level) in wanted.iter().enumerate().take(MAX_HASHED) {
                prop_assert_eq!(levels.level(index), level.as_bytes());
                prop_assert_eq!(levels.term(index), keys.at(index, keys.hash(level.as_bytes())));
                let joined = wanted[..=index].join("/");
                prop_assert_eq!(levels.between(0, index), joined.as_bytes());
            }
        }
    }

    #[test]
    fn strings_that_look_alike_have_other_hashes() {
        let keys = Keys::random();
        let mut seen = std::collections::HashSet::new();
        for text in ["", "\0", "\0\0", "a", "aa", "aaa", "aaaa", "aaaaa", "aaaaaaaa", "aaaaaaaaa", "ab", "ba"]
        {
            assert!(seen.insert(keys.hash(text.as_bytes())), "{text:?}");
        }
    }
}
