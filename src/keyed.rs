//! A fast hash of bytes that nobody can choose collisions for, since its key is random.
//!
//! For tables in memory only. What an attacker may not guess, as a password, is not hashed with it.

use std::hash::{BuildHasher as _, RandomState};

/// The key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    start: u64,
    times: u64,
}

impl Default for Keyed {
    /// One of its own, each time.
    fn default() -> Self {
        let state = RandomState::new();
        // Odd, so that multiplying loses nothing.
        Self { start: state.hash_one(1_u8), times: state.hash_one(2_u8) | 1 }
    }
}

impl Keyed {
    /// The hash of a string.
    #[inline]
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        let mut state = self.start ^ bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            state = fold(state ^ u64::from_le_bytes(*word), self.times);
        }
        let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        fold(state ^ rest, self.times)
    }

    /// The hash of a number.
    #[inline]
    pub(crate) fn hash_number(&self, number: u64) -> u64 {
        fold(self.start ^ number, self.times)
    }
}

/// The two halves of a product, one over the other: each bit depends on all bits of both.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are wanted")]
fn fold(value: u64, times: u64) -> u64 {
    let product = u128::from(value).wrapping_mul(u128::from(times));
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_of_all_lengths_have_hashes_of_their_own_in_the_bits_that_tables_use() {
        let keyed = Keyed::default();
        let texts =
            (0..2000_usize).map(|number| vec![b'a' + u8::try_from(number % 20).unwrap(); number / 20]);
        let texts: HashSet<Vec<u8>> = texts.collect();
        let hashes: HashSet<u64> = texts.iter().map(|text| keyed.hash(text)).collect();
        assert_eq!(hashes.len(), texts.len());
        let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0xffff).collect();
        assert!(places.len() > 1700, "{}", places.len());
        let places: HashSet<u64> = (0..2000).map(|number| keyed.hash_number(number << 4) & 0xffff).collect();
        assert!(places.len() > 1700, "{}", places.len());
    }

    #[test]
    fn another_key_is_another_hash() {
        assert_ne!(Keyed::default().hash(b"ann"), Keyed::default().hash(b"ann"));
    }
}
