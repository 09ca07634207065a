//! A broker made of plain functions, which write down what they are asked.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use super::super::functions::Functions;
use super::super::sys;
use crate::broker::BrokerFamily;

thread_local! {
    /// What the broker of this test has been asked, in order.
    static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// The event whose callback it refuses, and with which code.
    pub(super) static REFUSES: Cell<Option<(c_int, c_int)>> = const { Cell::new(None) };
}

pub(super) fn called(call: String) {
    CALLS.with_borrow_mut(|calls| calls.push(call));
}

/// What the broker has been asked since the last time.
pub(super) fn calls() -> Vec<String> {
    CALLS.take()
}

/// What the test's broker takes a `struct mosquitto` for.
pub(super) struct FakeClient {
    pub(super) clientid: &'static CStr,
    pub(super) username: &'static CStr,
    pub(super) has_certificate: bool,
    pub(super) address: Option<&'static CStr>,
}

pub(super) static ANN: FakeClient =
    FakeClient { clientid: c"ann-1", username: c"ann", has_certificate: false, address: None };
pub(super) static CERTIFIED: FakeClient =
    FakeClient { clientid: c"ann-2", username: c"ann", has_certificate: true, address: None };
pub(super) static NOBODY: FakeClient =
    FakeClient { clientid: c"nobody-1", username: c"nobody", has_certificate: false, address: None };

unsafe extern "C" fn publish(
    clientid: *const c_char,
    topic: *const c_char,
    length: c_int,
    payload: *const c_void,
    qos: c_int,
    retain: bool,
    properties: *mut sys::mosquitto_property,
) -> c_int {
    assert!(properties.is_null());
    let to = if clientid.is_null() {
        String::new()
    } else {
        // SAFETY: the caller's client id.
        format!(" to {}", unsafe { CStr::from_ptr(clientid) }.to_str().unwrap())
    };
    // SAFETY: the caller's topic.
    let topic = unsafe { CStr::from_ptr(topic) };
    // SAFETY: the caller's payload, of that length.
    let payload = unsafe { super::super::event::elements(payload.cast::<u8>(), length.try_into().unwrap()) };
    let (topic, payload) = (topic.to_str().unwrap(), payload.escape_ascii());
    called(format!("publish{to} {topic} {payload} {qos} {retain}"));
    0
}

unsafe extern "C" fn register(
    _: *mut sys::mosquitto_plugin_id_t,
    event: c_int,
    function: sys::MOSQ_FUNC_generic_callback,
    topic: *const c_void,
    userdata: *mut c_void,
) -> c_int {
    assert!(function.is_some() && !userdata.is_null());
    if let Some((refused, code)) = REFUSES.get()
        && refused == event
    {
        return code;
    }
    // SAFETY: null or the caller's topic.
    let topic = unsafe { super::super::event::text(topic.cast()) }.unwrap_or_default().escape_ascii();
    called(format!("register {event} {topic}"));
    0
}

unsafe extern "C" fn unregister(
    _: *mut sys::mosquitto_plugin_id_t,
    event: c_int,
    _: sys::MOSQ_FUNC_generic_callback,
    topic: *const c_void,
) -> c_int {
    // SAFETY: null or the caller's topic.
    let topic = unsafe { super::super::event::text(topic.cast()) }.unwrap_or_default().escape_ascii();
    called(format!("unregister {event} {topic}"));
    0
}

unsafe extern "C" fn clientid(client: *const sys::mosquitto) -> *const c_char {
    // SAFETY: null, or a client of these tests.
    unsafe { super::super::event::borrow::<FakeClient>(client.cast()) }
        .map_or(ptr::null(), |it| it.clientid.as_ptr())
}

unsafe extern "C" fn username(client: *const sys::mosquitto) -> *const c_char {
    // SAFETY: null, or a client of these tests.
    unsafe { super::super::event::borrow::<FakeClient>(client.cast()) }
        .map_or(ptr::null(), |it| it.username.as_ptr())
}

unsafe extern "C" fn address(client: *const sys::mosquitto) -> *const c_char {
    // SAFETY: null, or a client of these tests.
    let client = unsafe { super::super::event::borrow::<FakeClient>(client.cast()) };
    client.and_then(|client| client.address).map_or(ptr::null(), |address| {
        called("address".to_owned());
        address.as_ptr()
    })
}

unsafe extern "C" fn certificate(client: *const sys::mosquitto) -> *mut c_void {
    // SAFETY: null, or a client of these tests.
    match unsafe { super::super::event::borrow::<FakeClient>(client.cast()) } {
        Some(client) if client.has_certificate => {
            called("certificate".to_owned());
            ptr::dangling_mut()
        }
        _ => ptr::null_mut(),
    }
}

unsafe extern "C" fn free_certificate(certificate: *mut c_void) {
    assert_eq!(certificate, ptr::dangling_mut());
    called("free".to_owned());
}

unsafe extern "C" fn find(clientid: *const c_char) -> *mut sys::mosquitto {
    // SAFETY: the caller's string.
    let clientid = unsafe { CStr::from_ptr(clientid) };
    let found = [&ANN, &CERTIFIED, &NOBODY].into_iter().find(|client| client.clientid == clientid);
    found.map_or(ptr::null_mut(), |client| ptr::from_ref(client).cast_mut().cast())
}

unsafe extern "C" fn apply_on_all(
    functor: unsafe extern "C" fn(*const sys::mosquitto, *mut c_void) -> c_int,
    context: *mut c_void,
) -> c_int {
    for client in [&ANN, &CERTIFIED, &NOBODY] {
        // SAFETY: as the caller wants it.
        let code = unsafe { functor(ptr::from_ref(client).cast(), context) };
        if code != sys::MOSQ_ERR_SUCCESS {
            return code;
        }
    }
    sys::MOSQ_ERR_SUCCESS
}

unsafe extern "C" fn kick(whom: *const c_char, with_will: bool) -> c_int {
    // SAFETY: null or the caller's string.
    let whom = unsafe { super::super::event::text(whom) }.map(<[u8]>::escape_ascii);
    let whom = whom.map_or("anonymous".to_owned(), |whom| whom.to_string());
    called(format!("kick {whom} {with_will}"));
    0
}

unsafe extern "C" fn set_info(
    _: *mut sys::mosquitto_plugin_id_t,
    name: *const c_char,
    version: *const c_char,
) -> c_int {
    // SAFETY: the caller's name.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap();
    // SAFETY: the caller's version.
    let version = unsafe { CStr::from_ptr(version) }.to_str().unwrap();
    called(format!("introduce {name} {version}"));
    0
}

pub(super) fn functions(family: BrokerFamily) -> Functions {
    Functions {
        // Rust makes no variadic functions; this one is of the same type, and nothing is logged here.
        mosquitto_log_printf: libc::syslog,
        mosquitto_broker_publish_copy: publish,
        mosquitto_callback_register: register,
        mosquitto_callback_unregister: unregister,
        mosquitto_client_id: clientid,
        mosquitto_client_username: username,
        mosquitto_client_address: address,
        mosquitto_client_certificate: certificate,
        mosquitto_kick_client_by_clientid: kick,
        mosquitto_kick_client_by_username: kick,
        mosquitto_plugin_set_info: (family == BrokerFamily::V2_1).then_some(set_info as _),
        mosquitto_client: (family == BrokerFamily::V2_1).then_some(find as _),
        mosquitto_apply_on_all_clients: (family == BrokerFamily::V2_1).then_some(apply_on_all as _),
        mosquitto_complete_basic_auth: None,
        mosquitto_client_protocol_version: None,
        x509_free: Some(free_certificate),
        family,
    }
}
