//! What bindgen makes of `wrapper.h`, and what 2.1 added to it.

#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    clippy::pedantic,
    clippy::restriction,
    clippy::missing_safety_doc,
    reason = "generated code keeps C's names and has none of our comments"
)]

use std::ffi::{c_char, c_int, c_void};
use std::mem::size_of;

/// Those of 2.0 lack what 2.1 added. Where they have it, what is here comes before it.
mod headers {
    include!(concat!(env!("OUT_DIR"), "/mosquitto.rs"));
}

pub use headers::*;

/// `mosquitto_evt_client_offline` in 2.1's `mosquitto/broker.h`: laid out as the disconnect event.
pub type mosquitto_evt_client_offline = mosquitto_evt_disconnect;

/// 2.1's `mosquitto/broker.h`, `enum mosquitto_plugin_event`.
pub const MOSQ_EVT_CLIENT_OFFLINE: mosquitto_plugin_event = 28;

/// `mosquitto_evt_connect` in 2.1's `mosquitto/broker.h`.
#[repr(C)]
pub struct mosquitto_evt_connect {
    pub future: *mut c_void,
    pub client: *mut mosquitto,
    pub future2: [*mut c_void; 4],
}

/// 2.1's `mosquitto/broker.h`, `enum mosquitto_plugin_event`.
pub const MOSQ_EVT_CONNECT: mosquitto_plugin_event = 11;

/// `mosquitto_plugin_set_info` in 2.1's `mosquitto/broker.h`.
pub type mosquitto_plugin_set_info = unsafe extern "C" fn(
    identifier: *mut mosquitto_plugin_id_t,
    plugin_name: *const c_char,
    plugin_version: *const c_char,
) -> c_int;

/// `mosquitto_client` in 2.1's `mosquitto/broker.h`.
pub type mosquitto_client = unsafe extern "C" fn(clientid: *const c_char) -> *mut mosquitto;

/// `mosquitto_complete_basic_auth` in 2.1's `mosquitto/broker.h`.
pub type mosquitto_complete_basic_auth = unsafe extern "C" fn(clientid: *const c_char, result: c_int);

/// `mosquitto_client_protocol_version` in `mosquitto_broker.h`: 5 is MQTT 5.0, less is older.
pub type mosquitto_client_protocol_version = unsafe extern "C" fn(client: *const mosquitto) -> c_int;

/// 2.1's `mosquitto/defs.h`, `enum mosq_err_t`.
pub const MOSQ_ERR_AUTH_DELAYED: c_int = -5;

/// `mosquitto_apply_on_all_clients` in 2.1's `mosquitto/broker.h`.
pub type mosquitto_apply_on_all_clients = unsafe extern "C" fn(
    functor: unsafe extern "C" fn(client: *const mosquitto, context: *mut c_void) -> c_int,
    context: *mut c_void,
) -> c_int;

/// `X509_free` in `openssl/x509.h`.
pub type X509_free = unsafe extern "C" fn(certificate: *mut c_void);

/// What is here of 2.1 is as the headers have it, if they are 2.1's: else each name is compared with itself.
const _: () = {
    #[allow(unused_imports, reason = "2.0's have nothing of it")]
    use headers::*;

    assert!(MOSQ_EVT_CONNECT == self::MOSQ_EVT_CONNECT);
    assert!(MOSQ_EVT_CLIENT_OFFLINE == self::MOSQ_EVT_CLIENT_OFFLINE);
    assert!(MOSQ_ERR_AUTH_DELAYED == self::MOSQ_ERR_AUTH_DELAYED);
    assert!(size_of::<mosquitto_evt_connect>() == size_of::<self::mosquitto_evt_connect>());
    assert!(size_of::<mosquitto_evt_client_offline>() == size_of::<self::mosquitto_evt_client_offline>());
};
