//! Who may log in: [`Plugin::on_basic_auth`].

use std::sync::atomic::Ordering;

use super::{Plugin, SessionId};
use crate::policy::{Effect, LoginRequest, LoginVerdict};
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
            LoginVerdict::Defer => Effect::Defer,
            LoginVerdict::Refuse(_) => Effect::Deny,
            LoginVerdict::Verify { client, hash } => match request.password {
                Some(password) if hash.verify(password) => {
                    self.rehash.after_login(&client, &hash, password);
                    Effect::Allow
                }
                _ => Effect::Deny,
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
}
