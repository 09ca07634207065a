//! Topic checks: Mosquitto's own, with the limit that only its broker has.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{CStr, c_char, c_int};
use std::hint::black_box;

use super::c_str;
use super::library::{self, Library};
use crate::bindings::MOSQ_ERR_INVAL;

/// How many levels a topic may have in the broker (`src/mosquitto_broker_internal.h`:
/// `TOPIC_HIERARCHY_LIMIT`, which counts slashes).
const LEVELS_MAX: usize = 201;

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_pub_topic_check(topic: *const c_char) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    check(unsafe { c_str(topic) }, Library::pub_topic_check)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_sub_topic_check(filter: *const c_char) -> c_int {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    check(unsafe { c_str(filter) }, Library::sub_topic_check)
}

fn check(topic: Option<&CStr>, rule: fn(&Library, &CStr) -> c_int) -> c_int {
    let (Some(topic), Ok(library)) = (topic, library::load()) else {
        return MOSQ_ERR_INVAL;
    };
    let levels = topic.to_bytes().split(|&byte| byte == b'/').count();
    if levels > LEVELS_MAX { MOSQ_ERR_INVAL } else { rule(library, topic) }
}

pub(super) fn pin() {
    black_box([mosquitto_pub_topic_check as *const (), mosquitto_sub_topic_check as *const ()]);
}
