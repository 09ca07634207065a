//! The part of the control API that 2.1 has moved from the plugins into the broker (its `broker_control.h`):
//! reading a payload, going through its commands, and answering.
#![expect(unsafe_code, reason = "called by C, with C's pointers")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::CJSON;
use super::cjson::{CJson, Tree};
use crate::bindings::{MOSQ_ERR_INVAL, MOSQ_ERR_SUCCESS, mosquitto, mosquitto_evt_control};
use crate::exports::mosquitto_broker_publish;

/// `struct mosquitto_control_cmd`: a command on its way to its plugin.
#[repr(C)]
pub struct Command {
    client: *mut mosquitto,
    responses: Tree,
    request: Tree,
    correlation_data: *mut c_char,
    name: *const c_char,
}

/// The plugin's handler of one command; what it returns is of no consequence.
pub type CommandHandler = unsafe extern "C" fn(*mut Command, *mut c_void) -> c_int;

const NO_COMMAND: &CStr = c"Unknown command";

/// `mosquitto_control_generic_callback`: hands each command of a payload to the plugin, and publishes the
/// responses. A batch ends at the first element that is no command.
///
/// # Safety
///
/// `event` is NULL or the event of the current callback, `topic` is NUL-terminated, and `handler` is a
/// function of the plugin's for this userdata.
pub unsafe fn generic_callback(
    event: *const mosquitto_evt_control,
    topic: *const c_char,
    userdata: *mut c_void,
    handler: Option<CommandHandler>,
) -> c_int {
    // SAFETY: as the caller guarantees.
    let event = unsafe { event.as_ref() };
    let (Some(event), Some(handler), Some(cjson)) = (event, handler, CJSON.get()) else {
        return MOSQ_ERR_INVAL;
    };
    // SAFETY: the function has no preconditions.
    let answer = unsafe { (cjson.new_object)() };
    // SAFETY: the tree is a new object.
    let responses = unsafe { (cjson.add_array)(answer, c"responses".as_ptr()) };
    let mut command = Command {
        client: event.client,
        responses,
        request: ptr::null_mut(),
        correlation_data: ptr::null_mut(),
        name: NO_COMMAND.as_ptr(),
    };
    let length = usize::try_from(event.payloadlen).unwrap_or_default();
    // SAFETY: the event's payload has that many bytes; NULL is none.
    let payload = unsafe { (cjson.parse)(event.payload.cast(), length) };
    if payload.is_null() {
        reply(&command, c"Payload not valid JSON");
    } else {
        let commands = cjson.member_of(payload, c"commands");
        // SAFETY: the function takes NULL, too.
        if unsafe { (cjson.is_array)(commands) } == 0 {
            reply(&command, c"Invalid/missing commands");
        } else {
            for position in 0..cjson.length_of(commands) {
                // SAFETY: the position is in the array.
                let element = unsafe { (cjson.element)(commands, position) };
                if let Err(error) = read(cjson, element, &mut command) {
                    reply(&command, error);
                    break;
                }
                // SAFETY: as the caller guarantees; what the command points to lives in the payload.
                unsafe { handler(&raw mut command, userdata) };
            }
        }
        // SAFETY: nobody has a part of the payload any more.
        unsafe { (cjson.delete)(payload) };
    }
    // SAFETY: as the caller guarantees; the answer is given up.
    unsafe { send_response(answer, topic) };
    MOSQ_ERR_SUCCESS
}

/// Reads an element of the batch. What is wrong with it is answered with the correlation data of the command
/// before it, if it is no command at all.
fn read(cjson: &CJson, element: Tree, command: &mut Command) -> Result<(), &'static CStr> {
    command.name = NO_COMMAND.as_ptr();
    // SAFETY: the function takes any element.
    if unsafe { (cjson.is_object)(element) } == 0 {
        return Err(c"Command not an object");
    }
    let name = cjson.string_of(cjson.member_of(element, c"command"));
    if name.is_null() {
        return Err(c"Missing command");
    }
    let correlation_data = cjson.member_of(element, c"correlationData");
    command.request = element;
    command.name = name;
    command.correlation_data = cjson.string_of(correlation_data);
    if !correlation_data.is_null() && command.correlation_data.is_null() {
        return Err(c"Invalid correlationData data type.");
    }
    Ok(())
}

/// `mosquitto_control_command_reply`: a response without data.
///
/// # Safety
///
/// `command` is what [`generic_callback`] made, and `error` NULL or NUL-terminated.
pub unsafe fn command_reply(command: *const Command, error: *const c_char) {
    // SAFETY: as the caller guarantees.
    let command = unsafe { command.as_ref() };
    let (Some(command), Some(cjson)) = (command, CJSON.get()) else {
        return;
    };
    // SAFETY: the function has no preconditions.
    let response = unsafe { (cjson.new_object)() };
    let members =
        [(c"command", command.name), (c"error", error), (c"correlationData", command.correlation_data)];
    for (member, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
        // SAFETY: the tree is an object, and both strings are NUL-terminated.
        unsafe { (cjson.add_string)(response, member.as_ptr(), value) };
    }
    // SAFETY: the responses are the array that generic_callback() made; it owns the response from here on.
    unsafe { (cjson.push)(command.responses, response) };
}

/// `mosquitto_control_send_response`: takes the tree.
///
/// # Safety
///
/// `answer` is a tree that is the caller's own, and `topic` NUL-terminated.
pub unsafe fn send_response(answer: *mut c_void, topic: *const c_char) {
    let Some(cjson) = CJSON.get() else {
        return;
    };
    // SAFETY: as the caller guarantees.
    let payload = unsafe { (cjson.print)(answer) };
    // SAFETY: as the caller guarantees.
    unsafe { (cjson.delete)(answer) };
    if payload.is_null() {
        return;
    }
    // SAFETY: cJSON's texts are NUL-terminated.
    let length = unsafe { libc::strlen(payload) };
    let length = c_int::try_from(length).unwrap_or_default();
    // SAFETY: the payload is that long and from malloc; the topic is as the caller guarantees.
    unsafe {
        mosquitto_broker_publish(ptr::null(), topic, length, payload.cast(), 0, false, ptr::null_mut())
    };
}

fn reply(command: &Command, error: &CStr) {
    // SAFETY: the command is the current one.
    unsafe { command_reply(command, error.as_ptr()) };
}

impl CJson {
    fn member_of(&self, object: Tree, name: &CStr) -> Tree {
        // SAFETY: the function takes any tree, and the name is NUL-terminated.
        unsafe { (self.member)(object, name.as_ptr()) }
    }

    fn length_of(&self, array: Tree) -> c_int {
        // SAFETY: the function takes any tree.
        unsafe { (self.length)(array) }
    }

    fn string_of(&self, tree: Tree) -> *mut c_char {
        // SAFETY: the function takes any tree; NULL where it is no string.
        unsafe { (self.string)(tree) }
    }
}
