//! The number of PBKDF2 iterations for new passwords.

use std::fmt;

/// How many PBKDF2 iterations a new password gets: 101 to 10,000,000.
///
/// Applies to passwords that are set from now on. A stored hash keeps the number it was made with, which may
/// be any from 1 up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Iterations(u32);

impl Iterations {
    /// What the C plugin of 2.0 uses.
    pub const MIN: Self = Self(101);
    /// About five seconds for each login.
    pub const MAX: Self = Self(10_000_000);
    /// Where logins hold the broker's own thread, at half a millisecond each: 2.0. As many as 2.1's C plugin uses.
    pub const DEFAULT: Self = Self(1000);
    /// Where other threads can verify logins: 2.1.
    pub const DEFAULT_OF_2_1: Self = Self(10_000);

    /// The number itself.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Iterations {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u32> for Iterations {
    type Error = IterationsOutOfRange;

    fn try_from(iterations: u32) -> Result<Self, Self::Error> {
        if (Self::MIN.0..=Self::MAX.0).contains(&iterations) {
            Ok(Self(iterations))
        } else {
            Err(IterationsOutOfRange)
        }
    }
}

/// A number of iterations that new passwords cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IterationsOutOfRange;

impl fmt::Display for IterationsOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the number of iterations is not between {} and {}", Iterations::MIN.0, Iterations::MAX.0)
    }
}

impl std::error::Error for IterationsOutOfRange {}
