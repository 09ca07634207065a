//! How long the broker's thread waits for what others do for it, so that most commands are done with in the callback.

use std::time::{Duration, Instant};

/// How long in all between two ticks.
const WAIT: Duration = Duration::from_millis(5);
/// The same where a small policy gets a password that is hashed, and for room in the queue.
const LONG_WAIT: Duration = Duration::from_millis(8);
/// Who sends one command with a password has it in force when the broker acknowledges the message. Who sends many of them
/// makes no gap after gap: the last that was waited for long has to be so long ago.
const OF_LATE: Duration = Duration::from_millis(100);
/// What hashing takes for each iteration, as far as it is worth to wait for it.
const ITERATION: Duration = Duration::from_nanos(500);

/// How long things take, to know whether it is worth to wait for them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last_save: Option<Duration>,
    waited_since_tick: Duration,
    /// When a password was last waited for long.
    last_long_wait: Option<Instant>,
}

/// A payload that is alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone {
    /// In how many rounds its passwords are hashed.
    pub(super) rounds: u32,
    /// The iterations of each.
    pub(super) iterations: u32,
    /// Whether the policy is small.
    pub(super) has_few_records: bool,
}

impl Pace {
    /// How long to wait for the passwords of a payload: not at all, if they are likely to take longer.
    pub(super) fn for_hashing(&mut self, payload: Alone, now: Instant) -> Duration {
        let hashing = ITERATION.saturating_mul(payload.iterations).saturating_mul(payload.rounds);
        let has_rested =
            self.last_long_wait.is_none_or(|last| now.saturating_duration_since(last) >= OF_LATE);
        let long = self.left_of(LONG_WAIT);
        if payload.has_few_records && has_rested && hashing < long {
            self.last_long_wait = Some(now);
            return long;
        }
        let takes = hashing.saturating_add(self.save(payload));
        Some(self.left_of(WAIT)).filter(|left| takes < *left).unwrap_or_default()
    }

    /// How long to wait until a payload that was run is saved.
    pub(super) fn for_save(&self, payload: Alone) -> Duration {
        let most = if payload.has_few_records && payload.rounds > 0 { LONG_WAIT } else { WAIT };
        Some(self.left_of(most)).filter(|left| self.save(payload) < *left).unwrap_or_default()
    }

    /// What saving is likely to take.
    fn save(&self, payload: Alone) -> Duration {
        self.last_save.unwrap_or(if payload.has_few_records { Duration::ZERO } else { WAIT })
    }

    fn left_of(&self, most: Duration) -> Duration {
        most.saturating_sub(self.waited_since_tick)
    }

    /// How long to wait for room for one more payload.
    pub(super) fn for_room(&self) -> Duration {
        self.left_of(LONG_WAIT)
    }

    /// The broker's thread has waited for so long.
    pub(super) fn waited(&mut self, time: Duration) {
        self.waited_since_tick = self.waited_since_tick.saturating_add(time);
    }

    pub(super) fn ticked(&mut self) {
        self.waited_since_tick = Duration::ZERO;
    }

    pub(super) fn saved(&mut self, took: Duration) {
        self.last_save = Some(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With 2.1's default, which takes as long as [`WAIT`].
    const ONE_PASSWORD: Alone = Alone { rounds: 1, iterations: 10_000, has_few_records: true };
    const NO_PASSWORD: Alone = Alone { rounds: 0, ..ONE_PASSWORD };

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_password_is_waited_for_if_none_was_of_late() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let at = |milliseconds| start.checked_add(ms(milliseconds)).unwrap();
        // Not for its save, which takes longer.
        pace.saved(ms(50));
        assert_eq!(pace.for_hashing(Alone { rounds: 2, ..ONE_PASSWORD }, start), ms(0));
        assert_eq!(pace.for_hashing(ONE_PASSWORD, start), LONG_WAIT);
        pace.waited(ms(5));
        assert_eq!(pace.for_save(ONE_PASSWORD), ms(0));
        pace.saved(ms(2));
        assert_eq!(pace.for_save(ONE_PASSWORD), ms(3));
        pace.ticked();
        assert_eq!(pace.for_hashing(ONE_PASSWORD, at(99)), ms(0));
        assert_eq!(pace.for_hashing(ONE_PASSWORD, at(100)), LONG_WAIT);
        // What takes no longer than a command without is waited for each time.
        assert_eq!(pace.for_hashing(Alone { iterations: 1000, ..ONE_PASSWORD }, at(101)), WAIT);
    }

    #[test]
    fn a_large_policy_is_waited_for_only_if_all_is_done_soon() {
        let mut pace = Pace::default();
        let of_large = |payload| Alone { has_few_records: false, ..payload };
        assert_eq!(pace.for_save(of_large(NO_PASSWORD)), ms(0));
        pace.saved(ms(4));
        assert_eq!(pace.for_save(of_large(NO_PASSWORD)), WAIT);
        assert_eq!(pace.for_hashing(of_large(ONE_PASSWORD), Instant::now()), ms(0));
        let quick = Alone { iterations: 1000, ..of_large(ONE_PASSWORD) };
        assert_eq!(pace.for_hashing(quick, Instant::now()), WAIT);
    }

    #[test]
    fn between_two_ticks_no_more_is_waited_than_may_be() {
        let mut pace = Pace::default();
        assert_eq!((pace.for_save(NO_PASSWORD), pace.for_room()), (WAIT, LONG_WAIT));
        pace.waited(ms(3));
        assert_eq!((pace.for_save(NO_PASSWORD), pace.for_room()), (ms(2), ms(5)));
        pace.waited(ms(5));
        assert_eq!((pace.for_save(NO_PASSWORD), pace.for_room()), (ms(0), ms(0)));
        assert_eq!(pace.for_hashing(ONE_PASSWORD, Instant::now()), ms(0));
        pace.ticked();
        assert_eq!((pace.for_save(NO_PASSWORD), pace.for_room()), (WAIT, LONG_WAIT));
    }
}
