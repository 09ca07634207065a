//! Hashes of names and topics, with keys, so that nobody can choose texts that collide.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use super::AclRequest;

/// The keys of the hashes of whole texts. All of a process have the same, so that what is hashed once can be looked up
/// in any table.
#[derive(Clone, Copy, Debug)]
pub struct TextKeys {
    start: u64,
    times: u64,
}

/// The keys of the hashes, so that nobody can choose names or topics that collide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    text: TextKeys,
    first_generation: u64,
}

/// A request with the hash of its topic, worked out once for all that look it up.
#[derive(Clone, Copy)]
pub struct Hashed<'a> {
    /// What is asked.
    pub request: AclRequest<'a>,
    // INVARIANT: of the request's topic.
    topic: u64,
}

/// The two halves of a product, one over the other: each bit depends on all bits of both.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are wanted")]
pub(super) fn fold(value: u64, times: u64) -> u64 {
    let product = u128::from(value).wrapping_mul(u128::from(times));
    (product as u64) ^ ((product >> 64) as u64)
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

impl TextKeys {
    /// Those of this process, which no other has.
    #[must_use]
    pub fn of_process() -> Self {
        static KEYS: OnceLock<TextKeys> = OnceLock::new();
        *KEYS.get_or_init(|| {
            let state = RandomState::new();
            // Odd, so that multiplying loses nothing.
            Self { start: state.hash_one("start"), times: state.hash_one("times") | 1 }
        })
    }

    /// The hash of a text.
    #[inline]
    #[must_use]
    pub fn hash(&self, text: &[u8]) -> u64 {
        self.hash_after(self.start, text)
    }

    /// The hash of a text that comes after another, with that hash.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number are wanted")]
    pub(super) fn hash_after(&self, before: u64, text: &[u8]) -> u64 {
        let mut state = before ^ self.times.wrapping_mul(text.len() as u64);
        if let Some(last) = text.last_chunk::<16>() {
            let mut rest = text;
            while let Some((words, after)) = rest.split_first_chunk::<16>()
                && !after.is_empty()
            {
                let words = u128::from_le_bytes(*words);
                state = fold(state ^ words as u64, self.times ^ (words >> 64) as u64);
                rest = after;
            }
            // Of two that overlap, each is told by the length.
            let words = u128::from_le_bytes(*last);
            return fold(state ^ words as u64, self.times ^ (words >> 64) as u64);
        }
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            return fold(state ^ u64::from_le_bytes(*first), self.times ^ u64::from_le_bytes(*last));
        }
        fold(state ^ short_word(text), self.times)
    }

    /// The hash of several texts in their order, of which some may be missing.
    #[must_use]
    pub fn hash_all<'t>(&self, texts: impl IntoIterator<Item = Option<&'t [u8]>>) -> u64 {
        self.hash_all_after(self.start, texts)
    }

    /// The same after what has that hash.
    #[inline]
    #[must_use]
    pub fn hash_all_after<'t>(&self, before: u64, texts: impl IntoIterator<Item = Option<&'t [u8]>>) -> u64 {
        texts.into_iter().fold(before, |hash, text| match text {
            Some(text) => self.hash_after(hash, text),
            None => fold(!hash, self.times),
        })
    }

    /// The hash of two numbers.
    #[inline]
    #[must_use]
    pub fn hash_pair(&self, a: u64, b: u64) -> u64 {
        fold(fold(self.start ^ a, self.times) ^ b, self.times)
    }
}

/// Up to seven bytes as a number; of one length, another for each text.
#[inline]
pub(crate) fn short_word(text: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    match *text {
        [first, .., last] => {
            let middle = text.get(1).copied().unwrap_or_default();
            u64::from(first) | u64::from(middle) << 8 | u64::from(last) << 16
        }
        [only] => u64::from(only),
        [] => 0,
    }
}

/// Whether two texts are equal: for short ones, where a call to compare memory takes longer.
#[inline]
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if let (Some([one_start, one_end]), Some([other_start, other_end])) = (ends(one), ends(other)) {
        return (one_start ^ other_start) | (one_end ^ other_end) == 0 && is_same_between(one, other);
    }
    match (one.first_chunk::<8>(), other.first_chunk()) {
        (Some(one_start), Some(other_start)) => {
            one_start == other_start && one.last_chunk::<8>() == other.last_chunk()
        }
        _ => short_word(one) == short_word(other),
    }
}

/// The first and the last sixteen bytes, which may overlap.
#[inline]
fn ends(text: &[u8]) -> Option<[u128; 2]> {
    Some([text.first_chunk()?, text.last_chunk()?].map(|bytes| u128::from_ne_bytes(*bytes)))
}

/// Whether two texts that are equally long and have the same ends are equal.
#[inline]
fn is_same_between(one: &[u8], other: &[u8]) -> bool {
    if one.len() <= 32 {
        return true;
    }
    // Where the last bytes overlap those before, they are looked at twice.
    let [(one, _), (other, _)] = [one, other].map(<[u8]>::as_chunks::<16>);
    one.iter().zip(other).skip(1).all(|(one, other)| one == other)
}

impl<'a> Hashed<'a> {
    /// Works the hash out.
    #[inline]
    #[must_use]
    pub fn new(request: AclRequest<'a>, keys: &TextKeys) -> Self {
        Self { request, topic: keys.hash(request.topic) }
    }

    /// The hash of the topic.
    #[inline]
    #[must_use]
    pub fn topic(&self) -> u64 {
        self.topic
    }

    /// The number of this request of this connection; another request or connection has the same only by chance.
    #[inline]
    #[must_use]
    pub fn of_connection(&self, connection: usize) -> u64 {
        fold(self.topic ^ self.request.action as u64, connection as u64 | 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Texts of all lengths that differ in one place from each other.
    fn texts() -> Vec<Vec<u8>> {
        let lengths = (0..40).chain([127, 128, 129]);
        let of_length = |length: usize| {
            let changed = (0..length).map(move |place| {
                let mut text = vec![b'a'; length];
                text[place] = b'b';
                text
            });
            changed.chain([vec![b'a'; length], vec![0; length]])
        };
        let mut texts: Vec<Vec<u8>> = lengths.flat_map(of_length).collect();
        texts.extend(["ab", "ba", "abcd", "dcba"].map(|text| text.as_bytes().to_vec()));
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    #[test]
    fn texts_that_look_alike_have_other_hashes() {
        let keys = TextKeys::of_process();
        let mut seen = HashSet::new();
        for text in texts() {
            assert!(seen.insert(keys.hash(&text)), "{text:?}");
            assert_eq!(keys.hash(&text), TextKeys::of_process().hash(&text));
        }
    }

    #[test]
    fn short_texts_of_one_length_are_told_apart_by_one_word() {
        let mut seen = HashSet::new();
        for text in texts().into_iter().filter(|text| text.len() < 8) {
            assert!(seen.insert((text.len(), short_word(&text))), "{text:?}");
        }
    }

    #[test]
    fn texts_are_the_same_if_all_their_bytes_are() {
        for one in texts() {
            for other in texts() {
                assert_eq!(is_same(&one, &other), one == other, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn lists_of_texts_are_told_apart() {
        let keys = TextKeys::of_process();
        let mut seen = HashSet::new();
        let texts = [None, Some(""), Some("a"), Some("aa"), Some("b"), Some("longer than eight")];
        for list in texts.iter().flat_map(|one| texts.map(|other| [*one, other])) {
            assert!(seen.insert(keys.hash_all(list.map(|text| text.map(str::as_bytes)))), "{list:?}");
            assert!(seen.insert(keys.hash_all([list[0], None, list[1]].map(|text| text.map(str::as_bytes)))));
        }
    }
}
