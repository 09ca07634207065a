//! [`Noted`]: which of [`super::unrecorded`] are known there already, for checks to ask without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SessionId;
use crate::policy::TextKeys;

/// How many sets of places there are. As long as many more than there are such clients, hardly one is ever looked up twice.
const SETS: usize = 1 << SET_BITS;
const SET_BITS: u32 = 13;
/// How many of one set can be noted at a time.
const WAYS: usize = 4;
/// The broker's structures are allocated: the last bits of their addresses are always the same.
const ALIGNED: u32 = 4;
/// How much of a place the hash of the username takes. What the address is beyond the number of its set has the rest.
const HASH_BITS: u32 = 33;
/// Set where something is.
const TAKEN: u64 = 1;
/// Set where a client has acted.
const ACTS: u64 = 2;

/// What is known of the addresses of one set.
type Set = [AtomicU64; WAYS];

/// The addresses of the broker's structures, each with the hash of the username under which it is known.
#[derive(Debug)]
pub(crate) struct Noted {
    /// Made for the first. On most brokers there is none.
    sets: OnceLock<Box<[Set]>>,
    keys: TextKeys,
}

impl Default for Noted {
    fn default() -> Self {
        Self { sets: OnceLock::new(), keys: TextKeys::of_process() }
    }
}

impl Noted {
    /// Whether that session is noted under the username that it has, which is asked for only if it may be; and that it acts,
    /// if it does.
    #[inline]
    pub(crate) fn has<'u>(
        &self,
        session: SessionId,
        acts: bool,
        username: impl FnOnce() -> Option<&'u [u8]>,
    ) -> bool {
        let Some((set, rest)) = self.sets.get().and_then(|sets| set(sets, session)) else { return false };
        let Some(place) = place(set, rest) else { return false };
        let noted = place.load(Ordering::Relaxed);
        (!acts || noted & ACTS != 0)
            && username().is_some_and(|username| noted | ACTS == self.note(rest, username, true))
    }

    pub(super) fn add(&self, session: SessionId, username: &[u8], acts: bool) {
        let sets = self.sets.get_or_init(|| (0..SETS).map(|_| Set::default()).collect());
        let Some((set, rest)) = set(sets, session) else { return };
        let free = || set.iter().find(|place| place.load(Ordering::Relaxed) == 0);
        // Where all are taken, one of them goes, always the same: the others stay.
        if let Some(place) = place(set, rest).or_else(free).or(set.last()) {
            place.store(self.note(rest, username, acts), Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&self, session: SessionId) {
        let set = self.sets.get().and_then(|sets| set(sets, session));
        if let Some(place) = set.and_then(|(set, rest)| place(set, rest)) {
            place.store(0, Ordering::Relaxed);
        }
    }

    #[inline]
    fn note(&self, rest: u64, username: &[u8], acts: bool) -> u64 {
        let hash = self.keys.hash(username) >> (u64::BITS - HASH_BITS) & !ACTS;
        rest << HASH_BITS | hash | TAKEN | if acts { ACTS } else { 0 }
    }
}

/// The set of an address, and what that is beyond it; none of one that is beyond all that there are.
#[inline]
fn set(sets: &[Set], session: SessionId) -> Option<(&Set, u64)> {
    let address = session.0 >> ALIGNED;
    let rest = address >> SET_BITS;
    let set = sets.get((address ^ rest) % SETS)?;
    let rest = rest as u64;
    (rest >> (u64::BITS - HASH_BITS) == 0).then_some((set, rest))
}

/// Where something is noted of an address.
#[inline]
fn place(set: &Set, rest: u64) -> Option<&AtomicU64> {
    set.iter().find(|place| {
        let noted = place.load(Ordering::Relaxed);
        noted & TAKEN != 0 && noted >> HASH_BITS == rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_noted_under_one_username_until_it_is_forgotten() {
        let noted = Noted::default();
        let [one, two] = [0x7f00_0001_2340, 0x7f00_0001_2740].map(SessionId);
        let has = |session, username: &'static str| noted.has(session, false, || Some(username.as_bytes()));
        assert!(!has(one, "ann"));
        noted.forget(one);
        noted.add(one, b"ann", false);
        assert!(has(one, "ann") && !has(one, "bob") && !has(two, "ann"));
        assert!(!noted.has(one, false, || None));
        noted.add(one, b"bob", false);
        assert!(has(one, "bob") && !has(one, "ann"));
        noted.forget(two);
        assert!(has(one, "bob"));
        noted.forget(one);
        assert!(!has(one, "bob"));
    }

    #[test]
    fn that_a_client_acts_is_news_once() {
        let noted = Noted::default();
        let session = SessionId(0x7f00_0001_2340);
        let has = |acts| noted.has(session, acts, || Some(b"ann"));
        noted.add(session, b"ann", false);
        assert!(has(false) && !has(true));
        noted.add(session, b"ann", true);
        assert!(has(false) && has(true));
    }

    #[test]
    fn those_of_one_set_are_told_apart_as_long_as_they_are_few() {
        let noted = Noted::default();
        let sets: Vec<_> = (0..SETS).map(|_| Set::default()).collect();
        let set_of = |session| set(&sets, session).map(|(set, _)| std::ptr::from_ref(set));
        let one = SessionId(0x40);
        let all: Vec<SessionId> = (0..1 << 20)
            .map(|n| SessionId(0x40 + 0x10_0000 * n))
            .filter(|other| set_of(*other) == set_of(one))
            .take(WAYS + 1)
            .collect();
        let has = |session: SessionId| noted.has(session, false, || Some(b"ann"));
        let count = || all.iter().filter(|session| has(**session)).count();
        for (number, session) in (1..).zip(&all) {
            assert!(!has(*session));
            noted.add(*session, b"ann", false);
            assert!(has(*session));
            assert_eq!(count(), number.min(WAYS));
        }
        for session in &all {
            noted.forget(*session);
        }
        assert_eq!(count(), 0);
    }

    #[test]
    fn what_no_address_is_is_never_noted() {
        let noted = Noted::default();
        for session in [1 << 48, 1 << 52, usize::MAX].map(SessionId) {
            noted.add(session, b"ann", false);
            assert!(!noted.has(session, false, || Some(b"ann")), "{session:?}");
        }
    }
}
