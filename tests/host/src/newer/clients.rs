//! Who is connected, and the plugin's name.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use crate::bindings::{MOSQ_ERR_INVAL, MOSQ_ERR_SUCCESS, mosquitto, mosquitto_plugin_id_t};
use crate::broker::BROKER;
use crate::exports::text;

/// What a plugin does with each client; anything but `MOSQ_ERR_SUCCESS` ends the round.
pub type ClientFunctor = unsafe extern "C" fn(*const mosquitto, *mut c_void) -> c_int;

/// `mosquitto_client`: the client of that id, connected or with a session; NULL if there is none.
///
/// # Safety
///
/// `clientid` is NULL or NUL-terminated.
#[must_use]
pub unsafe fn client(clientid: *const c_char) -> *mut mosquitto {
    // SAFETY: as the caller guarantees.
    let clientid = unsafe { text(clientid) };
    // The broker keeps the client for longer than the plugin's callback.
    clientid.and_then(|clientid| BROKER.client(&clientid)).map_or(ptr::null_mut(), |client| client.as_c())
}

/// `mosquitto_apply_on_all_clients`.
///
/// # Safety
///
/// `functor` is a function of the plugin's for the given context.
pub unsafe fn apply_on_all_clients(functor: Option<ClientFunctor>, context: *mut c_void) -> c_int {
    let Some(functor) = functor else {
        return MOSQ_ERR_INVAL;
    };
    for client in BROKER.clients() {
        // SAFETY: as the caller guarantees; the client lives at least until the call returns.
        let rc = unsafe { functor(client.as_c(), context) };
        if rc != MOSQ_ERR_SUCCESS {
            return rc;
        }
    }
    MOSQ_ERR_SUCCESS
}

/// What a plugin answers where it decides about a login later (2.1's `mosquitto/defs.h`).
pub(crate) const MOSQ_ERR_AUTH_DELAYED: c_int = -5;

/// `mosquitto_complete_basic_auth`: decides about a login that waits. Nothing happens if there is none.
///
/// # Safety
///
/// `clientid` is NULL or NUL-terminated.
pub unsafe fn complete_basic_auth(clientid: *const c_char, rc: c_int) {
    // SAFETY: as the caller guarantees.
    let clientid = unsafe { text(clientid) };
    if let Some(clientid) = clientid {
        let _was_there = BROKER.complete_login(&clientid, rc);
    }
}

/// `mosquitto_plugin_set_info`. The broker shows the name in `$SYS` only.
#[must_use]
pub fn plugin_set_info(identifier: *const mosquitto_plugin_id_t, name: *const c_char) -> c_int {
    if identifier.is_null() || name.is_null() { MOSQ_ERR_INVAL } else { MOSQ_ERR_SUCCESS }
}
