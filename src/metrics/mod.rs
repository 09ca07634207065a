//! Counters of what the plugin does: how often, how long, how much. Never who: no names, topics or addresses.
//!
//! Any thread counts, without a lock; what is read of several counters is not of one moment.

mod text;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::policy::{Action, Effect, NotLoggedIn};

pub use text::{BEGINNING, prometheus};

/// All counters.
#[derive(Debug, Default)]
pub struct Metrics {
    // Each of these by the places of what it counts in the policy's enumerations.
    decisions: [[AtomicU64; Effect::ALL.len()]; Action::ALL.len()],
    /// Those that threads have made in turn.
    decisions_in_turn: [[AtomicU64; Effect::ALL.len()]; Action::ALL.len()],
    logins_allowed: AtomicU64,
    logins_denied: [AtomicU64; NotLoggedIn::ALL.len()],
    logins_deferred: [AtomicU64; NotLoggedIn::ALL.len()],
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    saves_done: AtomicU64,
    saves_failed: AtomicU64,
    save_microseconds: AtomicU64,
    last_save_microseconds: AtomicU64,
    commands_done: AtomicU64,
    commands_refused: AtomicU64,
    payloads: AtomicU64,
    answers: AtomicU64,
    disconnects: AtomicU64,
}

/// What the counters say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By action and outcome.
    pub decisions: Vec<(&'static str, &'static str, u64)>,
    /// By result and, but for `allow`, reason; reasons that have not occurred are left out.
    pub logins: Vec<(&'static str, Option<&'static str>, u64)>,
    /// Passwords that were found among those verified before, and those that had to be hashed.
    pub login_cache: (u64, u64),
    /// Saves that are on the disk, and those that failed.
    pub saves: (u64, u64),
    /// How long they took, all together, and the last one.
    pub save_time: (Duration, Duration),
    /// Commands that were carried out, and those that were refused.
    pub commands: (u64, u64),
    /// Payloads that are not answered yet.
    pub queue: u64,
    /// Connections that the plugin has had ended.
    pub disconnects: u64,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Clients of the policy.
    pub clients: usize,
    /// Its groups.
    pub groups: usize,
    /// Its roles.
    pub roles: usize,
    /// The ACLs of its roles.
    pub acls: usize,
    /// How many commands have changed it.
    pub change_index: i64,
    /// Connections that logins have shown.
    pub connections: usize,
}

impl Metrics {
    /// A decision about an action; both by their places in the policy's enumerations, which takes an instruction or two less
    /// than to be told them themselves.
    #[inline]
    pub fn decided(&self, action: usize, effect: usize) {
        if let Some(count) = self.decisions.get(action).and_then(|effects| effects.get(effect)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The same; `in_turn` says that no other thread says so at the same time: it takes less then.
    #[inline]
    pub fn decided_by(&self, in_turn: bool, action: usize, effect: usize) {
        if !in_turn {
            self.decided(action, effect);
        } else if let Some(count) = self.decisions_in_turn.get(action).and_then(|effects| effects.get(effect))
        {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// A login was granted.
    pub fn login_allowed(&self) {
        self.logins_allowed.fetch_add(1, Relaxed);
    }

    /// A login was not granted, but refused or left to others.
    pub fn login_not_allowed(&self, reason: NotLoggedIn, deferred: bool) {
        let counts = if deferred { &self.logins_deferred } else { &self.logins_denied };
        if let Some(count) = counts.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// A password was looked for among those verified before.
    pub fn looked_up_login(&self, found: bool) {
        let count = if found { &self.cache_hits } else { &self.cache_misses };
        count.fetch_add(1, Relaxed);
    }

    /// A save has ended.
    pub fn saved(&self, took: Duration, done: bool) {
        let count = if done { &self.saves_done } else { &self.saves_failed };
        count.fetch_add(1, Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.save_microseconds.fetch_add(took, Relaxed);
        self.last_save_microseconds.store(took, Relaxed);
    }

    /// A payload has come.
    pub fn payload(&self) {
        self.payloads.fetch_add(1, Relaxed);
    }

    /// A payload is answered.
    pub fn answered(&self, done: u64, refused: u64) {
        self.answers.fetch_add(1, Relaxed);
        self.commands_done.fetch_add(done, Relaxed);
        self.commands_refused.fetch_add(refused, Relaxed);
    }

    /// So many connections were ended.
    pub fn disconnected(&self, connections: usize) {
        self.disconnects.fetch_add(connections as u64, Relaxed);
    }

    /// What the counters say now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let get = |count: &AtomicU64| count.load(Relaxed);
        let mut decisions = Vec::new();
        let counts = self.decisions.iter().zip(&self.decisions_in_turn);
        for (action, (counts, in_turn)) in Action::ALL.into_iter().zip(counts) {
            for (effect, (count, in_turn)) in Effect::ALL.into_iter().zip(counts.iter().zip(in_turn)) {
                decisions.push((action.name(), effect.name(), get(count).wrapping_add(get(in_turn))));
            }
        }
        let mut logins = vec![(Effect::Allow.name(), None, get(&self.logins_allowed))];
        for (effect, counts) in [(Effect::Deny, &self.logins_denied), (Effect::Defer, &self.logins_deferred)]
        {
            let of_reasons = NotLoggedIn::ALL.into_iter().zip(counts);
            let occurred =
                of_reasons.map(|(reason, count)| (reason, get(count))).filter(|(_, count)| *count > 0);
            logins.extend(occurred.map(|(reason, count)| (effect.name(), Some(reason.name()), count)));
        }
        let time = |count: &AtomicU64| Duration::from_micros(get(count));
        Counts {
            decisions,
            logins,
            login_cache: (get(&self.cache_hits), get(&self.cache_misses)),
            saves: (get(&self.saves_done), get(&self.saves_failed)),
            save_time: (time(&self.save_microseconds), time(&self.last_save_microseconds)),
            commands: (get(&self.commands_done), get(&self.commands_refused)),
            queue: get(&self.payloads).saturating_sub(get(&self.answers)),
            disconnects: get(&self.disconnects),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_counted_where_their_names_are() {
        for action in Action::ALL {
            for (effect, outcome) in
                [(Effect::Allow, "allow"), (Effect::Deny, "deny"), (Effect::Defer, "defer")]
            {
                for in_turn in [false, true] {
                    let metrics = Metrics::default();
                    metrics.decided_by(in_turn, action as usize, effect as usize);
                    let counted: Vec<_> =
                        metrics.counts().decisions.into_iter().filter(|(_, _, count)| *count > 0).collect();
                    assert_eq!(counted, [(action.name(), outcome, 1)]);
                }
            }
        }
    }

    #[test]
    fn logins_are_counted_where_the_names_of_their_reasons_are() {
        for reason in NotLoggedIn::ALL {
            for (deferred, result) in [(false, "deny"), (true, "defer")] {
                let metrics = Metrics::default();
                metrics.login_not_allowed(reason, deferred);
                assert_eq!(metrics.counts().logins, [("allow", None, 0), (result, Some(reason.name()), 1)]);
            }
        }
    }
}
