//! Which clients are connected, as far as their logins and certificates show, and whom to disconnect when.
//!
//! A client that a change concerns is disconnected two ticks after the response, so that the response
//! and what the broker still owes it get out. By then it may have come back on its own, under the new
//! policy: it is not disconnected again. Clients are disconnected by their ids, a few at a tick: by
//! username the broker looks at every socket, and without one at those that have not said a name yet.

mod open;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use open::{Open, Session};

use crate::control::{Connection, Disconnect};
use crate::policy::Crowd;

pub use open::SessionId;

/// How many ticks after a response the disconnects it caused come: a client that is disconnected on
/// the very next tick loses its own response on 2.0.
const TICKS_TO_WAIT: u64 = 2;

/// How many clients are disconnected by id at a time, at about 20 µs each.
const BY_ID: usize = 16;

/// How many usernames without known connections are disconnected at a time: the broker looks at
/// every socket for each.
const BY_NAME: usize = 2;

/// Of how many connections it is found out at a time whether they belong to a crowd, at about 2 µs each.
const CHECKED: usize = 128;

/// A disconnect that waits for its time.
#[derive(Debug)]
struct Due {
    tick: u64,
    whom: Disconnect,
    /// The count of logins when it was decided: who came later came under the new policy.
    logins: u64,
}

/// A crowd of which those are looked for who are connected.
#[derive(Debug)]
struct Search {
    crowd: Arc<Crowd>,
    /// As in [`Due`].
    logins: u64,
    among: Vec<SessionId>,
}

/// What to ask of the broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kick {
    /// Every client of that username.
    Username(Vec<u8>),
    /// The client of that id.
    ClientId(Vec<u8>),
}

/// What is known of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing shows that it is connected: it is its session that is asked about, or it was let in without a
    /// login and has not been noticed yet.
    Unseen,
    /// It is connected and has not logged in: its certificate has let it in.
    NoLogin,
    /// It has logged in, under a username that the policy did not know at that time.
    LetInByOthers,
    /// It has logged in as a client of the policy.
    LoggedIn,
}

/// The connections that logins and certificates have shown, and the disconnects to come.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Open,
    due: VecDeque<Due>,
    searches: VecDeque<Search>,
    by_id: VecDeque<Vec<u8>>,
    by_name: VecDeque<Vec<u8>>,
    uninvited: BTreeSet<Kick>,
    logins: u64,
    ticks: u64,
}

/// A login, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login<'a> {
    pub(crate) session: SessionId,
    pub(crate) username: Option<&'a [u8]>,
    pub(crate) clientid: &'a [u8],
    pub(crate) address: Option<&'a [u8]>,
    /// The policy does not know the username: others let it in.
    pub(crate) is_others: bool,
}

impl Sessions {
    /// A client has logged in. One that is known already only had its password asked again (SIGHUP).
    pub(crate) fn logged_in(&mut self, login: &Login<'_>) {
        let count = self.logins.saturating_add(1);
        if self.open.insert(login, Some(count)) {
            self.logins = count;
        }
    }

    /// A client shows that it is connected. If it has not logged in, a certificate has let it in.
    pub(crate) fn is_there(&mut self, login: &Login<'_>) {
        let _is_new = self.open.insert(login, None);
    }

    /// Whether a connection is known.
    pub(crate) fn is_open(&self, session: SessionId) -> bool {
        self.open.get(session).is_some()
    }

    /// How many connections are known.
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    /// A connection has ended.
    pub(crate) fn ended(&mut self, id: SessionId) {
        self.open.remove(id);
    }

    /// Whether an anonymous client of that id is connected.
    pub(crate) fn is_anonymous(&self, clientid: &[u8]) -> bool {
        self.open.of_clientid(clientid).is_some_and(|session| session.username().is_none())
    }

    /// Whether that connection is there, and that client's, who has logged in.
    pub(crate) fn is_login_of(&self, session: SessionId, username: &[u8], clientid: &[u8]) -> bool {
        let session = self.open.get(session).filter(|session| session.login.is_some());
        session.is_some_and(|session| session.is_of(Some(username), clientid))
    }

    /// Whether a client of that name is connected that has logged in here.
    pub(crate) fn is_connected(&self, username: &[u8]) -> bool {
        self.open.of(Some(username)).any(|session| session.login.is_some())
    }

    /// The session of that client, as far as its login showed it.
    pub(crate) fn kind(&self, username: &[u8], clientid: &[u8]) -> Kind {
        let session = self.open.of_clientid(clientid);
        match session.filter(|session| session.username() == Some(username)) {
            None => Kind::Unseen,
            Some(session) if session.login.is_none() => Kind::NoLogin,
            Some(session) if session.is_others => Kind::LetInByOthers,
            Some(_) => Kind::LoggedIn,
        }
    }

    /// A client acts that no login has shown, so that its certificate has let it in, under a username that
    /// may not connect any more: it is disconnected at the next tick.
    pub(crate) fn disconnect_uninvited(&mut self, username: &[u8], clientid: &[u8]) {
        // By name, since another client can have this id by then. Only where others have let in clients of
        // that name too, the one that is meant has to be told from them.
        if !self.open.of(Some(username)).any(|session| session.is_others) {
            self.uninvited.insert(Kick::Username(username.to_vec()));
        } else if self.open.of_clientid(clientid).is_none_or(|session| session.login.is_none()) {
            self.uninvited.insert(Kick::ClientId(clientid.to_vec()));
        }
    }

    /// The connections of a client, in the order of its logins; only that of one client id, if one is given.
    pub(crate) fn connections(&self, username: &[u8], clientid: Option<&[u8]>) -> Vec<Connection> {
        let mut theirs: Vec<&Session> = self
            .open
            .of(Some(username))
            .filter(|session| clientid.is_none_or(|clientid| session.clientid() == clientid))
            .collect();
        theirs.sort_by_key(|session| session.login);
        theirs.into_iter().map(|session| Connection::from(session.address())).collect()
    }

    /// The client ids of the connections of a client.
    pub(crate) fn clientids(&self, username: &[u8]) -> Vec<Vec<u8>> {
        self.open.of(Some(username)).map(|session| session.clientid().to_vec()).collect()
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
        !(self.due.is_empty()
            && self.searches.is_empty()
            && self.by_id.is_empty()
            && self.by_name.is_empty()
            && self.uninvited.is_empty())
    }

    /// Whether the broker ticks at all: 2.0 does not with `per_listener_settings true`.
    pub(crate) fn has_ticked(&self) -> bool {
        self.ticks > 0
    }

    /// Time passes: whom to disconnect now. There may be [`Self::more`].
    pub(crate) fn tick(&mut self) -> Vec<Kick> {
        self.ticks = self.ticks.saturating_add(1);
        while self.due.front().is_some_and(|due| due.tick <= self.ticks) {
            if let Some(due) = self.due.pop_front() {
                self.resolve(&due);
            }
        }
        while let Some(kick) = self.uninvited.pop_first() {
            match kick {
                Kick::Username(username) => self.by_name.push_back(username),
                Kick::ClientId(clientid) => self.by_id.push_back(clientid),
            }
        }
        self.more()
    }

    /// Whom else to disconnect, well under a millisecond's worth of them; perhaps nobody, though there are some
    /// ([`Self::has_ready`]).
    pub(crate) fn more(&mut self) -> Vec<Kick> {
        self.search(CHECKED);
        self.take(BY_ID, BY_NAME)
    }

    /// Whether [`Self::more`] has something to do.
    pub(crate) fn has_ready(&self) -> bool {
        !(self.searches.is_empty() && self.by_id.is_empty() && self.by_name.is_empty())
    }

    /// Whom to disconnect of all that waits.
    pub(crate) fn all_due(&mut self) -> Vec<Kick> {
        while let Some(due) = self.due.pop_front() {
            self.resolve(&due);
        }
        self.search(usize::MAX);
        self.take(usize::MAX, usize::MAX)
    }

    /// Looks at so many connections whether they belong to a crowd that is to be disconnected.
    ///
    /// Certificate identities that have not shown themselves yet are left alone: they have done nothing, and what
    /// they do will be under the new policy.
    fn search(&mut self, mut most: usize) {
        while most > 0
            && let Some(search) = self.searches.front_mut()
        {
            let rest = search.among.len().saturating_sub(most);
            most = most.saturating_sub(search.among.len());
            for id in search.among.split_off(rest) {
                let Some(session) = self.open.get(id) else { continue };
                let came_later = session.login.is_some_and(|login| login > search.logins);
                let is_in = |username: &[u8]| search.crowd.has(username);
                if !came_later && session.username().is_some_and(is_in) {
                    self.by_id.push_back(session.clientid().to_vec());
                }
            }
            if rest == 0 {
                self.searches.pop_front();
            }
        }
    }

    fn take(&mut self, most_by_id: usize, most_by_name: usize) -> Vec<Kick> {
        let ids = self.by_id.len().min(most_by_id);
        let names = self.by_name.len().min(most_by_name);
        let ids = self.by_id.drain(..ids).map(Kick::ClientId);
        ids.chain(self.by_name.drain(..names).map(Kick::Username)).collect()
    }

    fn resolve(&mut self, due: &Due) {
        let username = match &due.whom {
            Disconnect::Anonymous => None,
            Disconnect::Username(username) => Some(username.as_bytes()),
            Disconnect::Crowd(crowd) => {
                let (crowd, among) = (Arc::clone(crowd), self.open.ids().collect());
                self.searches.push_back(Search { crowd, logins: due.logins, among });
                return;
            }
        };
        let mut ids = Vec::new();
        let mut all_logged_in = true;
        let mut one_came_later = false;
        for session in self.open.of(username) {
            all_logged_in &= session.login.is_some();
            if session.login.is_none_or(|login| login <= due.logins) {
                ids.push((session.login, session.clientid().to_vec()));
            } else {
                one_came_later = true;
            }
        }
        // Certificate identities do not log in here, and may not have shown themselves: the broker finds them by
        // name, and with them all others of that name, so it is not asked to if one of these is to stay. Without
        // a name it would find whoever has connected and not said who it is yet: it is never asked for those.
        let maybe_more = !one_came_later && (ids.is_empty() || !all_logged_in);
        match username {
            Some(username) if maybe_more => self.by_name.push_back(username.to_vec()),
            _ => {
                ids.sort_unstable();
                self.by_id.extend(ids.into_iter().map(|(_, clientid)| clientid));
            }
        }
    }
}

#[cfg(test)]
mod tests;
