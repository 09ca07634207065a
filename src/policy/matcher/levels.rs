//! A topic cut into its levels, once for all look-ups.

use wide::u8x16;

/// How many levels of a topic are looked at through hashes; what lies deeper is compared byte by byte.
pub(super) const MAX_HASHED: usize = 16;

/// The levels of a topic, or of a filter that a client asks for.
pub(super) struct Levels<'t> {
    text: &'t [u8],
    /// How many there are, beyond [`MAX_HASHED`] too.
    count: usize,
    /// Whether a `+` or `#` is in it.
    has_wildcard: bool,
    /// Where the one before each of the first of them ends, and the last of these: one before the text at first. So many
    /// that a place is found without a look at how many there are.
    ends: [u16; PLACES],
}

/// More than [`MAX_HASHED`], and a power of two.
const PLACES: usize = 32;

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// The longest topic that is cut: no client can send a longer one.
pub(super) const MAX_CUT: usize = u16::MAX as usize;

impl<'t> Levels<'t> {
    /// No level at all, which only `#` stands for.
    #[inline]
    pub(super) fn none() -> Self {
        let mut ends = [0; PLACES];
        ends[0] = u16::MAX;
        Self { text: b"", count: 0, has_wildcard: false, ends }
    }

    /// Cuts a topic of at most [`MAX_CUT`] bytes.
    #[inline(never)]
    pub(super) fn of(text: &'t [u8]) -> Self {
        let mut levels = Self::none();
        levels.cut(text);
        levels
    }

    /// Cuts a topic of at most [`MAX_CUT`] bytes into this, which was [`Self::none`]: so that much is not
    /// moved about.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a topic has no more bytes than a `u16` counts")]
    pub(super) fn cut(&mut self, text: &'t [u8]) {
        self.text = text;
        let slashes = if text.len() <= BLOCK { self.cut_one_block(text) } else { self.cut_blocks(text) };
        self.count = slashes.wrapping_add(1);
        if self.count <= MAX_HASHED
            && let Some(end) = self.ends.get_mut(self.count)
        {
            *end = text.len() as u16;
        }
    }

    /// Cuts a text that is no longer than a block; says how many `/` there are.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a place in a block is a small number")]
    fn cut_one_block(&mut self, block: &[u8]) -> usize {
        let (mut found, is_wild) = marks(block);
        self.has_wildcard |= is_wild;
        // Always as many times at most, and from the start: it is no loop any more when it is compiled.
        for count in 0..MAX_HASHED {
            if found == 0 {
                return count;
            }
            if let Some(end) = self.ends.get_mut(count.wrapping_add(1)) {
                *end = found.trailing_zeros() as u16;
            }
            found &= found.wrapping_sub(1);
        }
        MAX_HASHED.wrapping_add(found.count_ones() as usize)
    }

    #[inline(never)]
    #[expect(clippy::cast_possible_truncation, reason = "a topic has no more bytes than a `u16` counts")]
    fn cut_blocks(&mut self, text: &[u8]) -> usize {
        text.chunks(BLOCK)
            .zip((0_usize..).step_by(BLOCK))
            .fold(0, |slashes, (block, at)| self.cut_block(block, at as u16, slashes))
    }

    /// Cuts a part of the text, before which there are so many bytes and so many `/`; says how many there are then.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a place in a block is a small number")]
    fn cut_block(&mut self, block: &[u8], at: u16, before: usize) -> usize {
        let (mut found, is_wild) = marks(block);
        self.has_wildcard |= is_wild;
        let mut count = before;
        while found != 0 {
            count = count.wrapping_add(1);
            if count <= MAX_HASHED
                && let Some(end) = self.ends.get_mut(count)
            {
                *end = at.wrapping_add(found.trailing_zeros() as u16);
            }
            found &= found.wrapping_sub(1);
        }
        count
    }

    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn has_wildcard(&self) -> bool {
        self.has_wildcard
    }

    /// Where a level ends, counted from 1.
    #[inline]
    fn end(&self, number: usize) -> u16 {
        self.ends.get(number & (PLACES - 1)).copied().unwrap_or_default()
    }

    /// Where a level begins that is there.
    #[inline]
    fn start(&self, index: usize) -> usize {
        usize::from(self.end(index).wrapping_add(1))
    }

    /// The bytes of the levels from one on, up to another, with the `/` between them. Both are there, the second
    /// perhaps behind the last.
    #[inline]
    pub(super) fn between(&self, first: usize, next: usize) -> &'t [u8] {
        self.text.get(self.start(first)..usize::from(self.end(next))).unwrap_or_default()
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

/// Which of up to [`BLOCK`] bytes are `/`, the first in the lowest bit, and whether one is a wildcard.
#[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a place in a block is a small number")]
fn marks(block: &[u8]) -> (u64, bool) {
    let Some(last) = block.last_chunk() else {
        let (slashes, wildcards) = marks_of(short(block));
        return (slashes, wildcards != 0);
    };
    // The last bytes may overlap those before, and are there twice then.
    let (slashes, mut wildcards) = marks_of(*last);
    let mut found = slashes.wrapping_shl(block.len().wrapping_sub(16) as u32);
    for place in [0, 16, 32] {
        let Some(bytes) = block.get(place..).and_then(|rest| rest.first_chunk()) else { break };
        let (slashes, more) = marks_of(*bytes);
        found |= slashes.wrapping_shl(place as u32);
        wildcards |= more;
    }
    (found, wildcards != 0)
}

/// Less than sixteen bytes, with zeros behind.
#[inline]
fn short(text: &[u8]) -> [u8; 16] {
    /// So many bytes at the start and at the end, each at its place: what they overlap in is the same.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a place in a few bytes is a small number")]
    fn ends<const MANY: usize>(text: &[u8], number: impl Fn([u8; MANY]) -> u128) -> Option<[u8; 16]> {
        let (first, last) = (text.first_chunk()?, text.last_chunk()?);
        let place = text.len().wrapping_sub(MANY).wrapping_mul(8) as u32;
        Some((number(*first) | number(*last).wrapping_shl(place)).to_le_bytes())
    }
    if let Some(bytes) = ends(text, |bytes: [u8; 8]| u64::from_le_bytes(bytes).into()) {
        return bytes;
    }
    let four = ends(text, |bytes: [u8; 4]| u32::from_le_bytes(bytes).into());
    four.or_else(|| ends(text, |bytes: [u8; 2]| u16::from_le_bytes(bytes).into())).unwrap_or_else(|| {
        let mut bytes = [0; 16];
        bytes[0] = text.first().copied().unwrap_or_default();
        bytes
    })
}

/// Which of sixteen bytes are `/`, and which are `+` or `#`, the first in the lowest bits.
#[inline]
fn marks_of(bytes: [u8; 16]) -> (u64, u64) {
    let bytes = u8x16::new(bytes);
    let mask = |is_it: u8x16| u64::from(is_it.move_mask().cast_unsigned());
    let slashes = bytes.cmp_eq(u8x16::splat(b'/'));
    // They differ in one bit.
    let wildcards = (bytes | u8x16::splat(0x08)).cmp_eq(u8x16::splat(b'+'));
    (mask(slashes), mask(wildcards))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_topics_are_cut_to_their_end() {
        for text in ["a/".repeat(MAX_CUT / 2) + "a", "a".repeat(MAX_CUT - 2) + "/b", "/".repeat(MAX_CUT)] {
            assert_eq!(text.len(), MAX_CUT);
            let levels = Levels::of(text.as_bytes());
            assert_eq!(levels.count(), text.split('/').count());
            for (index, level) in text.split('/').enumerate().take(MAX_HASHED) {
                assert_eq!(levels.level(index), level.as_bytes());
            }
        }
    }

    #[test]
    fn levels_are_counted_beyond_those_that_are_hashed_in_short_topics_and_long_ones() {
        for slashes in 0..=2 * BLOCK {
            let text = "/".repeat(slashes);
            let levels = Levels::of(text.as_bytes());
            assert_eq!(levels.count(), slashes + 1);
            assert_eq!(levels.tail().map(<[u8]>::len), slashes.checked_sub(MAX_HASHED), "{slashes}");
        }
    }

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
