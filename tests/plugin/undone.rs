//! What cannot be saved, or is ended by a panic: it is answered with an error, and undone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::LogLevel;
use mosquitto_dynsec::options::SaveMode;
use mosquitto_dynsec::plugin::{Actor, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::json;

use crate::disk::{Mood, Moody};
use crate::host::{Place, login, settle};

use crate::pipeline::{HASH_OF_PW, NOT_SAVED, answers, create, delete, list, names, place, send};

#[test]
fn a_save_that_fails_is_answered_with_the_error_and_undone_with_all_that_it_held() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    // Together in the second save:
    send(&plugin, &[create("two"), json!({"command": "getClient", "username": "ann"})]);
    send(&plugin, &[list()]);
    send(&plugin, &[delete("ann"), create("two")]);
    send(&plugin, &[delete("nobody")]);
    while login(&plugin, "two", "pw") != Effect::Allow {
        place.host.sleep();
        plugin.on_tick();
    }
    let before = place.policy();
    disk.set(Mood::Fails);
    settle(&place, &plugin);
    let both = format!("{NOT_SAVED}, {NOT_SAVED}");
    assert_eq!(answers(&place), [NOT_SAVED, &both, "ann", &both, "Client not found"]);
    assert_eq!(place.policy(), before);
    assert_eq!(login(&plugin, "two", "pw"), Effect::Defer);
    assert!(place.logged("commands refused").iter().all(|(level, _)| *level == LogLevel::Error));
    disk.set(Mood::Works);
    send(&plugin, &[create("three"), list()]);
    settle(&place, &plugin);
    assert_eq!(answers(&place).last().unwrap(), "three, ann three");
    assert_eq!(names(&place), ["ann", "three"]);
    assert_eq!(place.policy()["changeIndex"], 1);
}

#[test]
fn what_came_after_a_save_that_fails_is_run_again_without_it() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    let group = json!({"command": "createGroup", "groupname": "g"});
    send(&plugin, &[group]);
    disk.until_a_save_waits(&plugin);
    let member = json!({"command": "addGroupClient", "groupname": "g", "username": "ann"});
    send(&plugin, &[member]);
    send(&plugin, &[json!({"command": "setClientId", "username": "ann", "clientid": "x"})]);
    send(&plugin, &[list()]);
    assert_eq!(answers(&place), [""; 0]);
    disk.fail_once();
    settle(&place, &plugin);
    assert_eq!(answers(&place), [NOT_SAVED, "Group not found", "", "ann"]);
    assert_eq!(place.policy()["clients"][0]["clientid"], "x");
    assert_eq!(place.policy()["groups"], json!([]));
    assert_eq!(place.policy()["changeIndex"], 1);
}

/// A hundred payloads and one that disconnects `one`, which are saved, and one behind them; no more are answered than a tick answers. A save of the last
/// one waits.
fn with_payloads_that_are_saved_and_not_answered() -> (Place, Moody, Plugin) {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    let text =
        |number: usize| json!({"command": "modifyClient", "username": "ann", "textname": number.to_string()});
    disk.set(Mood::Waits);
    let before = disk.saves();
    send(&plugin, &[json!({"command": "createRole", "rolename": "r"})]);
    disk.until_a_save_waits(&plugin);
    for number in 0..99 {
        send(&plugin, &[text(number)]);
    }
    send(&plugin, &[create("one")]);
    while login(&plugin, "one", "pw") != Effect::Allow {
        place.host.sleep();
        plugin.on_tick();
    }
    send(
        &plugin,
        &[json!({"command": "modifyClient", "username": "one", "textname": "", "correlationData": "kicks"})],
    );
    disk.let_one_pass();
    disk.until_saves(before + 2, &plugin);
    send(&plugin, &[text(99)]);
    disk.let_one_pass();
    // The tick that answers the first of them has the next save begin; one more would answer more of them.
    while answers(&place).len() < 2 {
        place.host.sleep();
        plugin.on_tick();
    }
    disk.until_begun(before + 3);
    assert!(answers(&place).len() < 101, "{}", answers(&place).len());
    (place, disk, plugin)
}

#[test]
fn what_is_saved_and_not_answered_yet_keeps_its_answer_when_the_next_save_fails() {
    let (place, disk, plugin) = with_payloads_that_are_saved_and_not_answered();
    let saves = disk.saves();
    disk.fail_once();
    // Mostly it has failed at the next tick.
    thread::sleep(Duration::from_millis(50));
    settle(&place, &plugin);
    let answers = answers(&place);
    assert_eq!(answers.len(), 103);
    assert!(answers[..100].iter().all(String::is_empty), "{answers:?}");
    assert_eq!(answers[100..], ["one", "kicks", NOT_SAVED]);
    assert_eq!(disk.saves(), saves, "nothing is done again");
    assert_eq!(names(&place), ["ann", "one"]);
    assert_eq!(place.policy()["clients"][0]["textname"], "98");
    assert_eq!(place.policy()["changeIndex"], 102);
}

#[test]
fn what_is_saved_and_not_answered_yet_keeps_its_answer_behind_a_panic() {
    for mood in [Mood::Works, Mood::Fails] {
        let (place, disk, plugin) = with_payloads_that_are_saved_and_not_answered();
        disk.set(mood);
        plugin.answer_after_panic(&Actor::default());
        let answers = answers(&place);
        assert_eq!(answers.len(), 104);
        assert!(answers[..100].iter().all(String::is_empty), "{answers:?}");
        let last = if mood == Mood::Works { "" } else { "Internal error" };
        assert_eq!(answers[100..], ["one", "kicks", last, "Internal error"]);
        assert_eq!(names(&place), ["ann", "one"]);
        assert!(plugin.is_idle());
    }
}

#[test]
fn what_is_settled_and_not_counted_again_keeps_its_answer_and_its_disconnects_behind_a_panic() {
    let (place, disk, plugin) = with_payloads_that_are_saved_and_not_answered();
    // One payload at a tick from then on.
    place.host.set_clock(Instant::now(), Duration::from_millis(2));
    disk.fail_once();
    // Mostly it has failed at the next tick.
    thread::sleep(Duration::from_millis(50));
    while place.logged("commands refused").is_empty() {
        plugin.on_tick();
    }
    plugin.answer_after_panic(&Actor::default());
    let answers = answers(&place);
    assert_eq!(answers.len(), 104);
    assert!(answers[..100].iter().all(String::is_empty), "{answers:?}");
    assert_eq!(answers[100..], ["one", "kicks", NOT_SAVED, "Internal error"]);
    for _ in 0..3 {
        plugin.on_tick();
    }
    // As `one` has come under that client id.
    assert!(place.host.kicked_names.lock().unwrap().contains(&"any".to_owned()));
}

#[test]
fn who_was_let_in_by_what_is_undone_is_disconnected() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("new")]);
    while login(&plugin, "new", "pw") != Effect::Allow {
        place.host.sleep();
        plugin.on_tick();
    }
    disk.set(Mood::Fails);
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "new", "pw"), Effect::Defer);
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(*place.host.kicked_names.lock().unwrap(), ["any"]);
    // What failed at once has let nobody in.
    place.host.kicked_names.lock().unwrap().clear();
    disk.set(Mood::Works);
    let place = self::place();
    let plugin = place.start_on(&disk, |options| options.save_mode = SaveMode::Sync);
    disk.set(Mood::Fails);
    send(&plugin, &[create("new")]);
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(answers(&place), [NOT_SAVED]);
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
}

#[test]
fn who_was_let_in_by_what_a_reload_has_run_and_is_undone_is_disconnected() {
    let bob = json!({"username": "bob", "encoded_password": HASH_OF_PW, "disabled": true});
    let (place, disk) = (Place::with(&json!({ "clients": [bob] })), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    // A reload that the disk keeps waiting, and a payload behind it.
    disk.hide(true);
    place.host.has_waited(Duration::from_secs(1));
    plugin.on_reload();
    send(&plugin, &[json!({"command": "enableClient", "username": "bob"})]);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Deny);
    plugin.on_tick();
    // The next one, in another round, has that run, and no tick comes before the save has failed.
    disk.hide(false);
    disk.set(Mood::Waits);
    place.host.has_time();
    plugin.on_reload();
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    disk.until_begun(1);
    disk.fail_once();
    // Mostly it has failed at the next tick.
    thread::sleep(Duration::from_millis(50));
    settle(&place, &plugin);
    assert_eq!(answers(&place), [NOT_SAVED]);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Deny);
    plugin.on_tick();
    plugin.on_tick();
    assert_eq!(*place.host.kicked_names.lock().unwrap(), ["bob"]);
}

#[test]
fn who_may_have_used_a_default_access_that_is_undone_is_disconnected() {
    for (before, during, kicks) in [(false, true, vec!["any", "guest"]), (true, false, vec![])] {
        let place = Place::with(&json!({
            "defaultACLAccess": {"subscribe": before},
            "clients": [{"username": "ann", "encoded_password": HASH_OF_PW}],
        }));
        let disk = Moody::new();
        let plugin = place.start_on(&disk, |_| ());
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        let subject = Subject::known(None, Some(b"guest"));
        let anonymous = LoginRequest { subject, address: None, password: None };
        assert_eq!(plugin.on_basic_auth(SessionId(99), &anonymous), Effect::Defer);
        disk.set(Mood::Waits);
        let set =
            json!({"command": "setDefaultACLAccess", "acls": [{"acltype": "subscribe", "allow": during}]});
        send(&plugin, &[set]);
        disk.until_a_save_waits(&plugin);
        disk.set(Mood::Fails);
        settle(&place, &plugin);
        assert_eq!(answers(&place), [NOT_SAVED]);
        plugin.on_tick();
        plugin.on_tick();
        plugin.on_tick();
        let mut kicked = place.host.kicked_names.lock().unwrap().clone();
        kicked.sort();
        assert_eq!(kicked, kicks);
    }
}

#[test]
fn a_panic_in_the_writer_is_an_error_and_the_next_save_works() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Panics);
    send(&plugin, &[create("one")]);
    settle(&place, &plugin);
    assert_eq!(answers(&place), ["Not saved, nothing was changed: Internal error"]);
    assert_eq!(login(&plugin, "one", "pw"), Effect::Defer);
    assert_eq!(place.logged("a bug in the plugin").len(), 1);
    disk.set(Mood::Works);
    send(&plugin, &[create("two")]);
    settle(&place, &plugin);
    assert_eq!(names(&place), ["ann", "two"]);
}

#[test]
fn a_panic_before_a_payload_is_taken_in_answers_all_that_wait_and_then_its_sender() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    send(&plugin, &[create("two")]);
    send(&plugin, &[list()]);
    disk.set(Mood::Works);
    // As the boundary does when a payload has panicked before it was taken in.
    plugin.answer_after_panic(&Actor::default());
    let answers = answers(&place);
    assert_eq!(
        answers,
        ["one", "Internal error", "Internal error", "Internal error"],
        "the save under way counts, and the last is that payload's own"
    );
    assert!(plugin.is_idle());
    assert_eq!(login(&plugin, "two", "pw"), Effect::Defer);
    send(&plugin, &[create("three"), list()]);
    settle(&place, &plugin);
    assert_eq!(self::answers(&place).last().unwrap(), "three, ann one three");
    assert_eq!(names(&place), ["ann", "one", "three"]);
}

#[test]
fn a_panic_after_a_payload_was_taken_in_answers_its_sender_once() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    // The next payload finds that this is saved, and says so in the log, which panics.
    place.host.until_woken_by(|| disk.let_one_pass());
    *place.host.panics_at.lock().unwrap() = Some("username=one");
    let taken_in = catch_unwind(AssertUnwindSafe(|| send(&plugin, &[create("two")])));
    disk.set(Mood::Works);
    assert!(taken_in.is_err());
    let before = answers(&place).len();
    plugin.answer_after_panic(&Actor::default());
    assert_eq!(answers(&place)[before..], ["Internal error"]);
    // What comes next and panics before it is taken in is another matter.
    disk.set(Mood::Waits);
    send(&plugin, &[create("three")]);
    disk.until_a_save_waits(&plugin);
    disk.set(Mood::Works);
    plugin.answer_after_panic(&Actor::default());
    assert_eq!(answers(&place)[before..], ["Internal error", "three", "Internal error"]);
}
