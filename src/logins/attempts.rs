//! [`Attempts`]: failed logins, counted for each address and username, and who is locked out for them.
//!
//! Each failure raises a level, which falls to nothing within the window. At the top, logins of that address for that
//! username are refused without hashing. Other addresses are not concerned, so nobody can lock a client out from
//! elsewhere.
//!
//! Logins that are left to others are counted too, since who is refused without hashing is so much sooner: else that would
//! tell which usernames are the policy's. But others may have let them in, so they are no failures. They lock nobody out, and
//! are counted apart, so that however many there are, no failure is forgotten for them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZero;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::level::Level;
use crate::origin::Origin;

/// How many pairs of address and username are told apart.
const MOST: usize = 65_536;
/// How many of them may be of one address: all its other usernames are counted together.
const MOST_OF_ADDRESS: u32 = 256;
/// How many are looked at when one has to go.
const LOOKED_AT: usize = 16;

/// When an address is locked out of a username.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lockout {
    /// After so many failures.
    pub(crate) failures: u32,
    /// In so much time.
    pub(crate) window: Duration,
}

impl Lockout {
    /// After so many failures, if any are enough.
    pub(crate) fn of(failures: Option<NonZero<u32>>, window: Duration) -> Option<Self> {
        Some(Self { failures: failures?.get(), window })
    }

    /// About how long it takes until one failure is over, a second at least.
    fn time_for_one(&self) -> Duration {
        self.window.checked_div(self.failures).unwrap_or_default().max(Duration::from_secs(1))
    }

    fn rate(&self) -> f64 {
        f64::from(self.failures) / self.window.as_secs_f64().max(0.001)
    }
}

/// The failures of late.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// `None` if nobody is ever locked out.
    lockout: Option<Lockout>,
    keys: RandomState,
    state: Mutex<State>,
    /// The logins that were left to others.
    left: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: HashMap<u64, Failures>,
    /// Every key in `failures`, once.
    order: VecDeque<u64>,
    of_address: HashMap<u64, u32>,
    /// When it was last looked which failures are over.
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Failures {
    level: Level,
    address: u64,
    /// `None` stands for all that have none of their own.
    username: Option<u64>,
}

impl Attempts {
    pub(crate) fn new(lockout: Option<Lockout>) -> Self {
        Self { lockout, keys: RandomState::new(), state: Mutex::default(), left: Mutex::default() }
    }

    /// Whether logins of that address for that username are refused unseen.
    pub(crate) fn is_locked_out(&self, username: &[u8], address: Option<&[u8]>, now: Instant) -> bool {
        let Some(lockout) = &self.lockout else { return false };
        let (own, common, _) = self.keys_of(username, address);
        let state = self.state.lock();
        let found = state.failures.get(&own).or_else(|| state.failures.get(&common));
        found.is_some_and(|failures| failures.is_spent(lockout, now))
    }

    /// Whether any address is locked out of that username.
    pub(crate) fn is_locked_out_anywhere(&self, username: &[u8], now: Instant) -> bool {
        let Some(lockout) = &self.lockout else { return false };
        let username = self.keys.hash_one(username);
        let state = self.state.lock();
        state
            .failures
            .values()
            .any(|failures| failures.username == Some(username) && failures.is_spent(lockout, now))
    }

    /// A login has failed.
    pub(crate) fn failed(&self, username: &[u8], address: Option<&[u8]>, now: Instant) {
        let Some(lockout) = &self.lockout else { return };
        let (own, common, address) = self.keys_of(username, address);
        let mut state = self.state.lock();
        let is_one_of_too_many =
            !state.failures.contains_key(&own) && !state.has_room_for(address, lockout, now);
        let (key, username) =
            if is_one_of_too_many { (common, None) } else { (own, Some(self.keys.hash_one(username))) };
        state.count(key, address, username, lockout, now);
    }

    /// A login was left to others, after the work of one that fails.
    pub(crate) fn left_to_others(&self, username: &[u8], address: Option<&[u8]>, now: Instant) {
        let Some(lockout) = &self.lockout else { return };
        let (own, _, address) = self.keys_of(username, address);
        // Each has a place of its own: were some counted together, a first login with one of those would show by its time
        // what it is.
        self.left.lock().count(own, address, Some(self.keys.hash_one(username)), lockout, now);
    }

    /// Whether logins of that address for that username, which are left to others, need no work any more: where those of a
    /// username with a password would be refused unseen.
    pub(crate) fn is_left_unseen(&self, username: &[u8], address: Option<&[u8]>, now: Instant) -> bool {
        let Some(lockout) = &self.lockout else { return false };
        let (own, ..) = self.keys_of(username, address);
        let is_spent = |left: &State| left.failures.get(&own).is_some_and(|of| of.is_spent(lockout, now));
        is_spent(&self.left.lock()) || self.is_locked_out(username, address, now)
    }

    /// A login has succeeded: what failed before was a slip.
    pub(crate) fn succeeded(&self, username: &[u8], address: Option<&[u8]>, now: Instant) {
        if self.lockout.is_none() {
            return;
        }
        let (own, _, _) = self.keys_of(username, address);
        if let Some(failures) = self.state.lock().failures.get_mut(&own) {
            failures.level = Level::empty(now);
        }
    }

    fn keys_of(&self, username: &[u8], address: Option<&[u8]>) -> (u64, u64, u64) {
        let origin = Origin::of(address);
        let own = self.keys.hash_one((&origin, Some(username)));
        (own, self.keys.hash_one((&origin, None::<&[u8]>)), self.keys.hash_one(origin))
    }
}

impl Failures {
    fn is_spent(&self, lockout: &Lockout, now: Instant) -> bool {
        self.level.is_full(now, lockout.rate(), lockout.failures)
    }
}

impl State {
    /// Counts one more with that key.
    fn count(&mut self, key: u64, address: u64, username: Option<u64>, lockout: &Lockout, now: Instant) {
        if !self.failures.contains_key(&key) {
            self.make_room(lockout, now);
            self.order.push_back(key);
            let count = self.of_address.entry(address).or_default();
            *count = count.saturating_add(1);
            self.failures.insert(key, Failures { level: Level::empty(now), address, username });
        }
        if let Some(failures) = self.failures.get_mut(&key) {
            failures.level.add(1.0, now, lockout.rate(), f64::from(lockout.failures));
        }
    }

    /// Where all places are taken, takes one: of some old ones that with the fewest failures.
    fn make_room(&mut self, lockout: &Lockout, now: Instant) {
        if self.failures.len() < MOST {
            return;
        }
        let mut least: Option<(f64, u64)> = None;
        for _ in 0..LOOKED_AT {
            let Some(key) = self.order.pop_front() else { break };
            let level = self.failures.get(&key).map_or(0.0, |found| found.level.now(now, lockout.rate()));
            match least {
                Some((so_far, other)) if level < so_far => {
                    self.order.push_back(other);
                    least = Some((level, key));
                }
                None => least = Some((level, key)),
                Some(_) => self.order.push_back(key),
            }
        }
        if let Some((_, key)) = least {
            self.forget(key);
        }
    }

    /// Whether an address may have one more username. Where it has all that it may, all failures that are over go first: that
    /// is looked for now and then, since it is a look at all.
    fn has_room_for(&mut self, address: u64, lockout: &Lockout, now: Instant) -> bool {
        let has_room =
            |state: &Self| state.of_address.get(&address).is_none_or(|&count| count < MOST_OF_ADDRESS);
        let is_new = |looked| now.saturating_duration_since(looked) >= lockout.time_for_one();
        if has_room(self) || !self.looked.is_none_or(is_new) {
            return has_room(self);
        }
        self.looked = Some(now);
        let is_over = |failures: &Failures| failures.level.now(now, lockout.rate()) <= 0.0;
        let over = self.failures.iter().filter(|(_, failures)| is_over(failures));
        let over: HashSet<u64> = over.map(|(key, _)| *key).collect();
        self.order.retain(|key| !over.contains(key));
        for key in over {
            self.forget(key);
        }
        has_room(self)
    }

    /// Forgets what is not in `order` any more.
    fn forget(&mut self, key: u64) {
        let Some(removed) = self.failures.remove(&key) else { return };
        if let Some(count) = self.of_address.get_mut(&removed.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_address.remove(&removed.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(failures: u32, seconds: u64) -> Attempts {
        Attempts::new(Some(Lockout { failures, window: Duration::from_secs(seconds) }))
    }

    fn later(start: Instant, seconds: u64) -> Instant {
        start.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    fn address(number: u32) -> String {
        std::net::Ipv4Addr::from(number).to_string()
    }

    #[test]
    fn after_so_many_failures_an_address_is_locked_out_of_a_username_until_time_has_passed() {
        let (attempts, start) = (attempts(5, 50), Instant::now());
        for _ in 0..5 {
            assert!(!attempts.is_locked_out(b"ann", Some(b"192.0.2.1"), start));
            attempts.failed(b"ann", Some(b"192.0.2.1"), start);
        }
        let locked_out = |seconds| attempts.is_locked_out(b"ann", Some(b"192.0.2.1"), later(start, seconds));
        assert!(locked_out(0) && locked_out(9));
        assert!(attempts.is_locked_out_anywhere(b"ann", start));
        assert!(!locked_out(11), "one of five failures is over after a fifth of the window");
        attempts.failed(b"ann", Some(b"192.0.2.1"), later(start, 11));
        assert!(locked_out(11));
        assert!(!locked_out(61));
    }

    #[test]
    fn nobody_else_is_locked_out() {
        let (attempts, now) = (attempts(2, 60), Instant::now());
        for _ in 0..10 {
            attempts.failed(b"ann", Some(b"192.0.2.1"), now);
        }
        assert!(
            !attempts.is_locked_out(b"ann", Some(b"192.0.2.2"), now),
            "the client itself, from elsewhere"
        );
        assert!(!attempts.is_locked_out(b"bob", Some(b"192.0.2.1"), now));
        assert!(!attempts.is_locked_out(b"ann", None, now));
        assert!(!attempts.is_locked_out_anywhere(b"bob", now));
    }

    #[test]
    fn a_success_forgives() {
        let (attempts, now) = (attempts(3, 60), Instant::now());
        for _ in 0..10 {
            attempts.failed(b"ann", None, now);
            attempts.failed(b"ann", None, now);
            attempts.succeeded(b"ann", None, now);
        }
        assert!(!attempts.is_locked_out(b"ann", None, now));
    }

    #[test]
    fn without_the_option_nothing_is_kept() {
        let (attempts, now) = (Attempts::new(None), Instant::now());
        for _ in 0..100 {
            attempts.failed(b"ann", None, now);
        }
        assert!(!attempts.is_locked_out(b"ann", None, now));
        for _ in 0..100 {
            attempts.left_to_others(b"nobody", None, now);
        }
        assert!(!attempts.is_left_unseen(b"nobody", None, now));
        assert_eq!((attempts.state.lock().failures.len(), attempts.left.lock().failures.len()), (0, 0));
    }

    #[test]
    fn who_tries_many_usernames_has_few_places_and_is_locked_out_of_all_others() {
        let (attempts, now) = (attempts(3, 60), Instant::now());
        for number in 0..10_000 {
            attempts.failed(format!("user{number}").as_bytes(), Some(b"192.0.2.1"), now);
        }
        assert_eq!(attempts.state.lock().failures.len(), 257);
        assert!(attempts.is_locked_out(b"another", Some(b"192.0.2.1"), now));
        assert!(!attempts.is_locked_out(b"another", Some(b"192.0.2.2"), now));
    }

    #[test]
    fn usernames_that_failed_long_ago_take_no_place_of_their_address() {
        let (attempts, start) = (attempts(3, 60), Instant::now());
        let many = |first: u32, now| {
            for number in first..first.saturating_add(1000) {
                attempts.failed(format!("user{number}").as_bytes(), Some(b"192.0.2.1"), now);
            }
        };
        let is_common = |now| attempts.is_locked_out(b"another", Some(b"192.0.2.1"), now);
        attempts.failed(b"elsewhere", Some(b"192.0.2.2"), start);
        many(0, start);
        assert!(is_common(start));
        // One failure is over after a third of the window.
        let now = later(start, 100);
        for name in ["ann", "bob", "carl"] {
            attempts.failed(name.as_bytes(), Some(b"192.0.2.1"), now);
        }
        assert!(!is_common(now), "each has a place of its own");
        {
            let state = attempts.state.lock();
            assert_eq!((state.failures.len(), state.order.len(), state.of_address.len()), (3, 3, 1));
            assert!(state.order.iter().all(|key| state.failures.contains_key(key)));
        }
        many(1000, now);
        assert!(is_common(now), "as before");
        assert_eq!(attempts.state.lock().failures.len(), 257);
        // It is not looked for old ones at each failure.
        let looked = || attempts.state.lock().looked;
        many(2000, later(now, 10));
        assert_eq!(looked(), Some(now));
        many(3000, later(now, 21));
        assert_eq!(looked(), Some(later(now, 21)));
    }

    #[test]
    fn memory_is_bounded_and_who_failed_often_is_not_forgotten_for_who_failed_once() {
        let (attempts, now) = (attempts(10, 60), Instant::now());
        for _ in 0..10 {
            attempts.failed(b"ann", Some(b"192.0.2.1"), now);
        }
        for number in 0..u32::try_from(MOST).unwrap() + 1000 {
            attempts.failed(b"bob", Some(address(number).as_bytes()), now);
        }
        let state = attempts.state.lock();
        assert_eq!(state.failures.len(), MOST);
        assert_eq!(state.order.len(), MOST);
        assert!(state.of_address.len() <= MOST);
        drop(state);
        assert!(attempts.is_locked_out(b"ann", Some(b"192.0.2.1"), now));
    }

    #[test]
    fn what_is_left_to_others_locks_nobody_out_and_takes_the_place_of_no_failure() {
        let (attempts, now) = (attempts(3, 60), Instant::now());
        let of_one = Some(&b"192.0.2.1"[..]);
        for _ in 0..3 {
            assert!(!attempts.is_left_unseen(b"nobody", of_one, now));
            attempts.left_to_others(b"nobody", of_one, now);
            attempts.failed(b"ann", of_one, now);
        }
        assert!(attempts.is_left_unseen(b"nobody", of_one, now));
        assert!(!attempts.is_left_unseen(b"nobody", Some(b"192.0.2.2"), now));
        assert!(!attempts.is_left_unseen(b"nobody", of_one, later(now, 61)));
        for number in 0..MOST + 1000 {
            attempts.left_to_others(format!("user{number}").as_bytes(), of_one, now);
        }
        assert!(attempts.is_left_unseen(b"nobody", of_one, now), "who came once is forgotten first");
        assert!(!attempts.is_left_unseen(b"another", of_one, now), "nor is it one of many");
        assert_eq!((attempts.left.lock().failures.len(), attempts.state.lock().failures.len()), (MOST, 1));
        // There may be a client with that username by now.
        assert!(!attempts.is_locked_out(b"nobody", of_one, now));
        assert!(!attempts.is_locked_out_anywhere(b"nobody", now));
        assert!(attempts.is_locked_out(b"ann", of_one, now));
    }

    #[test]
    fn who_is_locked_out_of_all_names_is_left_unseen_with_all_others_as_well() {
        let (attempts, now) = (attempts(3, 60), Instant::now());
        for number in 0..1000 {
            attempts.failed(format!("user{number}").as_bytes(), Some(b"192.0.2.1"), now);
        }
        assert!(attempts.is_left_unseen(b"nobody", Some(b"192.0.2.1"), now));
        assert!(!attempts.is_left_unseen(b"nobody", Some(b"192.0.2.2"), now));
    }
}
