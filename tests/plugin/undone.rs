//! What cannot be saved, or is ended by a panic: it is answered with an error, and undone.

use mosquitto_dynsec::broker::LogLevel;
use mosquitto_dynsec::options::SaveMode;
use mosquitto_dynsec::plugin::{Actor, SessionId};
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
fn a_panic_that_is_not_a_payload_s_own_answers_all_that_wait() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &[create("one")]);
    disk.until_a_save_waits(&plugin);
    send(&plugin, &[create("two")]);
    send(&plugin, &[list()]);
    disk.set(Mood::Works);
    // As the boundary does when a callback has panicked.
    plugin.answer_after_panic(&Actor::default());
    let answers = answers(&place);
    assert_eq!(answers, ["one", "Internal error", "Internal error"], "the save under way counts");
    assert!(plugin.is_idle());
    assert_eq!(login(&plugin, "two", "pw"), Effect::Defer);
    send(&plugin, &[create("three"), list()]);
    settle(&place, &plugin);
    assert_eq!(self::answers(&place).last().unwrap(), "three, ann one three");
    assert_eq!(names(&place), ["ann", "one", "three"]);
}
