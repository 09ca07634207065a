//! `libmosquitto.so.1`: where a rule is Mosquitto's own, Mosquitto's own code decides.
//!
//! Loaded globally it also gives the plugins `mosquitto_validate_utf8`, `mosquitto_topic_matches_sub` and the
//! property functions, which are the same there as in the broker.
#![expect(unsafe_code, reason = "loads a C library and calls two of its functions")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

use crate::load_error::LoadError;

const NAME: &CStr = c"libmosquitto.so.1";

/// `int mosquitto_*_topic_check(const char *)` (mosquitto.h).
type TopicCheck = unsafe extern "C" fn(*const c_char) -> c_int;

/// What is called here rather than by plugins.
pub(crate) struct Library {
    pub_topic_check: TopicCheck,
    sub_topic_check: TopicCheck,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

/// Loads the library, once.
///
/// # Errors
///
/// It is not installed, or lacks a function.
pub(crate) fn load() -> Result<&'static Library, LoadError> {
    if let Some(library) = LIBRARY.get() {
        return Ok(library);
    }
    // SAFETY: the name is NUL-terminated, and libmosquitto has no constructors.
    let handle = unsafe { libc::dlopen(NAME.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if handle.is_null() {
        return Err(LoadError::from_dlerror("install the package libmosquitto1"));
    }
    let library = Library {
        pub_topic_check: topic_check(handle, c"mosquitto_pub_topic_check")?,
        sub_topic_check: topic_check(handle, c"mosquitto_sub_topic_check")?,
    };
    Ok(LIBRARY.get_or_init(|| library))
}

fn topic_check(handle: *mut c_void, name: &CStr) -> Result<TopicCheck, LoadError> {
    // SAFETY: the handle is of a library that is never closed, the name is NUL-terminated.
    let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
    if address.is_null() {
        return Err(LoadError::from_dlerror("libmosquitto.so.1 lacks a function"));
    }
    // SAFETY: mosquitto.h declares the functions that this is called for with this type.
    Ok(unsafe { std::mem::transmute::<*mut c_void, TopicCheck>(address) })
}

impl Library {
    pub(crate) fn pub_topic_check(&self, topic: &CStr) -> c_int {
        // SAFETY: the function reads the string and keeps nothing of it.
        unsafe { (self.pub_topic_check)(topic.as_ptr()) }
    }

    pub(crate) fn sub_topic_check(&self, filter: &CStr) -> c_int {
        // SAFETY: the function reads the string and keeps nothing of it.
        unsafe { (self.sub_topic_check)(filter.as_ptr()) }
    }
}
