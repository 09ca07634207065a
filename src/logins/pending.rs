//! [`Pending`]: logins that workers verify while the broker goes on (2.1's delayed logins).
//!
//! An attempt is known by its connection and a generation: a verdict that is not of the last attempt of that connection, or
//! of its client id, is void. The broker says nothing when a pending client leaves; what remains of it, its will, it then
//! asks about as that connection, without the username. So an attempt stays here for some ticks after it was answered.
//! That its client has left shows when another has its connection's identity, or its client id: then it is not verified
//! any more. Nobody learns anything from what is not verified, so that counts as no failure either.
//!
//! What waits is bounded by its bytes. Workers take turns through the network addresses, so a flood from one of them
//! delays only itself; and no address may have more waiting than there is room left, so none takes all of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::origin::Origin;
use crate::panics::Panicked;
use crate::password::{PasswordHash, Plaintext, at_once};
use crate::policy::{Client, LoginStamp, NotLoggedIn};
use crate::sessions::SessionId;

/// How much may wait, in bytes.
const MOST: usize = 32 << 20;
/// What an attempt takes beside its texts.
const OF_ATTEMPT: usize = 512;
/// How many ticks an answered attempt is remembered: a client that has left is asked about within one.
const REMEMBERED: u64 = 50;

/// A login to be verified.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) session: SessionId,
    pub(crate) clientid: Arc<[u8]>,
    pub(crate) username: Box<[u8]>,
    pub(crate) address: Option<Box<[u8]>>,
    pub(crate) password: Plaintext,
    /// What the password is compared with.
    pub(crate) hash: PasswordHash,
    /// Who logs in if it is the right one; `None` does not exist, or may not, whatever the password.
    pub(crate) client: Option<(Arc<Client>, LoginStamp)>,
    /// Why it is refused otherwise.
    pub(crate) reason: NotLoggedIn,
}

/// What a worker found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Right,
    Wrong,
    LockedOut,
    /// Nothing.
    Panicked(Panicked),
}

/// An attempt with what was found.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) attempt: Attempt,
    pub(crate) found: Found,
    generation: u64,
}

/// A login that the broker has let in.
#[derive(Debug)]
pub(crate) struct LetIn {
    pub(crate) clientid: Arc<[u8]>,
    pub(crate) username: Box<[u8]>,
    pub(crate) address: Option<Box<[u8]>>,
}

/// The attempts that wait, and those of late.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    /// How many attempts are known here: most checks need not look.
    known: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    by_session: HashMap<SessionId, Entry>,
    /// Whose the last attempt of a client id is.
    by_clientid: HashMap<Arc<[u8]>, SessionId>,
    queues: HashMap<Origin, Queue>,
    turns: VecDeque<Origin>,
    found: VecDeque<Verified>,
    waiting: usize,
    /// How many attempts wait.
    attempts: usize,
    workers: usize,
    generation: u64,
    ticks: u64,
}

#[derive(Debug)]
struct Entry {
    generation: u64,
    clientid: Arc<[u8]>,
    username: Box<[u8]>,
    address: Option<Box<[u8]>>,
    /// The tick at which it was answered.
    answered: Option<u64>,
    is_right: bool,
}

#[derive(Debug, Default)]
struct Queue {
    attempts: VecDeque<(u64, Attempt)>,
    waiting: usize,
}

impl Attempt {
    fn weight(&self) -> usize {
        let texts = [self.clientid.len(), self.username.len(), self.password.as_bytes().len()];
        texts.iter().fold(OF_ATTEMPT, |sum, length| sum.saturating_add(*length))
    }
}

impl State {
    /// The next attempt to be verified; `None` if there is none, or it asks for other iterations than are wanted.
    fn next(&mut self, wanted: Option<u32>) -> Option<(u64, Attempt)> {
        while let Some(origin) = self.turns.pop_front() {
            let Some(queue) = self.queues.get_mut(&origin) else { continue };
            let is_other = |(_, attempt): &(u64, Attempt)| attempt.hash.iterations() != wanted;
            if wanted.is_some() && queue.attempts.front().is_some_and(is_other) {
                self.turns.push_front(origin);
                return None;
            }
            let Some((generation, attempt)) = queue.attempts.pop_front() else {
                self.queues.remove(&origin);
                continue;
            };
            let weight = attempt.weight();
            queue.waiting = queue.waiting.saturating_sub(weight);
            if queue.attempts.is_empty() {
                self.queues.remove(&origin);
            } else {
                self.turns.push_back(origin);
            }
            self.waiting = self.waiting.saturating_sub(weight);
            self.attempts = self.attempts.saturating_sub(1);
            if self.waits(generation, &attempt).is_some() {
                return Some((generation, attempt));
            }
        }
        None
    }

    /// What is known of an attempt that is neither answered nor void.
    fn waits(&mut self, generation: u64, attempt: &Attempt) -> Option<&mut Entry> {
        let entry = self.by_session.get_mut(&attempt.session)?;
        (entry.generation == generation && entry.answered.is_none()).then_some(entry)
    }

    /// That client id logs in anew, or not as an attempt.
    fn void(&mut self, clientid: &[u8]) {
        if let Some(session) = self.by_clientid.remove(clientid)
            && let Some(entry) = self.by_session.get_mut(&session)
        {
            entry.is_right = false;
            entry.answered.get_or_insert(self.ticks);
        }
    }

    /// Whoever had that identity of a connection is gone.
    fn gone(&mut self, session: SessionId) -> Option<Entry> {
        let entry = self.by_session.remove(&session)?;
        if self.by_clientid.get(&entry.clientid) == Some(&session) {
            self.by_clientid.remove(&entry.clientid);
        }
        Some(entry)
    }
}

impl Pending {
    /// Takes an attempt in; false if there is no room for it. Any other of that client id or connection is void.
    pub(crate) fn begin(&self, attempt: Attempt) -> bool {
        let mut state = self.state.lock();
        let (weight, origin) = (attempt.weight(), Origin::of(attempt.address.as_deref()));
        let of_origin = state.queues.get(&origin).map_or(0, |queue| queue.waiting);
        if of_origin.saturating_add(weight) > MOST.saturating_sub(state.waiting) {
            return false;
        }
        state.generation = state.generation.saturating_add(1);
        let generation = state.generation;
        let entry = Entry {
            generation,
            clientid: Arc::clone(&attempt.clientid),
            username: attempt.username.clone(),
            address: attempt.address.clone(),
            answered: None,
            is_right: false,
        };
        state.gone(attempt.session);
        state.void(&attempt.clientid);
        state.by_session.insert(attempt.session, entry);
        state.by_clientid.insert(Arc::clone(&attempt.clientid), attempt.session);
        state.waiting = state.waiting.saturating_add(weight);
        state.attempts = state.attempts.saturating_add(1);
        if !state.queues.contains_key(&origin) {
            state.turns.push_back(origin.clone());
        }
        let queue = state.queues.entry(origin).or_default();
        queue.waiting = queue.waiting.saturating_add(weight);
        queue.attempts.push_back((generation, attempt));
        self.known.store(state.by_session.len(), Ordering::Release);
        true
    }

    /// Whether one more worker is wanted, which then counts.
    pub(crate) fn wants_worker(&self, most: usize) -> bool {
        let mut state = self.state.lock();
        let wants = state.workers < most && !state.turns.is_empty();
        if wants {
            state.workers = state.workers.saturating_add(1);
        }
        wants
    }

    /// A worker is gone without having found that there is nothing left.
    pub(crate) fn lost_worker(&self) {
        let mut state = self.state.lock();
        state.workers = state.workers.saturating_sub(1);
    }

    /// Whether nobody works on what waits.
    pub(crate) fn is_stuck(&self) -> bool {
        let state = self.state.lock();
        state.workers == 0 && !state.turns.is_empty()
    }

    /// The next attempts to be verified: one, or as many as should be hashed at once, with the same iterations. If there
    /// are none there is one worker fewer.
    pub(crate) fn next(&self) -> Vec<(u64, Attempt)> {
        let mut state = self.state.lock();
        let most = at_once(state.attempts, state.workers);
        let Some(first) = state.next(None) else {
            state.workers = state.workers.saturating_sub(1);
            return Vec::new();
        };
        let iterations = first.1.hash.iterations();
        let mut attempts = vec![first];
        while iterations.is_some() && attempts.len() < most {
            let Some(next) = state.next(iterations) else { break };
            attempts.push(next);
        }
        attempts
    }

    /// A worker has verified an attempt.
    pub(crate) fn found(&self, generation: u64, attempt: Attempt, found: Found) {
        self.state.lock().found.push_back(Verified { attempt, found, generation });
    }

    /// The next that can be answered. It counts as answered.
    pub(crate) fn take_found(&self) -> Option<Verified> {
        let mut state = self.state.lock();
        loop {
            let verified = state.found.pop_front()?;
            let ticks = state.ticks;
            if let Some(entry) = state.waits(verified.generation, &verified.attempt) {
                entry.answered = Some(ticks);
                return Some(verified);
            }
        }
    }

    /// The verdict on a connection's attempt stands: it is let in.
    pub(crate) fn let_in(&self, session: SessionId) {
        if let Some(entry) = self.state.lock().by_session.get_mut(&session) {
            entry.is_right = true;
        }
    }

    /// Whether more can be answered.
    pub(crate) fn has_found(&self) -> bool {
        !self.state.lock().found.is_empty()
    }

    /// That client id logs in anew, so that an attempt of before is gone.
    pub(crate) fn void(&self, clientid: &[u8]) {
        if self.is_in_use() {
            self.state.lock().void(clientid);
        }
    }

    /// A connection of that identity has come, so that any of before is gone: the login that it had waited for, if it
    /// was let in just now.
    pub(crate) fn came(&self, session: SessionId) -> Option<LetIn> {
        if !self.is_in_use() {
            return None;
        }
        let mut state = self.state.lock();
        let Entry { clientid, username, address, is_right, .. } = state.gone(session)?;
        self.known.store(state.by_session.len(), Ordering::Release);
        is_right.then_some(LetIn { clientid, username, address })
    }

    /// Whether that connection is none, since its login waits, or did until a moment ago.
    pub(crate) fn is_no_login(&self, session: SessionId) -> bool {
        self.is_in_use() && self.state.lock().by_session.contains_key(&session)
    }

    /// Whether somebody of that name, or that client id, waits.
    pub(crate) fn is_waiting(&self, username: Option<&[u8]>, clientid: Option<&[u8]>) -> bool {
        if username.is_none() || !self.is_in_use() {
            return false;
        }
        self.state.lock().by_session.values().any(|entry| {
            entry.answered.is_none()
                && username == Some(&entry.username)
                && clientid.is_none_or(|clientid| *entry.clientid == *clientid)
        })
    }

    /// Time passes: what was answered long ago is forgotten.
    pub(crate) fn tick(&self) {
        if !self.is_in_use() {
            return;
        }
        let mut state = self.state.lock();
        state.ticks = state.ticks.saturating_add(1);
        let ticks = state.ticks;
        // Now and then is enough.
        if ticks.is_multiple_of(16) {
            let State { by_session, by_clientid, .. } = &mut *state;
            by_session
                .retain(|_, entry| entry.answered.is_none_or(|at| ticks.saturating_sub(at) < REMEMBERED));
            by_clientid.retain(|_, session| by_session.contains_key(session));
            self.known.store(state.by_session.len(), Ordering::Release);
        }
    }

    /// The end: nothing more is verified.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock();
        let workers = state.workers;
        *state = State { workers, ..State::default() };
        self.known.store(0, Ordering::Release);
    }

    fn is_in_use(&self) -> bool {
        self.known.load(Ordering::Acquire) > 0
    }
}

#[cfg(test)]
#[path = "pending_tests.rs"]
mod tests;
