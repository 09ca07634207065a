//! [`Level`]: rises with what happens and falls with time. What may happen only so often is measured by it.

use std::time::Instant;

/// A level at a moment. It falls at a rate that whoever asks knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    level: f64,
    at: Instant,
}

impl Level {
    pub(crate) fn empty(now: Instant) -> Self {
        Self { level: 0.0, at: now }
    }

    /// The level now, where it falls by `rate` each second.
    pub(crate) fn now(&self, now: Instant, rate: f64) -> f64 {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.level - elapsed * rate).max(0.0)
    }

    /// Whether one more would raise it above `most`.
    pub(crate) fn is_full(&self, now: Instant, rate: f64, most: u32) -> bool {
        self.now(now, rate) > f64::from(most) - 1.0
    }

    /// Raises it by one, unless that is above `most`; whether it did.
    pub(crate) fn try_add_one(&mut self, now: Instant, rate: f64, most: u32) -> bool {
        let has_room = !self.is_full(now, rate, most);
        if has_room {
            self.add(1.0, now, rate, f64::from(most));
        }
        has_room
    }

    /// Raises it, not above `most`.
    pub(crate) fn add(&mut self, amount: f64, now: Instant, rate: f64, most: f64) {
        *self = Self { level: (self.now(now, rate) + amount).min(most), at: now };
    }
}
