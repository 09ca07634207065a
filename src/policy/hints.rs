//! Where the broker's usernames were last found: a connection is asked about again and again, with its name in one place.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many are kept.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 14;
/// Names are allocated: the last bits of their addresses are always the same.
const ALIGNED: u32 = 4;

/// Numbers by the addresses of names. One that is stale or another's is seen from the name of what it leads to.
#[derive(Debug)]
pub(super) struct Hints(Box<[AtomicU32]>);

impl Default for Hints {
    fn default() -> Self {
        Self((0..PLACES).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Hints {
    /// Where the number for a name is kept.
    #[inline]
    pub(super) fn of(&self, name: &[u8]) -> Option<Hint<'_>> {
        let address = name.as_ptr().addr();
        self.0.get((address >> ALIGNED ^ address >> (ALIGNED + PLACE_BITS)) & (PLACES - 1)).map(Hint)
    }
}

/// One number.
pub(super) struct Hint<'h>(&'h AtomicU32);

impl Hint<'_> {
    #[inline]
    pub(super) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, number: u32) {
        self.0.store(number, Ordering::Relaxed);
    }
}
