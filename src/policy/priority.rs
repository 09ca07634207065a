//! Priorities and their bounds.

use super::Compat;

/// The rank of a link or an ACL; higher is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(i32);

impl Priority {
    /// What a link to a role or group has when nothing is said; not written to the file.
    pub const DEFAULT_LINK: Self = Self(-1);
    /// What an ACL has when nothing is said.
    pub const DEFAULT_ACL: Self = Self(0);
    /// The bound that the C plugin of 2.1 puts on both sides of zero.
    pub const BOUND_2_1: i32 = 100_000;

    /// A priority as the C plugin of that version takes it: 2.1 clamps to ±100,000, 2.0 has no bounds.
    #[must_use]
    pub fn new(value: i32, compat: Compat) -> Self {
        match compat {
            Compat::V2_0 | Compat::V2_0_15 | Compat::V2_0_21 => Self(value),
            Compat::V2_1 => Self(value.clamp(-Self::BOUND_2_1, Self::BOUND_2_1)),
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_2_1_clamps() {
        for (value, in_2_0, in_2_1) in [
            (0, 0, 0),
            (i32::MAX, i32::MAX, 100_000),
            (i32::MIN, i32::MIN, -100_000),
            (100_000, 100_000, 100_000),
            (-100_001, -100_001, -100_000),
        ] {
            assert_eq!(Priority::new(value, Compat::V2_0).get(), in_2_0);
            assert_eq!(Priority::new(value, Compat::V2_1).get(), in_2_1);
        }
    }
}
