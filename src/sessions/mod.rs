//! Which clients are connected, as far as their logins and certificates show, and whom to disconnect when.

mod asked_about;
mod disconnects;
mod noted;
mod open;
mod undecided;
mod unrecorded;
mod waiting;

use std::collections::VecDeque;
use std::sync::Arc;

use asked_about::AskedAbout;
use disconnects::{Due, Search};
use open::{Open, Session};
use undecided::Undecided;
use unrecorded::Unrecorded;
use waiting::Waiting;

use crate::control::Connection;

pub(crate) use noted::Noted;
pub use open::SessionId;

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
    undecided: Undecided,
    unrecorded: Unrecorded,
    asked_about: AskedAbout,
    due: VecDeque<Due>,
    searches: VecDeque<Search>,
    waiting: Waiting,
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
        self.asked_about.came(login.username, login.clientid);
        self.add(login);
    }

    fn add(&mut self, login: &Login<'_>) {
        self.undecided.forget(login.session);
        self.unrecorded.forget(login.session);
        let count = self.logins.saturating_add(1);
        if self.open.insert(login, Some(count)) {
            self.logins = count;
        }
    }

    /// A client logs in, and others decide whether it may. Whoever is connected with its client id stays known until the
    /// broker tells of its end.
    pub(crate) fn add_undecided(&mut self, login: &Login<'_>) {
        let is_taken = self.open.of_clientid(login.clientid).is_some_and(|other| other.id() != login.session);
        if !is_taken {
            // Should it be refused, whoever came while a reload asked about that client id stays.
            return self.add(login);
        }
        self.undecided.forget(login.session);
        self.unrecorded.forget(login.session);
        self.open.remove(login.session);
        self.logins = self.logins.saturating_add(1);
        self.undecided.add(login, self.logins);
    }

    /// A reload asks for all logins again.
    pub(crate) fn reloads(&mut self) {
        self.asked_about.clear();
    }

    /// A reload asks for a login, that of an absent client as well.
    pub(crate) fn asked_again(&mut self, login: &Login<'_>) {
        if self.is_open(login.session) {
            self.logged_in(login);
        } else if let Some(username) = login.username {
            self.asked_about.add(username, login.clientid);
        }
    }

    /// A client is connected, as 2.1 tells.
    pub(crate) fn connected(&mut self, session: SessionId) {
        let open = &mut self.open;
        self.undecided.let_in(session, |login, count| _ = open.insert(login, Some(count)));
        if let Some(session) = self.open.get(session) {
            self.asked_about.came(session.username(), session.clientid());
        }
    }

    /// A client shows that it is connected. If it has not logged in, a certificate has let it in.
    pub(crate) fn noticed(&mut self, login: &Login<'_>) {
        self.asked_about.came(login.username, login.clientid);
        self.unrecorded.forget(login.session);
        let _is_new = self.open.insert(login, None);
    }

    /// Something is asked about a client of which neither a login nor a certificate has shown that it is connected. It `acts`
    /// itself, or is sent something, as absent ones are too.
    pub(crate) fn asked_of_unrecorded(&mut self, session: SessionId, username: &[u8], acts: bool) {
        self.unrecorded.add(session, username, acts);
    }

    /// Whether [`Self::asked_of_unrecorded`] has been told of somebody with that username who has not ended.
    pub(crate) fn is_unrecorded(&self, username: &[u8]) -> bool {
        self.unrecorded.has_username(username)
    }

    /// Of whom [`Self::asked_of_unrecorded`] has been told, and would not learn anything.
    pub(crate) fn noted(&self) -> Arc<Noted> {
        Arc::clone(self.unrecorded.noted())
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
        self.unrecorded.forget(id);
        if self.undecided.is_empty() {
            return self.open.remove(id);
        }
        self.undecided.forget(id);
        let clientid = self.open.get(id).map(|session| session.clientid().to_vec());
        self.open.remove(id);
        if let Some(clientid) = clientid {
            let (open, unrecorded) = (&mut self.open, &mut self.unrecorded);
            self.undecided.freed(&clientid, |login, count| {
                unrecorded.forget(login.session);
                let _is_new = open.insert(login, Some(count));
            });
        }
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

    /// The connections of a username.
    pub(crate) fn of(&self, username: &[u8]) -> Vec<SessionId> {
        self.open.of(Some(username)).map(Session::id).collect()
    }

    /// The client id of a connection, if it is there.
    pub(crate) fn clientid(&self, session: SessionId) -> Option<Vec<u8>> {
        self.open.get(session).map(|session| session.clientid().to_vec())
    }
}

#[cfg(test)]
mod tests;
