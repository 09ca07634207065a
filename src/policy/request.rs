//! What the broker asks, borrowed from it for the time of the call.

use super::Action;

/// Who it is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The username; `None` is an anonymous client.
    pub username: Option<&'a [u8]>,
    /// The MQTT client id, for `%c`.
    pub clientid: Option<&'a [u8]>,
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
