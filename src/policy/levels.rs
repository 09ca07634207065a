//! A topic cut into its levels, each hashed once for all look-ups.

use std::hash::{BuildHasher, RandomState};

/// How many levels of a topic are looked at through hashes; what lies deeper is compared byte by byte.
pub(super) const MAX_HASHED: usize = 16;

/// The keys of the hashes, so that nobody can choose names or topics that collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    start: u64,
    fold: u64,
    levels: [LevelKey; MAX_HASHED],
    first_generation: u64,
}

/// The keys for levels at one place of a topic.
#[derive(Clone, Copy, Debug)]
struct LevelKey {
    plus: u64,
    times: u64,
}

impl LevelKey {
    /// What a level adds to the sum of its topic.
    #[inline]
    fn term(self, word: u64) -> u64 {
        fold(word ^ self.plus, self.times)
    }
}

/// The two halves of a product, one over the other: each bit depends on all bits of both.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are wanted")]
fn fold(value: u64, times: u64) -> u64 {
    let product = u128::from(value).wrapping_mul(u128::from(times));
    (product as u64) ^ ((product >> 64) as u64)
}

impl Keys {
    /// Keys that differ from process to process.
    pub(super) fn random() -> Self {
        let state = RandomState::new();
        // Odd, so that multiplying loses nothing.
        Self {
            start: state.hash_one("start"),
            fold: state.hash_one("fold") | 1,
            levels: std::array::from_fn(|index| LevelKey {
                plus: state.hash_one(("plus", index)),
                times: state.hash_one(("times", index)) | 1,
            }),
            first_generation: state.hash_one("generation"),
        }
    }

    /// The generation that a policy begins with.
    pub(super) fn first_generation(&self) -> u64 {
        self.first_generation
    }

    /// The hash of a string.
    #[inline]
    pub(super) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = self.start ^ bytes.len() as u64;
        let mut rest = bytes;
        while rest.len() > 8
            && let Some((word, after)) = rest.split_first_chunk::<8>()
        {
            state = fold(state ^ u64::from_le_bytes(*word), self.fold);
            rest = after;
        }
        fold(state ^ last_word(bytes, rest), self.fold)
    }

    /// A part of a text as a number: itself if it is short, else its hash.
    #[inline]
    fn part_as_word(&self, text: &[u8], start: usize, end: usize) -> u64 {
        let length = end.wrapping_sub(start);
        let Some(mask) = LOW_BYTES.get(length) else {
            return self.hash(text.get(start..end).unwrap_or_default());
        };
        if let Some(word) = text.get(start..).and_then(<[u8]>::first_chunk::<8>) {
            return u64::from_le_bytes(*word) & mask;
        }
        let rest = text.get(start..).unwrap_or_default();
        last_word(text, rest) & mask
    }

    /// The hash of two numbers.
    pub(super) fn hash_pair(&self, a: u64, b: u64) -> u64 {
        fold(fold(self.start ^ a, self.fold) ^ b, self.fold)
    }
}

/// Up to eight bytes as a number, the first in the lowest place: `rest`, which is the end of `text`.
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
    /// The first of them.
    first: [Level; MAX_HASHED],
}

#[derive(Clone, Copy)]
struct Level {
    /// Where it ends.
    end: usize,
    /// What it and those before it add up to.
    sum: u64,
}

/// The longest topic that is cut: no client can send a longer one.
pub(super) const MAX_CUT: usize = 65_535;

impl<'t> Levels<'t> {
    /// No level at all, which only `#` stands for.
    #[inline]
    pub(super) fn none() -> Self {
        Self { text: b"", count: 0, has_wildcard: false, first: [Level { end: 0, sum: 0 }; MAX_HASHED] }
    }

    /// Cuts a topic of at most [`MAX_CUT`] bytes.
    #[cfg(test)]
    pub(super) fn of(text: &'t [u8], keys: &Keys) -> Self {
        let mut levels = Self::none();
        levels.cut(text, keys);
        levels
    }

    /// Cuts a topic of at most [`MAX_CUT`] bytes into this, which was [`Self::none`]: so that much is not
    /// moved about.
    #[inline]
    pub(super) fn cut(&mut self, text: &'t [u8], keys: &Keys) {
        let mut slots = self.first.iter_mut().zip(&keys.levels);
        let (mut count, mut start, mut sum) = (0_usize, 0_usize, 0_u64);
        let mut wildcards = 0;
        let mut at = 0_usize;
        // The word after the last whole one has the end of the text in it, which ends a level as a `/` does.
        while let Some(rest) = text.get(at..) {
            let (word, end_of_text) = match rest.first_chunk::<8>() {
                Some(word) => (u64::from_le_bytes(*word), 0),
                None => (last_word(text, rest), 0x80 << (rest.len() << 3 & 63)),
            };
            wildcards |= wildcard_bytes(word);
            let mut ends = bytes_that_are(word, b'/') | end_of_text;
            while ends != 0 {
                let end = at.wrapping_add((ends.trailing_zeros() >> 3) as usize);
                ends &= ends.wrapping_sub(1);
                count = count.wrapping_add(1);
                if let Some((slot, key)) = slots.next() {
                    sum = sum.wrapping_add(key.term(keys.part_as_word(text, start, end)));
                    *slot = Level { end, sum };
                }
                start = end.wrapping_add(1);
            }
            at = at.wrapping_add(8);
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
    pub(super) fn text(&self) -> &'t [u8] {
        self.text
    }

    #[inline]
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
        self.first.get(depth.wrapping_sub(1)).map_or(0, |level| level.sum)
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
        self.first.get(index).map_or(usize::MAX, |level| level.end)
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

    /// What lies behind the levels that are hashed; none if nothing does.
    pub(super) fn tail(&self) -> Option<&'t [u8]> {
        if self.count <= MAX_HASHED {
            return None;
        }
        self.text.get(self.start(MAX_HASHED)..)
    }
}

/// The lowest `i` bytes of a word.
const LOW_BYTES: [u64; 9] = [
    0,
    0xff,
    0xffff,
    0xff_ffff,
    0xffff_ffff,
    0xff_ffff_ffff,
    0xffff_ffff_ffff,
    0xff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

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
        fn levels_are_those_between_the_slashes(text in "[ab/+#é]{0,40}|[ab]{5,9}/[abcdef]{7,9}|[+/]{0,9}") {
            let keys = Keys::random();
            let levels = Levels::of(text.as_bytes(), &keys);
            let wanted: Vec<&str> = text.split('/').collect();
            prop_assert_eq!(levels.count(), wanted.len());
            prop_assert_eq!(levels.has_wildcard(), text.contains(['+', '#']));
            for (index, level) in wanted.iter().enumerate().take(MAX_HASHED) {
                prop_assert_eq!(levels.level(index), level.as_bytes());
                let alone = keys.part_as_word(level.as_bytes(), 0, level.len());
                prop_assert_eq!(levels.term(index), keys.levels[index].term(alone));
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
