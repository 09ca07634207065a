//! The denial log: who was denied what, and why. The first of a kind is logged at once, what comes again is counted and
//! summed up once an interval. Memory is bounded, whatever clients try.
//!
//! Where a denial is decided it is only taken down, in memory that is there already. Lines are made and written later, from a
//! safe place: the broker's log re-enters the plugin where somebody subscribes to `$SYS/broker/log`.

mod again;
mod line;
mod table;
mod taken;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::origin::Origin;
use crate::policy::{Action, Effect, Subject, TextKeys};

use again::Again;
pub(crate) use line::Denial;
use table::Table;

/// How many kinds of denied actions are told apart in an interval, how many of logins that are left to others, and how many
/// of those that reloads ask for.
const MOST_KINDS: usize = 256;
/// How many kinds of refused logins: whoever fills this room has to come from many addresses.
const MOST_REFUSED_LOGINS: usize = 512;

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
    origins: RandomState,
}

/// Each of these has a room of its own, so that nobody keeps one of them out of the log by another that is to be had for
/// less. A client can try to log in with as many usernames as it likes; that those are refused here is for who has one. A
/// reload has the logins of all clients asked for at once.
#[derive(Debug)]
struct State {
    /// A client shares their room with others.
    actions: Table,
    /// An address shares theirs.
    refused_logins: Table,
    deferred_logins: Table,
    logins_of_reloads: Table,
    interval_began: Option<Instant>,
}

impl Denials {
    pub(crate) fn new(settings: Settings) -> Self {
        let table = |room, of_others| Table::with_room_for(if settings.wanted { room } else { 0 }, of_others);
        let state = State {
            actions: table(MOST_KINDS, " | (others)"),
            refused_logins: table(MOST_REFUSED_LOGINS, " | login | (others)"),
            deferred_logins: table(MOST_KINDS, " | login | (others) | deferred"),
            logins_of_reloads: table(MOST_KINDS, " | login | (others) | reload"),
            interval_began: None,
        };
        Self {
            settings,
            state: Mutex::new(state),
            in_use: AtomicBool::new(false),
            again: Again::new(settings.wanted),
            keys: TextKeys::of_process(),
            origins: RandomState::new(),
        }
    }

    /// Whether a denied action is to be noted. The broker asks for the reading of its own log lines too, and a line
    /// about that would be the cause of the next.
    pub(crate) fn wants(&self, action: Action, effect: Effect, topic: &[u8]) -> bool {
        self.wants_effect(effect)
            && (action != Action::PublishClientReceive
                || (self.settings.receive && !topic.starts_with(b"$SYS/broker/log/")))
    }

    /// Whether a login that is not granted is to be noted, or an action, as far as that follows from what became of it.
    pub(crate) fn wants_effect(&self, effect: Effect) -> bool {
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
        let actions = &mut self.state.lock().actions;
        if !actions.is_full()
            || actions.knows(self.key_of_client(action.name(), subject.clientid.get(), subject.username))
        {
            return false;
        }
        actions.count_other();
        true
    }

    /// [`Self::note`], for an action that [`Self::note_again`] is to know by `id`.
    pub(crate) fn note_as(&self, id: u64, denial: &Denial<'_>) {
        let state = &mut *self.state.lock();
        let key = self.note_kind(state, denial);
        if state.actions.has(key) {
            let (key, counted) = self.again.know(id, key);
            state.actions.count(key, counted);
        }
    }

    /// Notes a denial that is wanted.
    pub(crate) fn note(&self, denial: &Denial<'_>) {
        self.note_kind(&mut self.state.lock(), denial);
    }

    /// [`Self::note`]; says of what kind it is.
    fn note_kind(&self, state: &mut State, denial: &Denial<'_>) -> u64 {
        self.in_use.store(true, Ordering::Release);
        let key = self.key_of_kind(denial);
        if denial.is_login() {
            let logins = match denial {
                Denial { of_reload: true, .. } => &mut state.logins_of_reloads,
                Denial { deferred: true, .. } => &mut state.deferred_logins,
                _ => &mut state.refused_logins,
            };
            logins.note(key, denial, || self.origins.hash_one(Origin::of(denial.address)));
        } else {
            let client = || self.key_of_client(denial.what, denial.clientid, denial.username);
            state.actions.note(key, denial, client);
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
            if state.tables().iter().all(|table| table.is_empty()) {
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

    fn key_of_client(&self, what: &str, clientid: Option<&[u8]>, username: Option<&[u8]>) -> u64 {
        self.keys.hash_all([Some(what.as_bytes()), clientid, username])
    }

    fn key_of_kind(&self, denial: &Denial<'_>) -> u64 {
        let Denial { what, clientid, username, address, topic, reason, group, role, acl, .. } = *denial;
        // Who is locked out at several addresses is told apart there only at logins: an action is no other for it.
        let address = if denial.is_login() { address } else { None };
        let deferred = denial.deferred.then_some(&b"deferred"[..]);
        let reload = denial.of_reload.then_some(&b"reload"[..]);
        let [what, reason] = [what, reason].map(|text| Some(text.as_bytes()));
        self.keys
            .hash_all([what, clientid, username, address, topic, reason, group, role, acl, deferred, reload])
    }

    /// One line for each kind that came again; the others are forgotten.
    fn sum_up(&self, state: &mut State) -> Vec<Vec<u8>> {
        self.again.forget(|key, counted| state.actions.count(key, counted));
        state.tables().into_iter().flat_map(Table::sum_up).collect()
    }
}

impl State {
    fn tables(&mut self) -> [&mut Table; 4] {
        let Self { actions, refused_logins, deferred_logins, logins_of_reloads, .. } = self;
        [actions, refused_logins, deferred_logins, logins_of_reloads]
    }

    fn take_waiting(&mut self) -> Vec<Vec<u8>> {
        self.tables().into_iter().flat_map(Table::take_waiting).collect()
    }
}

#[cfg(test)]
mod tests;
