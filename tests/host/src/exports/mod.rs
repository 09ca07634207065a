//! The functions that a 2.0.11 broker has for its plugins (src/linker.syms lists them), by their C names.
//!
//! Topic and UTF-8 checks, and the property functions, are the real ones of `libmosquitto.so.1`: see
//! [`library`]. What later brokers have is not here, because plugins look for it to learn what they run in.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

mod callbacks;
mod clients;
mod library;
mod log;
mod memory;
mod publish;
mod topics;

use std::ffi::{CStr, c_char};

pub(crate) use library::load as load_libmosquitto;
pub use memory::fill_freed_memory;
pub(crate) use publish::mosquitto_broker_publish;

use crate::text::Text;

/// Keeps the linker from leaving the exported functions out of the executable: nothing in it calls them.
pub(crate) fn pin() {
    callbacks::pin();
    clients::pin();
    log::pin();
    memory::pin();
    publish::pin();
    topics::pin();
}

/// A string that a plugin passed; none for NULL.
///
/// # Safety
///
/// `string` is NULL, or NUL-terminated and valid while the plugin's call lasts, which is how long the returned
/// borrow may be used.
unsafe fn c_str<'call>(string: *const c_char) -> Option<&'call CStr> {
    // SAFETY: as the caller guarantees.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) })
}

/// A copy of a string that a plugin passed; none for NULL.
///
/// # Safety
///
/// As for [`c_str`].
pub(crate) unsafe fn text(string: *const c_char) -> Option<Text> {
    // SAFETY: as the caller guarantees.
    let string = unsafe { c_str(string) };
    string.map(|string| Text::from(string.to_bytes()))
}
