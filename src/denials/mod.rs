//! The denial log: who was denied what, and why. The first of a kind is logged at once, what comes again is counted and
//! summed up once an interval. Memory is bounded, whatever clients try.
//!
//! Where a denial is decided it is only taken down, in memory that is there already. Lines are made and written later, from a
//! safe place: the broker's log re-enters the plugin where somebody subscribes to `$SYS/broker/log`.

mod again;
mod line;
mod taken;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hashbrown::HashTable;
use parking_lot::Mutex;

use crate::policy::{Action, Effect, Subject, TextKeys};

use again::Again;
pub(crate) use line::Denial;
use taken::Taken;

/// How many kinds of denials are told apart in an interval.
const MOST_KINDS: usize = 256;
/// How many of them may be one client's, by what it tries; its other topics are counted together.
const MOST_OF_CLIENT: u32 = 10;
/// How many lines wait for the next tick; what comes beyond is only counted.
const MOST_WAITING: usize = 200;
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
    again: Again,
    keys: TextKeys,
}

#[derive(Debug)]
struct State {
    /// In the order in which they came.
    kinds: Vec<Kind>,
    /// Their places among `kinds`, by key.
    places: HashTable<(u64, usize)>,
    /// How many kinds of this interval are a client's.
    // INVARIANT: each client of `kinds` is here.
    of_clients: HashTable<(u64, u32)>,
    /// The places of the kinds that lines are to be made of.
    waiting: Vec<usize>,
    /// Denials of kinds for which there was no room.
    others: u64,
    interval_began: Option<Instant>,
}

#[derive(Debug)]
struct Kind {
    key: u64,
    /// The client that it is of.
    client: u64,
    taken: Taken,
    /// How many have got a line of their own.
    logged: u32,
    /// How many have not.
    counted: u64,
}

impl Denials {
    pub(crate) fn new(settings: Settings) -> Self {
        let most = if settings.wanted { MOST_KINDS } else { 0 };
        Self {
            settings,
            state: Mutex::new(State::with_room_for(most)),
            in_use: AtomicBool::new(false),
            again: Again::new(settings.wanted),
            keys: TextKeys::of_process(),
        }
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

    /// Counts an action that was noted with that `id` in this interval; false if none was, or it is not known any more.
    #[inline]
    pub(crate) fn note_again(&self, id: u64) -> bool {
        self.again.count(id)
    }

    /// Counts a denied action, if there is room for no more kinds and nothing of this client's is noted; false if it has to be
    /// looked at and noted. So a flood of clients that are denied something takes little more than to deny it.
    pub(crate) fn count_beyond_room(&self, action: Action, subject: &Subject<'_>) -> bool {
        let state = &mut *self.state.lock();
        if state.kinds.len() < MOST_KINDS
            || state.knows(self.key_of_client(action.name(), subject.clientid.get(), subject.username))
        {
            return false;
        }
        state.others = state.others.saturating_add(1);
        true
    }

    /// [`Self::note`], for an action that [`Self::note_again`] is to know by `id`.
    pub(crate) fn note_as(&self, id: u64, denial: &Denial<'_>) {
        let state = &mut *self.state.lock();
        let key = self.note_kind(state, denial);
        if state.place(key).is_some() {
            let (key, counted) = self.again.know(id, key);
            state.count(key, counted);
        }
    }

    /// Notes a denial that is wanted.
    pub(crate) fn note(&self, denial: &Denial<'_>) {
        self.note_kind(&mut self.state.lock(), denial);
    }

    /// [`Self::note`]; says of what kind it is.
    fn note_kind(&self, state: &mut State, denial: &Denial<'_>) -> u64 {
        let key = self.key_of_kind(denial);
        if let Some(place) = state.place(key) {
            let is_login = denial.topic.is_none();
            if is_login && state.kinds.get(place).is_some_and(|kind| kind.logged < LOGINS_AT_ONCE) {
                state.log(place);
            } else {
                state.count(key, 1);
            }
            return key;
        }
        let client = self.key_of_client(denial.what, denial.clientid, denial.username);
        let found = state.of_clients.find(client, |(other, _)| *other == client);
        let of_client = found.map_or(0, |(_, count)| *count);
        if of_client >= MOST_OF_CLIENT {
            if state.place(client).is_some() || self.room(state) {
                state.add(client, client, denial, true);
                state.count(client, 1);
            }
            return key;
        }
        if self.room(state) {
            state.count_of_client(client, 1);
            if let Some(place) = state.add(key, client, denial, false) {
                state.log(place);
            }
        }
        key
    }

    /// What is to be logged by now.
    pub(crate) fn take(&self, now: Instant) -> Vec<Vec<u8>> {
        if !self.in_use.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut state = self.state.lock();
        let mut lines = state.take_waiting();
        let began = *state.interval_began.get_or_insert(now);
        if now.saturating_duration_since(began) >= self.settings.interval {
            lines.append(&mut self.sum_up(&mut state));
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
        let mut lines = state.take_waiting();
        lines.append(&mut self.sum_up(&mut state));
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

    fn key_of_client(&self, what: &str, clientid: Option<&[u8]>, username: Option<&[u8]>) -> u64 {
        self.keys.hash_all([Some(what.as_bytes()), clientid, username])
    }

    fn key_of_kind(&self, denial: &Denial<'_>) -> u64 {
        let Denial { what, clientid, username, address, topic, reason, group, role, acl, deferred } = *denial;
        // Who is locked out at several addresses is told apart there only at logins: an action is no other for it.
        let address = if topic.is_none() { address } else { None };
        let deferred = deferred.then_some(&b"deferred"[..]);
        let [what, reason] = [what, reason].map(|text| Some(text.as_bytes()));
        self.keys.hash_all([what, clientid, username, address, topic, reason, group, role, acl, deferred])
    }

    /// One line for each kind that came again; the others are forgotten.
    fn sum_up(&self, state: &mut State) -> Vec<Vec<u8>> {
        self.again.forget(|key, counted| state.count(key, counted));
        state.sum_up()
    }
}

impl State {
    /// What is counted and waits never takes more than this.
    fn with_room_for(most: usize) -> Self {
        Self {
            kinds: Vec::with_capacity(most),
            places: HashTable::with_capacity(most),
            of_clients: HashTable::with_capacity(most),
            waiting: Vec::with_capacity(most.min(MOST_WAITING)),
            others: 0,
            interval_began: None,
        }
    }

    fn place(&self, key: u64) -> Option<usize> {
        self.places.find(key, |(other, _)| *other == key).map(|(_, place)| *place)
    }

    /// Adds a kind, if it is not there, and says where.
    fn add(&mut self, key: u64, client: u64, denial: &Denial<'_>, is_more: bool) -> Option<usize> {
        if let Some(place) = self.place(key) {
            return Some(place);
        }
        let place = self.kinds.len();
        self.kinds.push(Kind { key, client, taken: Taken::new(), logged: 0, counted: 0 });
        self.kinds.last_mut()?.taken.take_down(denial, is_more);
        self.places.insert_unique(key, (key, place), |(key, _)| *key);
        Some(place)
    }

    fn count(&mut self, key: u64, times: u64) {
        if let Some(kind) = self.place(key).and_then(|place| self.kinds.get_mut(place)) {
            kind.counted = kind.counted.saturating_add(times);
        }
    }

    /// Whether anything of a client's is noted.
    fn knows(&self, client: u64) -> bool {
        self.of_clients.find(client, |(other, _)| *other == client).is_some()
    }

    /// So many more kinds are that client's.
    fn count_of_client(&mut self, client: u64, kinds: u32) {
        if let Some((_, count)) = self.of_clients.find_mut(client, |(other, _)| *other == client) {
            *count = count.saturating_add(kinds);
        } else if self.of_clients.len() < MOST_KINDS {
            self.of_clients.insert_unique(client, (client, kinds), |(client, _)| *client);
        }
    }

    /// Gives one of a kind a line, if there is room for it before the next tick.
    fn log(&mut self, place: usize) {
        let Some(kind) = self.kinds.get_mut(place) else { return };
        if self.waiting.len() < MOST_WAITING {
            kind.logged = kind.logged.saturating_add(1);
            self.waiting.push(place);
        } else {
            kind.counted = kind.counted.saturating_add(1);
        }
    }

    /// The lines that wait.
    fn take_waiting(&mut self) -> Vec<Vec<u8>> {
        let kinds = &self.kinds;
        let line = |kind: &Kind| [&b"dynsec: denied"[..], &kind.taken.members()].concat();
        self.waiting.drain(..).filter_map(|place| kinds.get(place).map(line)).collect()
    }

    /// One line for each kind that came again; the others are forgotten. Nothing waits.
    fn sum_up(&mut self) -> Vec<Vec<u8>> {
        let was_full = self.kinds.len() >= MOST_KINDS;
        self.kinds.retain(|kind| kind.counted > 0);
        let mut lines: Vec<Vec<u8>> = self
            .kinds
            .iter_mut()
            .map(|kind| {
                kind.logged = u32::MAX;
                summary(&kind.taken.members(), std::mem::take(&mut kind.counted))
            })
            .collect();
        if self.others > 0 {
            lines.push(summary(b" | (others)", std::mem::take(&mut self.others)));
        }
        if was_full {
            // So that who fills the list does not keep others out of it for ever.
            self.kinds.clear();
        }
        self.places.clear();
        for (place, kind) in self.kinds.iter().enumerate() {
            self.places.insert_unique(kind.key, (kind.key, place), |(key, _)| *key);
        }
        self.of_clients.clear();
        let clients: Vec<u64> = self.kinds.iter().map(|kind| kind.client).collect();
        for client in clients {
            self.count_of_client(client, 0);
        }
        lines
    }
}

fn summary(members: &[u8], times: u64) -> Vec<u8> {
    [&b"dynsec: denied again"[..], members, format!(" | times={times}").as_bytes()].concat()
}

#[cfg(test)]
mod tests;
