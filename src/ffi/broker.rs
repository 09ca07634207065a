//! The real broker behind [`Broker`].

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int};
use std::io::{self, Write};
use std::ptr;
use std::thread::{self, ThreadId};

use super::functions::Functions;
use super::wake::Waker;
use super::{clients, sys, version};
use crate::broker::{Broker, BrokerFamily, ConnectedClient, LogLevel, PublishError};
use crate::plugin::Delay;

/// The longest payload that fits into a packet (MQTT 5.0 §2.1.4) with our topic before it.
const LONGEST_MESSAGE: c_int = 268_435_455 - 256;

/// `mosquitto.h`: `MQTT_PROTOCOL_V5`.
const MQTT_5: c_int = 5;

thread_local! {
    static LOGGING: Cell<bool> = const { Cell::new(false) };
}

/// The broker that loaded the plugin.
///
/// Its functions are not thread-safe, so from any other thread than the one that made this, nothing is
/// called: a log line goes to stderr, a message is not published, nobody is kicked. Only to be woken it can be
/// from everywhere.
pub(super) struct HostBroker {
    functions: Functions,
    thread: ThreadId,
    waker: Waker,
}

impl HostBroker {
    /// The broker with these functions, whose thread is the current one.
    pub(super) fn new(functions: Functions) -> Self {
        Self { functions, thread: thread::current().id(), waker: Waker::of_this_thread() }
    }

    fn is_on_its_thread(&self) -> bool {
        thread::current().id() == self.thread
    }

    /// Whether the verdict on the login of this client can wait.
    ///
    /// # Safety
    /// `client` is that of an event, whose callback has not returned.
    pub(super) unsafe fn delay_of_login(&self, client: *const sys::mosquitto) -> Delay {
        if !self.is_on_its_thread() {
            return Delay::Elsewhere;
        }
        let (Some(_), Some(version)) =
            (self.functions.mosquitto_complete_basic_auth, self.functions.mosquitto_client_protocol_version)
        else {
            return Delay::Impossible;
        };
        // SAFETY: this function's contract. mosquitto_broker.h: mosquitto_client_protocol_version.
        if unsafe { version(client) } < MQTT_5 { Delay::Safe } else { Delay::Risky }
    }

    /// Calls `mosquitto_log_printf`, except from within itself: with `log_dest topic` the broker asks the
    /// plugin who may read the very line that is being logged, and a line about that would have no end.
    fn log_line(&self, level: LogLevel, line: &CStr) {
        if LOGGING.replace(true) {
            return;
        }
        // SAFETY: "%s" takes one string, and `line` outlives the call. mosquitto_broker.h:
        // mosquitto_log_printf. We are on the broker's thread.
        unsafe { (self.functions.mosquitto_log_printf)(log_priority(level), c"%s".as_ptr(), line.as_ptr()) };
        LOGGING.set(false);
    }

    /// Publishes to the client of that id, or to everybody.
    fn publish_copy(&self, clientid: Option<&CStr>, topic: &str, payload: &[u8]) -> Result<(), PublishError> {
        let length = c_int::try_from(payload.len()).ok();
        let code = match (length.filter(|length| *length <= LONGEST_MESSAGE), CString::new(topic)) {
            (Some(length), Ok(topic)) if self.is_on_its_thread() => {
                // SAFETY: the client id, where null is everybody, the topic and `length` bytes of the payload
                // outlive the call, which copies them; no properties. mosquitto_broker.h:
                // mosquitto_broker_publish_copy.
                unsafe {
                    (self.functions.mosquitto_broker_publish_copy)(
                        clientid.map_or(ptr::null(), CStr::as_ptr),
                        topic.as_ptr(),
                        length,
                        payload.as_ptr().cast(),
                        0,
                        false,
                        ptr::null_mut(),
                    )
                }
            }
            (None, _) => sys::MOSQ_ERR_PAYLOAD_SIZE,
            _ => sys::MOSQ_ERR_INVAL,
        };
        if code == sys::MOSQ_ERR_SUCCESS { Ok(()) } else { Err(PublishError { code }) }
    }
}

impl Broker for HostBroker {
    fn log(&self, level: LogLevel, message: &[u8]) {
        if self.is_on_its_thread() {
            self.log_line(level, &up_to_nul(message));
        } else {
            // If stderr is closed too, there is nowhere left to say it.
            let _ = writeln!(io::stderr(), "{}", message.escape_ascii());
        }
    }

    fn publish(&self, topic: &'static str, payload: &[u8]) -> Result<(), PublishError> {
        self.publish_copy(None, topic, payload)
    }

    fn publish_to(&self, clientid: &[u8], topic: &'static str, payload: &[u8]) -> Result<(), PublishError> {
        match CString::new(clientid) {
            Ok(clientid) if !clientid.is_empty() => self.publish_copy(Some(&clientid), topic, payload),
            // No client has such an id.
            _ => Err(PublishError { code: sys::MOSQ_ERR_INVAL }),
        }
    }

    fn kick_username(&self, username: &[u8]) {
        let Ok(username) = CString::new(username) else {
            return; // No client has a username with a NUL.
        };
        if self.is_on_its_thread() {
            // SAFETY: a string that outlives the call. mosquitto_broker.h: mosquitto_kick_client_by_username.
            unsafe { (self.functions.mosquitto_kick_client_by_username)(username.as_ptr(), false) };
        }
    }

    fn kick_clientid(&self, clientid: &[u8]) {
        let Ok(clientid) = CString::new(clientid) else {
            return; // No client has an id with a NUL.
        };
        if self.is_on_its_thread() {
            // SAFETY: a string that outlives the call, not null, which would be everybody.
            // mosquitto_broker.h: mosquitto_kick_client_by_clientid.
            unsafe { (self.functions.mosquitto_kick_client_by_clientid)(clientid.as_ptr(), false) };
        }
    }

    fn wake(&self) {
        self.waker.wake();
    }

    fn each_client(&self, show: &mut dyn FnMut(ConnectedClient<'_>)) -> bool {
        self.is_on_its_thread() && clients::each(&self.functions, show)
    }

    fn client_by_id(&self, clientid: &[u8], show: &mut dyn FnMut(ConnectedClient<'_>)) -> bool {
        self.is_on_its_thread() && clients::by_id(&self.functions, clientid, show)
    }

    fn complete_login(&self, clientid: &[u8], let_in: bool) {
        let (Some(complete), Ok(clientid)) =
            (self.functions.mosquitto_complete_basic_auth, CString::new(clientid))
        else {
            return;
        };
        if self.is_on_its_thread() {
            let result = if let_in { sys::MOSQ_ERR_SUCCESS } else { sys::MOSQ_ERR_AUTH };
            // SAFETY: a string that outlives the call. mosquitto/broker.h: mosquitto_complete_basic_auth.
            unsafe { complete(clientid.as_ptr(), result) };
        }
    }

    fn patch_of_2_0(&self) -> Option<u8> {
        match self.functions.family {
            BrokerFamily::V2_0 => version::patch_of_running_2_0(),
            BrokerFamily::V2_1 => None,
        }
    }
}

/// `mosquitto.h`: `MOSQ_LOG_*`.
fn log_priority(level: LogLevel) -> c_int {
    match level {
        LogLevel::Info => sys::MOSQ_LOG_INFO,
        LogLevel::Notice => sys::MOSQ_LOG_NOTICE,
        LogLevel::Warning => sys::MOSQ_LOG_WARNING,
        LogLevel::Error => sys::MOSQ_LOG_ERR,
    }
}

fn up_to_nul(message: &[u8]) -> CString {
    let line = message.split(|&byte| byte == 0).next().unwrap_or_default();
    CString::new(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_ends_a_log_line() {
        assert_eq!(up_to_nul(b"a\0b").as_c_str(), c"a");
        assert_eq!(up_to_nul(b"a").as_c_str(), c"a");
        assert_eq!(up_to_nul(b"").as_c_str(), c"");
    }
}
