//! A plugin's callbacks, and one safe function for each event to call them with.
#![expect(unsafe_code, reason = "calls the functions that a plugin registered")]

use std::ffi::{CStr, CString, c_int, c_void};
use std::hint::black_box;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::{
    MOSQ_ACL_SUBSCRIBE, MOSQ_ERR_PAYLOAD_SIZE, mosquitto, mosquitto_evt_acl_check, mosquitto_evt_basic_auth,
    mosquitto_evt_control, mosquitto_evt_disconnect, mosquitto_evt_reload, mosquitto_evt_tick,
    mosquitto_plugin_id_t,
};
use crate::client::Client;
use crate::newer;
use crate::text::Text;

/// The events that a broker knows (`mosquitto_broker.h`: `enum mosquitto_plugin_event`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Reload = 1,
    AclCheck = 2,
    BasicAuth = 3,
    ExtAuthStart = 4,
    ExtAuthContinue = 5,
    Control = 6,
    Message = 7,
    PskKey = 8,
    Tick = 9,
    Disconnect = 10,
    /// 2.1's. Here it happens after a login that has waited; all other clients are connected from the beginning.
    Connect = 11,
    /// 2.1's. The clients here have no session that outlives them: it never happens.
    ClientOffline = 28,
}

impl Event {
    /// The event of a number; none where the broker has none.
    pub(crate) fn from_c(number: c_int) -> Option<Self> {
        const ALL: [Event; 12] = [
            Event::Reload,
            Event::AclCheck,
            Event::BasicAuth,
            Event::ExtAuthStart,
            Event::ExtAuthContinue,
            Event::Control,
            Event::Message,
            Event::PskKey,
            Event::Tick,
            Event::Disconnect,
            Event::Connect,
            Event::ClientOffline,
        ];
        let is_known =
            |event: &Self| !matches!(event, Self::Connect | Self::ClientOffline) || newer::is_enabled();
        ALL.into_iter().find(|event| event.to_c() == number).filter(is_known)
    }

    pub(crate) fn to_c(self) -> c_int {
        self as c_int
    }
}

/// A plugin's function (`mosquitto_broker.h`: `MOSQ_FUNC_generic_callback`).
pub(crate) type Function = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void) -> c_int;

/// Which plugin a callback belongs to: the address of the identifier it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PluginId(usize);

impl PluginId {
    pub(crate) fn of(identifier: *const mosquitto_plugin_id_t) -> Self {
        Self(identifier.addr())
    }
}

/// Calls a plugin. It has a name of its own, so that callgrind can count what happens in it.
///
/// # Safety
///
/// `data` is what `function` takes for `event`, and `userdata` what came with it.
#[unsafe(no_mangle)]
#[inline(never)]
unsafe extern "C" fn plugin_host_call(
    function: Function,
    event: c_int,
    data: *mut c_void,
    userdata: *mut c_void,
) -> c_int {
    // SAFETY: as the caller guarantees.
    let rc = unsafe { function(event, data, userdata) };
    // So that this is a call and no jump: callgrind would take a jump for the end of this function.
    black_box(rc)
}

/// `mosquitto_evt_connect` of 2.1's `mosquitto/broker.h`.
#[repr(C)]
struct ConnectEvent {
    future: *mut c_void,
    client: *mut mosquitto,
    future2: [*mut c_void; 4],
}

impl Default for ConnectEvent {
    fn default() -> Self {
        Self { future: ptr::null_mut(), client: ptr::null_mut(), future2: [ptr::null_mut(); 4] }
    }
}

/// A registered callback.
#[derive(Clone)]
pub(crate) struct Callback {
    plugin: PluginId,
    event: Event,
    /// Control callbacks belong to a topic.
    topic: Option<CString>,
    function: Function,
    userdata: *mut c_void,
    /// Until when 2.1 does not tick, in seconds.
    rests: Arc<AtomicI64>,
}

// SAFETY: `userdata` belongs to the plugin, and is only ever handed back to it, on the thread that drives the
// host: the plugin's "main thread".
unsafe impl Send for Callback {}

impl Callback {
    pub(crate) fn new(
        plugin: PluginId,
        event: Event,
        topic: Option<CString>,
        function: Function,
        userdata: *mut c_void,
    ) -> Self {
        Self { plugin, event, topic, function, userdata, rests: Arc::default() }
    }

    pub(crate) fn plugin(&self) -> PluginId {
        self.plugin
    }

    pub(crate) fn event(&self) -> Event {
        self.event
    }

    pub(crate) fn topic(&self) -> Option<Text> {
        self.topic.as_ref().map(|topic| Text::from(topic.as_bytes()))
    }

    /// Whether the broker refuses to register `other` beside this one: a control topic has one callback, and a
    /// function is called once for an event.
    pub(crate) fn collides_with(&self, other: &Self) -> bool {
        let same_function = self.event == Event::Control || ptr::fn_addr_eq(self.function, other.function);
        same_function && self.plugin == other.plugin && self.event == other.event && self.topic == other.topic
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.collides_with(other) && ptr::fn_addr_eq(self.function, other.function)
    }

    /// Calls the plugin with `data`, the structure of this callback's event.
    fn call<D>(&self, data: &mut D) -> c_int {
        let data = ptr::from_mut(data).cast();
        // SAFETY: the plugin registered this function for this event, and the event's methods below are the
        // only callers: each passes the event's own structure, which lives until the call returns.
        unsafe { plugin_host_call(self.function, self.event.to_c(), data, self.userdata) }
    }

    pub(crate) fn basic_auth(
        &self,
        client: &Arc<Client>,
        username: Option<&CStr>,
        password: Option<&CStr>,
    ) -> c_int {
        let as_c = |text: Option<&CStr>| text.map_or(ptr::null_mut(), |text| text.as_ptr().cast_mut());
        self.call(&mut mosquitto_evt_basic_auth {
            client: client.as_c(),
            username: as_c(username),
            password: as_c(password),
            ..Default::default()
        })
    }

    pub(crate) fn acl_check(&self, client: &Arc<Client>, access: c_int, topic: &CStr) -> c_int {
        self.call(&mut mosquitto_evt_acl_check {
            client: client.as_c(),
            topic: topic.as_ptr(),
            access,
            ..Default::default()
        })
    }

    pub(crate) fn recheck(&self, client: &Arc<Client>, topic: &Text) -> c_int {
        self.acl_check(client, MOSQ_ACL_SUBSCRIBE, &topic.to_c_string())
    }

    /// A payload for the control topic. The broker keeps a NUL after a payload, and no memory for an empty one.
    pub(crate) fn control(&self, client: &Arc<Client>, payload: &[u8]) -> c_int {
        let Ok(payloadlen) = u32::try_from(payload.len()) else {
            return MOSQ_ERR_PAYLOAD_SIZE;
        };
        let with_nul = [payload, &[0]].concat();
        let mut data = mosquitto_evt_control {
            client: client.as_c(),
            topic: self.topic.as_deref().map_or(ptr::null(), CStr::as_ptr),
            payload: if payload.is_empty() { ptr::null() } else { with_nul.as_ptr().cast() },
            payloadlen,
            ..Default::default()
        };
        let rc = self.call(&mut data);
        // SAFETY: the plugin leaves NULL here, or a string from malloc() that the broker frees (as
        // src/control.c does).
        unsafe { libc::free(data.reason_string.cast()) };
        rc
    }

    /// 2.0.11 passes a structure of zeros. 2.1 reads from it after how long to call again, and tells the time.
    pub(crate) fn tick(&self) -> Option<c_int> {
        let mut data = mosquitto_evt_tick::default();
        if !newer::is_enabled() {
            return Some(self.call(&mut data));
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        data.now_s = since_1970.as_secs().try_into().unwrap_or(i64::MAX);
        if data.now_s < self.rests.load(Ordering::Relaxed) {
            return None;
        }
        let rc = self.call(&mut data);
        self.rests.store(data.now_s.saturating_add(data.next_s), Ordering::Relaxed);
        Some(rc)
    }

    /// 2.0.11 passes no options.
    pub(crate) fn reload(&self) -> c_int {
        self.call(&mut mosquitto_evt_reload::default())
    }

    /// 2.1's.
    pub(crate) fn connected(&self, client: &Arc<Client>) -> c_int {
        self.call(&mut ConnectEvent { client: client.as_c(), ..Default::default() })
    }

    /// 2.0.11's reason is always -1.
    pub(crate) fn disconnected(&self, client: &Arc<Client>) -> c_int {
        self.call(&mut mosquitto_evt_disconnect { client: client.as_c(), reason: -1, ..Default::default() })
    }
}
