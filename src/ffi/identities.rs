//! Clients that their certificate lets in. The broker asks nobody about their logins, and only 2.1 can tell who is
//! connected: on 2.0 such a client is noticed when it first does something. So are those of whom no login is asked here:
//! with a pre-shared key, or let in by a plugin before this one.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

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
/// What is at a place where no connection is: of an address there is no negative number.
const NONE: i32 = -1;
/// How many that have ended are remembered. A will comes right after its connection's end, but may end others that are dead.
const ENDED: usize = 8;

/// Which connections have been looked at. ACL checks ask this, so it has to be cheap, and little memory: a connection is in
/// one of a few places, and one that finds others in all of them is looked at again.
pub(super) struct Identities {
    sets: Box<[Set; SETS]>,
    /// The addresses of the last connections that have ended and whose certificates may still be there.
    ended: [AtomicUsize; ENDED],
    /// Where the next of them goes.
    next_ended: AtomicUsize,
}

/// What the addresses of some connections are beyond the number of their set.
type Set = [AtomicI32; WAYS];

impl Identities {
    #[expect(clippy::large_stack_arrays, reason = "a quarter of a megabyte, once, where the broker starts")]
    pub(super) fn new() -> Self {
        Self {
            sets: Box::new([const { [const { AtomicI32::new(NONE) }; WAYS] }; SETS]),
            ended: [const { AtomicUsize::new(0) }; ENDED],
            next_ended: AtomicUsize::new(0),
        }
    }

    /// Whether a connection has to be looked at.
    #[inline]
    pub(super) fn is_new(&self, session: SessionId) -> bool {
        let (set, rest) = self.set(session);
        place(set, rest).is_none()
    }

    fn note_seen(&self, session: SessionId) {
        let (set, rest) = self.set(session);
        // One whose address is beyond all that there are is looked at each time.
        let Ok(rest) = i32::try_from(rest) else { return };
        // Where all are taken, any goes.
        let any = || set.get(rest.cast_unsigned() as usize % WAYS);
        if let Some(place) = place(set, rest.into()).or_else(|| place(set, NONE.into())).or_else(any) {
            place.store(rest, Ordering::Relaxed);
        }
    }

    /// A connection has ended: the next that is found at its address is another.
    pub(super) fn forget(&self, session: SessionId) {
        let (set, rest) = self.set(session);
        if let Some(place) = place(set, rest) {
            place.store(NONE, Ordering::Relaxed);
        }
        let next = self.next_ended.fetch_add(1, Ordering::Relaxed);
        if let Some(ended) = self.ended.get(next % ENDED) {
            ended.store(session.0, Ordering::Relaxed);
        }
    }

    /// Whether that connection has just ended.
    fn has_ended(&self, session: SessionId) -> bool {
        self.ended.iter().any(|ended| ended.load(Ordering::Relaxed) == session.0)
    }

    /// The broker is done with those that have ended: what it asks about their addresses from now on is others'.
    pub(super) fn forget_ended(&self) {
        for ended in &self.ended {
            ended.store(0, Ordering::Relaxed);
        }
    }

    /// The set of a connection, and what is there once it was looked at: both together are its address, so that no other is
    /// taken for it.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a remainder is less than what it is the remainder of")]
    #[expect(clippy::cast_possible_wrap, reason = "less than half of the bits are left")]
    fn set(&self, session: SessionId) -> (&Set, i64) {
        let address = session.0 >> ALIGNED;
        let rest = address >> SET_BITS;
        (&self.sets[(address ^ rest) % SETS], rest as i64)
    }
}

#[inline]
fn place(set: &Set, rest: i64) -> Option<&AtomicI32> {
    set.iter().find(|place| i64::from(place.load(Ordering::Relaxed)) == rest)
}

/// Looks at a connection that has not been looked at, and tells the plugin if a certificate has let it in, or nobody knows who.
///
/// Neither logins nor certificates are to be had of a connection that has ended, though its session or its will
/// may still be asked about, nor of what the broker makes up to ask about retained messages. These are looked at
/// each time. Only its will, from 2.0.14 on, is asked about while its certificate is still there: that shows nobody.
/// What has no address never was a connection: it is made up, or a session from before the broker's start.
///
/// # Safety
/// `check` is an event whose callback has not returned.
#[cold]
pub(super) unsafe fn look_at(
    context: &Context,
    identities: &Identities,
    check: &sys::mosquitto_evt_acl_check,
) {
    let client = check.client;
    let session = event::session(client);
    let acts = check.access != sys::MOSQ_ACL_READ;
    // SAFETY: this function's contract; the plugin keeps copies.
    let username = || unsafe { event::username(&context.functions, client) };
    let is_noted = context.plugin.has_noted(session, acts, username);
    if !is_noted {
        if context.plugin.knows(session) {
            identities.note_seen(session);
            return;
        }
        if identities.has_ended(session) {
            return;
        }
    }
    // Who is noted is looked at, too: the broker does not tell when it frees what it has of an absent client, and another
    // may be at that address by now, under the same name.
    // SAFETY: this function's contract.
    let has_certificate = unsafe { event::has_certificate(&context.functions, client) };
    if is_noted && !has_certificate {
        return;
    }
    // SAFETY: this function's contract; the plugin keeps copies.
    let address = unsafe { event::address(&context.functions, client) };
    if has_certificate {
        // SAFETY: the same.
        let subject = unsafe { event::subject(&context.functions, client) };
        context.plugin.on_certificate(session, &subject, address);
        identities.note_seen(session);
    } else if address.is_some()
        && let Some(username) = username()
    {
        context.plugin.on_unrecorded(session, username, acts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_new_until_it_was_looked_at_and_after_it_has_ended() {
        let identities = Identities::new();
        let [one, two] = [0x7f00_0001_2340, 0x7f00_0001_2740].map(SessionId);
        assert!(identities.is_new(one) && identities.is_new(two));
        identities.note_seen(one);
        assert!(!identities.is_new(one) && identities.is_new(two));
        identities.forget(two);
        assert!(!identities.is_new(one));
        identities.forget(one);
        assert!(identities.is_new(one));
    }

    #[test]
    fn the_last_that_have_ended_are_remembered_for_a_while() {
        let identities = Identities::new();
        let session = |number: usize| SessionId(number << ALIGNED);
        for number in 1..=ENDED + 1 {
            identities.forget(session(number));
        }
        assert!(!identities.has_ended(session(1)));
        assert!((2..=ENDED + 1).all(|number| identities.has_ended(session(number))));
        identities.forget_ended();
        assert!((1..=ENDED + 1).all(|number| !identities.has_ended(session(number))));
    }

    #[test]
    fn connections_of_one_set_are_told_apart_as_long_as_they_are_few() {
        let identities = Identities::new();
        let set = identities.set(SessionId(0x40)).0;
        let is_in_set = |other: &SessionId| std::ptr::eq(identities.set(*other).0, set);
        let all: Vec<SessionId> =
            (0..1 << 20).map(|n| SessionId(0x40 + 0x10_0000 * n)).filter(is_in_set).take(WAYS + 1).collect();
        let seen = || all.iter().filter(|session| !identities.is_new(**session)).count();
        for (count, session) in (1..).zip(&all) {
            assert!(identities.is_new(*session));
            identities.note_seen(*session);
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
            identities.note_seen(session);
            assert_eq!(identities.is_new(session), !is_address, "{session:?}");
        }
        // Of the same place as the first.
        assert!(identities.is_new(SessionId(1 << 50)));
    }
}
