//! What was decided before: by client, action and topic, until the policy changes.
//!
//! Clients publish to the same topics again and again, and are sent messages on the same ones. A decision is
//! kept when it is made for the second time, in a table of fixed size, where it may be overwritten by another.
//! Any thread may look up and put: a slot that is being written is passed over, and nobody waits.

use std::array;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::policy::{AclRequest, Action, Effect};

/// How many decisions are kept.
const SLOTS: usize = 4096;
/// The longest client id, username and topic together, in words of eight bytes, each begun anew.
const WORDS: usize = 16;

/// Decisions by what was asked.
pub(crate) struct Memo {
    slots: Box<[Slot]>,
    /// So that nobody can choose topics that take each other's slots.
    keys: [u64; 2],
}

/// What is asked, as numbers.
pub(crate) struct Key {
    hash: u64,
    /// The action, whether there is a client id and a username, and how long the three texts are: with it, equal
    /// words mean an equal request.
    shape: u64,
    words: [u64; WORDS],
    length: usize,
}

/// A decision with all that it depends on. A seqlock: `version` is odd while one writes, and differs after.
struct Slot {
    version: AtomicU64,
    /// The policy's generation.
    generation: AtomicU64,
    shape: AtomicU64,
    effect: AtomicU64,
    /// The hash of the request that was last decided here, kept or not.
    last: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            version: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            // That of no request: a topic is not that long.
            shape: AtomicU64::new(u64::MAX),
            effect: AtomicU64::new(0),
            last: AtomicU64::new(0),
            words: array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Memo {
    pub(crate) fn new() -> Self {
        let state = RandomState::new();
        Self {
            slots: (0..SLOTS).map(|_| Slot::default()).collect(),
            keys: [state.hash_one(1_u8), state.hash_one(2_u8) | 1],
        }
    }

    /// What a request is looked up by, in the place of what `key` was. False if it is too long to be kept.
    #[inline]
    pub(crate) fn find_key(&self, request: &AclRequest<'_>, key: &mut Key) -> bool {
        let clientid = request.subject.clientid.unwrap_or_default();
        let username = request.subject.username.unwrap_or_default();
        let [mut hash, times] = self.keys;
        let mut shape = match request.action {
            Action::PublishClientSend => 0,
            Action::PublishClientReceive => 1,
            Action::Subscribe => 2,
            Action::Unsubscribe => 3,
        };
        shape = shape << 1 | u64::from(request.subject.clientid.is_some());
        shape = shape << 1 | u64::from(request.subject.username.is_some());
        let mut slots = key.words.iter_mut();
        for text in [request.topic, clientid, username] {
            // None is longer than the words have room for, or the request is not kept.
            shape = shape << 16 | text.len() as u64;
            let mut rest = text;
            while !rest.is_empty() {
                let word = match rest.split_first_chunk::<8>() {
                    Some((word, after)) => {
                        rest = after;
                        u64::from_le_bytes(*word)
                    }
                    None => last_word(text, std::mem::take(&mut rest)),
                };
                let Some(slot) = slots.next() else { return false };
                *slot = word;
                hash = fold(hash ^ word, times);
            }
        }
        key.length = WORDS.wrapping_sub(slots.len());
        key.shape = shape;
        key.hash = fold(hash ^ shape, times);
        true
    }

    /// What was decided, if it is kept, of a policy of that generation.
    #[inline]
    pub(crate) fn get(&self, key: &Key, generation: u64) -> Option<Effect> {
        let slot = self.slot(key)?;
        let version = slot.version.load(Ordering::Acquire);
        if slot.shape.load(Ordering::Relaxed) != key.shape
            || slot.generation.load(Ordering::Relaxed) != generation
        {
            return None;
        }
        let words = slot.words.get(..key.length)?.iter().zip(key.words.get(..key.length)?);
        for (kept, word) in words {
            if kept.load(Ordering::Relaxed) != *word {
                return None;
            }
        }
        let effect = slot.effect.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if version & 1 == 1 || slot.version.load(Ordering::Relaxed) != version {
            return None;
        }
        match effect {
            1 => Some(Effect::Allow),
            2 => Some(Effect::Deny),
            3 => Some(Effect::Defer),
            _ => None,
        }
    }

    /// What is decided by a policy of that generation. It is kept from the second time on.
    #[inline]
    pub(crate) fn put(&self, key: &Key, generation: u64, effect: Effect) {
        let Some(slot) = self.slot(key) else { return };
        // Another generation is another request here.
        let this = key.hash ^ generation;
        if slot.last.load(Ordering::Relaxed) == this {
            slot.keep(key, generation, effect);
        } else {
            slot.last.store(this, Ordering::Relaxed);
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "some of the bits are wanted")]
    fn slot(&self, key: &Key) -> Option<&Slot> {
        self.slots.get(key.hash as usize & (SLOTS - 1))
    }
}

impl Key {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { hash: 0, shape: 0, words: [0; WORDS], length: 0 }
    }

    /// A number that hardly another request has, and nobody can foretell.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

impl Slot {
    #[cold]
    fn keep(&self, key: &Key, generation: u64, effect: Effect) {
        let version = self.version.load(Ordering::Relaxed);
        let odd = version | 1;
        if odd == version
            || self.version.compare_exchange(version, odd, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        fence(Ordering::Release);
        self.generation.store(generation, Ordering::Relaxed);
        self.shape.store(key.shape, Ordering::Relaxed);
        let effect = match effect {
            Effect::Allow => 1,
            Effect::Deny => 2,
            Effect::Defer => 3,
        };
        self.effect.store(effect, Ordering::Relaxed);
        for (kept, word) in self.words.iter().zip(&key.words) {
            kept.store(*word, Ordering::Relaxed);
        }
        self.version.store(odd.wrapping_add(1), Ordering::Release);
    }
}

/// The two halves of a product, one over the other.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are wanted")]
fn fold(value: u64, times: u64) -> u64 {
    let product = u128::from(value).wrapping_mul(u128::from(times));
    (product as u64) ^ ((product >> 64) as u64)
}

/// Less than eight bytes as a number: `rest`, which is the end of `text`.
#[inline]
fn last_word(text: &[u8], rest: &[u8]) -> u64 {
    if let Some(last) = text.last_chunk::<8>() {
        return u64::from_le_bytes(*last) >> (8_usize.wrapping_sub(rest.len()) << 3 & 63);
    }
    rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::policy::Subject;

    fn request<'a>(
        username: Option<&'a str>,
        clientid: Option<&'a str>,
        action: Action,
        topic: &'a str,
    ) -> AclRequest<'a> {
        let subject =
            Subject { username: username.map(str::as_bytes), clientid: clientid.map(str::as_bytes) };
        AclRequest { subject, action, topic: topic.as_bytes() }
    }

    fn key(memo: &Memo, request: &AclRequest<'_>) -> Option<Key> {
        let mut key = Key::new();
        memo.find_key(request, &mut key).then_some(key)
    }

    fn put_twice(memo: &Memo, key: &Key, generation: u64, effect: Effect) {
        memo.put(key, generation, effect);
        memo.put(key, generation, effect);
    }

    #[test]
    fn a_decision_is_kept_from_the_second_time_on_and_until_the_generation_changes() {
        let memo = &Memo::new();
        let this = key(memo, &request(Some("u"), Some("c"), Action::Subscribe, "a/b")).unwrap();
        assert_eq!(memo.get(&this, 7), None);
        memo.put(&this, 7, Effect::Deny);
        assert_eq!(memo.get(&this, 7), None);
        memo.put(&this, 7, Effect::Deny);
        assert_eq!(memo.get(&this, 7), Some(Effect::Deny));
        assert_eq!(memo.get(&this, 8), None);
        put_twice(memo, &this, 8, Effect::Allow);
        assert_eq!((memo.get(&this, 8), memo.get(&this, 7)), (Some(Effect::Allow), None));
    }

    #[test]
    fn requests_that_differ_in_anything_are_told_apart_even_where_their_hashes_are_equal() {
        let memo = &Memo::new();
        let (long, shorter) = ("x".repeat(40), "x".repeat(39));
        let mut requests = vec![
            request(None, Some("c"), Action::Subscribe, "a/b"),
            request(Some(""), Some("c"), Action::Subscribe, "a/b"),
            request(Some("u"), None, Action::Subscribe, "a/b"),
            request(Some("u"), Some(""), Action::Subscribe, "a/b"),
            request(Some("c"), Some("u"), Action::Subscribe, "a/b"),
            request(Some("u"), Some("a/b"), Action::Subscribe, "c"),
            request(Some("u"), Some("c"), Action::Subscribe, &long),
            request(Some("u"), Some("c"), Action::Subscribe, &shorter),
            request(Some("u"), Some("c"), Action::Subscribe, "a/b\0"),
        ];
        requests.extend(Action::ALL.map(|action| request(Some("u"), Some("c"), action, "a/b")));
        for (index, one) in requests.iter().enumerate() {
            let mut this = key(memo, one).unwrap();
            this.hash = 5;
            put_twice(memo, &this, 1, Effect::Allow);
            for (other, request) in requests.iter().enumerate() {
                let mut this = key(memo, request).unwrap();
                this.hash = 5;
                assert_eq!(memo.get(&this, 1).is_some(), index == other, "{one:?} {request:?}");
            }
        }
    }

    #[test]
    fn a_request_is_kept_if_it_is_not_too_long() {
        let memo = &Memo::new();
        for (length, is_kept) in
            [(0, true), (1, true), (7, true), (8, true), (112, true), (113, false), (65_535, false)]
        {
            let topic = "t".repeat(length);
            let this = key(memo, &request(Some("u"), Some("c"), Action::Subscribe, &topic));
            assert_eq!(this.is_some(), is_kept, "{length}");
        }
    }

    #[test]
    fn threads_that_share_a_slot_never_see_a_mixture() {
        let memo = &Memo::new();
        let ended = AtomicBool::new(false);
        let requests = [
            (request(Some("u"), Some("c"), Action::Subscribe, "a/b/one"), Effect::Allow),
            (request(Some("u"), Some("c"), Action::Subscribe, "a/b/two"), Effect::Deny),
        ];
        thread::scope(|scope| {
            let writers: Vec<_> = requests
                .iter()
                .map(|(request, effect)| {
                    scope.spawn(move || {
                        let mut this = key(memo, request).unwrap();
                        this.hash = 5;
                        for _ in 0..20_000 {
                            put_twice(memo, &this, 1, *effect);
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    for (request, effect) in &requests {
                        let mut this = key(memo, request).unwrap();
                        this.hash = 5;
                        assert!(memo.get(&this, 1).is_none_or(|found| found == *effect));
                    }
                }
            });
            for writer in writers {
                writer.join().unwrap();
            }
            ended.store(true, Ordering::Relaxed);
        });
    }
}
