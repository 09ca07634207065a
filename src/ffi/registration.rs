//! Which callbacks the broker has of us, and that it has none after cleanup or a failed start.

use std::ffi::{CStr, c_int, c_void};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::broker::HostBroker;
use super::context::Context;
use super::{callbacks, sys};
use crate::broker::BrokerFamily;
use crate::injection::note_callback;
use crate::plugin::ControlTopic;

/// The topics of the control API. A broker calls the callback of the very topic only.
const CONTROL_TOPIC: &CStr = c"$CONTROL/dynamic-security/v1";
const QUERY_TOPIC: &CStr = c"$CONTROL/dynamic-security/v1/query";
const SELF_TOPIC: &CStr = c"$CONTROL/dynamic-security/v1/self";

const _: () = {
    assert!(same(CONTROL_TOPIC, ControlTopic::Admin));
    assert!(same(QUERY_TOPIC, ControlTopic::Query));
    assert!(same(SELF_TOPIC, ControlTopic::SelfService));
};

const fn same(c: &CStr, topic: ControlTopic) -> bool {
    let (mut ours, mut name) = (c.to_bytes(), topic.name().as_bytes());
    while let ([a, rest @ ..], [b, other_rest @ ..]) = (ours, name) {
        if *a != *b {
            return false;
        }
        (ours, name) = (rest, other_rest);
    }
    ours.is_empty() && name.is_empty()
}

type CallbackFunction = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void) -> c_int;

#[derive(Clone, Copy)]
struct Callback {
    event: sys::mosquitto_plugin_event,
    topic: Option<&'static CStr>,
    function: CallbackFunction,
}

impl Callback {
    const fn new(event: sys::mosquitto_plugin_event, function: CallbackFunction) -> Self {
        Self { event, topic: None, function }
    }

    fn event(self) -> c_int {
        self.event.cast_signed()
    }

    fn topic(self) -> *const c_void {
        self.topic.map_or(ptr::null(), CStr::as_ptr).cast()
    }
}

/// On every broker, and [`TICK`] after all others. The topic comes first: a second plugin with the same one is noticed by
/// it alone.
const CALLBACKS: [Callback; 7] = [
    Callback { event: sys::MOSQ_EVT_CONTROL, topic: Some(CONTROL_TOPIC), function: callbacks::on_control },
    Callback { event: sys::MOSQ_EVT_CONTROL, topic: Some(QUERY_TOPIC), function: callbacks::on_query },
    Callback { event: sys::MOSQ_EVT_CONTROL, topic: Some(SELF_TOPIC), function: callbacks::on_self_service },
    Callback::new(sys::MOSQ_EVT_BASIC_AUTH, callbacks::on_basic_auth),
    Callback::new(sys::MOSQ_EVT_ACL_CHECK, callbacks::on_acl_check),
    Callback::new(sys::MOSQ_EVT_DISCONNECT, callbacks::on_disconnect),
    Callback::new(sys::MOSQ_EVT_RELOAD, callbacks::on_reload),
];

/// Since 2.1; 2.0 answers that it does not support the event.
const CALLBACKS_OF_2_1: [Callback; 3] = [
    Callback::new(sys::MOSQ_EVT_CONNECT, callbacks::on_connect),
    Callback::new(sys::MOSQ_EVT_CLIENT_OFFLINE, callbacks::on_client_offline),
    Callback::new(sys::MOSQ_EVT_TICK, callbacks::on_first_tick),
];

const TICK: Callback = Callback::new(sys::MOSQ_EVT_TICK, callbacks::on_tick);

/// The callbacks of one `plugin` line. They are unregistered when this is dropped.
pub(super) struct Registration {
    context: Arc<Context>,
    identifier: NonNull<sys::mosquitto_plugin_id_t>,
    registered: Vec<Callback>,
}

impl Registration {
    /// Registers them all, or none.
    ///
    /// # Safety
    /// `identifier` is what the broker passed to `mosquitto_plugin_init`. It is valid until
    /// `mosquitto_plugin_cleanup` returns, and this must be dropped before.
    pub(super) unsafe fn new(
        context: Arc<Context>,
        identifier: NonNull<sys::mosquitto_plugin_id_t>,
    ) -> Result<Self, RegistrationError> {
        let family = context.functions.family;
        let mut registration = Self { context, identifier, registered: Vec::new() };
        registration.introduce();
        // 2.1 has one for all listeners.
        if family == BrokerFamily::V2_0 {
            registration.context.plugin.rounds.add_line();
        }
        let newer = match family {
            BrokerFamily::V2_0 => &[][..],
            BrokerFamily::V2_1 => &CALLBACKS_OF_2_1,
        };
        for &callback in CALLBACKS.iter().chain(newer).chain([&TICK]) {
            registration.register(callback)?;
        }
        Ok(registration)
    }

    /// The broker that it is registered with.
    pub(super) fn broker(&self) -> Arc<HostBroker> {
        Arc::clone(&self.context.broker)
    }

    /// Tells 2.1 our name and version. It lists them, and the control topics of plugins that have a name,
    /// so this comes before the topic.
    fn introduce(&self) {
        if let Some(set_info) = self.context.functions.mosquitto_plugin_set_info {
            // SAFETY: the identifier is valid: `new`. The broker copies the strings. mosquitto/broker.h:
            // mosquitto_plugin_set_info. It fails without consequence.
            unsafe { set_info(self.identifier.as_ptr(), c"dynamic-security".as_ptr(), VERSION.as_ptr()) };
        }
    }

    fn register(&mut self, callback: Callback) -> Result<(), RegistrationError> {
        let userdata = Arc::as_ptr(&self.context).cast_mut().cast();
        // SAFETY: the identifier is valid: `new`. The topic lives for ever. The user data lives as long as
        // `self`, which unregisters the callback before. mosquitto_broker.h: mosquitto_callback_register.
        let code = unsafe {
            (self.context.functions.mosquitto_callback_register)(
                self.identifier.as_ptr(),
                callback.event(),
                Some(callback.function),
                callback.topic(),
                userdata,
            )
        };
        match code {
            sys::MOSQ_ERR_SUCCESS => {
                self.registered.push(callback);
                note_callback(callback.event(), callback.topic);
                Ok(())
            }
            sys::MOSQ_ERR_ALREADY_EXISTS => Err(RegistrationError::Twice),
            code => Err(RegistrationError::Refused { event: callback.event, code }),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.context.functions.family == BrokerFamily::V2_0 {
            self.context.plugin.rounds.remove_line();
        }
        for callback in self.registered.drain(..).rev() {
            // SAFETY: the identifier is valid: `new`. The topic lives for ever. mosquitto_broker.h:
            // mosquitto_callback_unregister. It fails only for what is not registered.
            unsafe {
                (self.context.functions.mosquitto_callback_unregister)(
                    self.identifier.as_ptr(),
                    callback.event(),
                    Some(callback.function),
                    callback.topic(),
                )
            };
        }
    }
}

/// The package's version.
const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The broker did not take a callback.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RegistrationError {
    /// It has one already, from us or from the C plugin.
    Twice,
    /// It has its own reason.
    Refused {
        /// Of `MOSQ_EVT_*`.
        event: sys::mosquitto_plugin_event,
        /// Of `MOSQ_ERR_*`.
        code: c_int,
    },
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => f.write_str(
                "the plugin can be loaded only once, and not beside mosquitto_dynamic_security.so: \
                 remove the other `plugin` line from the configuration",
            ),
            Self::Refused { event, code } => {
                write!(f, "the broker refuses a callback for event {event} with error {code}")
            }
        }
    }
}
