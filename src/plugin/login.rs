//! Who may log in: [`Plugin::on_basic_auth`].

use std::sync::atomic::Ordering;

use super::{Plugin, SessionId};
use crate::injection::panic_point;
use crate::policy::{Effect, LoginRefusal, LoginRequest, LoginVerdict};
use crate::sessions::Login;

/// The client id of 2.1's `http_api` listener, whose requests are no connections: they have no address.
pub(super) const HTTP_API: &[u8] = b"http-api";

impl Plugin {
    /// A client logs in with username and password.
    pub fn on_basic_auth(&self, session: SessionId, request: &LoginRequest<'_>) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        if self.own.would_overhear(&request.subject, self.has_ticked.load(Ordering::Relaxed)) {
            return Effect::Deny;
        }
        let username = request.subject.username;
        let (verdict, is_known, was_deleted) = {
            let policy = self.policy.read();
            panic_point("a login, the policy being read");
            let is_known = username.is_some_and(|name| policy.client(name).is_some());
            let was_deleted = username.is_some_and(|name| policy.was_deleted(name));
            (policy.authenticate(request), is_known, was_deleted)
        };
        let effect = match &verdict {
            LoginVerdict::Defer => {
                self.note_deferred_login(request, is_known);
                Effect::Defer
            }
            LoginVerdict::Refuse(refusal) => {
                self.note_denied_login(request, refusal.name(), Effect::Deny);
                Effect::Deny
            }
            LoginVerdict::Verify { .. } => {
                let effect = self.verify(&verdict, request.password.unwrap_or_default());
                if effect == Effect::Deny {
                    self.note_denied_login(request, LoginRefusal::WrongPassword.name(), Effect::Deny);
                }
                effect
            }
        };
        if effect != Effect::Deny
            && (is_known || was_deleted || username.is_none())
            && (request.subject.clientid != Some(HTTP_API) || request.address.is_some())
        {
            let has_ticked = {
                let mut sessions = self.sessions.lock();
                sessions.logged_in(&Login {
                    session,
                    username,
                    clientid: request.subject.clientid.unwrap_or_default(),
                    address: request.address,
                    is_others: was_deleted,
                });
                sessions.has_ticked()
            };
            if !has_ticked {
                self.save_rehashed();
            }
        }
        effect
    }

    /// Compares the password with what the policy holds, unless that was done before.
    fn verify(&self, verdict: &LoginVerdict, password: &[u8]) -> Effect {
        let LoginVerdict::Verify { client, hash, stamp } = verdict else { return Effect::Deny };
        if self.verified.matches(client.username.as_bytes(), password, *stamp) {
            return Effect::Allow;
        }
        if !hash.verify(password) {
            return Effect::Deny;
        }
        let is_connected = |username: &[u8]| self.sessions.lock().is_connected(username);
        self.verified.remember(&client.username, password, *stamp, is_connected);
        self.rehash.after_login(client, hash, password);
        Effect::Allow
    }

    /// Others decide. Clients without a username are left out: the broker lets them in where it is told to.
    fn note_deferred_login(&self, request: &LoginRequest<'_>, known: bool) {
        if request.subject.username.is_some() {
            let reason = match (known, request.password) {
                (false, _) => "clientNotFound",
                (true, None) => "missingPassword",
                (true, Some(_)) => LoginRefusal::NoPassword.name(),
            };
            self.note_denied_login(request, reason, Effect::Defer);
        }
    }
}
