//! The broker's events as the requests that the plugin knows.
//!
//! What is borrowed here is borrowed from the broker until the callback returns. Text is bytes: neither
//! MQTT clients nor old policy files keep to UTF-8.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::slice;

use super::functions::Functions;
use super::sys;
use crate::broker::{BrokerFamily, ConnectedClient};
use crate::plugin::{Actor, ControlTopic, Peer, SessionId};
use crate::policy::{AclRequest, Action, ClientIdOf, KnowsClientId, LoginRequest, Subject};

/// The one place where a pointer to a structure is checked for null.
///
/// # Safety
/// `pointer` is null, or points to a `T` that lives and does not change for `'a`.
pub(super) unsafe fn borrow<'a, T>(pointer: *const c_void) -> Option<&'a T> {
    // SAFETY: this function's contract.
    unsafe { pointer.cast::<T>().as_ref() }
}

/// The one place where a C string is.
///
/// # Safety
/// `string` is null, or ends with a NUL and lives and does not change for `'a`.
pub(super) unsafe fn text<'a>(string: *const c_char) -> Option<&'a [u8]> {
    if string.is_null() {
        return None;
    }
    // SAFETY: not null, and this function's contract.
    let string = unsafe { CStr::from_ptr(string) };
    Some(string.to_bytes())
}

/// And the one where an array is; null is an empty one.
///
/// # Safety
/// `array` is null, or points to `length` elements that live and do not change for `'a`.
pub(super) unsafe fn elements<'a, T>(array: *const T, length: usize) -> &'a [T] {
    if array.is_null() {
        return &[];
    }
    // SAFETY: not null, and this function's contract.
    unsafe { slice::from_raw_parts(array, length) }
}

/// Why an ACL check is none that can be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// A kind of access that this plugin does not know.
    UnknownAccess,
    /// There is no topic.
    NoTopic,
}

/// The ACL check that the broker asks for.
///
/// # Safety
/// `event` is what the broker passed to the callback, and `'a` ends before that returns.
pub(super) unsafe fn acl_request<'a>(
    functions: &Functions,
    event: &'a sys::mosquitto_evt_acl_check,
    client: &'a ClientOfEvent<'a>,
) -> Result<AclRequest<'a>, Unusable> {
    let action = action(event.access).ok_or(Unusable::UnknownAccess)?;
    // SAFETY: the broker's string, null or with its NUL, lives until the callback returns.
    // mosquitto_broker.h: mosquitto_evt_acl_check.
    let topic = unsafe { text(event.topic) }.ok_or(Unusable::NoTopic)?;
    // SAFETY: the client of the event, until the callback returns.
    let username = unsafe { client_text(functions.mosquitto_client_username, event.client) };
    Ok(AclRequest { subject: Subject { username, clientid: ClientIdOf::Asked(client) }, action, topic })
}

/// The client of an event, whose id may be asked for.
pub(super) struct ClientOfEvent<'a> {
    functions: &'a Functions,
    // INVARIANT: that of an event whose callback returns after 'a.
    client: *const sys::mosquitto,
}

impl<'a> ClientOfEvent<'a> {
    /// # Safety
    /// `client` is that of an event, and `'a` ends before the event's callback returns.
    pub(super) unsafe fn new(functions: &'a Functions, client: *const sys::mosquitto) -> Self {
        Self { functions, client }
    }
}

impl KnowsClientId for ClientOfEvent<'_> {
    fn clientid(&self) -> Option<&[u8]> {
        // SAFETY: the invariant.
        unsafe { client_text(self.functions.mosquitto_client_id, self.client) }
    }
}

impl Peer for ClientOfEvent<'_> {
    fn address(&self) -> Option<&[u8]> {
        // SAFETY: the invariant.
        unsafe { address(self.functions, self.client) }
    }

    fn has_certificate(&self) -> bool {
        // SAFETY: the invariant.
        unsafe { has_certificate(self.functions, self.client) }
    }

    fn may_have_certificate(&self) -> bool {
        self.functions.x509_free.is_none() || self.has_certificate()
    }
}

/// Whether a client is connected and has shown a certificate, as far as that can be told: a broker that has OpenSSL inside may
/// not show how its certificates are freed.
///
/// # Safety
/// `client` is that of an event whose callback has not returned.
pub(super) unsafe fn has_certificate(functions: &Functions, client: *const sys::mosquitto) -> bool {
    let Some(free) = functions.x509_free else { return false };
    // SAFETY: this function's contract. mosquitto_broker.h: mosquitto_client_certificate.
    let certificate = unsafe { (functions.mosquitto_client_certificate)(client) };
    if certificate.is_null() {
        return false;
    }
    // SAFETY: it is the caller's, to be freed with this function. mosquitto_broker.h: the same.
    unsafe { free(certificate) };
    true
}

/// The network address of a client.
///
/// # Safety
/// `client` is that of an event, and `'a` ends before the event's callback returns.
pub(super) unsafe fn address<'a>(functions: &Functions, client: *const sys::mosquitto) -> Option<&'a [u8]> {
    // SAFETY: this function's contract.
    unsafe { client_text(functions.mosquitto_client_address, client) }
}

/// The username of a client.
///
/// # Safety
/// `client` is that of an event, and `'a` ends before the event's callback returns.
pub(super) unsafe fn username<'a>(functions: &Functions, client: *const sys::mosquitto) -> Option<&'a [u8]> {
    // SAFETY: this function's contract.
    unsafe { client_text(functions.mosquitto_client_username, client) }
}

/// The login that the broker asks for.
///
/// # Safety
/// `event` is what the broker passed to the callback, and `'a` ends before that returns.
pub(super) unsafe fn login_request<'a>(
    functions: &Functions,
    event: &'a sys::mosquitto_evt_basic_auth,
) -> LoginRequest<'a> {
    // SAFETY: the broker's string, null or with its NUL, lives until the callback returns.
    // mosquitto_broker.h: mosquitto_evt_basic_auth.
    let username = unsafe { text(event.username) };
    // SAFETY: the client of the event, until the callback returns.
    let clientid = unsafe { client_text(functions.mosquitto_client_id, event.client) };
    // SAFETY: this function's contract.
    let password = unsafe { password(functions.family, event) };
    // SAFETY: the client of the event, until the callback returns.
    let address = unsafe { address(functions, event.client) };
    LoginRequest { subject: Subject::known(username, clientid), address, password }
}

/// The password, which from 2.1.3 on may contain NULs.
///
/// # Safety
/// As [`login_request`].
unsafe fn password(family: BrokerFamily, event: &sys::mosquitto_evt_basic_auth) -> Option<&[u8]> {
    // SAFETY: the broker's string, null or with its NUL, lives until the callback returns.
    // mosquitto_broker.h: mosquitto_evt_basic_auth.
    let up_to_nul = unsafe { text(event.password) }?;
    let length = usize::from(password_length(family, event));
    if length <= up_to_nul.len() {
        return Some(up_to_nul);
    }
    // SAFETY: not null. The broker says that the password is this long, and keeps it until the callback
    // returns. 2.1.3's mosquitto/broker.h: mosquitto_evt_basic_auth.
    Some(unsafe { elements(event.password.cast(), length) })
}

/// `password_len`, which 2.1.3 puts where `future2` begins; 0 is unknown.
///
/// Every broker from 2.0.11 on zeroes the structure before; 2.0 has no `password_len`, so there it is not
/// even read.
fn password_length(family: BrokerFamily, event: &sys::mosquitto_evt_basic_auth) -> u16 {
    match family {
        BrokerFamily::V2_0 => 0,
        BrokerFamily::V2_1 => {
            let [first, ..] = event.future2;
            let [low, high, ..] = first.addr().to_ne_bytes();
            u16::from_ne_bytes([low, high])
        }
    }
}

/// Who sends a payload to a control topic, and the payload.
///
/// # Safety
/// `event` is what the broker passed to the callback, and `'a` ends before that returns.
pub(super) unsafe fn control_request<'a>(
    functions: &Functions,
    event: &'a sys::mosquitto_evt_control,
    topic: ControlTopic,
) -> (Actor, &'a [u8]) {
    // SAFETY: the client of the event, until the callback returns.
    let clientid = unsafe { client_text(functions.mosquitto_client_id, event.client) };
    // SAFETY: the same.
    let username = unsafe { client_text(functions.mosquitto_client_username, event.client) };
    // SAFETY: the same.
    let address = unsafe { address(functions, event.client) };
    let [clientid, username, address] = [clientid, username, address].map(|text| text.map(<[u8]>::to_vec));
    let length = usize::try_from(event.payloadlen).unwrap_or(0);
    // SAFETY: `payloadlen` bytes, or null, until the callback returns. mosquitto_broker.h:
    // mosquitto_evt_control.
    let payload = unsafe { elements(event.payload.cast(), length) };
    (Actor { clientid, username, address, topic, question: 0 }, payload)
}

/// Who a client is.
///
/// # Safety
/// `client` is that of an event, and `'a` ends before its callback returns.
pub(super) unsafe fn subject<'a>(functions: &Functions, client: *const sys::mosquitto) -> Subject<'a> {
    // SAFETY: this function's contract.
    let username = unsafe { client_text(functions.mosquitto_client_username, client) };
    // SAFETY: the same.
    let clientid = unsafe { client_text(functions.mosquitto_client_id, client) };
    Subject::known(username, clientid)
}

/// A client as the broker shows it.
///
/// # Safety
/// `client` is the broker's, and `'a` ends before the broker is returned to.
pub(super) unsafe fn connected_client<'a>(
    functions: &Functions,
    client: *const sys::mosquitto,
) -> ConnectedClient<'a> {
    // SAFETY: this function's contract.
    let username = unsafe { client_text(functions.mosquitto_client_username, client) };
    // SAFETY: the same.
    let address = unsafe { address(functions, client) };
    ConnectedClient { username, address }
}

/// The connection that an event is about.
pub(super) fn session(client: *const sys::mosquitto) -> SessionId {
    SessionId(client.addr())
}

/// `mosquitto_broker.h`: `access` of `mosquitto_evt_acl_check` is one of `MOSQ_ACL_*`.
#[inline]
fn action(access: c_int) -> Option<Action> {
    #[expect(clippy::indexing_slicing, reason = "a place that is not there would not compile")]
    const ALL: [Option<Action>; 9] = {
        let mut all = [None; 9];
        all[sys::MOSQ_ACL_READ as usize] = Some(Action::PublishClientReceive);
        all[sys::MOSQ_ACL_WRITE as usize] = Some(Action::PublishClientSend);
        all[sys::MOSQ_ACL_SUBSCRIBE as usize] = Some(Action::Subscribe);
        all[sys::MOSQ_ACL_UNSUBSCRIBE as usize] = Some(Action::Unsubscribe);
        all
    };
    // A look into a table takes less than to compare it with one after another.
    ALL.get(usize::try_from(access).ok()?).copied().flatten()
}

/// One of `mosquitto_client_id`, `…_username` and `…_address` of a client.
///
/// # Safety
/// `client` is null or the broker's, and neither it nor this text changes for `'a`.
unsafe fn client_text<'a>(
    getter: unsafe extern "C" fn(*const sys::mosquitto) -> *const c_char,
    client: *const sys::mosquitto,
) -> Option<&'a [u8]> {
    // SAFETY: the getters take null, or a client that lives. mosquitto_broker.h: mosquitto_client_id.
    let string = unsafe { getter(client) };
    // SAFETY: null, or a string that belongs to the client: this function's contract.
    unsafe { text(string) }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    fn login_event(password: &CStr, length: usize) -> sys::mosquitto_evt_basic_auth {
        sys::mosquitto_evt_basic_auth {
            future: ptr::null_mut(),
            client: ptr::null_mut(),
            username: ptr::null_mut(),
            password: password.as_ptr().cast_mut(),
            future2: [ptr::without_provenance_mut(length), ptr::null_mut(), ptr::null_mut(), ptr::null_mut()],
        }
    }

    #[test]
    fn a_password_ends_at_its_nul_unless_a_2_1_broker_gives_its_length() {
        let whole = b"pass\0word\0";
        let start = CStr::from_bytes_until_nul(whole).unwrap();
        for (family, length, expected) in [
            (BrokerFamily::V2_0, 0, &b"pass"[..]),
            (BrokerFamily::V2_0, 9, b"pass"),
            (BrokerFamily::V2_1, 0, b"pass"),
            (BrokerFamily::V2_1, 4, b"pass"),
            (BrokerFamily::V2_1, 9, b"pass\0word"),
            (BrokerFamily::V2_1, 3, b"pass"),
            // The rest of the first word is padding.
            (BrokerFamily::V2_1, 0x1_0000, b"pass"),
        ] {
            let mut event = login_event(start, length);
            event.password = whole.as_ptr().cast_mut().cast();
            // SAFETY: `event` is as the broker makes it, and `whole` lives as long.
            let password = unsafe { password(family, &event) };
            assert_eq!(password, Some(expected), "{family:?} {length}");
        }
    }

    #[test]
    fn no_password_is_none_whatever_its_length() {
        let mut event = login_event(c"", 5);
        event.password = ptr::null_mut();
        // SAFETY: `event` is as the broker makes it.
        assert_eq!(unsafe { password(BrokerFamily::V2_1, &event) }, None);
    }

    #[test]
    fn each_access_code_is_an_action_and_others_are_none() {
        let actions: Vec<_> = (0..10).filter_map(|code| action(code).map(|action| (code, action))).collect();
        assert_eq!(
            actions,
            [
                (1, Action::PublishClientReceive),
                (2, Action::PublishClientSend),
                (4, Action::Subscribe),
                (8, Action::Unsubscribe),
            ]
        );
    }

    #[test]
    fn null_is_no_text_and_no_elements() {
        // SAFETY: null is allowed.
        assert_eq!(unsafe { text(ptr::null()) }, None);
        // SAFETY: null is allowed, whatever the length.
        assert!(unsafe { elements::<u8>(ptr::null(), 5) }.is_empty());
        // SAFETY: null is allowed.
        assert!(unsafe { borrow::<u8>(ptr::null()) }.is_none());
    }
}
