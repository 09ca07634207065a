//! Logins that are verified by workers and answered at a tick, where the broker can wait (2.1).

use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Plugin, SessionId};
use crate::bell::Bell;
use crate::injection::panic_point;
use crate::logins::{Attempt, Attempts, Found, Pending, Verified, VerifiedLogins};
use crate::options::LoginMode;
use crate::panics::caught;
use crate::password::PasswordHash;
use crate::policy::{Effect, LoginRequest, NotLoggedIn, Subject};
use crate::rehash::{LoggedIn, Rehash};
use crate::sessions::{Login, Sessions};
use crate::workers::Submitter;

/// For how long logins are answered in a tick, one of them at least: letting one in takes the broker some tens of
/// microseconds.
const SLICE: Duration = Duration::from_millis(1);

/// Whether the broker can wait for the verdict on a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// It cannot: it is 2.0.
    Impossible,
    /// It cannot and need not: this is another thread than its own. 2.1 asks there about requests to `http_api` listeners,
    /// which are no connections, and gives no address of theirs.
    Elsewhere,
    /// It can: the client speaks MQTT 3.1.1 or before.
    Safe,
    /// It can, but if the client has a Will Delay and leaves before, 2.1.2 crashes: it speaks MQTT 5.0.
    Risky,
}

/// What a login is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LoginAnswer {
    /// This.
    Now(Effect),
    /// It is refused unseen, since there are too many, and may be tried again later.
    Busy,
    /// At a later tick: [`Broker::complete_login`](crate::broker::Broker::complete_login).
    Later,
}

/// What the broker's thread and workers need to verify logins.
#[derive(Clone)]
pub(super) struct Verifier {
    pub(super) pending: Arc<Pending>,
    /// Passwords that need not be hashed to be verified.
    pub(super) verified: Arc<VerifiedLogins>,
    /// Who fails to log in.
    pub(super) attempts: Arc<Attempts>,
    pub(super) rehash: Arc<Rehash>,
    pub(super) sessions: Arc<Mutex<Sessions>>,
    pub(super) bell: Arc<Bell>,
}

impl Verifier {
    /// Gives workers something to do, and says whether there is at least one.
    fn set_to_work(&self, submitter: &Submitter, most: usize) -> bool {
        while self.pending.wants_worker(most) {
            if !self.submit(submitter) {
                self.pending.lost_worker();
                break;
            }
        }
        !self.pending.is_stuck()
    }

    /// A job that goes to the end of the queue after each login, or a few of them: between them the threads do what else
    /// there is.
    fn submit(&self, submitter: &Submitter) -> bool {
        let (verifier, again) = (self.clone(), submitter.clone());
        submitter.submit(move || while verifier.verify_next() && !verifier.submit(&again) {}).is_ok()
    }

    fn verify_next(&self) -> bool {
        let attempts = self.pending.next();
        if attempts.is_empty() {
            return false;
        }
        // If that panics, each is hashed alone.
        let hashed = caught(|| self.hash_together(&attempts)).unwrap_or_default();
        let hashed = hashed.into_iter().chain(iter::repeat(None));
        let mut logged_in = Vec::new();
        let verified: Vec<Found> = iter::zip(&attempts, hashed)
            .map(|((_, attempt), is_right)| {
                let found = caught(|| {
                    panic_point("a login that waits, being verified");
                    self.verify(attempt, is_right, &mut logged_in)
                });
                found.unwrap_or_else(Found::Panicked)
            })
            .collect();
        // If that panics, the old hashes do.
        let _ = caught(|| self.rehash.after_logins(&logged_in, thread::yield_now));
        for ((generation, attempt), found) in attempts.into_iter().zip(verified) {
            self.pending.found(generation, attempt, found);
        }
        self.bell.ring();
        true
    }

    /// Whether these passwords are right, for those of several that have to be hashed to know it.
    fn hash_together(&self, attempts: &[(u64, Attempt)]) -> Vec<Option<bool>> {
        if attempts.len() < 2 {
            return Vec::new();
        }
        let hashed: Vec<bool> = attempts.iter().map(|(_, attempt)| self.known(attempt).is_none()).collect();
        let tries: Vec<_> = attempts
            .iter()
            .zip(&hashed)
            .filter(|(_, hashed)| **hashed)
            .map(|((_, attempt), _)| (&attempt.hash, attempt.password.as_bytes()))
            .collect();
        let mut verdicts = PasswordHash::verify_each(&tries, thread::yield_now).into_iter();
        hashed.into_iter().map(|hashed| if hashed { verdicts.next() } else { None }).collect()
    }

    /// What is found without hashing.
    fn known(&self, attempt: &Attempt) -> Option<Found> {
        let Attempt { username, address, password, hash, client, .. } = attempt;
        let (password, address) = (password.as_bytes(), address.as_deref());
        let stamp = client.as_ref().map(|(_, stamp)| *stamp);
        // Perhaps by another login that came before it.
        let was_verified = stamp.is_some_and(|stamp| self.verified.matches(username, password, stamp));
        if was_verified && !self.rehash.is_due(hash) {
            return Some(Found::Right);
        }
        // What was verified is not locked out, only not hashed again.
        let unseen = if was_verified { Found::Right } else { Found::LockedOut };
        self.attempts.is_locked_out(username, address, Instant::now()).then_some(unseen)
    }

    /// The logins that were hashed together are looked at one by one, as if each had been hashed after those before it: so
    /// their failures count as they would. Those whose passwords are right come into `logged_in`.
    fn verify<'a>(
        &self,
        attempt: &'a Attempt,
        is_right: Option<bool>,
        logged_in: &mut Vec<LoggedIn<'a>>,
    ) -> Found {
        if let Some(found) = self.known(attempt) {
            return found;
        }
        let Attempt { username, address, password, hash, client, .. } = attempt;
        let (password, address) = (password.as_bytes(), address.as_deref());
        let is_right = is_right.unwrap_or_else(|| hash.verify_giving_way(password, thread::yield_now));
        match client {
            Some((client, stamp)) if is_right => {
                let is_connected = |username: &[u8]| self.sessions.lock().is_connected(username);
                self.verified.remember(&client.username, password, *stamp, is_connected);
                logged_in.push(LoggedIn { client, hash, password });
                self.attempts.succeeded(username, address, Instant::now());
                Found::Right
            }
            _ => {
                self.attempts.failed(username, address, Instant::now());
                Found::Wrong
            }
        }
    }
}

impl Plugin {
    /// Whether a login may be answered later.
    pub(super) fn may_delay(&self, delay: Delay) -> bool {
        let may = match (self.login_mode, delay) {
            (LoginMode::Sync, _)
            | (_, Delay::Impossible | Delay::Elsewhere)
            | (LoginMode::Auto, Delay::Risky) => false,
            (LoginMode::Auto | LoginMode::Delayed, Delay::Safe) | (LoginMode::Delayed, Delay::Risky) => true,
        };
        may && self.has_ticked() && !self.is_reloading()
    }

    /// Has a login verified by a worker; `None` if nobody can: then it has to be verified at once.
    pub(super) fn verify_later(&self, attempt: Attempt) -> Option<Result<(), TooMany>> {
        let clientid = Arc::clone(&attempt.clientid);
        if !self.verifier.pending.begin(attempt) {
            return Some(Err(TooMany));
        }
        panic_point("a login that waits, given to workers");
        if self.verifier.set_to_work(&self.workers.submitter(), self.workers.threads()) {
            return Some(Ok(()));
        }
        self.verifier.pending.void(&clientid);
        None
    }

    /// Answers the logins that were verified by now. The broker sends wills, asks for rights and tells of
    /// disconnects before each returns: nothing is locked.
    pub(super) fn complete_logins(&self) {
        let pending = &self.verifier.pending;
        let start = self.broker.now();
        while let Some(verified) = pending.take_found() {
            // Whatever happens, it has to be answered: else the client would wait for ever.
            let is_let_in = caught(|| self.tell_verdict(&verified)).unwrap_or_else(|panicked| {
                self.report_bug("a login", &panicked);
                false
            });
            self.broker.complete_login(&verified.attempt.clientid, is_let_in);
            if self.broker.now().saturating_duration_since(start) >= SLICE {
                break;
            }
        }
        pending.tick();
        if pending.has_found() {
            self.bell.ring();
        }
    }

    /// Whether a login that was verified is let in. The log and what counts logins are told.
    fn tell_verdict(&self, verified: &Verified) -> bool {
        panic_point("a login that waits, its verdict being told");
        if let Found::Panicked(panicked) = &verified.found {
            self.report_bug("a login", panicked);
        }
        let attempt = &verified.attempt;
        let Some(reason) = self.why_refused(verified) else {
            self.metrics.login_allowed();
            self.verifier.pending.let_in(attempt.session);
            return true;
        };
        let request = LoginRequest {
            subject: Subject::known(Some(&attempt.username), Some(&attempt.clientid)),
            address: attempt.address.as_deref(),
            password: None,
        };
        self.note_denied_login(&request, reason, Effect::Deny, false);
        false
    }

    fn why_refused(&self, Verified { attempt, found, .. }: &Verified) -> Option<NotLoggedIn> {
        if self.broken.load(Ordering::Acquire) {
            return Some(NotLoggedIn::InternalError);
        }
        match (found, &attempt.client) {
            (Found::Right, Some((_, stamp))) => {
                // What was verified may not be the client's password any more, or the client may not log in.
                let is_as_before = self.policy.read().login_stamp(&attempt.username) == Some(*stamp);
                (!is_as_before).then_some(NotLoggedIn::ClientChanged)
            }
            (Found::LockedOut, _) => Some(NotLoggedIn::LockedOut),
            (Found::Panicked(_), _) => Some(NotLoggedIn::InternalError),
            (Found::Right | Found::Wrong, _) => Some(attempt.reason),
        }
    }

    /// A client is connected: if its login was delayed, it counts from now on.
    pub(super) fn delayed_login_is_over(&self, session: SessionId, clientid: &[u8]) {
        let let_in = self.verifier.pending.came(session);
        let Some(let_in) = let_in.filter(|let_in| *let_in.clientid == *clientid) else { return };
        self.sessions.lock().logged_in(&Login {
            session,
            username: Some(&let_in.username),
            clientid,
            address: let_in.address.as_deref(),
            is_others: false,
        });
    }

    /// Whether what is asked about is the will of a client that left before its login was answered: its username is gone
    /// by then. Others of its client id, connected, absent or on an `http_api` listener, are not concerned.
    pub(super) fn is_of_no_login(&self, session: SessionId) -> bool {
        self.verifier.pending.is_no_login(session)
    }

    /// Whether somebody of that name, or that client id, waits for its login.
    pub(super) fn has_login_pending(&self, username: Option<&[u8]>, clientid: Option<&[u8]>) -> bool {
        self.verifier.pending.is_waiting(username, clientid)
    }
}

/// As much waits as may.
pub(super) struct TooMany;
