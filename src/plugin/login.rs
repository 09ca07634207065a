//! Who may log in: [`Plugin::on_basic_auth`].

use std::sync::atomic::Ordering;

use super::{Plugin, SessionId};
use crate::policy::{Effect, LoginRefusal, LoginRequest, LoginVerdict};
use crate::sessions::Login;

/// The client id of 2.1's `http_api` listener, whose requests are no connections: they have no address.
const HTTP_API: &[u8] = b"http-api";

impl Plugin {
    /// A client logs in with username and password.
    pub fn on_basic_auth(&self, session: SessionId, request: &LoginRequest<'_>) -> Effect {
        if self.broken.load(Ordering::Acquire) {
            return Effect::Deny;
        }
        let (verdict, known) = {
            let policy = self.policy.read();
            let known = request.subject.username.is_some_and(|name| policy.client(name).is_some());
            (policy.authenticate(request), known)
        };
        let effect = match verdict {
            LoginVerdict::Defer => {
                self.note_deferred_login(request, known);
                Effect::Defer
            }
            LoginVerdict::Refuse(refusal) => {
                self.note_denied_login(request, refusal.name(), Effect::Deny);
                Effect::Deny
            }
            LoginVerdict::Verify { client, hash } => match request.password {
                Some(password) if hash.verify(password) => {
                    self.rehash.after_login(&client, &hash, password);
                    Effect::Allow
                }
                _ => {
                    self.note_denied_login(request, LoginRefusal::WrongPassword.name(), Effect::Deny);
                    Effect::Deny
                }
            },
        };
        if effect != Effect::Deny
            && (known || request.subject.username.is_none())
            && (request.subject.clientid != Some(HTTP_API) || request.address.is_some())
        {
            let has_ticked = {
                let mut sessions = self.sessions.lock();
                sessions.logged_in(&Login {
                    session,
                    username: request.subject.username,
                    clientid: request.subject.clientid.unwrap_or_default(),
                    address: request.address,
                });
                sessions.has_ticked()
            };
            if !has_ticked {
                self.save_rehashed();
            }
        }
        effect
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
