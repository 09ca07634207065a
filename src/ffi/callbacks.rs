//! What the broker calls, one function per event, each inside the guard.
//!
//! Each names in one place what it answers when the plugin panics: a refusal, never "ask the next".

use std::ffi::{c_int, c_void};

use super::context::Context;
use super::event::{self, Unusable};
use super::guard::guard;
use super::{identities, outcome, sys};
use crate::plugin::ControlTopic;

/// `MOSQ_EVT_BASIC_AUTH`.
pub(super) unsafe extern "C" fn on_basic_auth(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    let answer = |context: &Context, event: &sys::mosquitto_evt_basic_auth| {
        if let Some(identities) = &context.identities {
            identities.forget_ended();
        }
        // SAFETY: the event of this callback, which has not returned.
        let request = unsafe { event::login_request(&context.functions, event) };
        // SAFETY: the same client.
        let delay = unsafe { context.broker.delay_of_login(event.client) };
        let answer = context.plugin.on_login(event::session(event.client), &request, delay);
        outcome::of_login(answer, context.functions.family)
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "a login", outcome::AUTH, answer) }
}

/// `MOSQ_EVT_ACL_CHECK`.
pub(super) unsafe extern "C" fn on_acl_check(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    let answer = |context: &Context, event: &sys::mosquitto_evt_acl_check| {
        if let Some(identities) = &context.identities
            && identities.is_new(event::session(event.client))
        {
            // SAFETY: this callback's event.
            unsafe { identities::look_at(context, identities, event) };
        }
        // SAFETY: the client of this callback's event; the plugin keeps nothing of it.
        let client = unsafe { event::ClientOfEvent::new(&context.functions, event.client) };
        // SAFETY: the event of this callback, which has not returned.
        match unsafe { event::acl_request(&context.functions, event, &client) } {
            Ok(request) => {
                let session = event::session(event.client);
                outcome::of_acl_check(context.plugin.on_acl_check(
                    session,
                    request,
                    &*context.plugin,
                    &client,
                ))
            }
            Err(Unusable::UnknownAccess) => outcome::DEFER,
            Err(Unusable::NoTopic) => outcome::ACL_DENIED,
        }
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch(event, userdata, "an ACL check", outcome::ACL_DENIED, answer) }
}

/// `MOSQ_EVT_CONTROL` of [`ControlTopic::Admin`].
pub(super) unsafe extern "C" fn on_control(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { on_payload(event, userdata, ControlTopic::Admin) }
}

/// `MOSQ_EVT_CONTROL` of [`ControlTopic::Query`].
pub(super) unsafe extern "C" fn on_query(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { on_payload(event, userdata, ControlTopic::Query) }
}

/// `MOSQ_EVT_CONTROL` of [`ControlTopic::SelfService`].
pub(super) unsafe extern "C" fn on_self_service(
    _: c_int,
    event: *mut c_void,
    userdata: *mut c_void,
) -> c_int {
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { on_payload(event, userdata, ControlTopic::SelfService) }
}

/// A payload on one of our topics. Any other answer than success would disconnect the sender.
///
/// # Safety
/// The broker's arguments to the callback of `MOSQ_EVT_CONTROL`.
unsafe fn on_payload(event: *mut c_void, userdata: *mut c_void, topic: ControlTopic) -> c_int {
    let answer = |context: &Context, event: &sys::mosquitto_evt_control| {
        // SAFETY: the event of this callback, which has not returned.
        let (mut actor, payload) = unsafe { event::control_request(&context.functions, event, topic) };
        if topic == ControlTopic::SelfService {
            context.plugin.note_question(event::session(event.client), &mut actor);
        }
        let answered = guard(&*context.broker, "a control payload", false, || {
            match topic {
                ControlTopic::SelfService => context.plugin.on_self_service(&actor, payload),
                ControlTopic::Admin | ControlTopic::Query => context.plugin.on_control(&actor, payload),
            }
            true
        });
        if !answered {
            context.plugin.answer_after_panic(&actor);
        }
        outcome::SUCCESS
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "the answer to a control payload", outcome::SUCCESS, answer) }
}

/// When the next tick is to be that never is to come. The broker adds it to the present time, and takes it for milliseconds
/// (2.1.2: `src/plugin_tick.c`).
const NEVER: sys::time_t = sys::time_t::MAX / 2000;

/// Tells 2.1 after how many seconds to call again, of the time that it is; 2.0 always does so in the next round.
///
/// # Safety
/// `event` is what the broker passed to a callback of `MOSQ_EVT_TICK`, which has not returned.
unsafe fn ask_for_next(event: *mut c_void, seconds: impl FnOnce(sys::time_t) -> sys::time_t) {
    // SAFETY: null, or this event's structure, which the broker reads when the callback returns. mosquitto/broker.h:
    // mosquitto_evt_tick.
    if let Some(tick) = unsafe { event.cast::<sys::mosquitto_evt_tick>().as_mut() } {
        tick.next_s = seconds(tick.now_s);
    }
}

/// `MOSQ_EVT_TICK` of 2.1, which every scope of the broker has before [`on_tick`]. It is called once in each: how often that
/// is tells how many ticks there are in a round.
pub(super) unsafe extern "C" fn on_first_tick(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { ask_for_next(event, |_| NEVER) };
    let answer = |context: &Context, _: &sys::mosquitto_evt_tick| {
        context.plugin.rounds.found_scope();
        outcome::SUCCESS
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "a first tick", outcome::SUCCESS, answer) }
}

/// `MOSQ_EVT_TICK`. The plugin hears of it once in a round.
pub(super) unsafe extern "C" fn on_tick(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    let answer = |context: &Context, _: &sys::mosquitto_evt_tick| {
        if let Some(identities) = &context.identities {
            identities.forget_ended();
        }
        if context.plugin.rounds.begins() {
            context.plugin.on_tick();
        }
        outcome::SUCCESS
    };
    // At the beginning of all time: should the system's clock be set back, by which 2.1 goes, a later time than that would
    // be long in coming.
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { ask_for_next(event, sys::time_t::saturating_neg) };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "a tick", outcome::SUCCESS, answer) }
}

/// `MOSQ_EVT_DISCONNECT`.
pub(super) unsafe extern "C" fn on_disconnect(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    let answer = |context: &Context, event: &sys::mosquitto_evt_disconnect| {
        let session = event::session(event.client);
        if let Some(identities) = &context.identities {
            identities.forget(session);
        }
        context.plugin.on_disconnect(session);
        outcome::SUCCESS
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "a disconnect", outcome::SUCCESS, answer) }
}

/// `MOSQ_EVT_RELOAD`. On 2.0 any other answer than this keeps the plugins after this one from being told; on 2.1 any
/// other than success ends the broker.
pub(super) unsafe extern "C" fn on_reload(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    let answer = |context: &Context, _: &sys::mosquitto_evt_reload| {
        let done = outcome::of_reload(context.functions.family);
        guard(&*context.broker, "a reload", done, || {
            context.plugin.on_reload();
            done
        })
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "the answer to a reload", outcome::SUCCESS, answer) }
}

/// `MOSQ_EVT_CONNECT`, which only 2.1 has.
pub(super) unsafe extern "C" fn on_connect(_: c_int, event: *mut c_void, userdata: *mut c_void) -> c_int {
    let answer = |context: &Context, event: &sys::mosquitto_evt_connect| {
        // SAFETY: the client of this event, whose callback has not returned.
        let subject = unsafe { event::subject(&context.functions, event.client) };
        // SAFETY: the same client; the plugin keeps nothing of it.
        let client = unsafe { event::ClientOfEvent::new(&context.functions, event.client) };
        let session = event::session(event.client);
        context.plugin.on_connect(session, subject.username, subject.clientid.get(), &client);
        outcome::SUCCESS
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe { dispatch_other(event, userdata, "a connection", outcome::SUCCESS, answer) }
}

/// `MOSQ_EVT_CLIENT_OFFLINE`, 2.1's disconnect of a session that goes on.
pub(super) unsafe extern "C" fn on_client_offline(
    _: c_int,
    event: *mut c_void,
    userdata: *mut c_void,
) -> c_int {
    let answer = |context: &Context, event: &sys::mosquitto_evt_client_offline| {
        context.plugin.on_disconnect(event::session(event.client));
        outcome::SUCCESS
    };
    // SAFETY: the broker's arguments to the callback of this event.
    unsafe {
        dispatch_other(event, userdata, "a disconnect from a session that goes on", outcome::SUCCESS, answer)
    }
}

/// [`dispatch`], for all but ACL checks.
///
/// # Safety
/// As [`dispatch`].
unsafe fn dispatch_other<E>(
    event: *const c_void,
    userdata: *const c_void,
    request: &str,
    on_panic: c_int,
    answer: impl FnOnce(&Context, &E) -> c_int,
) -> c_int {
    let answer = |context: &Context, event: &E| {
        let _other = context.plugin.enter_other();
        answer(context, event)
    };
    // SAFETY: this function's contract.
    unsafe { dispatch(event, userdata, request, on_panic, answer) }
}

/// Hands an event to `answer`, inside the guard; `on_panic` is also the answer where a pointer is null.
///
/// # Safety
/// The arguments that the broker gives to a callback of the event that `E` is the structure of:
/// `event` is null or an `E` that lives and does not change until the callback returns, and `userdata`
/// is null or what [`super::registration`] registered, which lives until it is unregistered.
unsafe fn dispatch<E>(
    event: *const c_void,
    userdata: *const c_void,
    request: &str,
    on_panic: c_int,
    answer: impl FnOnce(&Context, &E) -> c_int,
) -> c_int {
    // SAFETY: this function's contract.
    let context = unsafe { event::borrow::<Context>(userdata) };
    // SAFETY: this function's contract.
    let event = unsafe { event::borrow::<E>(event) };
    match (context, event) {
        (Some(context), Some(event)) => guard(&*context.broker, request, on_panic, || answer(context, event)),
        _ => on_panic,
    }
}
