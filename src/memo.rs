//! What was decided before: by client, action and topic, until the policy changes.
//!
//! Clients publish to the same topics again and again, and are sent messages on the same ones. A decision is
//! kept when it is made for the second time, in a table of fixed size, where it may be overwritten by another.
//! Any thread may look up and put: a slot that is being written is passed over, and nobody waits.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use crate::policy::{AclRequest, Effect, Hashed, Subject, short_word};

/// How many decisions are kept.
const SLOTS: usize = 4096;
/// The longest client id, username and topic together, in words of eight bytes, each begun anew.
const WORDS: usize = 16;

/// Decisions by what was asked.
pub(crate) struct Memo {
    slots: Box<[Slot]>,
}

/// What a decision is kept under.
pub(crate) struct Key<'r, 'a> {
    /// Which slot it has, and what tells it from the request that was last decided there.
    hash: u64,
    /// The action, whether there is a client id and a username, and how long the three texts are: with it, equal
    /// words mean an equal request.
    shape: u64,
    request: &'r AclRequest<'a>,
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
        Self { slots: (0..SLOTS).map(|_| Slot::default()).collect() }
    }

    /// What was decided, if it is kept, of a policy of that generation.
    #[inline]
    pub(crate) fn get(&self, key: &Key<'_, '_>, generation: u64) -> Option<Effect> {
        let slot = self.slot(key)?;
        let version = slot.version.load(Ordering::Acquire);
        if slot.shape.load(Ordering::Relaxed) != key.shape
            || slot.generation.load(Ordering::Relaxed) != generation
        {
            return None;
        }
        if !key.is_of(&slot.words) {
            return None;
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
    pub(crate) fn put(&self, key: &Key<'_, '_>, generation: u64, effect: Effect) {
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
    fn slot(&self, key: &Key<'_, '_>) -> Option<&Slot> {
        self.slots.get(key.hash as usize & (SLOTS - 1))
    }
}

impl<'r, 'a> Key<'r, 'a> {
    /// What a request is looked up by; none if it is too long to be kept.
    #[inline]
    pub(crate) fn of(hashed: &Hashed<'r, 'a>) -> Option<Self> {
        let AclRequest { subject, action, topic } = *hashed.request;
        let [clientid, username] = [subject.clientid, subject.username].map(Option::unwrap_or_default);
        let words = count_words(topic.len())
            .wrapping_add(count_words(clientid.len()))
            .wrapping_add(count_words(username.len()));
        if words > WORDS {
            return None;
        }
        let mut shape = action as u64;
        shape = shape << 1 | u64::from(subject.clientid.is_some());
        shape = shape << 1 | u64::from(subject.username.is_some());
        shape = shape << 16 | topic.len() as u64;
        shape = shape << 16 | clientid.len() as u64;
        shape = shape << 16 | username.len() as u64;
        Some(Self { hash: hashed.of_connection(), shape, request: hashed.request })
    }

    /// Whether those words are this request's, if its shape is.
    #[inline]
    fn is_of(&self, words: &[AtomicU64; WORDS]) -> bool {
        self.all_words(words, |kept, word| kept.load(Ordering::Relaxed) == word)
    }

    /// Makes those words this request's.
    fn keep_in(&self, words: &[AtomicU64; WORDS]) {
        self.all_words(words, |kept, word| {
            kept.store(word, Ordering::Relaxed);
            true
        });
    }

    /// Whether something is true of all the words of the three texts, each beside one of those.
    #[inline]
    fn all_words(&self, words: &[AtomicU64; WORDS], is_true: impl Fn(&AtomicU64, u64) -> bool) -> bool {
        let Subject { username, clientid } = self.request.subject;
        all_words(self.request.topic, words, &is_true)
            .and_then(|words| all_words(clientid.unwrap_or_default(), words, &is_true))
            .and_then(|words| all_words(username.unwrap_or_default(), words, &is_true))
            .is_some()
    }
}

/// How many words a text of that length is.
#[inline]
fn count_words(length: usize) -> usize {
    match length {
        0 => 0,
        1..8 => 1,
        _ => length.wrapping_add(15) >> 4 << 1,
    }
}

/// If something is true of all the words of a text, each beside one of those, what is left of those. The last words may
/// overlap those before: what is in them twice follows from how long the text is.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the number are wanted")]
fn all_words<'w>(
    text: &[u8],
    mut words: &'w [AtomicU64],
    is_true: &impl Fn(&AtomicU64, u64) -> bool,
) -> Option<&'w [AtomicU64]> {
    let pair = |words: &'w [AtomicU64], low: u64, high: u64| match words {
        [one, other, rest @ ..] if is_true(one, low) & is_true(other, high) => Some(rest),
        _ => None,
    };
    if let Some(last) = text.last_chunk::<16>() {
        let mut rest = text;
        while rest.len() > 16
            && let Some((both, after)) = rest.split_first_chunk::<16>()
        {
            let both = u128::from_le_bytes(*both);
            words = pair(words, both as u64, (both >> 64) as u64)?;
            rest = after;
        }
        let both = u128::from_le_bytes(*last);
        return pair(words, both as u64, (both >> 64) as u64);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        return pair(words, u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if text.is_empty() {
        return Some(words);
    }
    let (word, rest) = words.split_first()?;
    is_true(word, short_word(text)).then_some(rest)
}

impl Slot {
    #[cold]
    fn keep(&self, key: &Key<'_, '_>, generation: u64, effect: Effect) {
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
        key.keep_in(&self.words);
        self.version.store(odd.wrapping_add(1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::policy::{Action, TextKeys};

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

    fn hash_of<'r, 'a>(request: &'r AclRequest<'a>) -> Hashed<'r, 'a> {
        Hashed::new(request, &TextKeys::of_process())
    }

    fn put_twice(memo: &Memo, key: &Key<'_, '_>, generation: u64, effect: Effect) {
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
        for (length, is_kept) in
            [(0, true), (1, true), (7, true), (8, true), (112, true), (113, false), (65_535, false)]
        {
            let topic = "t".repeat(length);
            let asked = request(Some("u"), Some("c"), Action::Subscribe, &topic);
            let hashed = hash_of(&asked);
            let this = Key::of(&hashed);
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
