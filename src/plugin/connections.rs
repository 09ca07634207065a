//! Who is connected: what the broker tells of it, and what the answers to commands say.
//!
//! 2.1 tells it: everybody, and also whose session is kept while they are absent. On 2.0 it is what logins and
//! certificates have shown.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use super::{Peer, Plugin, SessionId};
use crate::control::Connection;
use crate::policy::{ClientId, Subject, Username};
use crate::sessions::{Kind, Login};

/// The connections that one payload is told of.
pub(super) struct Connections<'p> {
    plugin: &'p Plugin,
    asked: Cell<bool>,
    /// By username, once more than one is asked for: the broker shows all its clients each time.
    all: OnceCell<HashMap<Box<[u8]>, Vec<Connection>>>,
}

impl<'p> Connections<'p> {
    pub(super) fn new(plugin: &'p Plugin) -> Self {
        Self { plugin, asked: Cell::new(false), all: OnceCell::new() }
    }

    /// Those of a username; only that of a client id, if one is given.
    pub(super) fn of(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Connection> {
        let (username, clientid) = (username.as_bytes(), clientid.map(ClientId::as_bytes));
        self.told_by_the_broker(username, clientid)
            .unwrap_or_else(|| self.plugin.sessions.lock().connections(username, clientid))
    }

    fn told_by_the_broker(&self, username: &[u8], clientid: Option<&[u8]>) -> Option<Vec<Connection>> {
        let broker = &*self.plugin.broker;
        let mut theirs = Vec::new();
        if let Some(clientid) = clientid {
            let told = broker.client_by_id(clientid, &mut |client| {
                if client.username == Some(username) {
                    theirs.push(Connection::from(client.address));
                }
            });
            return told.then_some(theirs);
        }
        if !self.asked.replace(true) {
            let told = broker.each_client(&mut |client| {
                if client.username == Some(username) {
                    theirs.push(Connection::from(client.address));
                }
            });
            return told.then_some(theirs);
        }
        if self.all.get().is_none() {
            let mut all: HashMap<Box<[u8]>, Vec<Connection>> = HashMap::new();
            let told = broker.each_client(&mut |client| {
                if let Some(username) = client.username {
                    all.entry(username.into()).or_default().push(Connection::from(client.address));
                }
            });
            if !told {
                return None;
            }
            // It is empty: there is one thread.
            let _ = self.all.set(all);
        }
        Some(self.all.get()?.get(username).cloned().unwrap_or_default())
    }
}

impl Plugin {
    /// A client has connected. Only 2.1 says so, and it says it of everybody, also of those whose certificates
    /// let them in.
    pub fn on_connect(
        &self,
        session: SessionId,
        username: Option<&[u8]>,
        clientid: Option<&[u8]>,
        peer: &impl Peer,
    ) {
        self.delayed_login_is_over(session, clientid.unwrap_or_default());
        self.sessions.lock().connected(session);
        let Some(username) = username else { return };
        // 2.1 itself tells where its clients are connected from.
        let subject = Subject::known(Some(username), clientid);
        self.on_certificate(session, &subject, None);
        let may_not_connect = {
            let policy = self.policy.read();
            match policy.client(username) {
                Some(client) => client.disabled,
                None => policy.was_deleted(username) && peer.may_have_certificate(),
            }
        };
        if may_not_connect {
            let mut sessions = self.sessions.lock();
            let clientid = clientid.unwrap_or_default();
            if sessions.kind(username, clientid) == Kind::NoLogin {
                sessions.disconnect_uninvited(username, clientid);
            }
        }
    }

    /// Whether a connection has been shown by a login or a certificate.
    pub fn knows(&self, session: SessionId) -> bool {
        self.sessions.lock().is_open(session)
    }

    /// A certificate has let a client in, and it does something for the first time.
    pub fn on_certificate(&self, session: SessionId, subject: &Subject<'_>, address: Option<&[u8]>) {
        self.sessions.lock().noticed(&Login {
            session,
            username: subject.username,
            clientid: subject.clientid.get().unwrap_or_default(),
            address,
            is_others: false,
        });
    }

    /// Whether [`Self::on_unrecorded`] would tell nothing new of that connection. It takes no lock.
    #[inline]
    pub fn has_noted<'u>(
        &self,
        session: SessionId,
        acts: bool,
        username: impl FnOnce() -> Option<&'u [u8]>,
    ) -> bool {
        self.noted.has(session, acts, username)
    }

    /// Something is asked about a client, whom nothing has shown to be connected. A plugin before this one or a pre-shared
    /// key may have let it in, or it is the session of an absent one, which is sent something, but never `acts`.
    pub fn on_unrecorded(&self, session: SessionId, username: &[u8], acts: bool) {
        self.sessions.lock().asked_of_unrecorded(session, username, acts);
    }
}
