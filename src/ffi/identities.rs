//! Clients that their certificate lets in. The broker asks nobody about their logins, and only 2.1 can tell who is
//! connected: on 2.0 such a client is noticed when it first does something.

use std::sync::atomic::{AtomicU32, Ordering};

use super::context::Context;
use super::{event, sys};
use crate::plugin::SessionId;

/// How many sets of places there are. As long as many more than there are connections, hardly one is ever looked at twice.
const SETS: usize = 1 << SET_BITS;
const SET_BITS: u32 = 14;
/// How many connections of one set can be told from new ones without a closer look.
const WAYS: usize = 4;
/// Connections are allocated: the last bits of their addresses are always the same.
const ALIGNED: u32 = 4;
/// What is at a place where no connection is: no address is that large.
const NONE: u32 = u32::MAX;

/// Which connections have been looked at. ACL checks ask this, so it has to be cheap, and little memory: a connection is in
/// one of a few places, and one that finds others in all of them is looked at again.
pub(super) struct Identities {
    sets: Box<[Set; SETS]>,
}

/// What the addresses of some connections are beyond the number of their set.
type Set = [AtomicU32; WAYS];

impl Identities {
    #[expect(clippy::large_stack_arrays, reason = "a quarter of a megabyte, once, where the broker starts")]
    pub(super) fn new() -> Self {
        Self { sets: Box::new([const { [const { AtomicU32::new(NONE) }; WAYS] }; SETS]) }
    }

    /// Whether a connection has to be looked at.
    #[inline]
    pub(super) fn is_new(&self, session: SessionId) -> bool {
        self.set(session).is_none_or(|(set, rest)| place(set, rest).is_none())
    }

    fn has_seen(&self, session: SessionId) {
        let Some((set, rest)) = self.set(session) else { return };
        // Where all are taken, any goes.
        let any = || set.get(rest as usize % WAYS);
        if let Some(place) = place(set, rest).or_else(|| place(set, NONE)).or_else(any) {
            place.store(rest, Ordering::Relaxed);
        }
    }

    /// A connection has ended: the next that is found at its address is another.
    pub(super) fn forget(&self, session: SessionId) {
        if let Some((set, rest)) = self.set(session)
            && let Some(place) = place(set, rest)
        {
            place.store(NONE, Ordering::Relaxed);
        }
    }

    /// The set of a connection, and what is there once it was looked at: both together are its address, so that no other is
    /// taken for it. None if its address is beyond all that there are.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is too large is not cast")]
    fn set(&self, session: SessionId) -> Option<(&Set, u32)> {
        let address = session.0 >> ALIGNED;
        let rest = address >> SET_BITS;
        if rest >= NONE as usize {
            return None;
        }
        Some((self.sets.get((address ^ rest) % SETS)?, rest as u32))
    }
}

#[inline]
fn place(set: &Set, rest: u32) -> Option<&AtomicU32> {
    set.iter().find(|place| place.load(Ordering::Relaxed) == rest)
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
    fn connections_of_one_set_are_told_apart_as_long_as_they_are_few() {
        let identities = Identities::new();
        let set = identities.set(SessionId(0x40)).unwrap().0;
        let is_in_set = |other: &SessionId| std::ptr::eq(identities.set(*other).unwrap().0, set);
        let all: Vec<SessionId> =
            (0..1 << 20).map(|n| SessionId(0x40 + 0x10_0000 * n)).filter(is_in_set).take(WAYS + 1).collect();
        let seen = || all.iter().filter(|session| !identities.is_new(**session)).count();
        for (count, session) in (1..).zip(&all) {
            assert!(identities.is_new(*session));
            identities.has_seen(*session);
            assert!(!identities.is_new(*session));
            assert_eq!(seen(), count.min(WAYS));
        }
        for session in &all {
            identities.forget(*session);
        }
        assert_eq!(seen(), 0);
    }

    #[test]
    fn what_no_address_is_is_always_looked_at() {
        let identities = Identities::new();
        for session in [0, 1 << 50, 1 << 52, usize::MAX].map(SessionId) {
            let is_address = session.0 == 0;
            assert!(identities.is_new(session));
            identities.has_seen(session);
            assert_eq!(identities.is_new(session), !is_address, "{session:?}");
        }
        // Of the same place as the first.
        assert!(identities.is_new(SessionId(1 << 50)));
    }
}
