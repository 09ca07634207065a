//! [`Open`]: the connections that are there, found by their identity, their client id and their username.
//!
//! Thousands may come back at the same moment, so one that comes or goes costs a few look-ups and no allocation if
//! another was there before: its place keeps the room for its texts. Most that leave come back under the same client id and
//! username. So whoever leaves stays in its place until another needs it, and those two still lead there.

use std::mem;

use hashbrown::HashTable;

use super::Login;
use crate::policy::TextKeys;

/// A connection, by the address of the broker's structure for it. It is an identity, nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub usize);

/// How many bytes a place keeps of whoever has left.
const MOST_KEPT: usize = 128;

/// How many places are looked at for one that is free.
const LOOKED_AT: usize = 8;

/// The number of a place in [`Open`].
type Place = u32;

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    id: SessionId,
    /// The client id, the username and the address, one behind the other.
    texts: Vec<u8>,
    end_of_clientid: usize,
    /// An anonymous client has no username.
    end_of_username: Option<usize>,
    state: State,
    /// Whether its place is in [`Open::vacant`].
    is_vacant: bool,
    has_address: bool,
    /// Not this policy's client when it came: others let it in.
    pub(super) is_others: bool,
    /// The count of logins when it came; none of a certificate, which shows itself only some time after that.
    pub(super) login: Option<u64>,
    /// How many had come by then, itself among them: no two connections have the same.
    pub(super) arrival: u64,
    hash_of_clientid: u64,
    hash_of_username: u64,
    /// The others of that username: a ring.
    next: Place,
    previous: Place,
}

/// What is in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A connection.
    There,
    /// One that has ended, of which the client id and the username still lead here. It was the only one of its username.
    Left,
    /// Nothing.
    Empty,
}

impl Session {
    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    pub(super) fn clientid(&self) -> &[u8] {
        self.texts.get(..self.end_of_clientid).unwrap_or_default()
    }

    /// `None` is an anonymous client.
    pub(super) fn username(&self) -> Option<&[u8]> {
        let end = self.end_of_username?;
        Some(self.texts.get(self.end_of_clientid..end).unwrap_or_default())
    }

    pub(super) fn address(&self) -> Option<&[u8]> {
        self.has_address.then(|| self.texts.get(self.start_of_address()..).unwrap_or_default())
    }

    fn start_of_address(&self) -> usize {
        self.end_of_username.unwrap_or(self.end_of_clientid)
    }

    pub(super) fn is_of(&self, username: Option<&[u8]>, clientid: &[u8]) -> bool {
        self.username() == username && self.clientid() == clientid
    }
}

/// The connections that are there.
#[derive(Debug)]
pub(super) struct Open {
    // INVARIANT: what is there is in `by_id`. That and what has left is in `by_clientid`. What is there is in one ring with all
    // that are there of its username, what has left in one of its own, and one of each ring is in `by_username`.
    sessions: Vec<Session>,
    /// Places where something had left. It may have come back since.
    vacant: Vec<Place>,
    by_id: HashTable<Place>,
    by_clientid: HashTable<Place>,
    by_username: HashTable<Place>,
    keys: TextKeys,
    /// How many have come so far.
    arrivals: u64,
}

impl Default for Open {
    fn default() -> Self {
        Self {
            sessions: Vec::new(),
            vacant: Vec::new(),
            by_id: HashTable::new(),
            by_clientid: HashTable::new(),
            by_username: HashTable::new(),
            keys: TextKeys::of_process(),
            arrivals: 0,
        }
    }
}

impl Open {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.by_id.iter().filter_map(|&place| at(&self.sessions, place)).map(|session| session.id)
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        let is_it = |&place: &Place| is_at(&self.sessions, place, id);
        at(&self.sessions, *self.by_id.find(hash_of_id(&self.keys, id), is_it)?)
    }

    /// How many have come so far.
    pub(super) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// The connection of a client id: there is one at most.
    pub(super) fn of_clientid(&self, clientid: &[u8]) -> Option<&Session> {
        let session = at(&self.sessions, self.place_of_clientid(self.keys.hash(clientid), clientid)?);
        session.filter(|session| session.state == State::There)
    }

    /// The connections of a username, or all anonymous ones.
    pub(super) fn of(&self, username: Option<&[u8]>) -> impl Iterator<Item = &Session> + use<'_> {
        let first = self.place_of_username(self.hash_of_username(username), username);
        let mut next = first;
        let ring = std::iter::from_fn(move || {
            let session = at(&self.sessions, next?)?;
            next = (Some(session.next) != first).then_some(session.next);
            Some(session)
        });
        ring.filter(|session| session.state == State::There)
    }

    /// A connection has come, unless it is known already: then false. What was known under its identity or client id is over.
    pub(super) fn insert(&mut self, login: &Login<'_>, count: Option<u64>) -> bool {
        if let Some(known) = self.get(login.session) {
            if known.is_of(login.username, login.clientid) {
                return false;
            }
            self.remove(login.session);
        }
        self.arrivals = self.arrivals.saturating_add(1);
        let hash_of_clientid = self.keys.hash(login.clientid);
        let place = match self.place_of_clientid(hash_of_clientid, login.clientid) {
            Some(place) => {
                self.leave(place);
                if self.come_back(place, login, count) {
                    return true;
                }
                self.empty(place);
                place
            }
            None => self.take_vacant(),
        };
        self.fill(place, login, count, hash_of_clientid);
        true
    }

    /// A connection has ended.
    pub(super) fn remove(&mut self, id: SessionId) {
        let is_it = |&place: &Place| is_at(&self.sessions, place, id);
        let Ok(entry) = self.by_id.find_entry(hash_of_id(&self.keys, id), is_it) else { return };
        let (place, _) = entry.remove();
        let Some(session) = at_mut(&mut self.sessions, place) else { return };
        session.state = State::Left;
        let is_listed = mem::replace(&mut session.is_vacant, true);
        let is_kept = session.next == place && session.texts.len() <= MOST_KEPT;
        if !is_listed {
            self.vacant.push(place);
        }
        if !is_kept {
            self.empty(place);
        }
    }

    /// If somebody is there, it is not any more; its client id and its username still lead there.
    fn leave(&mut self, place: Place) {
        let Some(session) = at_mut(&mut self.sessions, place) else { return };
        if mem::replace(&mut session.state, State::Left) == State::There {
            let hash = hash_of_id(&self.keys, session.id);
            if let Ok(entry) = self.by_id.find_entry(hash, |&other| other == place) {
                entry.remove();
            }
        }
    }

    /// Whoever has left that place is back, if it has the same username.
    fn come_back(&mut self, place: Place, login: &Login<'_>, count: Option<u64>) -> bool {
        let arrival = self.arrivals;
        let Some(session) = at_mut(&mut self.sessions, place) else { return false };
        if session.username() != login.username {
            return false;
        }
        if session.address() != login.address {
            session.texts.truncate(session.start_of_address());
            session.texts.extend_from_slice(login.address.unwrap_or_default());
            session.has_address = login.address.is_some();
        }
        (session.id, session.login, session.is_others) = (login.session, count, login.is_others);
        (session.state, session.arrival) = (State::There, arrival);
        self.find_by_id(place, login.session);
        true
    }

    /// A place with nothing in it, which may be a new one.
    fn take_vacant(&mut self) -> Place {
        for _ in 0..LOOKED_AT {
            let Some(place) = self.vacant.pop() else { break };
            let Some(session) = at_mut(&mut self.sessions, place) else { continue };
            session.is_vacant = false;
            if session.state != State::There {
                self.empty(place);
                return place;
            }
        }
        // As many connections as there are numbers no broker has.
        Place::try_from(self.sessions.len()).unwrap_or(Place::MAX)
    }

    /// Puts a connection into a place that is empty.
    fn fill(&mut self, place: Place, login: &Login<'_>, count: Option<u64>, hash_of_clientid: u64) {
        let [username, address] = [login.username, login.address].map(Option::unwrap_or_default);
        let end = login.clientid.len().saturating_add(username.len());
        let empty = at_mut(&mut self.sessions, place);
        let (mut texts, is_vacant) =
            empty.map(|empty| (mem::take(&mut empty.texts), empty.is_vacant)).unwrap_or_default();
        texts.reserve_exact(end.saturating_add(address.len()));
        for text in [login.clientid, username, address] {
            texts.extend_from_slice(text);
        }
        let session = Session {
            id: login.session,
            texts,
            end_of_clientid: login.clientid.len(),
            end_of_username: login.username.map(|_| end),
            state: State::There,
            is_vacant,
            has_address: login.address.is_some(),
            is_others: login.is_others,
            login: count,
            arrival: self.arrivals,
            hash_of_clientid,
            hash_of_username: self.hash_of_username(login.username),
            next: place,
            previous: place,
        };
        self.link(place, session, login.username);
    }

    fn link(&mut self, place: Place, session: Session, username: Option<&[u8]>) {
        let (id, hash_of_clientid, hash_of_username) =
            (session.id, session.hash_of_clientid, session.hash_of_username);
        let other = self.place_of_username(hash_of_username, username).filter(|&other| {
            let has_left = at(&self.sessions, other).is_some_and(|other| other.state == State::Left);
            if has_left {
                self.empty(other);
            }
            !has_left
        });
        match self.sessions.get_mut(place as usize) {
            Some(empty) => *empty = session,
            None => self.sessions.push(session),
        }
        self.find_by_id(place, id);
        let sessions = &mut self.sessions;
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

    /// Has a connection, which is not there yet, found by its identity.
    fn find_by_id(&mut self, place: Place, id: SessionId) {
        let (sessions, keys) = (&self.sessions, &self.keys);
        self.by_id.insert_unique(hash_of_id(keys, id), place, |&place| {
            at(sessions, place).map_or(0, |session| hash_of_id(keys, session.id))
        });
    }

    /// Empties a place that somebody has left, so that nothing leads there.
    fn empty(&mut self, place: Place) {
        let Some(session) = at_mut(&mut self.sessions, place) else { return };
        if mem::replace(&mut session.state, State::Empty) == State::Empty {
            return;
        }
        session.texts.clear();
        session.texts.shrink_to(MOST_KEPT);
        let (next, previous) = (session.next, session.previous);
        let (hash_of_clientid, hash_of_username) = (session.hash_of_clientid, session.hash_of_username);
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

    fn hash_of_username(&self, username: Option<&[u8]>) -> u64 {
        username.map_or(0, |username| self.keys.hash(username))
    }
}

fn hash_of_id(keys: &TextKeys, id: SessionId) -> u64 {
    keys.hash(&id.0.to_ne_bytes())
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
