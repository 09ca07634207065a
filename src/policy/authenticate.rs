//! [`Policy::authenticate`]: who may log in, up to comparing the password, which takes long and is
//! the caller's to do where it likes.

use std::sync::Arc;

use super::{Client, LoginRequest, LoginStamp, NotLoggedIn, Password, Policy};
use crate::password::PasswordHash;

/// How far the policy can decide a login.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum LoginVerdict<'p> {
    /// Not for us to say: the next plugin or `password_file` decides.
    Defer,
    /// The client may not log in.
    Refuse(NotLoggedIn),
    /// It may if the password is the hashed one.
    Verify {
        /// The client.
        client: &'p Arc<Client>,
        /// What to compare the password with.
        hash: &'p PasswordHash,
        /// What the verdict rests on.
        stamp: LoginStamp,
    },
}

impl Policy {
    /// Decides a login as far as it can be without hashing.
    ///
    /// Without a username or password, or with a username that the policy does not know, others
    /// decide. Then a disabled client, another client id and the password are looked at, in this
    /// order.
    pub fn authenticate(&self, request: &LoginRequest<'_>) -> LoginVerdict<'_> {
        let (Some(username), Some(_)) = (request.subject.username, request.password) else {
            return LoginVerdict::Defer;
        };
        let Some((client, stamp)) = self.client_with_stamp(username) else { return LoginVerdict::Defer };
        if client.disabled {
            return LoginVerdict::Refuse(NotLoggedIn::ClientDisabled);
        }
        if let Some(bound) = client.clientid()
            && request.subject.clientid.get() != Some(bound.as_bytes())
        {
            return LoginVerdict::Refuse(NotLoggedIn::ClientIdMismatch);
        }
        match &client.password {
            Password::Hash(hash) => LoginVerdict::Verify { client, hash, stamp },
            Password::Unusable => LoginVerdict::Refuse(NotLoggedIn::UnusablePassword),
            password if password.is_for_others(self.compat()) => LoginVerdict::Defer,
            Password::None => LoginVerdict::Refuse(NotLoggedIn::NoPassword),
        }
    }
}
