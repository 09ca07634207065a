//! Publishing.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{c_char, c_int, c_void};
use std::hint::black_box;
use std::slice;

use super::text;
use crate::bindings::{MOSQ_ERR_INVAL, MOSQ_ERR_SUCCESS, mosquitto_property};
use crate::broker::BROKER;
use crate::protocol::{Deed, Message};
use crate::text::Text;

/// Takes the payload, which the plugin has from `malloc`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn mosquitto_broker_publish(
    clientid: *const c_char,
    topic: *const c_char,
    payloadlen: c_int,
    payload: *mut c_void,
    qos: c_int,
    retain: bool,
    properties: *mut mosquitto_property,
) -> c_int {
    // SAFETY: the arguments are the plugin's, which keeps to mosquitto_broker.h.
    let rc = unsafe {
        mosquitto_broker_publish_copy(clientid, topic, payloadlen, payload, qos, retain, properties)
    };
    if rc == MOSQ_ERR_SUCCESS {
        // SAFETY: on success the payload is the broker's (mosquitto_broker.h: "will be freed").
        unsafe { libc::free(payload) };
    }
    rc
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_broker_publish_copy(
    clientid: *const c_char,
    topic: *const c_char,
    payloadlen: c_int,
    payload: *const c_void,
    qos: c_int,
    retain: bool,
    properties: *mut mosquitto_property,
) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    let clientid = unsafe { text(clientid) };
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    let topic = unsafe { text(topic) };
    let (Some(topic), Ok(length)) = (topic, usize::try_from(payloadlen)) else {
        return MOSQ_ERR_INVAL;
    };
    if (length > 0 && payload.is_null()) || !(0..=2).contains(&qos) {
        return MOSQ_ERR_INVAL;
    }
    let payload = if length == 0 {
        Text::default()
    } else {
        // SAFETY: the plugin passes `payloadlen` bytes.
        Text::from(unsafe { slice::from_raw_parts(payload.cast::<u8>(), length) })
    };
    let has_properties = !properties.is_null();
    BROKER.record(Deed::Publish(Message { clientid, topic, payload, qos, retain, has_properties }));
    MOSQ_ERR_SUCCESS
}

pub(super) fn pin() {
    black_box([mosquitto_broker_publish as *const (), mosquitto_broker_publish_copy as *const ()]);
}
