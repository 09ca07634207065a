//! [`Noted`]: which of [`super::unrecorded`] are known there already, for checks to ask without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::SessionId;
use crate::policy::TextKeys;

/// How many places there are. Of two whose place is the same, one is looked up each time.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 14;
/// The broker's structures are allocated: the last bits of their addresses are always the same.
const ALIGNED: u32 = 4;
/// How much of a place the hash of the username takes. What the address is beyond the number of its place has the rest.
const HASH_BITS: u32 = 34;
/// Set where something is.
const TAKEN: u64 = 1;

/// The addresses of the broker's structures, each with the hash of the username under which it is known.
#[derive(Debug)]
pub(crate) struct Noted {
    /// Made for the first. On most brokers there is none.
    places: OnceLock<Box<[AtomicU64]>>,
    keys: TextKeys,
}

impl Default for Noted {
    fn default() -> Self {
        Self { places: OnceLock::new(), keys: TextKeys::of_process() }
    }
}

impl Noted {
    /// Whether that session is noted under the username that it has, which is asked for only if it may be.
    #[inline]
    pub(crate) fn has<'u>(&self, session: SessionId, username: impl FnOnce() -> Option<&'u [u8]>) -> bool {
        let Some((place, rest)) = self.places.get().and_then(|places| place(places, session)) else {
            return false;
        };
        let noted = place.load(Ordering::Relaxed);
        noted != 0
            && noted >> HASH_BITS == rest
            && username().is_some_and(|username| noted == self.note(rest, username))
    }

    pub(super) fn add(&self, session: SessionId, username: &[u8]) {
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        if let Some((place, rest)) = place(places, session) {
            place.store(self.note(rest, username), Ordering::Relaxed);
        }
    }

    pub(super) fn forget(&self, session: SessionId) {
        if let Some((place, rest)) = self.places.get().and_then(|places| place(places, session))
            && place.load(Ordering::Relaxed) >> HASH_BITS == rest
        {
            place.store(0, Ordering::Relaxed);
        }
    }

    #[inline]
    fn note(&self, rest: u64, username: &[u8]) -> u64 {
        rest << HASH_BITS | self.keys.hash(username) >> (u64::BITS - HASH_BITS) | TAKEN
    }
}

/// The place of an address, and what that is beyond it; none of one that is beyond all that there are.
#[inline]
fn place(places: &[AtomicU64], session: SessionId) -> Option<(&AtomicU64, u64)> {
    let address = session.0 >> ALIGNED;
    let rest = address >> PLACE_BITS;
    let place = places.get((address ^ rest) % PLACES)?;
    let rest = rest as u64;
    (rest >> (u64::BITS - HASH_BITS) == 0).then_some((place, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_noted_under_one_username_until_it_is_forgotten() {
        let noted = Noted::default();
        let [one, two] = [0x7f00_0001_2340, 0x7f00_0001_2740].map(SessionId);
        let has = |session, username: &'static str| noted.has(session, || Some(username.as_bytes()));
        assert!(!has(one, "ann"));
        noted.forget(one);
        noted.add(one, b"ann");
        assert!(has(one, "ann") && !has(one, "bob") && !has(two, "ann"));
        assert!(!noted.has(one, || None));
        noted.add(one, b"bob");
        assert!(has(one, "bob") && !has(one, "ann"));
        noted.forget(two);
        assert!(has(one, "bob"));
        noted.forget(one);
        assert!(!has(one, "bob"));
    }

    #[test]
    fn another_at_the_same_place_is_told_apart() {
        let noted = Noted::default();
        let places: Vec<_> = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        let place_of = |session| place(&places, session).map(|(place, _)| std::ptr::from_ref(place));
        let one = SessionId(0x40);
        let other = (1..1 << 20)
            .map(|n| SessionId(0x40 + 0x10_0000 * n))
            .find(|other| place_of(*other) == place_of(one));
        let other = other.unwrap();
        let has = |session| noted.has(session, || Some(b"ann"));
        noted.add(one, b"ann");
        assert!(has(one) && !has(other));
        noted.add(other, b"ann");
        assert!(has(other) && !has(one));
        noted.forget(one);
        assert!(has(other));
    }

    #[test]
    fn what_no_address_is_is_never_noted() {
        let noted = Noted::default();
        for session in [1 << 48, 1 << 52, usize::MAX].map(SessionId) {
            noted.add(session, b"ann");
            assert!(!noted.has(session, || Some(b"ann")), "{session:?}");
        }
    }
}
