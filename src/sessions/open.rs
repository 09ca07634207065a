//! [`Open`]: the connections that are there, found by their identity, their client id and their username.
//!
//! Thousands may come back at the same moment, so one that comes or goes costs a few look-ups and no allocation if
//! another was there before: its place keeps the room for its texts.

use std::mem;

use hashbrown::HashTable;

use super::Login;
use crate::keyed::Keyed;

/// A connection, by the address of the broker's structure for it. It is an identity, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub usize);

/// How many bytes a place keeps for the texts of the next connection.
const MOST_KEPT: usize = 128;

/// The number of a place in [`Open`].
type Place = u32;

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    id: SessionId,
    /// The client id, the username and the address, one behind the other.
    texts: Vec<u8>,
    /// Where the client id and the username end.
    ends: [usize; 2],
    /// An anonymous client has no username.
    has_username: bool,
    has_address: bool,
    /// Not this policy's client when it came: others let it in.
    pub(super) is_others: bool,
    /// The count of logins when it came; none of a certificate, which shows itself only some time after that.
    pub(super) login: Option<u64>,
    hash_of_clientid: u64,
    hash_of_username: u64,
    /// The others of that username: a ring.
    next: Place,
    previous: Place,
}

impl Session {
    pub(super) fn clientid(&self) -> &[u8] {
        self.texts.get(..self.ends[0]).unwrap_or_default()
    }

    /// `None` is an anonymous client.
    pub(super) fn username(&self) -> Option<&[u8]> {
        self.has_username.then(|| self.texts.get(self.ends[0]..self.ends[1]).unwrap_or_default())
    }

    pub(super) fn address(&self) -> Option<&[u8]> {
        self.has_address.then(|| self.texts.get(self.ends[1]..).unwrap_or_default())
    }

    pub(super) fn is_of(&self, username: Option<&[u8]>, clientid: &[u8]) -> bool {
        self.username() == username && self.clientid() == clientid
    }
}

/// The connections that are there.
#[derive(Debug, Default)]
pub(super) struct Open {
    // INVARIANT: each session is in `by_id` and in `by_clientid`, and in one ring with all those of its username,
    // of which one is in `by_username`.
    sessions: Vec<Session>,
    free: Vec<Place>,
    by_id: HashTable<Place>,
    by_clientid: HashTable<Place>,
    by_username: HashTable<Place>,
    keyed: Keyed,
}

impl Open {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.by_id.iter().filter_map(|&place| at(&self.sessions, place)).map(|session| session.id)
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        let place = self.by_id.find(self.hash_of_id(id), |&place| is_at(&self.sessions, place, id))?;
        at(&self.sessions, *place)
    }

    /// The connection of a client id: there is one at most.
    pub(super) fn of_clientid(&self, clientid: &[u8]) -> Option<&Session> {
        at(&self.sessions, self.place_of_clientid(self.keyed.hash(clientid), clientid)?)
    }

    /// The connections of a username, or all anonymous ones.
    pub(super) fn of(&self, username: Option<&[u8]>) -> impl Iterator<Item = &Session> + use<'_> {
        let first = self.place_of_username(self.hash_of_username(username), username);
        let mut next = first;
        std::iter::from_fn(move || {
            let session = at(&self.sessions, next?)?;
            next = (Some(session.next) != first).then_some(session.next);
            Some(session)
        })
    }

    /// A connection has come. What was known under its identity or client id is over.
    pub(super) fn insert(&mut self, login: &Login<'_>, count: Option<u64>) {
        let hash_of_clientid = self.keyed.hash(login.clientid);
        self.remove(login.session);
        if let Some(place) = self.place_of_clientid(hash_of_clientid, login.clientid) {
            self.remove_at(place);
        }
        let [username, address] = [login.username, login.address].map(Option::unwrap_or_default);
        let end = login.clientid.len().saturating_add(username.len());
        // As many connections as there are numbers no broker has.
        let next = Place::try_from(self.sessions.len()).unwrap_or(Place::MAX);
        let place = self.free.pop().unwrap_or(next);
        let mut texts =
            at_mut(&mut self.sessions, place).map(|free| mem::take(&mut free.texts)).unwrap_or_default();
        texts.reserve_exact(end.saturating_add(address.len()));
        for text in [login.clientid, username, address] {
            texts.extend_from_slice(text);
        }
        let session = Session {
            id: login.session,
            texts,
            ends: [login.clientid.len(), end],
            has_username: login.username.is_some(),
            has_address: login.address.is_some(),
            is_others: login.is_others,
            login: count,
            hash_of_clientid,
            hash_of_username: self.hash_of_username(login.username),
            next: place,
            previous: place,
        };
        self.link(place, session, login.username);
    }

    fn link(&mut self, place: Place, session: Session, username: Option<&[u8]>) {
        let (id, hash_of_clientid, hash_of_username) =
            (self.hash_of_id(session.id), session.hash_of_clientid, session.hash_of_username);
        let other = self.place_of_username(hash_of_username, username);
        match self.sessions.get_mut(place as usize) {
            Some(free) => *free = session,
            None => self.sessions.push(session),
        }
        let (sessions, keyed) = (&mut self.sessions, self.keyed);
        self.by_id.insert_unique(id, place, |&place| {
            at(sessions, place).map_or(0, |session| keyed.hash_number(session.id.0 as u64))
        });
        self.by_clientid.insert_unique(hash_of_clientid, place, |&place| {
            at(sessions, place).map_or(0, |session| session.hash_of_clientid)
        });
        match other {
            None => {
                self.by_username.insert_unique(hash_of_username, place, |&place| {
                    at(sessions, place).map_or(0, |session| session.hash_of_username)
                });
            }
            Some(other) => {
                let Some(after) =
                    at_mut(sessions, other).map(|other| std::mem::replace(&mut other.next, place))
                else {
                    return;
                };
                if let Some(after) = at_mut(sessions, after) {
                    after.previous = place;
                }
                if let Some(session) = at_mut(sessions, place) {
                    (session.previous, session.next) = (other, after);
                }
            }
        }
    }

    /// A connection has ended.
    pub(super) fn remove(&mut self, id: SessionId) {
        let place = self.by_id.find(self.hash_of_id(id), |&place| is_at(&self.sessions, place, id));
        if let Some(place) = place.copied() {
            self.remove_at(place);
        }
    }

    fn remove_at(&mut self, place: Place) {
        let keyed = self.keyed;
        let Some(session) = at_mut(&mut self.sessions, place) else { return };
        session.texts.clear();
        session.texts.shrink_to(MOST_KEPT);
        let (id, next, previous) = (keyed.hash_number(session.id.0 as u64), session.next, session.previous);
        let (hash_of_clientid, hash_of_username) = (session.hash_of_clientid, session.hash_of_username);
        self.free.push(place);
        if let Ok(entry) = self.by_id.find_entry(id, |&other| other == place) {
            entry.remove();
        }
        if let Ok(entry) = self.by_clientid.find_entry(hash_of_clientid, |&other| other == place) {
            entry.remove();
        }
        if next == place {
            if let Ok(entry) = self.by_username.find_entry(hash_of_username, |&other| other == place) {
                entry.remove();
            }
            return;
        }
        if let Some(before) = at_mut(&mut self.sessions, previous) {
            before.next = next;
        }
        if let Some(after) = at_mut(&mut self.sessions, next) {
            after.previous = previous;
        }
        if let Some(first) = self.by_username.find_mut(hash_of_username, |&other| other == place) {
            *first = next;
        }
    }

    fn place_of_clientid(&self, hash: u64, clientid: &[u8]) -> Option<Place> {
        let is_it =
            |&place: &Place| at(&self.sessions, place).is_some_and(|session| session.clientid() == clientid);
        self.by_clientid.find(hash, is_it).copied()
    }

    fn place_of_username(&self, hash: u64, username: Option<&[u8]>) -> Option<Place> {
        let is_it =
            |&place: &Place| at(&self.sessions, place).is_some_and(|session| session.username() == username);
        self.by_username.find(hash, is_it).copied()
    }

    fn hash_of_id(&self, id: SessionId) -> u64 {
        self.keyed.hash_number(id.0 as u64)
    }

    fn hash_of_username(&self, username: Option<&[u8]>) -> u64 {
        username.map_or(0, |username| self.keyed.hash(username))
    }
}

/// What is at a place that one of the tables names: a connection that is there.
fn at(sessions: &[Session], place: Place) -> Option<&Session> {
    sessions.get(place as usize)
}

fn at_mut(sessions: &mut [Session], place: Place) -> Option<&mut Session> {
    sessions.get_mut(place as usize)
}

fn is_at(sessions: &[Session], place: Place, id: SessionId) -> bool {
    at(sessions, place).is_some_and(|session| session.id == id)
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
