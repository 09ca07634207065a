//! Clients that their certificate lets in. The broker asks nobody about their logins, and only 2.1 can tell who is
//! connected: on 2.0 such a client is noticed when it first does something.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::Context;
use super::{event, sys};
use crate::plugin::SessionId;

/// How many connections can be told from new ones without a closer look, if their places do not collide.
const PLACES: usize = 1 << 15;

/// Which connections have been looked at. ACL checks ask this, so it has to be cheap: a connection has one place
/// in a table, and one that finds another there is looked at again.
pub(super) struct Identities {
    places: Box<[AtomicUsize]>,
}

impl Identities {
    pub(super) fn new() -> Self {
        Self { places: (0..PLACES).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// Whether a connection has to be looked at.
    pub(super) fn is_new(&self, session: SessionId) -> bool {
        self.place(session).is_some_and(|place| place.load(Ordering::Relaxed) != session.0)
    }

    fn has_seen(&self, session: SessionId) {
        if let Some(place) = self.place(session) {
            place.store(session.0, Ordering::Relaxed);
        }
    }

    /// A connection has ended: the next that is found at its address is another.
    pub(super) fn forget(&self, session: SessionId) {
        if !self.is_new(session)
            && let Some(place) = self.place(session)
        {
            place.store(0, Ordering::Relaxed);
        }
    }

    fn place(&self, session: SessionId) -> Option<&AtomicUsize> {
        // The last bits of an allocation's address are always the same.
        self.places.get((session.0 >> 4 ^ session.0 >> 18) % PLACES)
    }
}

/// Looks at a connection that has not been looked at, and tells the plugin if a certificate has let it in.
///
/// Neither logins nor certificates are to be had of a connection that has ended, though its session or its will
/// may still be asked about, nor of what the broker makes up to ask about retained messages. These are looked at
/// each time.
///
/// # Safety
/// `client` is that of an event whose callback has not returned.
#[cold]
pub(super) unsafe fn look_at(context: &Context, identities: &Identities, client: *const sys::mosquitto) {
    let session = event::session(client);
    if context.plugin.knows(session) {
        identities.has_seen(session);
        return;
    }
    // SAFETY: this function's contract.
    if unsafe { has_certificate(context, client) } {
        // SAFETY: this function's contract; the plugin keeps copies.
        let subject = unsafe { event::subject(&context.functions, client) };
        // SAFETY: the same.
        let address = unsafe { event::address(&context.functions, client) };
        context.plugin.on_certificate(session, &subject, address);
        identities.has_seen(session);
    }
}

/// Whether a client is connected and has shown a certificate.
///
/// # Safety
/// As [`look_at`].
unsafe fn has_certificate(context: &Context, client: *const sys::mosquitto) -> bool {
    let Some(free) = context.functions.x509_free else { return false };
    // SAFETY: this function's contract. mosquitto_broker.h: mosquitto_client_certificate.
    let certificate = unsafe { (context.functions.mosquitto_client_certificate)(client) };
    if certificate.is_null() {
        return false;
    }
    // SAFETY: it is the caller's, to be freed with this function. mosquitto_broker.h: the same.
    unsafe { free(certificate) };
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_new_until_it_was_looked_at_and_after_it_has_ended() {
        let identities = Identities::new();
        let [one, two] = [0x7f00_0001_2340, 0x7f00_0001_2740].map(SessionId);
        assert!(identities.is_new(one) && identities.is_new(two));
        identities.has_seen(one);
        assert!(!identities.is_new(one) && identities.is_new(two));
        identities.forget(two);
        assert!(!identities.is_new(one));
        identities.forget(one);
        assert!(identities.is_new(one));
    }

    #[test]
    fn connections_that_collide_are_looked_at_again() {
        let identities = Identities::new();
        let one = SessionId(0x40);
        let place = identities.place(one).unwrap();
        let collides = |other: &SessionId| std::ptr::eq(identities.place(*other).unwrap(), place);
        let other = (1..1 << 20).map(|n| SessionId(0x40 + 0x10_0000 * n)).find(collides).unwrap();
        identities.has_seen(one);
        assert!(identities.is_new(other));
        identities.has_seen(other);
        assert!(identities.is_new(one));
        identities.forget(one);
        assert!(!identities.is_new(other));
    }
}
