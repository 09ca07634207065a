//! What was decided before: by client, action and topic, until the policy changes.
//!
//! Clients publish to the same topics again and again, and are sent messages on the same ones. A decision is
//! kept when it is made for the second time, in a table of fixed size, where it may be overwritten by another.
//! Any thread may look up and put: a slot that is being written is passed over, and nobody waits.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::policy::{AclRequest, Effect, Hashed, short_word};

/// How many decisions are kept.
const SLOTS: usize = 4096;
/// The longest topic of a decision that is kept, in words of eight bytes.
const TOPIC_WORDS: usize = 12;
/// And the longest client id and username.
const NAME_WORDS: usize = 6;
/// How many bytes a word has.
const WORD: usize = 8;

/// Decisions by what was asked.
pub(crate) struct Memo {
    slots: Box<[Slot]>,
}

/// What a decision is kept under.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    /// Which slot it has, and what tells it from the request that was last decided there.
    hash: u64,
    /// The action, whether there is a client id and a username, and how long the three texts are: with it, equal
    /// words mean an equal request.
    shape: u64,
    topic: &'a [u8],
    clientid: &'a [u8],
    username: &'a [u8],
}

/// A decision with all that it depends on. A seqlock: `version` is odd while one writes, and differs after.
struct Slot {
    version: AtomicU64,
    /// The policy's generation.
    generation: AtomicU64,
    /// The effect, in the two bits that no shape has, and the shape of the request.
    kept: AtomicU64,
    /// The hash of the request that was last decided here, kept or not.
    last: AtomicU64,
    topic: [AtomicU64; TOPIC_WORDS],
    clientid: [AtomicU64; NAME_WORDS],
    username: [AtomicU64; NAME_WORDS],
}

/// Where the effect is in what is kept.
const EFFECT: u32 = 62;

impl Default for Slot {
    fn default() -> Self {
        Self {
            version: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            // That of no request: a topic is not that long.
            kept: AtomicU64::new(u64::MAX),
            last: AtomicU64::new(0),
            topic: zeros(),
            clientid: zeros(),
            username: zeros(),
        }
    }
}

fn zeros<const WORDS: usize>() -> [AtomicU64; WORDS] {
    array::from_fn(|_| AtomicU64::new(0))
}

impl Memo {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Slot::default()).collect() }
    }

    /// What was decided, if it is kept, of a policy of that generation.
    #[inline]
    pub(crate) fn get(&self, key: &Key<'_>, generation: u64) -> Option<Effect> {
        let slot = self.slot(key)?;
        let version = slot.version.load(Ordering::Acquire);
        let kept = slot.kept.load(Ordering::Relaxed);
        // All but the effect.
        if (kept ^ key.shape) << (u64::BITS - EFFECT) != 0
            || slot.generation.load(Ordering::Relaxed) != generation
            || !slot.all_words(key, |word, wanted| word.load(Ordering::Relaxed) == wanted)
        {
            return None;
        }
        fence(Ordering::Acquire);
        if version & 1 == 1 || slot.version.load(Ordering::Relaxed) != version {
            return None;
        }
        match kept >> EFFECT {
            0 => Some(Effect::Allow),
            1 => Some(Effect::Deny),
            2 => Some(Effect::Defer),
            _ => None,
        }
    }

    /// What is decided by a policy of that generation. It is kept from the second time on.
    #[inline]
    pub(crate) fn put(&self, key: &Key<'_>, generation: u64, effect: Effect) {
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
    fn slot(&self, key: &Key<'_>) -> Option<&Slot> {
        self.slots.get(key.hash as usize & (SLOTS - 1))
    }
}

impl<'a> Key<'a> {
    /// What a request is looked up by; none if it is too long to be kept.
    #[inline]
    pub(crate) fn of(hashed: &Hashed<'a>) -> Option<Self> {
        let AclRequest { subject, action, topic } = hashed.request;
        let [clientid, username] = [subject.clientid, subject.username].map(Option::unwrap_or_default);
        if topic.len() > TOPIC_WORDS * WORD
            || clientid.len() > NAME_WORDS * WORD
            || username.len() > NAME_WORDS * WORD
        {
            return None;
        }
        let mut shape = action as u64;
        shape = shape << 1 | u64::from(subject.clientid.is_some());
        shape = shape << 1 | u64::from(subject.username.is_some());
        shape = shape << 16 | topic.len() as u64;
        shape = shape << 16 | clientid.len() as u64;
        shape = shape << 16 | username.len() as u64;
        Some(Self { hash: hashed.of_connection(), shape, topic, clientid, username })
    }
}

/// Whether something is true of all the words of a text, each beside one of those. The last words may overlap those
/// before: what is in them twice follows from how long the text is.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the number are wanted")]
fn all_words(text: &[u8], mut words: &[AtomicU64], is_true: impl Fn(&AtomicU64, u64) -> bool) -> bool {
    let both = |one: &AtomicU64, other: &AtomicU64, bytes: [u8; 16]| {
        let both = u128::from_le_bytes(bytes);
        is_true(one, both as u64) & is_true(other, (both >> 64) as u64)
    };
    if let Some(last) = text.last_chunk::<16>() {
        let mut rest = text;
        while let Some((bytes, after)) = rest.split_first_chunk::<16>()
            && !after.is_empty()
        {
            let [one, other, more @ ..] = words else { return false };
            if !both(one, other, *bytes) {
                return false;
            }
            (words, rest) = (more, after);
        }
        let [one, other, ..] = words else { return false };
        return both(one, other, *last);
    }
    let [one, other, ..] = words else { return false };
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            is_true(one, u64::from_le_bytes(*first)) & is_true(other, u64::from_le_bytes(*last))
        }
        _ => is_true(one, short_word(text)),
    }
}

impl Slot {
    /// Whether something is true of all the words of a request, each beside one of those that are kept.
    #[inline]
    fn all_words(&self, key: &Key<'_>, is_true: impl Fn(&AtomicU64, u64) -> bool) -> bool {
        all_words(key.topic, &self.topic, &is_true)
            && all_words(key.clientid, &self.clientid, &is_true)
            && all_words(key.username, &self.username, &is_true)
    }

    #[cold]
    fn keep(&self, key: &Key<'_>, generation: u64, effect: Effect) {
        let version = self.version.load(Ordering::Relaxed);
        let odd = version | 1;
        if odd == version
            || self.version.compare_exchange(version, odd, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        fence(Ordering::Release);
        self.generation.store(generation, Ordering::Relaxed);
        let effect = match effect {
            Effect::Allow => 0,
            Effect::Deny => 1,
            Effect::Defer => 2,
        };
        self.kept.store(key.shape | effect << EFFECT, Ordering::Relaxed);
        self.all_words(key, |word, wanted| {
            word.store(wanted, Ordering::Relaxed);
            true
        });
        self.version.store(odd.wrapping_add(1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::policy::{Action, Subject, TextKeys};

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

    fn hash_of<'a>(request: &AclRequest<'a>) -> Hashed<'a> {
        Hashed::new(*request, &TextKeys::of_process())
    }

    fn put_twice(memo: &Memo, key: &Key<'_>, generation: u64, effect: Effect) {
        memo.put(key, generation, effect);
        memo.put(key, generation, effect);
    }

    #[test]
    fn a_decision_is_kept_from_the_second_time_on_and_until_the_generation_changes() {
        let memo = &Memo::new();
        let asked = request(Some("u"), Some("c"), Action::Subscribe, "a/b");
        let hashed = hash_of(&asked);
        let this = Key::of(&hashed).unwrap();
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
            request(Some("u"), Some("c"), Action::Subscribe, "12345678/12345678"),
            request(Some("u"), Some("c"), Action::Subscribe, "12345678/12345679"),
            request(Some("u"), Some("c"), Action::Subscribe, "12345678/2345678"),
            request(Some("u"), Some("c"), Action::Subscribe, "12345678/123456"),
        ];
        requests.extend(Action::ALL.map(|action| request(Some("u"), Some("c"), action, "a/b")));
        for (index, one) in requests.iter().enumerate() {
            let hashed = hash_of(one);
            let mut this = Key::of(&hashed).unwrap();
            this.hash = 5;
            put_twice(memo, &this, 1, Effect::Allow);
            for (other, request) in requests.iter().enumerate() {
                let hashed = hash_of(request);
                let mut this = Key::of(&hashed).unwrap();
                this.hash = 5;
                assert_eq!(memo.get(&this, 1).is_some(), index == other, "{one:?} {request:?}");
            }
        }
    }

    #[test]
    fn a_request_is_kept_if_it_is_not_too_long() {
        for (length, as_topic, as_name) in [
            (0, true, true),
            (1, true, true),
            (48, true, true),
            (49, true, false),
            (96, true, false),
            (97, false, false),
            (65_535, false, false),
        ] {
            let text = "t".repeat(length);
            let is_kept = |asked: AclRequest<'_>| Key::of(&hash_of(&asked)).is_some();
            let (name, action) = (Some("n"), Action::Subscribe);
            assert_eq!(is_kept(request(name, name, action, &text)), as_topic, "{length}");
            assert_eq!(is_kept(request(Some(&text), name, action, "t")), as_name, "{length}");
            assert_eq!(is_kept(request(name, Some(&text), action, "t")), as_name, "{length}");
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
                        let hashed = hash_of(request);
                        let mut this = Key::of(&hashed).unwrap();
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
                        let hashed = hash_of(request);
                        let mut this = Key::of(&hashed).unwrap();
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
