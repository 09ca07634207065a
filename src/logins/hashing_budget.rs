//! [`HashingBudget`]: how much of the broker's own time logins may take for hashing.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::level::Level;
use crate::origin::Origin;

/// How many addresses are told apart.
const MOST: usize = 4096;
/// How much work may come at once, in seconds.
const BURST: f64 = 1.0;

/// What hashing has taken of late.
#[derive(Debug)]
pub(crate) struct HashingBudget {
    /// The share of time that hashing may take; `None` is all of it. One address has half of that.
    share: Option<f64>,
    keys: RandomState,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    all: Level,
    of_address: HashMap<u64, Level>,
}

impl HashingBudget {
    /// Up to so many percent of the time; from 100 on there is no bound.
    pub(crate) fn new(percent: u32) -> Self {
        let share = (percent < 100).then(|| f64::from(percent) / 100.0);
        Self { share, keys: RandomState::new(), state: Mutex::default() }
    }

    /// Whether a login from that address may take more.
    pub(crate) fn allows(&self, address: Option<&[u8]>, now: Instant) -> bool {
        let Some(share) = self.share else { return true };
        let state = self.state.lock();
        let Some(state) = &*state else { return true };
        let of_address = state.of_address.get(&self.key(address));
        state.all.now(now, share) < BURST
            && of_address.is_none_or(|level| level.now(now, share / 2.0) < BURST / 2.0)
    }

    /// A login from that address has taken so much.
    pub(crate) fn spend(&self, address: Option<&[u8]>, took: Duration, now: Instant) {
        let Some(share) = self.share else { return };
        let key = self.key(address);
        let mut state = self.state.lock();
        let state = state.get_or_insert_with(|| State { all: Level::empty(now), of_address: HashMap::new() });
        let took = took.as_secs_f64();
        state.all.add(took, now, share, BURST * 2.0);
        if !state.of_address.contains_key(&key) && state.of_address.len() >= MOST {
            state.of_address.retain(|_, level| level.now(now, share / 2.0) > 0.0);
        }
        if state.of_address.contains_key(&key) || state.of_address.len() < MOST {
            let level = state.of_address.entry(key).or_insert_with(|| Level::empty(now));
            level.add(took, now, share / 2.0, BURST);
        }
    }

    /// Whether anything was spent so far.
    #[cfg(test)]
    pub(crate) fn was_touched(&self) -> bool {
        self.state.lock().is_some()
    }

    fn key(&self, address: Option<&[u8]>) -> u64 {
        self.keys.hash_one(Origin::of(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOD: Option<&[u8]> = Some(b"192.0.2.1");
    const OTHER: Option<&[u8]> = Some(b"192.0.2.2");
    const HASH: Duration = Duration::from_millis(10);

    /// After so many times as long as a hash takes.
    fn after(start: Instant, hashes: u32) -> Instant {
        start.checked_add(HASH.saturating_mul(hashes)).unwrap()
    }

    /// How many hashes of that address are let through in ten seconds, trying all the time.
    fn in_ten_seconds(budget: &HashingBudget, address: Option<&[u8]>, start: Instant) -> u32 {
        (0..1000_u32)
            .filter(|moment| {
                let now = after(start, *moment);
                budget.allows(address, now) && {
                    budget.spend(address, HASH, now);
                    true
                }
            })
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn a_flood_of_one_address_gets_half_of_the_share_and_leaves_the_rest() {
        let (budget, start) = (HashingBudget::new(20), Instant::now());
        // A tenth of ten seconds, and half a second at once.
        let done = in_ten_seconds(&budget, FLOOD, start);
        assert!((145..=160).contains(&done), "{done}");
        assert!(budget.allows(OTHER, after(start, 1000)));
    }

    #[test]
    fn a_flood_of_many_addresses_gets_the_share() {
        let (budget, start) = (HashingBudget::new(20), Instant::now());
        let addresses: Vec<String> = (0..1000).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
        let mut done = 0;
        for moment in 0..1000_u32 {
            let (now, address) = (after(start, moment), Some(addresses[moment as usize].as_bytes()));
            if budget.allows(address, now) {
                budget.spend(address, HASH, now);
                done += 1;
            }
        }
        assert!((290..=310).contains(&done), "{done}");
    }

    #[test]
    fn without_a_bound_everything_is_done_and_nothing_kept() {
        let (budget, start) = (HashingBudget::new(100), Instant::now());
        assert_eq!(in_ten_seconds(&budget, FLOOD, start), 1000);
        assert!(budget.state.lock().is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let (budget, now) = (HashingBudget::new(50), Instant::now());
        for number in 0..10_000_u32 {
            let address = std::net::Ipv4Addr::from(number).to_string();
            budget.spend(Some(address.as_bytes()), HASH, now);
        }
        assert_eq!(budget.state.lock().as_ref().unwrap().of_address.len(), MOST);
    }
}
