//! Registering callbacks.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::hint::black_box;

use super::c_str;
use crate::bindings::{
    MOSQ_ERR_ALREADY_EXISTS, MOSQ_ERR_INVAL, MOSQ_ERR_NOT_FOUND, MOSQ_ERR_NOT_SUPPORTED, MOSQ_ERR_SUCCESS,
    MOSQ_FUNC_generic_callback, mosquitto_plugin_id_t,
};
use crate::broker::BROKER;
use crate::callback::{Callback, Event, PluginId};

/// `data` is the topic for [`Event::Control`], and unused for the others.
#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_callback_register(
    identifier: *mut mosquitto_plugin_id_t,
    event: c_int,
    function: MOSQ_FUNC_generic_callback,
    data: *const c_void,
    userdata: *mut c_void,
) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated topic with MOSQ_EVT_CONTROL.
    match unsafe { callback(identifier, event, function, data, userdata) } {
        Err(rc) => rc,
        Ok(callback) => {
            if BROKER.register(callback) {
                MOSQ_ERR_SUCCESS
            } else {
                MOSQ_ERR_ALREADY_EXISTS
            }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_callback_unregister(
    identifier: *mut mosquitto_plugin_id_t,
    event: c_int,
    function: MOSQ_FUNC_generic_callback,
    data: *const c_void,
) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated topic with MOSQ_EVT_CONTROL.
    match unsafe { callback(identifier, event, function, data, std::ptr::null_mut()) } {
        Err(rc) => rc,
        Ok(callback) => {
            if BROKER.unregister(&callback) {
                MOSQ_ERR_SUCCESS
            } else {
                MOSQ_ERR_NOT_FOUND
            }
        }
    }
}

/// The callback that a plugin describes, or the return code that refuses it.
///
/// # Safety
///
/// `data` is NULL or a NUL-terminated string if `event` is `MOSQ_EVT_CONTROL`.
unsafe fn callback(
    identifier: *mut mosquitto_plugin_id_t,
    event: c_int,
    function: MOSQ_FUNC_generic_callback,
    data: *const c_void,
    userdata: *mut c_void,
) -> Result<Callback, c_int> {
    let function = function.ok_or(MOSQ_ERR_INVAL)?;
    let event = Event::from_c(event).ok_or(MOSQ_ERR_NOT_SUPPORTED)?;
    let topic = if event == Event::Control {
        // SAFETY: as the caller guarantees.
        let topic = unsafe { c_str(data.cast::<c_char>()) };
        Some(topic.filter(|topic| is_control_topic(topic)).map(CString::from).ok_or(MOSQ_ERR_INVAL)?)
    } else {
        None
    };
    Ok(Callback::new(PluginId::of(identifier), event, topic, function, userdata))
}

/// Whether a topic can have a control callback (src/control.c: at least as long as `$CONTROL/A/v1`).
fn is_control_topic(topic: &CStr) -> bool {
    let topic = topic.to_bytes();
    topic.starts_with(b"$CONTROL/") && (b"$CONTROL/A/v1".len()..=65535).contains(&topic.len())
}

pub(super) fn pin() {
    black_box([mosquitto_callback_register as *const (), mosquitto_callback_unregister as *const ()]);
}
