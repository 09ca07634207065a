//! [`Unrecorded`]: whom 2.0 has asked about without any login or certificate having shown a connection.
//!
//! A plugin before this one may have let them in, or a pre-shared key. Or it is the session of a client that has left: the
//! broker asks about these as well, and what it tells of them is the same.

use std::collections::HashMap;
use std::sync::Arc;

use super::SessionId;
use super::noted::Noted;

/// Their usernames. They are kept by the address of the broker's structure for each, so they are never more than the broker
/// has had of those at one time.
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    by_session: HashMap<SessionId, Arc<[u8]>>,
    /// Of each whether it has acted. To the session of an absent client messages are sent, and nothing else is asked about it.
    by_username: HashMap<Arc<[u8]>, HashMap<SessionId, bool>>,
    // INVARIANT: what is noted is in `by_session`, with that username.
    noted: Arc<Noted>,
}

impl Unrecorded {
    /// What checks may ask without this.
    pub(super) fn noted(&self) -> &Arc<Noted> {
        &self.noted
    }

    pub(super) fn add(&mut self, session: SessionId, username: &[u8], acts: bool) {
        if self.by_session.get(&session).is_some_and(|known| **known != *username) {
            self.forget(session);
        }
        let known = self.by_username.get_key_value(username).map(|(known, _)| Arc::clone(known));
        let username = known.unwrap_or_else(|| username.into());
        let has_acted =
            self.by_username.entry(Arc::clone(&username)).or_default().entry(session).or_default();
        *has_acted |= acts;
        self.noted.add(session, &username, *has_acted);
        self.by_session.insert(session, username);
    }

    /// It has ended, or what it is is known now.
    pub(super) fn forget(&mut self, session: SessionId) {
        // As it is wherever all log in here: then whoever comes back need not be looked for.
        if self.by_session.is_empty() {
            return;
        }
        let Some(username) = self.by_session.remove(&session) else { return };
        self.noted.forget(session);
        if let Some(sessions) = self.by_username.get_mut(&username) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.by_username.remove(&username);
            }
        }
    }

    /// All of that username who were connected are not any more.
    pub(super) fn forget_username(&mut self, username: &[u8]) {
        for session in self.by_username.remove(username).unwrap_or_default().into_keys() {
            self.by_session.remove(&session);
            self.noted.forget(session);
        }
    }

    /// Whether one has that username.
    pub(super) fn has_username(&self, username: &[u8]) -> bool {
        self.by_username.contains_key(username)
    }

    /// Whether one of that username has acted: it was connected then, and its end has not been told.
    pub(super) fn acts(&self, username: &[u8]) -> bool {
        self.by_username.get(username).is_some_and(|sessions| sessions.values().any(|acts| *acts))
    }

    pub(super) fn usernames(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.by_username.keys()
    }
}
