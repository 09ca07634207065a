//! What was decided before: by client, action and topic, until the policy changes.
//!
//! Clients publish to the same topics again and again, and are sent messages on the same ones. A decision is
//! kept when it is made for the second time, in a table of fixed size, where it may be overwritten by another.
//! Any thread may look up and put: a slot that is being written is passed over, and nobody waits.

use std::array;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::policy::{AclRequest, Effect, Hashed, short_word};

/// How many decisions are kept: as many as stay in a processor's own cache. Where thousands of clients ask in turns, what is
/// further away takes longer to be read than a decision takes.
const SLOTS: usize = 1024;
/// The longest topic of a decision that is kept, in words of eight bytes.
const TOPIC_WORDS: usize = 12;
/// And the longest client id and username.
const NAME_WORDS: usize = 6;
/// How many bytes a word has.
const WORD: usize = 8;

/// Decisions by what was asked.
pub(crate) struct Memo {
    /// What was last decided at each place, kept or not. Apart from what is kept, so that who asks something new looks at
    /// little memory.
    last: Box<[AtomicU32; SLOTS]>,
    slots: Box<[Slot; SLOTS]>,
}

/// Where a decision is kept, and what tells it from others that are kept there. Two requests have the same one only by chance.
#[derive(Clone, Copy)]
pub(crate) struct Key(u64);

/// A decision with all that it depends on. A seqlock: `version` is odd while one writes, and differs after.
#[repr(align(64))]
struct Slot {
    version: AtomicU64,
    /// The policy's generation.
    generation: AtomicU64,
    /// The effect, in the two bits that no shape has, and the shape of the request.
    kept: AtomicU64,
    topic: [AtomicU64; TOPIC_WORDS],
    clientid: [AtomicU64; NAME_WORDS],
    username: [AtomicU64; NAME_WORDS],
}

/// What a request is, as it is kept.
struct Wanted<'a> {
    /// The action, whether there is a client id and a username, and how long the three texts are: with it, equal
    /// words mean an equal request.
    shape: u64,
    topic: &'a [u8],
    clientid: &'a [u8],
    username: &'a [u8],
}

/// How many bits a length takes that is at most one more than that of what MQTT calls a string.
const LENGTH: u32 = 17;
/// Where the effect is in what is kept.
const EFFECT: u32 = 62;

impl Default for Slot {
    fn default() -> Self {
        Self {
            version: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            // That of no request: a topic is not that long.
            kept: AtomicU64::new(u64::MAX),
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
        Self {
            last: Box::new([const { AtomicU32::new(0) }; SLOTS]),
            slots: Box::new(array::from_fn(|_| Slot::default())),
        }
    }

    /// What was decided, if it is kept, by a policy of that generation.
    #[inline]
    pub(crate) fn get(&self, key: Key, request: &AclRequest<'_>, generation: u64) -> Option<Effect> {
        if self.last.get(key.place())?.load(Ordering::Relaxed) != key.tag(generation) {
            return None;
        }
        let wanted = Wanted::of(request);
        let slot = self.slots.get(key.place())?;
        let version = slot.version.load(Ordering::Acquire);
        let kept = slot.kept.load(Ordering::Relaxed);
        // All but the effect. That something differs is rare here: one look at all of it is cheaper than many.
        let mut differs = (kept ^ wanted.shape) << (u64::BITS - EFFECT);
        differs |= slot.generation.load(Ordering::Relaxed) ^ generation;
        slot.each_word(&wanted, |word, wanted| differs |= word.load(Ordering::Relaxed) ^ wanted);
        fence(Ordering::Acquire);
        differs |= slot.version.load(Ordering::Relaxed) ^ version | version & 1;
        if differs != 0 {
            return None;
        }
        match kept >> EFFECT {
            0 => Some(Effect::Allow),
            1 => Some(Effect::Deny),
            2 => Some(Effect::Defer),
            _ => None,
        }
    }

    /// A number that nothing else has that is or was kept, of what is kept at that place: for who has just got it. It is not 0.
    pub(crate) fn id_of_kept(&self, key: Key) -> u64 {
        let version = self.slots.get(key.place()).map_or(0, |slot| slot.version.load(Ordering::Acquire));
        version.wrapping_mul(SLOTS as u64) | key.place() as u64
    }

    /// What is decided by a policy of that generation. It is kept from the second time on.
    #[inline]
    pub(crate) fn put(&self, key: Key, request: &AclRequest<'_>, generation: u64, effect: Effect) {
        let Some(last) = self.last.get(key.place()) else { return };
        if last.load(Ordering::Relaxed) == key.tag(generation) {
            self.keep(key, request, generation, effect);
        } else {
            last.store(key.tag(generation), Ordering::Relaxed);
        }
    }

    #[cold]
    fn keep(&self, key: Key, request: &AclRequest<'_>, generation: u64, effect: Effect) {
        let wanted = Wanted::of(request);
        if let Some(slot) = self.slots.get(key.place())
            && wanted.is_short()
        {
            slot.keep(&wanted, generation, effect);
        }
    }
}

impl Key {
    /// That of a request, made by the connection with that number. Two may turn out to have the same key: it is the texts that count.
    #[inline]
    pub(crate) fn of(request: &Hashed<'_>, connection: usize) -> Self {
        Self(request.of_connection(connection))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "some of the bits are wanted")]
    fn place(self) -> usize {
        self.0 as usize & (SLOTS - 1)
    }

    /// To another generation it is another request.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "some of the bits are wanted")]
    fn tag(self, generation: u64) -> u32 {
        (self.0 ^ generation) as u32
    }
}

impl<'a> Wanted<'a> {
    #[inline]
    fn of(request: &AclRequest<'a>) -> Self {
        let AclRequest { subject, action, topic } = *request;
        let asked_by = [subject.clientid.get(), subject.username];
        let [clientid, username] = asked_by.map(Option::unwrap_or_default);
        // None is not as long as one without a letter.
        let length = |name: Option<&[u8]>| name.map_or(0, |name| (name.len() as u64).wrapping_add(1));
        let [clientid_length, username_length] = asked_by.map(length);
        let mut shape = action as u64;
        shape = shape << LENGTH | topic.len() as u64;
        shape = shape << LENGTH | clientid_length;
        shape = shape << LENGTH | username_length;
        Self { shape, topic, clientid, username }
    }

    /// Whether it can be kept.
    fn is_short(&self) -> bool {
        self.topic.len() <= TOPIC_WORDS * WORD
            && self.clientid.len() <= NAME_WORDS * WORD
            && self.username.len() <= NAME_WORDS * WORD
    }
}

/// Calls `with` for each word of a text and the place of that word among `words`, as far as there are places. The last words
/// may overlap those before: what is in them twice follows from how long the text is.
#[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the number are wanted")]
fn each_word(text: &[u8], words: &[AtomicU64], mut with: impl FnMut(&AtomicU64, u64)) {
    let mut both = |one: &AtomicU64, other: &AtomicU64, bytes: [u8; 16]| {
        let both = u128::from_le_bytes(bytes);
        with(one, both as u64);
        with(other, (both >> 64) as u64);
    };
    if let Some(last) = text.last_chunk::<16>() {
        let mut rest = text;
        for [one, other] in words.as_chunks().0 {
            match rest.split_first_chunk::<16>() {
                Some((bytes, after)) if !after.is_empty() => {
                    both(one, other, *bytes);
                    rest = after;
                }
                _ => {
                    both(one, other, *last);
                    return;
                }
            }
        }
        return;
    }
    let [one, other, ..] = words else { return };
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            with(one, u64::from_le_bytes(*first));
            with(other, u64::from_le_bytes(*last));
        }
        _ => with(one, short_word(text)),
    }
}

impl Slot {
    /// Calls `with` for each word of a request and its place here. A request with more words than there are places is told
    /// by its length, which none has that is kept.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    fn each_word(&self, wanted: &Wanted<'_>, mut with: impl FnMut(&AtomicU64, u64)) {
        each_word(wanted.topic, &self.topic, &mut with);
        each_word(wanted.clientid, &self.clientid, &mut with);
        each_word(wanted.username, &self.username, &mut with);
    }

    fn keep(&self, wanted: &Wanted<'_>, generation: u64, effect: Effect) {
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
        self.kept.store(wanted.shape | effect << EFFECT, Ordering::Relaxed);
        self.each_word(wanted, |word, wanted| word.store(wanted, Ordering::Relaxed));
        self.version.store(odd.wrapping_add(1), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;
    use crate::policy::{Action, Subject, TextKeys};

    /// The key of several requests, as if their hashes were equal.
    const SHARED: Key = Key(5);

    fn request<'a>(
        username: Option<&'a str>,
        clientid: Option<&'a str>,
        action: Action,
        topic: &'a str,
    ) -> AclRequest<'a> {
        let subject = Subject::known(username.map(str::as_bytes), clientid.map(str::as_bytes));
        AclRequest { subject, action, topic: topic.as_bytes() }
    }

    fn hash_of<'a>(request: &AclRequest<'a>) -> Hashed<'a> {
        Hashed::new(*request, &TextKeys::of_process())
    }

    fn put_twice(memo: &Memo, key: Key, request: &AclRequest<'_>, generation: u64, effect: Effect) {
        memo.put(key, request, generation, effect);
        memo.put(key, request, generation, effect);
    }

    #[test]
    fn a_decision_is_kept_from_the_second_time_on_and_until_the_generation_changes() {
        let memo = &Memo::new();
        let asked = &request(Some("u"), Some("c"), Action::Subscribe, "a/b");
        let key = Key::of(&hash_of(asked), 64);
        let get = |generation| memo.get(key, asked, generation);
        assert_eq!(get(7), None);
        memo.put(key, asked, 7, Effect::Deny);
        assert_eq!(get(7), None);
        memo.put(key, asked, 7, Effect::Deny);
        assert_eq!(get(7), Some(Effect::Deny));
        assert_eq!(get(8), None);
        put_twice(memo, key, asked, 8, Effect::Allow);
        assert_eq!((get(8), get(7)), (Some(Effect::Allow), None));
        // Not even where it looks as if it was asked last.
        let other = 8 | 1 << 40;
        assert_eq!(memo.get(Key(key.0 ^ 1 << 40), asked, other), None);
    }

    #[test]
    fn requests_that_differ_in_anything_are_told_apart_even_where_their_hashes_are_equal() {
        let memo = &Memo::new();
        let (long, shorter) = ("x".repeat(40), "x".repeat(39));
        // As long as a name can be, and only the last byte is another.
        let [one, other] = [&*format!("{:n<48}", ""), &*format!("{:n<47}m", "")];
        let mut requests = vec![
            request(None, Some("c"), Action::Subscribe, "a/b"),
            request(Some(""), Some("c"), Action::Subscribe, "a/b"),
            request(Some("u"), None, Action::Subscribe, "a/b"),
            request(Some("u"), Some(""), Action::Subscribe, "a/b"),
            request(Some("c"), Some("u"), Action::Subscribe, "a/b"),
            request(Some("v"), Some("c"), Action::Subscribe, "a/b"),
            request(Some("u"), Some("d"), Action::Subscribe, "a/b"),
            request(Some(one), Some(one), Action::Subscribe, "a/b"),
            request(Some(one), Some(other), Action::Subscribe, "a/b"),
            request(Some(other), Some(one), Action::Subscribe, "a/b"),
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
            put_twice(memo, SHARED, one, 1, Effect::Allow);
            for (other, request) in requests.iter().enumerate() {
                assert_eq!(memo.get(SHARED, request, 1).is_some(), index == other, "{one:?} {request:?}");
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
            let is_kept = |asked: AclRequest<'_>| {
                let memo = Memo::new();
                put_twice(&memo, SHARED, &asked, 1, Effect::Allow);
                memo.get(SHARED, &asked, 1).is_some()
            };
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
        let requests = [("a/b/one", Effect::Allow), ("a/b/two", Effect::Deny)];
        let request = |topic| request(Some("u"), Some("c"), Action::Subscribe, topic);
        thread::scope(|scope| {
            let writers: Vec<_> = requests
                .iter()
                .map(|(topic, effect)| {
                    scope.spawn(move || {
                        for _ in 0..20_000 {
                            put_twice(memo, SHARED, &request(topic), 1, *effect);
                        }
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let mut found = [0; 2];
                loop {
                    // Once more after the end: then one of the two is there for certain.
                    let last = ended.load(Ordering::Acquire);
                    for ((topic, effect), found) in requests.iter().zip(&mut found) {
                        if let Some(kept) = memo.get(SHARED, &request(topic), 1) {
                            assert_eq!(kept, *effect);
                            *found += 1;
                        }
                    }
                    if last {
                        return found;
                    }
                }
            });
            for writer in writers {
                writer.join().unwrap();
            }
            ended.store(true, Ordering::Release);
            assert!(reader.join().unwrap().iter().sum::<u32>() > 0, "nothing was kept");
        });
    }
}
