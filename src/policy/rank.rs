//! The order of evaluation as a number: the smaller is asked first.

use super::Priority;

/// The place of an ACL among those that are asked with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Rank(u64);

impl Rank {
    /// Behind all others.
    pub(super) const LAST: Self = Self(u64::MAX);

    /// Higher priorities come first, then lower orders.
    pub(super) fn new(priority: Priority, order: u32) -> Self {
        let from_the_top = i64::from(i32::MAX).wrapping_sub(i64::from(priority.get()));
        Self((from_the_top.unsigned_abs() << 32) | u64::from(order))
    }

    /// The place in a list.
    pub(super) fn of_number(number: u64) -> Self {
        Self(number)
    }
}

/// Something that has a place in the order of evaluation.
#[derive(Clone, Debug)]
pub(super) struct Ranked<T> {
    pub(super) rank: Rank,
    pub(super) item: T,
}
