//! Who may log in: [`Plugin::on_basic_auth`].

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::delayed::{Delay, LoginAnswer, TooMany};
use super::{Plugin, SessionId};
use crate::broker::BrokerFamily;
use crate::injection::panic_point;
use crate::logins::Attempt;
use crate::password::{PasswordHash, Plaintext};
use crate::policy::{Client, Effect, LoginRequest, LoginStamp, LoginVerdict, NotLoggedIn, Password, Policy};
use crate::rehash::LoggedIn;
use crate::sessions::Login;

/// The client id of requests to 2.1's `http_api` listeners.
pub(super) const HTTP_API: &[u8] = b"http-api";

/// What stands for their address, of which the broker tells nothing: so they are one, and no client is of them.
const OVER_HTTP: &[u8] = b"http_api";

/// What there is to do for a login.
struct Plan {
    /// What is answered, unless there is a hash and the password is the right one.
    otherwise: Verdict,
    /// Whose hash the password is compared with.
    client: Option<(Arc<Client>, LoginStamp)>,
    /// That hash, or one whose work is done so that the time taken tells nothing; `None` if that is known anyway.
    hash: Option<PasswordHash>,
    /// Whether the password was verified before. It is hashed all the same, so that it can be hashed again; but where that may
    /// not be, it passes without.
    was_verified: bool,
    /// Whether the policy has the username, and whether it once had it.
    is_known: bool,
    was_deleted: bool,
}

/// What came of a login.
#[derive(Clone, Copy)]
enum Verdict {
    Allow,
    Deny(NotLoggedIn),
    Defer(NotLoggedIn),
}

impl Verdict {
    fn effect(self) -> Effect {
        match self {
            Self::Allow => Effect::Allow,
            Self::Deny(_) => Effect::Deny,
            Self::Defer(_) => Effect::Defer,
        }
    }

    fn reason(self) -> Option<NotLoggedIn> {
        match self {
            Self::Allow => None,
            Self::Deny(reason) | Self::Defer(reason) => Some(reason),
        }
    }
}

impl Plugin {
    /// A client logs in with username and password, and is answered at once.
    pub fn on_basic_auth(&self, session: SessionId, request: &LoginRequest<'_>) -> Effect {
        match self.on_login(session, request, Delay::Impossible) {
            LoginAnswer::Now(effect) => effect,
            LoginAnswer::Busy | LoginAnswer::Later => Effect::Deny,
        }
    }

    /// A client logs in with username and password, and is perhaps answered later.
    pub fn on_login(&self, session: SessionId, request: &LoginRequest<'_>, delay: Delay) -> LoginAnswer {
        if self.broken.load(Ordering::Acquire) {
            return LoginAnswer::Now(Effect::Deny);
        }
        let has_ticked = self.has_ticked();
        let is_connection = delay != Delay::Elsewhere;
        let of_reload = is_connection && self.is_reloading();
        if is_connection
            && self.self_service.would_overhear(&request.subject, has_ticked, || self.broker.now())
        {
            self.note_denied_login(request, NotLoggedIn::AnswerPending, Effect::Deny, of_reload);
            return LoginAnswer::Now(Effect::Deny);
        }
        // Whoever had this identity of a connection before is gone. Of a client id, a reload asks about absent ones too.
        let _ = self.verifier.pending.came(session);
        if is_connection && !of_reload {
            self.verifier.pending.void(request.subject.clientid.get().unwrap_or_default());
        }
        let plan = {
            let policy = self.policy.read();
            panic_point("a login, the policy being read");
            self.plan(&policy, request, of_reload)
        };
        let Some(verdict) = self.verify(&plan, session, request, delay, of_reload) else {
            return LoginAnswer::Later;
        };
        let effect = verdict.effect();
        match verdict.reason() {
            None => self.metrics.login_allowed(),
            // Without a username it is the broker's to decide.
            Some(reason) if request.subject.username.is_none() => {
                self.metrics.login_not_allowed(reason, effect == Effect::Defer);
            }
            Some(reason) => self.note_denied_login(request, reason, effect, of_reload),
        }
        // Of whom the policy does not know, 2.1 tells when others have let them in.
        let is_recorded = self.family == BrokerFamily::V2_0
            || plan.is_known
            || plan.was_deleted
            || request.subject.username.is_none();
        if effect != Effect::Deny && is_recorded && is_connection {
            let login = Login {
                session,
                username: request.subject.username,
                clientid: request.subject.clientid.get().unwrap_or_default(),
                address: request.address,
                is_others: !plan.is_known && request.subject.username.is_some(),
            };
            let mut sessions = self.sessions.lock();
            if of_reload {
                sessions.asked_again(&login);
            } else if effect == Effect::Allow {
                sessions.logged_in(&login);
            } else {
                sessions.add_undecided(&login);
            }
            drop(sessions);
            if !has_ticked {
                self.save_rehashed();
            }
        }
        match verdict {
            Verdict::Deny(NotLoggedIn::TooManyLogins) => LoginAnswer::Busy,
            _ => LoginAnswer::Now(effect),
        }
    }

    /// Whether logins of that address for that username, or of any address, are refused unseen.
    pub(super) fn locks_out(&self, username: &[u8], address: Option<&[u8]>) -> bool {
        let now = Instant::now();
        match address {
            Some(_) => self.verifier.attempts.is_locked_out(username, address, now),
            None => self.verifier.attempts.is_locked_out_anywhere(username, now),
        }
    }

    fn plan(&self, policy: &Policy, request: &LoginRequest<'_>, of_reload: bool) -> Plan {
        let Some(username) = request.subject.username else {
            return Plan::answer(Verdict::Defer(NotLoggedIn::Anonymous));
        };
        let refusal = match policy.authenticate(request) {
            // What most logins are: they are not looked up twice.
            LoginVerdict::Verify { client, hash, stamp } => {
                let password = request.password.unwrap_or_default();
                let was_verified = self.verifier.verified.matches(username, password, stamp);
                // One that is to be hashed again is looked at once more, but a reload asks for all who are connected at once.
                let is_enough = was_verified && (of_reload || !self.verifier.rehash.is_due(hash));
                self.metrics.looked_up_login(is_enough);
                if is_enough {
                    return Plan { is_known: true, ..Plan::answer(Verdict::Allow) };
                }
                let client = Some((Arc::clone(client), stamp));
                let answer = Plan::answer(Verdict::Deny(NotLoggedIn::WrongPassword));
                return Plan { client, hash: Some(hash.clone()), was_verified, is_known: true, ..answer };
            }
            LoginVerdict::Refuse(refusal) => Some(refusal),
            LoginVerdict::Defer => None,
        };
        let client = policy.client(username);
        let mut plan = Plan::answer(match (refusal, client) {
            (Some(refusal), _) => Verdict::Deny(refusal),
            (None, None) if self.denies_unknown => Verdict::Deny(NotLoggedIn::ClientNotFound),
            (None, None) => Verdict::Defer(NotLoggedIn::ClientNotFound),
            (None, Some(_)) if request.password.is_none() => Verdict::Defer(NotLoggedIn::MissingPassword),
            (None, Some(_)) => Verdict::Defer(NotLoggedIn::NoPassword),
        });
        plan.is_known = client.is_some();
        plan.was_deleted = policy.was_deleted(username);
        if plan.hash.is_none() && request.password.is_some() {
            plan.hash = match client.map(|client| &client.password) {
                Some(Password::Hash(hash)) => Some(hash.clone()),
                _ => Some(policy.decoy(username).unwrap_or(&self.decoy).clone()),
            };
        }
        plan
    }

    /// Compares the password, unless that is not needed or would be too much; `None` if a worker does it.
    fn verify(
        &self,
        plan: &Plan,
        session: SessionId,
        request: &LoginRequest<'_>,
        delay: Delay,
        of_reload: bool,
    ) -> Option<Verdict> {
        let allowed = Some(Verdict::Allow);
        // What comes of a password that nobody may look at now.
        let unseen = |reason| if plan.was_verified { allowed } else { Some(Verdict::Deny(reason)) };
        let otherwise = Some(plan.otherwise);
        let (Some(username), Some(password), Some(hash)) =
            (request.subject.username, request.password, &plan.hash)
        else {
            return otherwise;
        };
        let clientid = request.subject.clientid.get().unwrap_or_default();
        let is_connection = delay != Delay::Elsewhere;
        let address = if is_connection { request.address } else { Some(OVER_HTTP) };
        // SIGHUP: the broker asks for everybody who is connected again.
        let is_again =
            of_reload || (is_connection && self.sessions.lock().is_login_of(session, username, clientid));
        let is_work_of_brokers = is_connection && !is_again;
        if is_again && plan.client.is_none() {
            return otherwise;
        }
        // Whom others may let in is not locked out, but takes no more work than who is.
        let is_left = plan.otherwise.effect() == Effect::Defer;
        let start = Instant::now();
        if is_left && self.verifier.attempts.is_left_unseen(username, address, start) {
            return otherwise;
        }
        if !is_left && !is_again && self.verifier.attempts.is_locked_out(username, address, start) {
            return unseen(NotLoggedIn::LockedOut);
        }
        if !is_again && self.may_delay(delay) {
            // Whom others may let in cannot wait: after that nobody else is asked.
            if is_left {
                return otherwise;
            }
            match plan.attempt(session, request).and_then(|attempt| self.verify_later(attempt)) {
                Some(Ok(())) => return None,
                Some(Err(TooMany)) => return unseen(NotLoggedIn::TooManyLogins),
                None => {}
            }
        }
        if is_work_of_brokers && !self.hashing_budget.allows(address, start) {
            return if is_left { otherwise } else { unseen(NotLoggedIn::TooManyLogins) };
        }
        let is_right = black_box(hash.verify(password));
        let now = Instant::now();
        if is_work_of_brokers {
            self.hashing_budget.spend(address, now.saturating_duration_since(start), now);
        }
        match &plan.client {
            Some((client, stamp)) if is_right => {
                let is_connected = |username: &[u8]| self.sessions.lock().is_connected(username);
                self.verifier.verified.remember(&client.username, password, *stamp, is_connected);
                if !of_reload {
                    self.verifier.rehash.after_logins(&[LoggedIn { client, hash, password }], || ());
                }
                self.verifier.attempts.succeeded(username, address, now);
                allowed
            }
            _ => {
                if is_left {
                    self.verifier.attempts.left_to_others(username, address, now);
                } else if !is_again {
                    self.verifier.attempts.failed(username, address, now);
                }
                otherwise
            }
        }
    }
}

impl Plan {
    fn answer(otherwise: Verdict) -> Self {
        Self { otherwise, client: None, hash: None, was_verified: false, is_known: false, was_deleted: false }
    }

    /// What a worker has to know.
    fn attempt(&self, session: SessionId, request: &LoginRequest<'_>) -> Option<Attempt> {
        Some(Attempt {
            session,
            clientid: request.subject.clientid.get()?.into(),
            username: request.subject.username?.into(),
            address: request.address.map(Into::into),
            password: Plaintext::new(request.password?),
            hash: self.hash.clone()?,
            client: self.client.clone(),
            reason: self.otherwise.reason()?,
        })
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
