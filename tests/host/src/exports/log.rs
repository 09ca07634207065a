//! Logging. `mosquitto_log_printf` itself is in `log_printf.c`: Rust cannot define variadic functions.
#![expect(unsafe_code, reason = "called by C")]

use std::ffi::{c_char, c_int};
use std::hint::black_box;

use crate::broker::BROKER;
use crate::protocol::Deed;

unsafe extern "C" {
    fn mosquitto_log_printf(level: c_int, format: *const c_char, ...);
}

/// Called by `mosquitto_log_printf`, with the formatted line.
#[unsafe(no_mangle)]
unsafe extern "C" fn plugin_host_log_line(level: c_int, line: *const c_char) {
    // SAFETY: `log_printf.c` passes the string that vasprintf made.
    let line = unsafe { super::text(line) };
    BROKER.record(Deed::Log { level, line: line.unwrap_or_default() });
}

pub(super) fn pin() {
    black_box([mosquitto_log_printf as *const (), plugin_host_log_line as *const ()]);
}
