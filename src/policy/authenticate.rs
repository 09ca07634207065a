//! [`Policy::authenticate`]: who may log in, up to comparing the password, which takes long and is
//! the caller's to do where it likes.

use std::sync::Arc;

use super::{Client, LoginRequest, LoginStamp, Password, Policy};
use crate::password::PasswordHash;

/// How far the policy can decide a login.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub enum LoginVerdict<'p> {
    /// Not for us to say: the next plugin or `password_file` decides.
    Defer,
    /// The client may not log in.
    Refuse(LoginRefusal),
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

/// Why a client may not log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// It is disabled.
    ClientDisabled,
    /// It may log in with another client id only.
    ClientIdMismatch,
    /// It has no password.
    NoPassword,
    /// The file holds a password that nothing can be compared with.
    UnusablePassword,
    /// The password is wrong.
    WrongPassword,
}

impl LoginRefusal {
    /// The name in answers and log lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientDisabled => "clientDisabled",
            Self::ClientIdMismatch => "clientidMismatch",
            Self::NoPassword => "noPassword",
            Self::UnusablePassword => "unusablePassword",
            Self::WrongPassword => "wrongPassword",
        }
    }
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
            return LoginVerdict::Refuse(LoginRefusal::ClientDisabled);
        }
        if let Some(bound) = client.clientid()
            && request.subject.clientid.get() != Some(bound.as_bytes())
        {
            return LoginVerdict::Refuse(LoginRefusal::ClientIdMismatch);
        }
        match &client.password {
            Password::Hash(hash) => LoginVerdict::Verify { client, hash, stamp },
            Password::Unusable => LoginVerdict::Refuse(LoginRefusal::UnusablePassword),
            password if password.is_for_others(self.compat()) => LoginVerdict::Defer,
            Password::None => LoginVerdict::Refuse(LoginRefusal::NoPassword),
        }
    }
}
