//! Which ticks begin a round of the broker's loop.
//!
//! What was published goes out between two rounds, so the plugin counts rounds. But a broker ticks several times in one
//! where several listeners have the plugin: 2.0 from 2.0.15 on once for each `plugin` line, 2.1 once for each scope, which
//! is everything or one listener (2.0.21: `src/plugin.c`, 2.1.2: `src/plugin_tick.c`, `plugin__handle_tick`).

use std::sync::atomic::{AtomicU64, Ordering};

/// With more scopes than this the broker calls what asked to be called once only again and again: then they are not known.
const MOST_SCOPES: u64 = 256;

/// Only the broker's thread counts here.
#[derive(Default)]
pub(super) struct Rounds {
    /// How many ticks there are in a round, as far as is known.
    of_one: AtomicU64,
    /// How many there were.
    ticks: AtomicU64,
    /// Which of them began the present round.
    began: AtomicU64,
}

impl Rounds {
    /// There is one more `plugin` line that is ticked for (2.0).
    pub(super) fn add_line(&self) {
        self.of_one.store(self.of_one().saturating_add(1), Ordering::Relaxed);
    }

    /// There is one less.
    pub(super) fn remove_line(&self) {
        self.of_one.store(self.of_one().saturating_sub(1), Ordering::Relaxed);
    }

    /// A scope is about to tick, for the first time (2.1).
    pub(super) fn found_scope(&self) {
        let found = self.of_one();
        // Each scope is found right before its first tick, which only holds in the very first round.
        if found == self.ticks.load(Ordering::Relaxed) {
            let of_one = if found < MOST_SCOPES { found.saturating_add(1) } else { 1 };
            self.of_one.store(of_one, Ordering::Relaxed);
        }
    }

    /// A tick; whether it is the first one of a round.
    pub(super) fn begins(&self) -> bool {
        let tick = self.ticks.load(Ordering::Relaxed).saturating_add(1);
        self.ticks.store(tick, Ordering::Relaxed);
        let since = tick.saturating_sub(self.began.load(Ordering::Relaxed));
        let begins = tick == 1 || since >= self.of_one();
        if begins {
            self.began.store(tick, Ordering::Relaxed);
        }
        begins
    }

    fn of_one(&self) -> u64 {
        self.of_one.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the broker ticks in a round; which of them begin one.
    fn ticks(rounds: &Rounds, count: usize) -> Vec<bool> {
        (0..count).map(|_| rounds.begins()).collect()
    }

    #[test]
    fn a_round_has_a_tick_for_each_line() {
        let rounds = Rounds::default();
        rounds.add_line();
        rounds.add_line();
        for _ in 0..3 {
            assert_eq!(ticks(&rounds, 2), [true, false]);
        }
        rounds.remove_line();
        assert_eq!(ticks(&rounds, 2), [true, true]);
    }

    #[test]
    fn the_first_round_tells_how_many_scopes_there_are() {
        for scopes in 1..=3 {
            let rounds = Rounds::default();
            let first = (0..scopes).map(|_| {
                rounds.found_scope();
                rounds.begins()
            });
            let expected: Vec<_> = (0..scopes).map(|scope| scope == 0).collect();
            assert_eq!(first.collect::<Vec<_>>(), expected, "{scopes}");
            for _ in 0..3 {
                assert_eq!(ticks(&rounds, scopes), expected, "{scopes}");
                // Not for the first time, whatever the broker says.
                rounds.found_scope();
            }
        }
    }

    #[test]
    fn where_scopes_are_found_without_end_every_tick_is_a_round() {
        let rounds = Rounds::default();
        let tick = || {
            rounds.found_scope();
            rounds.begins()
        };
        assert_eq!((0..256).filter(|_| tick()).count(), 1);
        assert_eq!((0..256).filter(|_| tick()).count(), 256);
    }
}
