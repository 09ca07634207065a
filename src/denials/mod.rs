//! The denial log: who was denied what, and why. The first of a kind is logged at once, what comes again is counted and
//! summed up once an interval. Memory is bounded, whatever clients try.
//!
//! Lines are made where the denial is decided and written later, from a safe place: the broker's log re-enters the
//! plugin where somebody subscribes to `$SYS/broker/log`.

mod line;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::policy::{Action, Effect};

pub(crate) use line::Denial;

/// How many kinds of denials are told apart in an interval.
const MOST_KINDS: usize = 256;
/// How many of them may be one client's, by what it tries; its other topics are counted together.
const MOST_OF_CLIENT: u32 = 10;
/// How many lines wait for the next tick; what comes beyond is only counted.
const MOST_WAITING: usize = 200;
/// How many actions that come again are recognised without a look at what they are.
const MOST_AGAIN: usize = 4096;
/// How many refused logins of a kind get a line of their own, for programs that count lines and ban addresses.
const LOGINS_AT_ONCE: u32 = 10;

/// What is logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Anything at all.
    pub(crate) wanted: bool,
    /// Also messages that are not delivered, where filtering is normal.
    pub(crate) receive: bool,
    /// Also what is left to others.
    pub(crate) deferred: bool,
    /// How much time a summary covers.
    pub(crate) interval: Duration,
}

/// The denials that are still to be logged.
#[derive(Debug)]
pub(crate) struct Denials {
    settings: Settings,
    state: Mutex<State>,
    /// Whether `state` holds anything: most ticks need not look.
    in_use: AtomicBool,
    keys: RandomState,
}

#[derive(Debug, Default)]
struct State {
    kinds: HashMap<u64, Kind>,
    of_clients: HashMap<u64, u32>,
    /// Actions that came before, by what the caller knows them by, and where they are counted.
    again: HashMap<u64, u64>,
    waiting: Vec<Vec<u8>>,
    /// Denials of kinds for which there was no room.
    others: u64,
    interval_began: Option<Instant>,
    came: u64,
}

#[derive(Debug)]
struct Kind {
    members: Vec<u8>,
    /// How many have got a line of their own.
    logged: u32,
    /// How many have not.
    counted: u64,
    /// Its place among those that came.
    place: u64,
}

impl Denials {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default(), in_use: AtomicBool::new(false), keys: RandomState::new() }
    }

    /// Whether a denied action is to be noted. The broker asks for the reading of its own log lines too, and a line
    /// about that would be the cause of the next.
    pub(crate) fn wants(&self, action: Action, effect: Effect, topic: &[u8]) -> bool {
        self.wants_effect(effect)
            && (action != Action::PublishClientReceive
                || (self.settings.receive && !topic.starts_with(b"$SYS/broker/log/")))
    }

    /// Whether a refused login is to be noted.
    pub(crate) fn wants_login(&self, effect: Effect) -> bool {
        self.wants_effect(effect)
    }

    fn wants_effect(&self, effect: Effect) -> bool {
        self.settings.wanted
            && match effect {
                Effect::Allow => false,
                Effect::Deny => true,
                Effect::Defer => self.settings.deferred,
            }
    }

    /// Counts an action that was noted with that `id` in this interval; false if none was.
    pub(crate) fn note_again(&self, id: u64) -> bool {
        let mut state = self.state.lock();
        let State { kinds, again, .. } = &mut *state;
        let Some(kind) = again.get(&id).and_then(|key| kinds.get_mut(key)) else { return false };
        kind.counted = kind.counted.saturating_add(1);
        true
    }

    /// [`Self::note`], for an action that [`Self::note_again`] is to know by `id`.
    pub(crate) fn note_as(&self, id: u64, denial: &Denial<'_>) {
        let key = self.note_kind(denial);
        let mut state = self.state.lock();
        if state.kinds.contains_key(&key) && state.again.len() < MOST_AGAIN {
            state.again.insert(id, key);
        }
    }

    /// Notes a denial that is wanted.
    pub(crate) fn note(&self, denial: &Denial<'_>) {
        self.note_kind(denial);
    }

    /// [`Self::note`]; says of what kind it is.
    fn note_kind(&self, denial: &Denial<'_>) -> u64 {
        let key = self.key_of_kind(denial);
        let mut state = self.state.lock();
        if let Some(kind) = state.kinds.get_mut(&key) {
            if denial.topic.is_none() && kind.logged < LOGINS_AT_ONCE {
                state.log(key);
            } else {
                kind.counted = kind.counted.saturating_add(1);
            }
            return key;
        }
        let client = self.keys.hash_one((denial.what, denial.clientid, denial.username));
        let of_client = state.of_clients.get(&client).copied().unwrap_or(0);
        if of_client >= MOST_OF_CLIENT {
            let members = || denial.members_of_more();
            self.count(&mut state, client, members);
            return key;
        }
        if self.room(&mut state) {
            if state.of_clients.len() < MOST_KINDS || of_client > 0 {
                state.of_clients.insert(client, of_client.saturating_add(1));
            }
            state.add(key, denial.members());
            state.log(key);
        }
        key
    }

    /// What is to be logged by now.
    pub(crate) fn take(&self, now: Instant) -> Vec<Vec<u8>> {
        if !self.in_use.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        let mut lines = std::mem::take(&mut state.waiting);
        let began = *state.interval_began.get_or_insert(now);
        if now.saturating_duration_since(began) >= self.settings.interval {
            lines.append(&mut state.sum_up());
            state.interval_began = Some(now);
            if state.kinds.is_empty() {
                state.interval_began = None;
                self.in_use.store(false, Ordering::Release);
            }
        }
        lines
    }

    /// All that is still to be said, since nothing comes any more.
    pub(crate) fn take_all(&self) -> Vec<Vec<u8>> {
        let mut state = self.state.lock();
        let mut lines = std::mem::take(&mut state.waiting);
        lines.append(&mut state.sum_up());
        lines
    }

    /// Whether there is room for one more kind; where there is none, the denial is counted.
    fn room(&self, state: &mut State) -> bool {
        self.in_use.store(true, Ordering::Release);
        if state.kinds.len() < MOST_KINDS {
            return true;
        }
        state.others = state.others.saturating_add(1);
        false
    }

    fn count(&self, state: &mut State, key: u64, members: impl FnOnce() -> Vec<u8>) {
        if !state.kinds.contains_key(&key) {
            if !self.room(state) {
                return;
            }
            state.add(key, members());
        }
        if let Some(kind) = state.kinds.get_mut(&key) {
            kind.counted = kind.counted.saturating_add(1);
        }
    }

    fn key_of_kind(&self, denial: &Denial<'_>) -> u64 {
        let Denial { what, clientid, username, address, topic, reason, group, role, acl, deferred } = denial;
        // Who is locked out at several addresses is told apart there only at logins: an action is no other for it.
        let address = if topic.is_none() { *address } else { None };
        let role = role.map(|role| role.name.as_bytes());
        let group = group.map(|group| group.name.as_bytes());
        self.keys.hash_one((what, clientid, username, address, topic, reason, group, role, acl, deferred))
    }
}

impl State {
    fn add(&mut self, key: u64, members: Vec<u8>) {
        self.came = self.came.saturating_add(1);
        self.kinds.insert(key, Kind { members, logged: 0, counted: 0, place: self.came });
    }

    /// Gives one of a kind a line, if there is room for it before the next tick.
    fn log(&mut self, key: u64) {
        let Some(kind) = self.kinds.get_mut(&key) else { return };
        if self.waiting.len() < MOST_WAITING {
            kind.logged = kind.logged.saturating_add(1);
            self.waiting.push([&b"dynsec: denied"[..], &kind.members].concat());
        } else {
            kind.counted = kind.counted.saturating_add(1);
        }
    }

    /// One line for each kind that came again; the others are forgotten.
    fn sum_up(&mut self) -> Vec<Vec<u8>> {
        let was_full = self.kinds.len() >= MOST_KINDS;
        self.kinds.retain(|_, kind| kind.counted > 0);
        let mut again: Vec<&mut Kind> = self.kinds.values_mut().collect();
        again.sort_unstable_by_key(|kind| kind.place);
        let mut lines: Vec<Vec<u8>> = again
            .into_iter()
            .map(|kind| {
                let counted = std::mem::take(&mut kind.counted);
                kind.logged = u32::MAX;
                summary(&kind.members, counted)
            })
            .collect();
        if self.others > 0 {
            lines.push(summary(b" | (others)", std::mem::take(&mut self.others)));
        }
        if was_full {
            // So that who fills the list does not keep others out of it for ever.
            self.kinds.clear();
        }
        self.of_clients.clear();
        self.again.clear();
        lines
    }
}

fn summary(members: &[u8], times: u64) -> Vec<u8> {
    [&b"dynsec: denied again"[..], members, format!(" | times={times}").as_bytes()].concat()
}

#[cfg(test)]
mod tests;
