//! What a plugin can ask about a client, and do to it.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{c_char, c_int, c_void};
use std::hint::black_box;
use std::ptr;

use super::{c_str, text};
use crate::bindings::{MOSQ_ERR_INVAL, MOSQ_ERR_NOT_FOUND, MOSQ_ERR_SUCCESS, mosquitto, mp_mqtt};
use crate::broker::BROKER;
use crate::client::Client;
use crate::protocol::Kicked;

const ADDRESS: &std::ffi::CStr = c"127.0.0.1";
const KEEPALIVE_S: c_int = 60;
const MQTT_5: c_int = 5;

/// The client behind a plugin's pointer.
///
/// # Safety
///
/// `client` is NULL or a pointer that the host gave to the plugin and that is still valid: in the event that
/// it came with.
unsafe fn client<'event>(client: *const mosquitto) -> Option<&'event Client> {
    // SAFETY: `Client::as_c` made the pointer, and the host holds the client while the event lasts.
    unsafe { client.cast::<Client>().as_ref() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_client_id(context: *const mosquitto) -> *const c_char {
    // SAFETY: the plugin passes the client of the current event, or NULL.
    let client = unsafe { client(context) };
    client.map_or(ptr::null(), Client::clientid_for_plugin)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_client_username(context: *const mosquitto) -> *const c_char {
    // SAFETY: the plugin passes the client of the current event, or NULL.
    let client = unsafe { client(context) };
    client.map_or(ptr::null(), Client::username_for_plugin)
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_client_address(context: *const mosquitto) -> *const c_char {
    if context.is_null() { ptr::null() } else { ADDRESS.as_ptr() }
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_client_certificate(_context: *const mosquitto) -> *mut c_void {
    ptr::null_mut()
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_client_clean_session(_context: *const mosquitto) -> bool {
    true
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_client_keepalive(context: *const mosquitto) -> c_int {
    if context.is_null() { -1 } else { KEEPALIVE_S }
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_client_protocol(_context: *const mosquitto) -> c_int {
    mp_mqtt.cast_signed()
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_client_protocol_version(context: *const mosquitto) -> c_int {
    if context.is_null() { 0 } else { MQTT_5 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_client_sub_count(context: *const mosquitto) -> c_int {
    // SAFETY: the plugin passes the client of the current event, or NULL.
    let client = unsafe { client(context) };
    client.map_or(0, |client| c_int::try_from(client.subscriptions().len()).unwrap_or(c_int::MAX))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_set_username(context: *mut mosquitto, username: *const c_char) -> c_int {
    // SAFETY: the plugin passes the client of the current event, or NULL.
    let Some(client) = (unsafe { client(context) }) else {
        return MOSQ_ERR_INVAL;
    };
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    let username = unsafe { c_str(username) };
    client.set_username(username.map(ToOwned::to_owned));
    MOSQ_ERR_SUCCESS
}

/// NULL means everybody.
#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_kick_client_by_clientid(clientid: *const c_char, with_will: bool) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    let clientid = unsafe { text(clientid) };
    let everybody = clientid.is_none();
    let found = BROKER.kick(clientid.map_or(Kicked::Everybody, Kicked::Clientid), with_will);
    if found || everybody { MOSQ_ERR_SUCCESS } else { MOSQ_ERR_NOT_FOUND }
}

/// NULL means all who have no username.
#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_kick_client_by_username(username: *const c_char, with_will: bool) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    let username = unsafe { text(username) };
    BROKER.kick(username.map_or(Kicked::Anonymous, Kicked::Username), with_will);
    MOSQ_ERR_SUCCESS
}

pub(super) fn pin() {
    black_box([
        mosquitto_client_id as *const (),
        mosquitto_client_username as *const (),
        mosquitto_client_address as *const (),
        mosquitto_client_certificate as *const (),
        mosquitto_client_clean_session as *const (),
        mosquitto_client_keepalive as *const (),
        mosquitto_client_protocol as *const (),
        mosquitto_client_protocol_version as *const (),
        mosquitto_client_sub_count as *const (),
        mosquitto_set_username as *const (),
        mosquitto_kick_client_by_clientid as *const (),
        mosquitto_kick_client_by_username as *const (),
    ]);
}
