//! The boundary from both sides: a broker made of plain functions, and the real plugin on a small policy.

mod fake;
mod reload_tests;
mod rounds;
mod unrecorded;

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::{fs, mem, thread};

use tempfile::TempDir;

use super::broker::HostBroker;
use super::callbacks;
use super::context::Context;
use super::registration::{Registration, RegistrationError};
use super::served::Served;
use super::sys;
use crate::broker::{Broker, BrokerFamily, ConnectedClient, LogLevel, PublishError};
use crate::options::PluginOptions;
use crate::plugin::{Delay, Plugin, SessionId};

use fake::{ANN, CERTIFIED, FakeClient, NOBODY, REFUSES, called, calls, functions};

const POLICY: &str = r#"{
    "defaultACLAccess": {"publishClientSend": false},
    "clients": [{"username": "ann", "roles": [{"rolename": "r"}]}],
    "roles": [{"rolename": "r", "acls": [
        {"acltype": "publishClientSend", "topic": "yes", "allow": true},
        {"acltype": "publishClientSend", "topic": "no", "allow": false}
    ]}]
}"#;

type Callback = unsafe extern "C" fn(c_int, *mut c_void, *mut c_void) -> c_int;

/// A plugin that runs on [`POLICY`], as the callbacks of one `plugin` line see it.
fn context(family: BrokerFamily) -> Arc<Context> {
    let functions = functions(family);
    let served = Arc::new(Served::new(plugin(family)));
    Arc::new(Context::new(functions, Arc::new(HostBroker::new(functions)), served))
}

/// A plugin that cannot save: its folder is gone.
fn plugin(family: BrokerFamily) -> Plugin {
    plugin_in(&tempfile::tempdir().unwrap(), family)
}

fn plugin_in(directory: &TempDir, family: BrokerFamily) -> Plugin {
    let file = directory.path().join("policy.json");
    fs::write(&file, POLICY).unwrap();
    Plugin::start(&PluginOptions::new(file), Arc::new(Silent), family).unwrap()
}

/// A plugin, started by this thread.
pub(super) fn served() -> Served {
    Served::new(plugin(BrokerFamily::V2_0))
}

/// The plugin's broker where it is not what is tested.
struct Silent;

impl Broker for Silent {
    fn log(&self, _: LogLevel, _: &[u8]) {}

    fn publish(&self, topic: &'static str, payload: &[u8]) -> Result<(), PublishError> {
        called(format!("plugin publishes {topic} {}", payload.escape_ascii()));
        Ok(())
    }

    fn kick_username(&self, username: &[u8]) {
        called(format!("plugin disconnects {}", username.escape_ascii()));
    }

    fn kick_clientid(&self, _: &[u8]) {}
}

/// Calls a callback as the broker does.
fn call<E>(callback: Callback, context: &Context, event: &mut E) -> c_int {
    let userdata = ptr::from_ref(context).cast_mut().cast();
    // SAFETY: the callback takes this event, and both pointers live until it returns.
    unsafe { callback(0, ptr::from_mut(event).cast(), userdata) }
}

fn acl_check(client: &FakeClient, topic: *const c_char, access: c_int) -> sys::mosquitto_evt_acl_check {
    sys::mosquitto_evt_acl_check {
        future: ptr::null_mut(),
        client: ptr::from_ref(client).cast_mut().cast(),
        topic,
        payload: ptr::null(),
        properties: ptr::null_mut(),
        access,
        payloadlen: 0,
        qos: 0,
        retain: false,
        future2: [ptr::null_mut(); 4],
    }
}

#[test]
fn an_acl_check_is_answered_with_the_code_of_its_decision() {
    let context = context(BrokerFamily::V2_0);
    for (client, topic, access, answer) in [
        (&ANN, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE, 0),
        (&ANN, c"no".as_ptr(), sys::MOSQ_ACL_WRITE, 12),
        (&ANN, c"other".as_ptr(), sys::MOSQ_ACL_WRITE, 17),
        (&NOBODY, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE, 17),
        // What no broker sends: an access that is not known, and no topic.
        (&ANN, c"yes".as_ptr(), 3, 17),
        (&ANN, ptr::null(), sys::MOSQ_ACL_WRITE, 12),
    ] {
        let mut event = acl_check(client, topic, access);
        assert_eq!(call(callbacks::on_acl_check, &context, &mut event), answer, "{access} {answer}");
    }
}

#[test]
fn without_event_or_user_data_everything_is_refused() {
    let context = context(BrokerFamily::V2_1);
    let userdata: *mut c_void = Arc::as_ptr(&context).cast_mut().cast();
    let mut event = acl_check(&ANN, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
    let event: *mut c_void = ptr::from_mut(&mut event).cast();
    for (callback, answer) in [
        (callbacks::on_acl_check as Callback, 12),
        (callbacks::on_basic_auth, 11),
        (callbacks::on_control, 0),
        (callbacks::on_tick, 0),
        (callbacks::on_first_tick, 0),
        (callbacks::on_disconnect, 0),
        (callbacks::on_connect, 0),
        (callbacks::on_reload, 0),
        (callbacks::on_client_offline, 0),
    ] {
        // SAFETY: a callback may be called without an event.
        assert_eq!(unsafe { callback(0, ptr::null_mut(), userdata) }, answer);
        // SAFETY: without user data, the event is not looked at.
        assert_eq!(unsafe { callback(0, event, ptr::null_mut()) }, answer);
    }
    assert_eq!(calls(), [""; 0]);
}

/// A payload, or no memory at all for an empty one.
fn control(payload: &[u8]) -> sys::mosquitto_evt_control {
    // 2.1 gives it a member more.
    // SAFETY: its members are numbers, and pointers that may be null.
    let mut event: sys::mosquitto_evt_control = unsafe { mem::zeroed() };
    event.payload = if payload.is_empty() { ptr::null() } else { payload.as_ptr().cast() };
    event.payloadlen = payload.len().try_into().unwrap();
    event
}

#[test]
fn a_control_payload_of_nothing_is_answered() {
    let context = context(BrokerFamily::V2_0);
    let mut event = control(b"");
    for (callback, topic) in [
        (callbacks::on_control as Callback, "$CONTROL/dynamic-security/v1/response"),
        (callbacks::on_query, "$CONTROL/dynamic-security/v1/query/response"),
    ] {
        assert_eq!(call(callback, &context, &mut event), 0);
        let calls = calls();
        assert_eq!(calls.len(), 1);
        assert!(calls[0].starts_with(&format!("plugin publishes {topic} {{")), "{calls:?}");
    }
}

/// As the broker does in init.
fn registration(family: BrokerFamily) -> Result<Registration, RegistrationError> {
    // SAFETY: the identifier is the test's broker's, which does not look at it.
    unsafe { Registration::new(context(family), NonNull::dangling()) }
}

#[test]
fn all_callbacks_are_registered_and_in_the_end_unregistered() {
    let registration = registration(BrokerFamily::V2_0).unwrap();
    let topic = "$CONTROL/dynamic-security/v1";
    let query = format!("6 {topic}/query");
    let self_service = format!("6 {topic}/self");
    let (login, acl, tick, left, reload) = ("3 ".into(), "2 ".into(), "9 ".into(), "10 ".into(), "1 ".into());
    let events = [format!("6 {topic}"), query, self_service, login, acl, left, reload, tick];
    assert_eq!(calls(), events.clone().map(|event| format!("register {event}")));
    drop(registration);
    let mut unregistered = events.map(|event| format!("unregister {event}"));
    unregistered.reverse();
    assert_eq!(calls(), unregistered);
}

#[test]
fn a_2_1_broker_is_told_our_name_first_and_asked_for_sessions_that_go_offline_and_for_ticks_last() {
    let registration = registration(BrokerFamily::V2_1).unwrap();
    let calls = calls();
    assert_eq!(calls.first().unwrap(), &format!("introduce dynamic-security {}", env!("CARGO_PKG_VERSION")));
    // The first tick of each scope has to come before the others.
    assert_eq!(calls[calls.len() - 3..], ["register 28 ", "register 9 ", "register 9 "]);
    drop(registration);
}

#[test]
fn when_a_callback_is_refused_none_stays_registered() {
    for (event, code, error) in [
        (6, sys::MOSQ_ERR_ALREADY_EXISTS, RegistrationError::Twice),
        (9, sys::MOSQ_ERR_NOMEM, RegistrationError::Refused { event: 9, code: sys::MOSQ_ERR_NOMEM }),
    ] {
        REFUSES.set(Some((event, code)));
        assert_eq!(registration(BrokerFamily::V2_0).err(), Some(error));
        let calls = calls();
        let count = |what: &str| calls.iter().filter(|call| call.starts_with(what)).count();
        assert_eq!(count("register"), count("unregister"), "{calls:?}");
    }
}

#[test]
fn what_the_plugin_asks_reaches_the_broker() {
    let broker = HostBroker::new(functions(BrokerFamily::V2_0));
    broker.publish("t", b"p\0q").unwrap();
    broker.publish_to(b"ann-1", "t", b"p").unwrap();
    broker.kick_username(b"ann");
    broker.kick_clientid(b"ann-1");
    assert_eq!(
        calls(),
        ["publish t p\\x00q 0 false", "publish to ann-1 t p 0 false", "kick ann false", "kick ann-1 false"]
    );
}

#[test]
fn a_name_with_a_nul_kicks_nobody() {
    let broker = HostBroker::new(functions(BrokerFamily::V2_0));
    broker.kick_username(b"ann\0");
    broker.kick_clientid(b"\0");
    assert_eq!(calls(), [""; 0]);
}

#[test]
fn what_is_for_one_client_is_never_published_to_everybody() {
    let broker = HostBroker::new(functions(BrokerFamily::V2_0));
    for clientid in [&b""[..], b"\0", b"ann\0"] {
        let error = broker.publish_to(clientid, "t", b"p").unwrap_err();
        assert_eq!(error, PublishError { code: sys::MOSQ_ERR_INVAL });
    }
    assert_eq!(calls(), [""; 0]);
}

#[test]
fn another_thread_than_the_broker_s_cannot_call_it() {
    let broker = HostBroker::new(functions(BrokerFamily::V2_0));
    let called = thread::scope(|scope| {
        let elsewhere = scope.spawn(|| {
            let error = broker.publish("t", b"p").unwrap_err();
            assert_eq!(error, PublishError { code: sys::MOSQ_ERR_INVAL });
            broker.kick_username(b"ann");
            broker.kick_clientid(b"ann-1");
            calls()
        });
        elsewhere.join().unwrap()
    });
    assert_eq!(called, [""; 0]);
}

#[test]
fn a_login_on_another_thread_than_the_broker_s_is_told_from_others() {
    for family in [BrokerFamily::V2_0, BrokerFamily::V2_1] {
        let broker = HostBroker::new(functions(family));
        // SAFETY: a client of these tests.
        let delay = || unsafe { broker.delay_of_login(ptr::from_ref(&ANN).cast()) };
        assert_eq!(delay(), Delay::Impossible, "this broker cannot wait");
        let elsewhere = thread::scope(|scope| scope.spawn(delay).join().unwrap());
        assert_eq!(elsewhere, Delay::Elsewhere);
    }
}

fn disconnect(client: &FakeClient) -> sys::mosquitto_evt_disconnect {
    sys::mosquitto_evt_disconnect {
        future: ptr::null_mut(),
        client: ptr::from_ref(client).cast_mut().cast(),
        reason: -1,
        future2: [ptr::null_mut(); 4],
    }
}

fn tick() -> sys::mosquitto_evt_tick {
    // A member of it is called otherwise in 2.1.
    // SAFETY: its members are numbers, and pointers that may be null.
    unsafe { mem::zeroed() }
}

#[test]
fn on_2_0_a_certificate_is_looked_for_once_in_a_connection() {
    let context = context(BrokerFamily::V2_0);
    let session = SessionId(ptr::from_ref(&CERTIFIED).addr());
    for _ in 0..2 {
        for _ in 0..3 {
            let mut event = acl_check(&CERTIFIED, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
            assert_eq!(call(callbacks::on_acl_check, &context, &mut event), 0);
        }
        assert_eq!(calls(), ["certificate", "free"]);
        assert!(context.plugin.knows(session));
        assert_eq!(call(callbacks::on_disconnect, &context, &mut disconnect(&CERTIFIED)), 0);
        assert!(!context.plugin.knows(session));
        assert_eq!(call(callbacks::on_tick, &context, &mut tick()), 0);
    }
    let mut event = acl_check(&ANN, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
    assert_eq!(call(callbacks::on_acl_check, &context, &mut event), 0);
    assert!(!context.plugin.knows(SessionId(ptr::from_ref(&ANN).addr())), "it has none");
}

#[test]
fn the_will_of_a_connection_that_has_ended_does_not_show_it_again() {
    let context = context(BrokerFamily::V2_0);
    let session = SessionId(ptr::from_ref(&CERTIFIED).addr());
    let knows_after_a_check = || {
        let mut event = acl_check(&CERTIFIED, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
        assert_eq!(call(callbacks::on_acl_check, &context, &mut event), 0);
        context.plugin.knows(session)
    };
    assert!(knows_after_a_check());
    // From 2.0.14 on the will comes after this, and the certificate goes after both.
    assert_eq!(call(callbacks::on_disconnect, &context, &mut disconnect(&CERTIFIED)), 0);
    assert!(!knows_after_a_check());
    // The will may have found out others that are dead.
    assert_eq!(call(callbacks::on_disconnect, &context, &mut disconnect(&ANN)), 0);
    assert!(!knows_after_a_check());
    assert_eq!(call(callbacks::on_tick, &context, &mut tick()), 0);
    assert!(knows_after_a_check(), "another at that address");
}

#[test]
fn on_2_1_no_certificate_is_looked_for() {
    let context = context(BrokerFamily::V2_1);
    let mut event = acl_check(&CERTIFIED, c"yes".as_ptr(), sys::MOSQ_ACL_WRITE);
    assert_eq!(call(callbacks::on_acl_check, &context, &mut event), 0);
    assert_eq!(calls(), [""; 0]);
}

#[test]
fn a_2_1_broker_shows_its_clients() {
    let usernames = |family, clientid: Option<&[u8]>| {
        let broker = HostBroker::new(functions(family));
        let mut names = Vec::new();
        let mut show = |client: ConnectedClient<'_>| {
            names.push(client.username.unwrap().escape_ascii().to_string());
        };
        let told = match clientid {
            None => broker.each_client(&mut show),
            Some(clientid) => broker.client_by_id(clientid, &mut show),
        };
        told.then_some(names)
    };
    assert_eq!(usernames(BrokerFamily::V2_1, None).unwrap(), ["ann", "ann", "nobody"]);
    assert_eq!(usernames(BrokerFamily::V2_1, Some(b"nobody-1")).unwrap(), ["nobody"]);
    assert_eq!(usernames(BrokerFamily::V2_1, Some(b"nobody-2")).unwrap(), [""; 0]);
    assert_eq!(usernames(BrokerFamily::V2_1, Some(b"nobody-1\0")).unwrap(), [""; 0]);
    assert_eq!(usernames(BrokerFamily::V2_0, None), None);
    assert_eq!(usernames(BrokerFamily::V2_0, Some(b"nobody-1")), None);
}

#[test]
fn a_panic_does_not_pass_through_the_broker() {
    let broker = HostBroker::new(functions(BrokerFamily::V2_1));
    assert!(!broker.each_client(&mut |_| panic!("out of luck")));
}

fn reload() -> sys::mosquitto_evt_reload {
    sys::mosquitto_evt_reload {
        future: ptr::null_mut(),
        options: ptr::null_mut(),
        option_count: 0,
        future2: [ptr::null_mut(); 4],
    }
}

#[test]
fn a_reload_is_answered_as_each_broker_has_to_be() {
    for (family, answer) in [(BrokerFamily::V2_0, 17), (BrokerFamily::V2_1, 0)] {
        assert_eq!(call(callbacks::on_reload, &context(family), &mut reload()), answer);
    }
}
