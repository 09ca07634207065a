//! Denials that come again, counted without a lock, and without a look at what they are.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many are known, if their places do not collide: as many as decisions are remembered.
const PLACES: usize = 1024;

/// Counters of denials that were noted before, by what the caller knows them by. Each has one place: where that is
/// another's, it is noted anew.
///
/// They are counted and forgotten on one thread, the broker's. Were it several, one that is counted while its place is
/// given away could be counted for another.
#[derive(Debug)]
pub(super) struct Again {
    places: Box<[Place]>,
}

#[derive(Debug)]
struct Place {
    /// What is counted; 0 is nothing.
    id: AtomicU64,
    /// The kind that it is of.
    kind: AtomicU64,
    counted: AtomicU64,
}

impl Again {
    /// Without places, if nothing is wanted.
    pub(super) fn new(wanted: bool) -> Self {
        let places = if wanted { PLACES } else { 0 };
        let place = |_| Place { id: AtomicU64::new(0), kind: AtomicU64::new(0), counted: AtomicU64::new(0) };
        Self { places: (0..places).map(place).collect() }
    }

    /// Counts one; false if it is not known.
    #[inline]
    pub(super) fn count(&self, id: u64) -> bool {
        let Some(place) = self.place(id) else { return false };
        if place.id.load(Ordering::Acquire) != id || id == 0 {
            return false;
        }
        place.counted.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Knows one from now on. What was counted in its place comes back, with the kind of that.
    pub(super) fn know(&self, id: u64, kind: u64) -> (u64, u64) {
        let Some(place) = self.place(id) else { return (kind, 0) };
        place.id.store(0, Ordering::Release);
        let counted = place.counted.swap(0, Ordering::Relaxed);
        let of = place.kind.swap(kind, Ordering::Relaxed);
        place.id.store(id, Ordering::Release);
        (of, counted)
    }

    /// Forgets all, and says what was counted of which kinds.
    pub(super) fn forget(&self, mut count: impl FnMut(u64, u64)) {
        for place in &self.places {
            if place.id.swap(0, Ordering::Relaxed) != 0 {
                count(place.kind.load(Ordering::Relaxed), place.counted.swap(0, Ordering::Relaxed));
            }
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "some of the bits are wanted")]
    fn place(&self, id: u64) -> Option<&Place> {
        self.places.get(id as usize & (PLACES - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_for_its_kind_until_it_is_forgotten_or_its_place_is_anothers() {
        let again = Again::new(true);
        let collides = 7 + PLACES as u64;
        assert!(!again.count(7) && !again.count(0));
        assert_eq!(again.know(7, 70), (0, 0));
        assert_eq!(again.know(8, 80), (0, 0));
        assert!(again.count(7) && again.count(7) && again.count(8) && !again.count(collides));
        assert_eq!(again.know(collides, 90), (70, 2));
        assert!(again.count(collides) && !again.count(7));
        let mut counted = Vec::new();
        again.forget(|kind, times| counted.push((kind, times)));
        assert_eq!(counted, [(90, 1), (80, 1)]);
        assert!(!again.count(8));
    }

    #[test]
    fn nothing_is_known_where_nothing_is_wanted() {
        let again = Again::new(false);
        assert_eq!(again.know(7, 70), (70, 0));
        assert!(!again.count(7));
    }
}
