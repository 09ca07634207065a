//! [`Waiting`]: who is to be disconnected as soon as there is time for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::SessionId;
use super::open::Session;

/// A connection that is to be disconnected, and no other that has its client id later.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) session: SessionId,
    pub(super) arrival: u64,
    pub(super) clientid: Vec<u8>,
}

/// Why the clients of a name are to be disconnected, each with the count of logins at that time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reasons {
    /// A change concerns them.
    pub(super) change: Option<u64>,
    /// One of them may not be connected at all.
    pub(super) uninvited: Option<u64>,
}

/// Connections, and names of which not all connections are known. None is in it twice.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_id: VecDeque<Leaving>,
    /// The arrivals of those.
    arrivals: HashSet<u64>,
    by_name: VecDeque<Arc<[u8]>>,
    reasons: HashMap<Arc<[u8]>, Reasons>,
    /// How many more of each may go now.
    ids_now: usize,
    names_now: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.by_name.is_empty()
    }

    /// A connection.
    pub(super) fn add(&mut self, connection: &Session) {
        let (session, arrival) = (connection.id(), connection.arrival);
        if self.arrivals.insert(arrival) {
            self.by_id.push_back(Leaving { session, arrival, clientid: connection.clientid().to_vec() });
        }
    }

    /// The clients of a name.
    pub(super) fn add_name(&mut self, username: &[u8], reasons: Reasons) {
        if let Some(known) = self.reasons.get_mut(username) {
            known.change = known.change.max(reasons.change);
            known.uninvited = known.uninvited.max(reasons.uninvited);
            return;
        }
        let username: Arc<[u8]> = username.into();
        self.by_name.push_back(Arc::clone(&username));
        self.reasons.insert(username, reasons);
    }

    /// So many may go from now on.
    pub(super) fn allow(&mut self, ids: usize, names: usize) {
        (self.ids_now, self.names_now) = (ids, names);
    }

    /// The next connection, of those that may go now.
    pub(super) fn next_id(&mut self) -> Option<Leaving> {
        self.ids_now = self.ids_now.checked_sub(1)?;
        let leaving = self.by_id.pop_front()?;
        self.arrivals.remove(&leaving.arrival);
        Some(leaving)
    }

    /// The next name, of those that may go now.
    pub(super) fn next_name(&mut self) -> Option<(Arc<[u8]>, Reasons)> {
        self.names_now = self.names_now.checked_sub(1)?;
        let username = self.by_name.pop_front()?;
        let reasons = self.reasons.remove(&username).unwrap_or_default();
        Some((username, reasons))
    }
}
