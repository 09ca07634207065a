//! [`Waiting`]: who is to be disconnected as soon as there is time for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
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

impl Reasons {
    fn add(&mut self, other: Self) {
        self.change = self.change.max(other.change);
        self.uninvited = self.uninvited.max(other.uninvited);
    }
}

/// A name that waits.
#[derive(Debug, Default)]
struct Name {
    reasons: Reasons,
    /// It waits behind all others.
    is_late: bool,
}

/// Connections, and names of which not all connections are known. None is in it twice.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_id: VecDeque<Leaving>,
    /// The arrivals of those.
    arrivals: HashSet<u64>,
    by_name: VecDeque<Arc<[u8]>>,
    /// Those of which perhaps nobody is there. Some have been moved to the others.
    late: VecDeque<Arc<[u8]>>,
    names: HashMap<Arc<[u8]>, Name>,
    /// How many more of each may go now.
    ids_now: usize,
    names_now: usize,
    late_now: usize,
}

impl Waiting {
    /// Whether nothing waits but names that are late.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty() && self.by_name.is_empty()
    }

    /// Whether names wait that are late.
    pub(super) fn has_late(&self) -> bool {
        !self.late.is_empty()
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
        if let Some(name) = self.names.get_mut(username) {
            name.reasons.add(reasons);
            if !mem::take(&mut name.is_late) {
                return;
            }
            return self.by_name.push_back(username.into());
        }
        let username: Arc<[u8]> = username.into();
        self.by_name.push_back(Arc::clone(&username));
        self.names.insert(username, Name { reasons, is_late: false });
    }

    /// The clients of a name of which perhaps nobody is there: they wait behind all others.
    pub(super) fn add_late(&mut self, username: &[u8], reasons: Reasons) {
        if let Some(name) = self.names.get_mut(username) {
            return name.reasons.add(reasons);
        }
        let username: Arc<[u8]> = username.into();
        self.late.push_back(Arc::clone(&username));
        self.names.insert(username, Name { reasons, is_late: true });
    }

    /// So many may go from now on.
    pub(super) fn allow(&mut self, ids: usize, names: usize) {
        (self.ids_now, self.names_now) = (ids, names);
    }

    /// So many of those names may go from now on that are late.
    pub(super) fn allow_late(&mut self, names: usize) {
        self.late_now = names;
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
        let name = self.names.remove(&username).unwrap_or_default();
        Some((username, name.reasons))
    }

    /// The next name that is late, of those that may go now: none as long as others wait.
    pub(super) fn next_late(&mut self) -> Option<(Arc<[u8]>, Reasons)> {
        if !self.is_empty() || self.late_now == 0 {
            return None;
        }
        loop {
            let username = self.late.pop_front()?;
            if self.names.get(&username).is_some_and(|name| name.is_late) {
                self.late_now = self.late_now.saturating_sub(1);
                let name = self.names.remove(&username).unwrap_or_default();
                return Some((username, name.reasons));
            }
        }
    }
}
