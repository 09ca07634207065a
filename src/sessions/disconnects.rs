//! Whom to disconnect, and when.
//!
//! A client that a change concerns is disconnected two ticks after the response, so that the response
//! and what the broker still owes it get out. By then it may have come back on its own, under the new
//! policy: it is not disconnected again. Clients are disconnected by their ids, a few at a tick: by
//! username the broker looks at every socket, and without one at those that have not said a name yet.
//!
//! By id the broker also finds the session of an absent client. 2.0 notes a second time when that is to expire, and reads
//! and writes what it has freed once it has. So a client id is given to the broker only while its connection is known to
//! be there.

use std::sync::Arc;

use super::waiting::{Leaving, Reasons};
use super::{Kick, SessionId, Sessions};
use crate::control::Disconnect;
use crate::policy::Crowd;

/// How many ticks after a response the disconnects it caused come: a client that is disconnected on
/// the very next tick loses its own response on 2.0.
const TICKS_TO_WAIT: u64 = 2;

/// How many clients are disconnected by id at a time, at about 20 µs each.
pub(super) const BY_ID: usize = 16;

/// How many usernames without known connections are disconnected at a time: the broker looks at
/// every socket for each.
const BY_NAME: usize = 2;

/// How many usernames are disconnected at a tick of which perhaps nobody is there: messages for the sessions of absent clients
/// look as if they were for them.
const BY_NAME_LATE: usize = 1;

/// Of how many connections and names it is found out at a time whether they belong to a crowd, at about 2 µs each.
const CHECKED: usize = 128;

/// A disconnect that waits for its time.
#[derive(Debug)]
pub(super) struct Due {
    tick: u64,
    whom: Disconnect,
    /// The count of logins when it was decided: who came later came under the new policy.
    logins: u64,
}

/// A crowd of which those are looked for who are connected.
#[derive(Debug)]
pub(super) struct Search {
    crowd: Arc<Crowd>,
    /// As in [`Due`].
    logins: u64,
    among: Vec<SessionId>,
    /// Usernames of whom not all connections are known.
    usernames: Vec<Arc<[u8]>>,
    /// How many of all connections had come by then.
    arrivals: u64,
}

impl Sessions {
    /// A client acts that no login has shown, so that its certificate has let it in, under a username that
    /// may not connect any more: it is disconnected at the next tick.
    pub(crate) fn disconnect_uninvited(&mut self, username: &[u8], clientid: &[u8]) {
        // By name, since not every connection is known. Only where others have let in clients of that name too, the one
        // that is meant has to be told from them; if it is not known, it is nothing but a session, as far as can be told.
        if !self.has_others(username) {
            let uninvited = Some(self.logins);
            self.waiting.add_name(username, Reasons { change: None, uninvited });
        } else if let Some(session) = self.open.of_clientid(clientid)
            && session.username() == Some(username)
            && session.login.is_none()
        {
            self.waiting.add(session);
        }
    }

    /// Whether others have let in a client of that name.
    fn has_others(&self, username: &[u8]) -> bool {
        self.open.of(Some(username)).any(|session| session.is_others)
    }

    /// How many logins there were so far.
    pub(crate) fn logins(&self) -> u64 {
        self.logins
    }

    /// Notes disconnects, to be had from [`Self::tick`] in time, of those who had come when there were that
    /// many logins: who came later came under the new policy.
    pub(crate) fn disconnect_later(
        &mut self,
        disconnects: impl IntoIterator<Item = Disconnect>,
        logins: u64,
    ) {
        let tick = self.ticks.saturating_add(TICKS_TO_WAIT);
        self.due.extend(disconnects.into_iter().map(|whom| Due { tick, whom, logins }));
    }

    /// Whether somebody is still to be disconnected.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty() || self.has_ready() || self.waiting.has_late()
    }

    /// Time passes. Whom to disconnect now, [`Self::next`] says; there may be [`Self::more`].
    pub(crate) fn tick(&mut self) {
        self.ticks = self.ticks.saturating_add(1);
        while self.due.front().is_some_and(|due| due.tick <= self.ticks) {
            if let Some(due) = self.due.pop_front() {
                self.resolve(&due);
            }
        }
        self.waiting.allow_late(BY_NAME_LATE);
        self.more();
    }

    /// Has [`Self::next`] say whom else to disconnect, well under a millisecond's worth of them; perhaps nobody, though
    /// there are some ([`Self::has_ready`]).
    pub(crate) fn more(&mut self) {
        self.search(CHECKED);
        self.waiting.allow(BY_ID, BY_NAME);
    }

    /// Whether [`Self::more`] has something to do.
    pub(crate) fn has_ready(&self) -> bool {
        !(self.searches.is_empty() && self.waiting.is_empty())
    }

    /// Has [`Self::next`] say whom to disconnect of all that waits.
    pub(crate) fn all_due(&mut self) {
        while let Some(due) = self.due.pop_front() {
            self.resolve(&due);
        }
        self.search(usize::MAX);
        self.waiting.allow(usize::MAX, usize::MAX);
        self.waiting.allow_late(usize::MAX);
    }

    /// Whom to disconnect next. It is asked for right before, since each disconnect may end other connections.
    pub(crate) fn next(&mut self) -> Option<Kick> {
        loop {
            while let Some(Leaving { session, arrival, clientid }) = self.waiting.next_id() {
                // Should it stay all the same, the next change finds it again.
                if self.open.get(session).is_some_and(|session| session.arrival == arrival) {
                    return Some(Kick::ClientId(clientid));
                }
            }
            let (username, reasons) = match self.waiting.next_name() {
                None if self.searches.is_empty() => self.waiting.next_late()?,
                name => name?,
            };
            if self.leave(&username, reasons) {
                self.unrecorded.forget_username(&username);
                return Some(Kick::Username(username.to_vec()));
            }
        }
    }

    /// Looks at so many connections, and names of which not all are known, whether they belong to a crowd that is to be
    /// disconnected.
    ///
    /// Certificate identities that have not shown themselves yet are left alone: they have done nothing, and what
    /// they do will be under the new policy.
    fn search(&mut self, mut most: usize) {
        while most > 0
            && let Some(search) = self.searches.front_mut()
        {
            let looked_at = take_last(&mut search.among, &mut most);
            let usernames = take_last(&mut search.usernames, &mut most);
            let (crowd, logins, arrivals) = (Arc::clone(&search.crowd), search.logins, search.arrivals);
            if search.usernames.is_empty() && search.among.is_empty() {
                self.searches.pop_front();
            }
            let reasons = Reasons { change: Some(logins), uninvited: None };
            for username in usernames.iter().filter(|username| crowd.has(username)) {
                if self.unrecorded.acts(username) {
                    self.waiting.add_name(username, reasons);
                } else {
                    self.waiting.add_late(username, reasons);
                }
            }
            for id in looked_at {
                let Some(session) = self.open.get(id) else { continue };
                let came_later =
                    session.arrival > arrivals || session.login.is_some_and(|login| login > logins);
                if !came_later && session.username().is_some_and(|username| crowd.has(username)) {
                    self.waiting.add(session);
                }
            }
        }
    }

    fn resolve(&mut self, due: &Due) {
        let change = Some(due.logins);
        match &due.whom {
            Disconnect::Anonymous => _ = self.concerns(None, due.logins),
            Disconnect::Username(username) => {
                if self.concerns(Some(username.as_bytes()), due.logins) {
                    self.waiting.add_name(username.as_bytes(), Reasons { change, uninvited: None });
                }
            }
            Disconnect::Crowd(crowd) => {
                let (crowd, among) = (Arc::clone(crowd), self.open.ids().collect());
                for username in self.undecided.usernames().filter(|username| crowd.has(username)) {
                    self.waiting.add_name(username, Reasons { change, uninvited: None });
                }
                let usernames = self.unrecorded.usernames().cloned().collect();
                let arrivals = self.open.arrivals();
                self.searches.push_back(Search { crowd, logins: due.logins, among, usernames, arrivals });
            }
        }
    }

    /// Whether the clients of a name are to be disconnected by it. If not, those who have to leave are disconnected by id.
    fn leave(&mut self, username: &[u8], reasons: Reasons) -> bool {
        // Who has come since shows that the name may be used again.
        let is_barred = |logins| {
            let mut of_name = self.open.of(Some(username));
            !of_name.any(|session| session.is_others || session.login.is_some_and(|login| login > logins))
        };
        reasons.uninvited.is_some_and(is_barred)
            || reasons.change.is_some_and(|logins| self.concerns(Some(username), logins))
    }

    /// A change concerns the clients of a name, or the anonymous ones, who had come when there were so many logins. Whether
    /// they are to be disconnected by name; if not, they are by id.
    fn concerns(&mut self, username: Option<&[u8]>, logins: u64) -> bool {
        let mut leaving = Vec::new();
        let mut all_logged_in = true;
        let mut one_came_later = false;
        for session in self.open.of(username) {
            all_logged_in &= session.login.is_some();
            if session.login.is_none_or(|login| login <= logins) {
                leaving.push(session);
            } else {
                one_came_later = true;
            }
        }
        // Certificate identities do not log in here, and may not have shown themselves: the broker finds them by
        // name, and with them all others of that name, so it is not asked to if one of these is to stay. Without
        // a name it would find whoever has connected and not said who it is yet: it is never asked for those.
        let maybe_more = !one_came_later && (leaving.is_empty() || !all_logged_in);
        if username.is_some_and(|username| maybe_more || self.is_unsure_of(username)) {
            return true;
        }
        leaving.sort_unstable_by_key(|session| (session.login, session.arrival));
        for session in leaving {
            self.waiting.add(session);
        }
        false
    }

    /// Whether one of that name may be connected that is not known.
    fn is_unsure_of(&self, username: &[u8]) -> bool {
        self.undecided.has_username(username)
            || self.asked_about.has_username(username)
            || self.unrecorded.has_username(username)
    }
}

/// The last `most` elements, by which there are less to take then.
fn take_last<T>(elements: &mut Vec<T>, most: &mut usize) -> Vec<T> {
    let rest = elements.len().saturating_sub(*most);
    let taken = elements.split_off(rest);
    *most = most.saturating_sub(taken.len());
    taken
}
