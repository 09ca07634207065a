//! The broker that the plugins see: its clients, its callbacks, and a record of what was asked of it.
//!
//! There is one for a process, as for a real broker: the functions that a plugin calls get no handle of it.
//! Several plugins can be loaded into it; each has its own callbacks.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::bindings::MOSQ_ERR_SUCCESS;
use crate::callback::{Callback, Event};
use crate::client::Client;
use crate::protocol::{Deed, Kicked};
use crate::text::Text;

pub(crate) static BROKER: Broker = Broker::new();

/// A broker. No lock of it is held while a plugin's callback runs: callbacks call the broker, and kicks call
/// callbacks.
pub(crate) struct Broker {
    state: Mutex<State>,
}

struct State {
    connected: BTreeMap<Text, Arc<Client>>,
    /// Clients whose logins a plugin lets wait (2.1).
    waiting: BTreeMap<Text, Arc<Client>>,
    /// Clients that a plugin disconnected while it may still hold pointers to them.
    leaving: Vec<Arc<Client>>,
    callbacks: Vec<Callback>,
    deeds: Vec<Deed>,
}

impl Broker {
    const fn new() -> Self {
        let state = State {
            connected: BTreeMap::new(),
            waiting: BTreeMap::new(),
            leaving: Vec::new(),
            callbacks: Vec::new(),
            deeds: Vec::new(),
        };
        Self { state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, deed: Deed) {
        self.state().deeds.push(deed);
    }

    /// What was recorded since the last call. A plugin is done with the clients it disconnected by then.
    pub(crate) fn take_deeds(&self) -> Vec<Deed> {
        let mut state = self.state();
        state.leaving.clear();
        mem::take(&mut state.deeds)
    }

    pub(crate) fn client(&self, clientid: &Text) -> Option<Arc<Client>> {
        self.state().connected.get(clientid).cloned()
    }

    /// All who are connected.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        self.state().connected.values().cloned().collect()
    }

    /// Adds a client, instead of the one that has its id.
    pub(crate) fn admit(&self, client: Arc<Client>) {
        self.state().connected.insert(client.clientid().clone(), client);
    }

    /// A plugin decides later about a client.
    pub(crate) fn let_wait(&self, client: Arc<Client>) {
        self.state().waiting.insert(client.clientid().clone(), client);
    }

    /// It has decided. False if there is no such client any more.
    pub(crate) fn complete_login(&self, clientid: &Text, rc: c_int) -> bool {
        let Some(client) = self.state().waiting.remove(clientid) else {
            return false;
        };
        self.record(Deed::CompleteLogin { clientid: clientid.clone(), rc });
        if rc == MOSQ_ERR_SUCCESS {
            self.admit(Arc::clone(&client));
            for callback in self.callbacks_of(Event::Connect) {
                callback.connected(&client);
            }
        } else {
            turn_away(&client, self.callbacks_of(Event::Disconnect));
        }
        true
    }

    /// A client leaves, of its own will. Of one that waits nobody is told.
    pub(crate) fn disconnect(&self, clientid: &Text) -> bool {
        if self.state().waiting.remove(clientid).is_some() {
            return true;
        }
        let client = self.state().connected.remove(clientid);
        client.inspect(|client| self.say_goodbye(client)).is_some()
    }

    /// A plugin disconnects clients. As in the broker, everything that follows happens before this returns.
    pub(crate) fn kick(&self, who: Kicked, with_will: bool) -> bool {
        let victims = self.remove(&who);
        let clientids = victims.iter().map(|client| client.clientid().clone()).collect();
        self.record(Deed::Kick { who, with_will, clientids });
        for client in &victims {
            self.say_goodbye(client);
        }
        !victims.is_empty()
    }

    fn remove(&self, who: &Kicked) -> Vec<Arc<Client>> {
        let mut state = self.state();
        let (victims, others) = mem::take(&mut state.connected).into_iter().partition::<BTreeMap<_, _>, _>(
            |(clientid, client)| match who {
                Kicked::Username(username) => client.has_username(Some(username)),
                Kicked::Anonymous => client.has_username(None),
                Kicked::Clientid(wanted) => clientid == wanted,
                Kicked::Everybody => true,
            },
        );
        state.connected = others;
        state.leaving.extend(victims.values().cloned());
        victims.into_values().collect()
    }

    /// What a broker tells its plugins when a client is gone: the event, and then one ACL check for each
    /// subscription of its durable session.
    fn say_goodbye(&self, client: &Arc<Client>) {
        for callback in self.callbacks_of(Event::Disconnect) {
            callback.disconnected(client);
        }
        for topic in client.subscriptions() {
            for callback in self.callbacks_of(Event::AclCheck) {
                let rc = callback.recheck(client, topic);
                self.record(Deed::Rechecked {
                    clientid: client.clientid().clone(),
                    topic: topic.clone(),
                    rc,
                });
            }
        }
        client.mark_gone();
    }

    pub(crate) fn callbacks_of(&self, event: Event) -> Vec<Callback> {
        self.state().callbacks.iter().filter(|callback| callback.event() == event).cloned().collect()
    }

    /// Registers a callback, unless it is there already.
    pub(crate) fn register(&self, callback: Callback) -> bool {
        let mut state = self.state();
        if state.callbacks.iter().any(|other| other.collides_with(&callback)) {
            return false;
        }
        state.deeds.push(Deed::Register { event: callback.event().to_c(), topic: callback.topic() });
        state.callbacks.push(callback);
        true
    }

    /// Removes the callback that is equal to `callback`, if there is one.
    pub(crate) fn unregister(&self, callback: &Callback) -> bool {
        let mut state = self.state();
        let Some(position) = state.callbacks.iter().position(|other| other.is_same(callback)) else {
            return false;
        };
        state.callbacks.remove(position);
        state.deeds.push(Deed::Unregister { event: callback.event().to_c() });
        true
    }
}

/// A client is not let in, of which these callbacks are told.
pub(crate) fn turn_away(client: &Arc<Client>, callbacks: impl IntoIterator<Item = Callback>) {
    // The broker takes the id away first (src/handle_connect.c).
    client.mark_gone();
    for callback in callbacks {
        callback.disconnected(client);
    }
}
