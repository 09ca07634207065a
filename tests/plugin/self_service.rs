//! Answers to clients that ask about themselves, and clients that come and go in between.

use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::plugin::{Actor, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::json;

use crate::host::Place;

const FIRST: SessionId = SessionId(1);
const SECOND: SessionId = SessionId(2);

/// A plugin in a broker that has not ticked, as some never do.
fn without_ticks() -> (Place, Plugin) {
    let place = Place::with(&json!({
        "clients": [{"username": "john"}, {"username": "jane"}],
        "defaultACLAccess": {}, "groups": [], "roles": []
    }));
    let plugin = place.start(BrokerFamily::V2_0, |options| options.self_service = true).unwrap();
    (place, plugin)
}

fn started() -> (Place, Plugin) {
    let (place, plugin) = without_ticks();
    plugin.on_tick();
    (place, plugin)
}

fn ask(plugin: &Plugin, session: SessionId, username: &str) {
    ask_as(plugin, session, "d1", username);
}

fn ask_as(plugin: &Plugin, session: SessionId, clientid: &str, username: &str) {
    let mut actor = Actor {
        clientid: Some(clientid.as_bytes().to_vec()),
        username: Some(username.as_bytes().to_vec()),
        ..Actor::default()
    };
    plugin.note_question(session, &mut actor);
    plugin.on_self_service(&actor, br#"{"commands":[{"command":"whoAmI"}]}"#);
}

/// A login under the client id that has asked; the policy has no passwords, so that others decide.
fn login(plugin: &Plugin, username: &str) -> Effect {
    let subject = Subject::known(Some(username.as_bytes()), Some(b"d1"));
    let request = LoginRequest { subject, address: None, password: Some(b"pw") };
    plugin.on_basic_auth(SECOND, &request)
}

#[test]
fn an_answer_goes_to_its_client_and_never_to_everybody() {
    let (place, plugin) = started();
    ask(&plugin, FIRST, "john");
    let told = place.host.told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "d1");
    assert!(told[0].1.contains(r#""username":"john""#), "{told:?}");
    assert!(place.host.published.lock().unwrap().is_empty());
}

#[test]
fn until_the_broker_has_sent_an_answer_nobody_else_takes_its_client_id() {
    let (_place, plugin) = started();
    assert_eq!(login(&plugin, "jane"), Effect::Defer);
    ask(&plugin, FIRST, "john");
    assert_eq!(login(&plugin, "jane"), Effect::Deny);
    assert_eq!(login(&plugin, "john"), Effect::Defer, "it may come back itself");
    plugin.on_tick();
    assert_eq!(login(&plugin, "jane"), Effect::Deny);
    plugin.on_tick();
    assert_eq!(login(&plugin, "jane"), Effect::Defer);
}

#[test]
fn without_ticks_an_answer_is_taken_to_be_sent_after_a_second() {
    let (place, plugin) = without_ticks();
    let start = Instant::now();
    let after =
        |milliseconds| place.host.set_clock(start + Duration::from_millis(milliseconds), Duration::ZERO);
    after(0);
    ask(&plugin, FIRST, "john");
    after(999);
    assert_eq!(login(&plugin, "jane"), Effect::Deny);
    after(1000);
    assert_eq!(login(&plugin, "jane"), Effect::Defer);
}

#[test]
fn without_ticks_answers_are_forgotten_though_nobody_logs_in() {
    let (place, plugin) = without_ticks();
    let start = Instant::now();
    place.host.set_clock(start, Duration::ZERO);
    ask(&plugin, FIRST, "john");
    place.host.set_clock(start + Duration::from_secs(1), Duration::ZERO);
    ask_as(&plugin, SECOND, "d2", "john");
    // Of a broker that ticks no answer is too old: this one would still be on its way if it were remembered.
    plugin.on_tick();
    assert_eq!(login(&plugin, "jane"), Effect::Defer);
}
