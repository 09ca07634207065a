//! The functions of a 2.1 broker, by their C names.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use plugin_host::newer::{self, ClientFunctor, Command, CommandHandler};

unsafe extern "C" {
    fn plugin_host_fill_what_is_freed_by(path: *const c_char);
}

/// Fills what a loaded plugin frees: see [`plugin_host::fill_freed_memory`]. 2.1's plugins do not free by a
/// function of the broker's.
pub(crate) fn fill_what_is_freed_by(plugin: &Path) {
    if let Ok(path) = CString::new(plugin.as_os_str().as_bytes()) {
        // SAFETY: the path is NUL-terminated.
        unsafe { plugin_host_fill_what_is_freed_by(path.as_ptr()) };
    }
}

/// Keeps the linker from leaving the functions out of the executable: nothing in it calls them.
pub(crate) fn pin() {
    black_box([
        mosquitto_client as *const (),
        mosquitto_apply_on_all_clients as *const (),
        mosquitto_plugin_set_info as *const (),
        mosquitto_complete_basic_auth as *const (),
        mosquitto_control_generic_callback as *const (),
        mosquitto_control_command_reply as *const (),
        mosquitto_control_send_response as *const (),
    ]);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_client(clientid: *const c_char) -> *mut c_void {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    unsafe { newer::client(clientid) }.cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_apply_on_all_clients(
    functor: Option<ClientFunctor>,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the plugin passes its own function and what that wants.
    unsafe { newer::apply_on_all_clients(functor, context) }
}

#[unsafe(no_mangle)]
extern "C" fn mosquitto_plugin_set_info(
    identifier: *mut c_void,
    name: *const c_char,
    _version: *const c_char,
) -> c_int {
    newer::plugin_set_info(identifier.cast(), name)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_complete_basic_auth(clientid: *const c_char, result: c_int) {
    // SAFETY: the plugin passes a NUL-terminated string, or NULL.
    unsafe { newer::complete_basic_auth(clientid, result) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_control_generic_callback(
    event: *mut c_void,
    topic: *const c_char,
    userdata: *mut c_void,
    handler: Option<CommandHandler>,
) -> c_int {
    // SAFETY: the plugin passes the event it was called for, its topic, and its own function.
    unsafe { newer::generic_callback(event.cast(), topic, userdata, handler) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_control_command_reply(command: *mut Command, error: *const c_char) {
    // SAFETY: the plugin passes the command that it was given.
    unsafe { newer::command_reply(command, error) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mosquitto_control_send_response(answer: *mut c_void, topic: *const c_char) {
    // SAFETY: the plugin gives up its tree.
    unsafe { newer::send_response(answer, topic) }
}
