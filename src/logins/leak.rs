//! A level that rises with what happens and falls with time: the one measure of everything that is bounded here.

use std::time::Instant;

/// A level at a moment. It falls at a rate that whoever asks knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    level: f64,
    at: Instant,
}

impl Level {
    pub(super) fn empty(now: Instant) -> Self {
        Self { level: 0.0, at: now }
    }

    /// The level now, where it falls by `rate` each second.
    pub(super) fn now(&self, now: Instant, rate: f64) -> f64 {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level - elapsed * rate).max(0.0)
    }

    /// Raises it, not above `most`.
    pub(super) fn add(&mut self, amount: f64, now: Instant, rate: f64, most: f64) {
        *self = Self { level: (self.now(now, rate) + amount).min(most), at: now };
    }
}
