//! What the broker asks, borrowed from it for the time of the call.

use std::fmt;

use super::Action;

/// Who it is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The username; `None` is an anonymous client.
    pub username: Option<&'a [u8]>,
    /// The MQTT client id, for `%c`.
    pub clientid: ClientIdOf<'a>,
}

/// A client id that may still have to be asked for. Few decisions depend on it, and finding out takes a part of the time of
/// those that do not.
#[derive(Clone, Copy)]
pub enum ClientIdOf<'a> {
    /// It is known, or it is known that there is none.
    Known(Option<&'a [u8]>),
    /// This knows it.
    Asked(&'a dyn KnowsClientId),
}

/// Whoever can say what a client's id is.
pub trait KnowsClientId {
    /// The MQTT client id, the same each time.
    fn clientid(&self) -> Option<&[u8]>;
}

impl<'a> Subject<'a> {
    /// One of whom both is known.
    #[must_use]
    pub const fn known(username: Option<&'a [u8]>, clientid: Option<&'a [u8]>) -> Self {
        Self { username, clientid: ClientIdOf::Known(clientid) }
    }
}

impl<'a> ClientIdOf<'a> {
    /// The client id.
    #[inline]
    #[must_use]
    pub fn get(self) -> Option<&'a [u8]> {
        match self {
            Self::Known(clientid) => clientid,
            Self::Asked(whom) => whom.clientid(),
        }
    }
}

impl fmt::Debug for ClientIdOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// May this client do that?
#[derive(Clone, Copy, Debug)]
pub struct AclRequest<'a> {
    /// Who.
    pub subject: Subject<'a>,
    /// What.
    pub action: Action,
    /// The topic of a publish, or the topic filter of a subscription.
    pub topic: &'a [u8],
}

/// May this client log in?
#[derive(Clone, Copy)]
pub struct LoginRequest<'a> {
    /// Who.
    pub subject: Subject<'a>,
    /// The network address that the client connects from, where the broker tells it.
    pub address: Option<&'a [u8]>,
    /// The password; the broker hands over none where it is missing or empty.
    pub password: Option<&'a [u8]>,
}
