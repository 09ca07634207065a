//! The clients that a 2.1 broker says it has.

use std::ffi::{CString, c_int, c_void};

use super::functions::Functions;
use super::{event, sys};
use crate::broker::ConnectedClient;
use crate::panics::caught;

/// Shows them all; false if the broker cannot tell.
///
/// The broker calls nothing but what it is given, so that the plugin is not re-entered.
pub(super) fn each(functions: &Functions, show: &mut dyn FnMut(ConnectedClient<'_>)) -> bool {
    let Some(apply) = functions.mosquitto_apply_on_all_clients else { return false };
    let mut round = Round { functions, show };
    // SAFETY: the function takes the context that it is given here, which outlives the call.
    // mosquitto/broker.h of 2.1: mosquitto_apply_on_all_clients. We are on the broker's thread: the caller.
    let code = unsafe { apply(show_next, (&raw mut round).cast()) };
    code == sys::MOSQ_ERR_SUCCESS
}

/// Shows the one of that id, if there is one; false if the broker cannot tell.
pub(super) fn by_id(
    functions: &Functions,
    clientid: &[u8],
    show: &mut dyn FnMut(ConnectedClient<'_>),
) -> bool {
    let Some(find) = functions.mosquitto_client else { return false };
    // No client has an id with a NUL.
    if let Ok(clientid) = CString::new(clientid) {
        // SAFETY: a string that outlives the call. mosquitto/broker.h of 2.1: mosquitto_client. We are on the
        // broker's thread: the caller.
        let client = unsafe { find(clientid.as_ptr()) };
        if !client.is_null() {
            // SAFETY: the broker's client, which lives at least until the broker is returned to.
            show(unsafe { event::connected_client(functions, client) });
        }
    }
    true
}

struct Round<'a> {
    functions: &'a Functions,
    show: &'a mut dyn FnMut(ConnectedClient<'_>),
}

/// # Safety
/// `client` is the broker's, `context` a [`Round`] that nobody else uses.
unsafe extern "C" fn show_next(client: *const sys::mosquitto, context: *mut c_void) -> c_int {
    // SAFETY: this function's contract.
    let Some(round) = (unsafe { context.cast::<Round<'_>>().as_mut() }) else {
        return sys::MOSQ_ERR_INVAL;
    };
    // SAFETY: the broker's client, which lives at least until the broker is returned to.
    let client = unsafe { event::connected_client(round.functions, client) };
    match caught(|| (round.show)(client)) {
        Ok(()) => sys::MOSQ_ERR_SUCCESS,
        Err(_) => sys::MOSQ_ERR_UNKNOWN,
    }
}
