//! [`Undecided`]: logins that others decide on, under client ids that somebody is connected with.
//!
//! If such a login is refused, whoever has the client id stays, and only the end of the newcomer's connection is told. If it
//! is let in, the broker ends the other connection, and tells that.

use super::{Login, SessionId};

/// A login of which it is not known yet what comes of it.
#[derive(Debug)]
struct Newcomer {
    session: SessionId,
    username: Option<Vec<u8>>,
    clientid: Vec<u8>,
    address: Option<Vec<u8>>,
    is_others: bool,
    count: u64,
}

/// These logins, hardly ever more than one, and one of a client id at most.
#[derive(Debug, Default)]
pub(super) struct Undecided(Vec<Newcomer>);

impl Undecided {
    /// Whoever else has asked for that client id is gone: the broker decides on one at a time. 2.1 does not tell of the end of a
    /// connection while others still think about its login.
    pub(super) fn add(&mut self, login: &Login<'_>, count: u64) {
        self.0.retain(|newcomer| newcomer.clientid != login.clientid);
        self.0.push(Newcomer {
            session: login.session,
            username: login.username.map(<[u8]>::to_vec),
            clientid: login.clientid.to_vec(),
            address: login.address.map(<[u8]>::to_vec),
            is_others: login.is_others,
            count,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one gives that username.
    pub(super) fn has_username(&self, username: &[u8]) -> bool {
        self.usernames().any(|other| other == username)
    }

    pub(super) fn usernames(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(|newcomer| newcomer.username.as_deref())
    }

    /// That connection has ended, or is another one.
    pub(super) fn forget(&mut self, session: SessionId) {
        self.0.retain(|newcomer| newcomer.session != session);
    }

    /// That connection was let in: `then` is given its login, and the count of logins with it.
    pub(super) fn let_in(&mut self, session: SessionId, then: impl FnOnce(&Login<'_>, u64)) {
        self.take(|newcomer| newcomer.session == session, then);
    }

    /// Nobody has that client id any more: who asked for it has it now.
    pub(super) fn freed(&mut self, clientid: &[u8], then: impl FnOnce(&Login<'_>, u64)) {
        self.take(|newcomer| newcomer.clientid == clientid, then);
    }

    fn take(&mut self, is_it: impl Fn(&Newcomer) -> bool, then: impl FnOnce(&Login<'_>, u64)) {
        let Some(place) = self.0.iter().rposition(is_it) else { return };
        let newcomer = self.0.remove(place);
        let login = Login {
            session: newcomer.session,
            username: newcomer.username.as_deref(),
            clientid: &newcomer.clientid,
            address: newcomer.address.as_deref(),
            is_others: newcomer.is_others,
        };
        then(&login, newcomer.count);
    }
}
