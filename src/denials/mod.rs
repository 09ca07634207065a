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
use crate::policy::{AclRequest, Action, Decision, Effect, Hashed, Subject, TextKeys};

use again::Again;
pub(crate) use line::Denial;
use table::{LOGINS_AT_ONCE, OfTopic, Table};

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

/// What is known of a denied action that may be denied again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AskedAgain {
    /// The generation of the policy that decided, if nothing else did.
    pub(crate) generation: Option<u64>,
    /// What [`Denials::note_again`] is to know it by, if it is remembered.
    pub(crate) id: Option<u64>,
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

    /// Counts an action that is remembered by that `id`; false if it was not noted by it in this interval, or is not known any
    /// more.
    #[inline]
    pub(crate) fn note_again(&self, id: u64) -> bool {
        self.again.count(id)
    }

    /// Notes a denied action that is wanted. It may be one of a flood of ever other topics, or clients, so `why` it is denied is
    /// asked for only if it may be one of those that are told apart, and that is not known yet.
    pub(crate) fn note_action<'a>(
        &self,
        hashed: &Hashed<'a>,
        AskedAgain { generation, id }: AskedAgain,
        why: impl FnOnce() -> Decision<'a>,
        address: impl FnOnce() -> Option<&'a [u8]>,
    ) {
        self.in_use.store(true, Ordering::Release);
        // The broker is asked for the client id once.
        let Subject { username, clientid } = hashed.request.subject;
        let subject = Subject::known(username, clientid.get());
        let client = self.key_of_client(hashed.request.action, &subject);
        let topic = OfTopic { key: self.keys.hash_pair(client, hashed.topic()), generation };
        let kind = || {
            let decision = why();
            let denial = Denial::of_action(&AclRequest { subject, ..hashed.request }, &decision, address());
            (self.key_of_action(topic.key, &denial), denial)
        };
        let actions = &mut self.state.lock().actions;
        let counted_for = actions.note(client, Some(topic), 0, kind);
        if let Some(id) = id {
            let (kind, times) = self.again.know(id, counted_for);
            actions.count(kind, times);
        }
    }

    /// Notes a login that is not granted.
    pub(crate) fn note_login(&self, denial: &Denial<'_>) {
        self.in_use.store(true, Ordering::Release);
        let mut state = self.state.lock();
        let logins = match denial {
            Denial { of_reload: true, .. } => &mut state.logins_of_reloads,
            Denial { deferred: true, .. } => &mut state.deferred_logins,
            _ => &mut state.refused_logins,
        };
        let address = self.origins.hash_one(Origin::of(denial.address));
        logins.note(address, None, LOGINS_AT_ONCE, || (self.key_of_login(denial), *denial));
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

    /// A client's denials of one action share the room with those of others.
    fn key_of_client(&self, action: Action, subject: &Subject<'_>) -> u64 {
        let names = [subject.clientid.get(), subject.username];
        self.keys.hash_all_after(self.keys.hash_pair(action as u64, 0), names)
    }

    /// The kind of a denied action, of a client on a topic: it is no other for its address.
    fn key_of_action(&self, of_topic: u64, denial: &Denial<'_>) -> u64 {
        let Denial { reason, group, role, acl, .. } = *denial;
        let deferred = denial.deferred.then_some(&b"deferred"[..]);
        self.keys.hash_all_after(of_topic, [Some(reason.as_bytes()), group, role, acl, deferred])
    }

    /// Who is locked out at several addresses is told apart there.
    fn key_of_login(&self, denial: &Denial<'_>) -> u64 {
        let Denial { clientid, username, address, reason, .. } = *denial;
        let deferred = denial.deferred.then_some(&b"deferred"[..]);
        self.keys.hash_all([clientid, username, address, Some(reason.as_bytes()), deferred])
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
mod action_tests;
#[cfg(test)]
mod tests;
