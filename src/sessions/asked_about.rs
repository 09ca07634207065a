//! [`AskedAbout`]: sessions that the last reload has asked about and of which no connection is known.

use std::collections::{HashMap, HashSet};

/// The client ids of these sessions, by their usernames. Each may be a connection that came right then.
#[derive(Debug, Default)]
pub(super) struct AskedAbout(HashMap<Box<[u8]>, HashSet<Box<[u8]>>>);

impl AskedAbout {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn add(&mut self, username: &[u8], clientid: &[u8]) {
        self.0.entry(username.into()).or_default().insert(clientid.into());
    }

    /// Whether one has that username.
    pub(super) fn has_username(&self, username: &[u8]) -> bool {
        self.0.contains_key(username)
    }

    /// A client has come: if another connection had its client id, the broker has ended that.
    pub(super) fn came(&mut self, username: Option<&[u8]>, clientid: &[u8]) {
        if let Some(username) = username
            && let Some(clientids) = self.0.get_mut(username)
        {
            clientids.remove(clientid);
            if clientids.is_empty() {
                self.0.remove(username);
            }
        }
    }
}
