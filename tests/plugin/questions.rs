//! Questions that wait: they take no room of what administrators send, and each client has its answers in order.

use mosquitto_dynsec::plugin::{Actor, ControlTopic, EachTime, Plugin, SessionId};
use mosquitto_dynsec::policy::{AclRequest, Action, Effect, Subject};
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, settle};
use crate::pipeline::{create, send};

const FULL: &str = "Too many commands are waiting to be saved; nothing was changed, send them again later";

/// A certificate lets `ann` in, who may send.
fn started(disk: &Moody) -> (Place, Plugin) {
    let acls = json!([{"acltype": "publishClientSend", "topic": "t", "allow": true}]);
    let place = Place::with(&json!({
        "clients": [{"username": "ann", "roles": [{"rolename": "r"}]}, {"username": "john"}],
        "roles": [{"rolename": "r", "acls": acls}],
    }));
    let plugin = place.start_on(disk, |options| options.self_service = true);
    plugin.on_connect(SessionId(1), Some(b"ann"), Some(b"a1"), &());
    assert_eq!(may_send(&plugin), Effect::Allow);
    (place, plugin)
}

fn may_send(plugin: &Plugin) -> Effect {
    let subject = Subject::known(Some(b"ann"), Some(b"a1"));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"t" };
    plugin.on_acl_check(SessionId(1), request, &EachTime, &())
}

fn query(plugin: &Plugin, command: &Value) {
    let actor = Actor { topic: ControlTopic::Query, ..Actor::default() };
    plugin.on_control(&actor, json!({ "commands": [command] }).to_string().as_bytes());
}

/// `john` asks about himself, as one of many connections.
fn ask(plugin: &Plugin, connection: usize, payload: &str) {
    let clientid = format!("j{connection}").into_bytes();
    let mut actor = Actor { clientid: Some(clientid), username: Some(b"john".to_vec()), ..Actor::default() };
    plugin.note_question(SessionId(100 + connection), &mut actor);
    plugin.on_self_service(&actor, payload.as_bytes());
}

/// Of each answer that was published the first response's error, or else its command.
fn published(place: &Place) -> Vec<String> {
    let short = |answer: Value| {
        let response = &answer["responses"][0];
        let error = response["error"].as_str().or(response["command"].as_str());
        error.unwrap_or_default().to_owned()
    };
    place.host.answers().into_iter().map(short).collect()
}

/// The first response of each answer to a client about itself.
fn told(place: &Place) -> Vec<Value> {
    let told = place.host.told.lock().unwrap();
    let response = |answer: &str| serde_json::from_str::<Value>(answer).unwrap()["responses"][0].take();
    told.iter().map(|(_, answer)| response(answer)).collect()
}

/// A client is disabled while so many questions wait that more are refused: that is in force at once, and answered in its turn.
fn disables_while_asked(ask_much: impl FnOnce(&Plugin)) -> (Place, Plugin) {
    let disk = Moody::new();
    let (place, plugin) = started(&disk);
    disk.set(Mood::Waits);
    send(&plugin, &[create("first")]);
    disk.until_a_save_waits(&plugin);
    ask_much(&plugin);
    send(&plugin, &[json!({"command": "disableClient", "username": "ann"})]);
    // A tick has its slice of time for what waits.
    place.host.set_clock(std::time::Instant::now(), std::time::Duration::ZERO);
    plugin.on_tick();
    let (effect, so_far) = (may_send(&plugin), published(&place));
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(effect, Effect::Deny);
    assert!(so_far.iter().all(|answer| answer != "disableClient"));
    assert_eq!(published(&place).iter().filter(|answer| *answer == "disableClient").count(), 1);
    assert_eq!(place.policy()["clients"][0]["disabled"], true);
    (place, plugin)
}

#[test]
fn questions_of_those_who_may_query_keep_no_command_from_being_taken() {
    let list = json!({"command": "listRoles"});
    let (place, _plugin) = disables_while_asked(|plugin| (0..2000).for_each(|_| query(plugin, &list)));
    let answers = published(&place);
    assert_eq!(answers.len(), 1 + 2000 + 1);
    assert_eq!(answers[0], "createClient");
    assert!(answers[1..=512].iter().all(|answer| answer == "listRoles"));
    assert!(answers[513..=2000].iter().all(|answer| answer == FULL));
    assert_eq!(answers[2001], "disableClient");
}

#[test]
fn questions_of_many_bytes_keep_no_command_from_being_taken() {
    let long = json!({"command": "listRoles", "x": "x".repeat(1 << 20)});
    let (place, _plugin) = disables_while_asked(|plugin| (0..20).for_each(|_| query(plugin, &long)));
    let refused = published(&place).iter().filter(|answer| *answer == FULL).count();
    assert_eq!(refused, 20 - 7);
}

/// No more answers are made, but what comes behind those questions goes on.
#[test]
fn long_answers_to_questions_keep_no_command_from_being_run() {
    // As JSON it may be six times as long.
    let long = json!({"command": "listRoles", "correlationData": "c".repeat(12 << 20)});
    let short = json!({"command": "listRoles"});
    let (place, _plugin) = disables_while_asked(|plugin| {
        query(plugin, &long);
        query(plugin, &short);
    });
    assert_eq!(published(&place), ["createClient", "listRoles", FULL, "disableClient"]);
}

#[test]
fn questions_about_oneself_keep_no_command_from_being_taken() {
    let who = r#"{"commands": [{"command": "whoAmI", "correlationData": "c"}]}"#;
    let (place, _plugin) = disables_while_asked(|plugin| {
        (0..2000).for_each(|connection| ask(plugin, connection, who));
    });
    let told = told(&place);
    assert_eq!(told.len(), 2000);
    assert!(told.iter().all(|response| response["correlationData"] == "c"));
    let with = |error: Value| told.iter().filter(|response| response["error"] == error).count();
    assert_eq!(with(Value::Null), 128);
    assert!(with(json!(FULL)) >= 200 - 128);
    assert_eq!(with(Value::Null) + with(json!(FULL)) + with(json!("Too many requests")), 2000);
}

#[test]
fn a_client_has_its_refusals_behind_the_answers_that_it_waits_for() {
    let disk = Moody::new();
    let (place, plugin) = started(&disk);
    disk.set(Mood::Waits);
    send(&plugin, &[create("first")]);
    disk.until_a_save_waits(&plugin);
    for number in 0..7 {
        let who = json!({"command": "whoAmI", "correlationData": format!("c{number}")});
        ask(&plugin, 0, &json!({ "commands": [who] }).to_string());
    }
    let long = "x".repeat(2000);
    ask(&plugin, 0, &json!({"commands": [{"command": "whoAmI", "correlationData": long}]}).to_string());
    ask(&plugin, 0, &format!(r#"{{"commands": [{{"command": "whoAmI"}}], "x": "{}"}}"#, "x".repeat(16_384)));
    plugin.on_tick();
    let so_far = told(&place).len();
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(so_far, 0);
    let told: Vec<_> = told(&place)
        .into_iter()
        .map(|response| [&response["error"], &response["correlationData"]].map(Value::clone))
        .collect();
    let answered = |number| [Value::Null, json!(format!("c{number}"))];
    let refused = |correlation: Value| [json!("Too many requests"), correlation];
    let mut expected: Vec<_> = (0..5).map(answered).collect();
    expected.extend([refused(json!("c5")), refused(json!("c6")), refused(Value::Null)]);
    expected.push([json!("Payload too long"), Value::Null]);
    assert_eq!(told, expected);
    // Where nothing waits it is said at once.
    ask(&plugin, 0, r#"{"commands": [{"command": "whoAmI", "correlationData": "now"}]}"#);
    let now = self::told(&place).pop().unwrap();
    assert_eq!(now["correlationData"], "now");
}
