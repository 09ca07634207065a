//! [`LoginStamp`]: tells whether anything has changed on which a client's login depends.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Client, Policy};

/// Stands for a client's password, client id and disabled flag as they are: each change to one of them, and
/// each time the client is made, gives another one. No two are ever the same in a process, also not of two
/// policies. What does not touch logins, as a change of roles or another hash of the same password
/// ([`Policy::put_rehashed`]), leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginStamp(u64);

impl LoginStamp {
    /// No other stamp's.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// Follows the change of a client.
    pub(super) fn follow(&mut self, old: Option<&Client>, new: &Client) {
        let is_the_same = old.is_some_and(|old| {
            old.disabled == new.disabled && old.clientid() == new.clientid() && old.password == new.password
        });
        if !is_the_same {
            static LAST: AtomicU64 = AtomicU64::new(0);
            *self = Self(LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
        }
    }
}

impl Policy {
    /// The stamp of what a client's login depends on; `None` if there is no such client.
    #[must_use]
    pub fn login_stamp(&self, username: &[u8]) -> Option<LoginStamp> {
        self.client_with_stamp(username).map(|(_, stamp)| stamp)
    }
}
