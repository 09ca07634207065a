//! What other threads have done for the broker's thread, and how that hears of it.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::bell::Bell;

/// Counts what was done, so that nothing is missed.
#[derive(Debug)]
pub(super) struct Progress {
    bell: Arc<Bell>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    made: u64,
    /// The broker's thread waits for it: no bell is needed.
    watched: bool,
}

impl Progress {
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        Self { bell, state: Mutex::default(), changed: Condvar::new() }
    }

    /// How much was made so far.
    pub(super) fn so_far(&self) -> u64 {
        self.state.lock().made
    }

    /// Something is done that the broker's thread has waited for.
    pub(super) fn make(&self) {
        let watched = {
            let mut state = self.state.lock();
            state.made = state.made.saturating_add(1);
            state.watched
        };
        if watched {
            self.changed.notify_all();
        } else {
            self.bell.ring();
        }
    }

    /// Waits until more is made than `seen`; false if that has not come in time.
    pub(super) fn wait_beyond(&self, seen: u64, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        state.watched = true;
        while state.made <= seen {
            match until {
                None => self.changed.wait(&mut state),
                Some(until) if self.changed.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
            }
        }
        state.watched = false;
        state.made > seen
    }
}
