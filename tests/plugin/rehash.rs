//! `plugin_opt_rehash_on_login`: when the new hash is saved, and what it does not do.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::password::{PasswordHash, Stored};
use mosquitto_dynsec::plugin::{Delay, LoginAnswer, Plugin, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, command, login, settle};

/// Of the password `pw`.
const OF_2_1: &str = "$7$101$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$bjfmK+rHVjYIU8g+zpNOWQFyrJyLFolfGFZPWhA6mO/EpkV26D+0zAxQxU5vWtiKEaqE9OQTQPIIqGj/o9gJ5A==";

fn place() -> Place {
    Place::with(&json!({"changeIndex": 7, "clients": [
        {"username": "ann", "note": "kept", "encoded_password": OF_2_1},
        {"username": "bob", "encoded_password": OF_2_1},
    ], "roles": []}))
}

fn start(place: &Place) -> Plugin {
    place.start(BrokerFamily::V2_0, |options| options.rehash_on_login = true).unwrap()
}

/// A client's iterations, where its hash is one for 2.0.
fn iterations(policy: &Value, username: &str) -> Option<i64> {
    let clients = policy["clients"].as_array().unwrap();
    let client = clients.iter().find(|client| client["username"] == username).unwrap();
    let of_2_0 = client.get("password").is_some() && client.get("salt").is_some();
    assert_eq!(client.get("encoded_password").is_none(), of_2_0);
    client["iterations"].as_i64().filter(|_| of_2_0)
}

#[test]
fn the_logins_between_two_ticks_are_saved_together_at_the_second() {
    let place = place();
    let plugin = start(&place);
    settle(&place, &plugin);
    let before = place.policy();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    assert_eq!(place.policy(), before);
    settle(&place, &plugin);
    let after = place.policy();
    assert_eq!(["ann", "bob"].map(|name| iterations(&after, name)), [Some(1000); 2]);
    assert_eq!(after["changeIndex"], 7, "it is no command");
    assert_eq!(after["clients"][0]["note"], "kept");
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(login(&plugin, "ann", "other"), Effect::Deny);
    settle(&place, &plugin);
    assert_eq!(place.policy(), after, "once is enough");
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
    assert_eq!(place.host.published.lock().unwrap().len(), 0);
    let [(LogLevel::Info, line), _] = &place.logged("hashed again at")[..] else { panic!() };
    assert!(line.ends_with("username=ann"), "{line}");
}

#[test]
fn of_logins_that_wait_each_password_is_hashed_again() {
    let names: Vec<String> = (0..6).map(|number| format!("client{number}")).collect();
    let client = |name: &String| json!({"username": name, "encoded_password": OF_2_1});
    let place = Place::with(&json!({"clients": names.iter().map(client).collect::<Vec<_>>()}));
    let plugin = start(&place);
    settle(&place, &plugin);
    for (session, name) in (1..).zip(&names) {
        let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
        let password = if session == 1 { "other" } else { "pw" };
        let request = LoginRequest { subject, address: None, password: Some(password.as_bytes()) };
        assert_eq!(plugin.on_login(SessionId(session), &request, Delay::Safe), LoginAnswer::Later);
    }
    while place.host.let_in.lock().unwrap().len() < names.len() - 1 {
        place.host.sleep();
        plugin.on_tick();
    }
    settle(&place, &plugin);
    let after = place.policy();
    let hashed = names.iter().map(|name| iterations(&after, name));
    assert_eq!(hashed.collect::<Vec<_>>(), [&[None][..], &[Some(1000); 5]].concat());
}

/// As many clients as there are names, whose passwords are due to be hashed again; each logs in under its name as client id,
/// and the first once more under another.
fn clients_that_wait(place: &Place, disk: &Moody, names: &[String]) -> Plugin {
    let plugin = place.start_on(disk, |options| options.rehash_on_login = true);
    let logins = names.iter().map(|name| (name, name.clone())).chain([(&names[0], "again".to_owned())]);
    for (session, (name, clientid)) in (1..).zip(logins) {
        let subject = Subject::known(Some(name.as_bytes()), Some(clientid.as_bytes()));
        let request = LoginRequest { subject, address: None, password: Some(b"pw") };
        assert_eq!(plugin.on_login(SessionId(session), &request, Delay::Safe), LoginAnswer::Later);
    }
    // Mostly all are verified by then: the more are, the more wait to be told.
    thread::sleep(Duration::from_millis(50));
    // The time goes on by as much with each login, and then the broker has its turn.
    place.host.set_clock(Instant::now(), Duration::from_millis(1));
    plugin
}

#[test]
fn who_waits_while_passwords_are_hashed_again_is_let_in_also_where_that_cannot_be_saved() {
    let names: Vec<String> = (0..6).map(|number| format!("client{number}")).collect();
    let client = |name: &String| json!({"username": name, "encoded_password": OF_2_1});
    let policy = json!({"clients": names.iter().map(client).collect::<Vec<_>>()});
    for mood in [Mood::Works, Mood::Fails] {
        let (place, disk) = (Place::with(&policy), Moody::new());
        let plugin = clients_that_wait(&place, &disk, &names);
        disk.set(mood);
        let mut answered = 0;
        while answered < names.len() + 1 {
            place.host.sleep();
            plugin.on_tick();
            answered = place.host.let_in.lock().unwrap().len();
            assert_eq!(place.logged("clientChanged"), []);
        }
        settle(&place, &plugin);
        plugin.on_tick();
        plugin.on_tick();
        assert_eq!(*place.host.kicked.lock().unwrap(), 0);
        let saved = (mood == Mood::Works).then_some(1000);
        assert!(names.iter().all(|name| iterations(&place.policy(), name) == saved), "{mood:?}");
    }
}

#[test]
fn the_audit_trail_has_a_line_for_it() {
    let place = place();
    let file = place.directory.path().join("audit.jsonl");
    let plugin = place
        .start(BrokerFamily::V2_0, |options| {
            options.rehash_on_login = true;
            options.audit_file = Some(file.clone());
        })
        .unwrap();
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    plugin.shutdown();
    let text = std::fs::read_to_string(file).unwrap();
    let mut line: Value = serde_json::from_str(&text).unwrap();
    line.as_object_mut().unwrap().shift_remove("time").unwrap();
    let wanted = json!({"actor": "plugin", "command": "rehashPassword", "target": {"username": "ann"},
                        "outcome": "done"});
    assert_eq!(line, wanted);
}

#[test]
fn where_the_broker_does_not_tick_it_is_saved_in_the_login() {
    let place = place();
    let plugin = start(&place);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
    assert_eq!(iterations(&place.policy(), "bob"), None);
}

#[test]
fn from_the_thread_of_http_api_nothing_is_saved_or_logged() {
    let place = place();
    let plugin = start(&place);
    let lines = place.logged("").len();
    let subject = Subject::known(Some(b"ann"), Some(b"http-api"));
    let request = LoginRequest { subject, address: None, password: Some(b"pw") };
    assert_eq!(plugin.on_login(SessionId(1), &request, Delay::Elsewhere), LoginAnswer::Now(Effect::Allow));
    assert_eq!(iterations(&place.policy(), "ann"), None);
    assert_eq!(place.logged("").len(), lines);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
}

#[test]
fn a_wrong_password_is_not_hashed() {
    let place = place();
    let plugin = start(&place);
    assert_eq!(login(&plugin, "ann", "other"), Effect::Deny);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), None);
}

#[test]
fn without_the_option_nothing_is_hashed_again() {
    let place = place();
    let plugin = place.start(BrokerFamily::V2_0, |_| ()).unwrap();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), None);
}

#[test]
fn a_save_that_fails_refuses_no_login_and_is_tried_again_at_the_next() {
    let place = place();
    let plugin = start(&place);
    settle(&place, &plugin);
    let home = place.policy_path().parent().unwrap().to_owned();
    let elsewhere = place.directory.path().join("elsewhere");
    std::fs::rename(&home, &elsewhere).unwrap();
    for _ in 0..2 {
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        settle(&place, &plugin);
        plugin.on_tick();
        plugin.on_tick();
    }
    assert_eq!(*place.host.kicked.lock().unwrap(), 0);
    let warnings = place.logged("not hashed again");
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|(level, _)| *level == LogLevel::Warning));
    std::fs::rename(&elsewhere, &home).unwrap();
    assert_eq!(iterations(&place.policy(), "ann"), None);
    // Another save does not carry what was undone.
    let answer = command(&place, &plugin, &json!({"command": "createRole", "rolename": "r"}));
    assert_eq!(answer, json!({"command": "createRole"}));
    assert_eq!(iterations(&place.policy(), "ann"), None);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
}

const NEIGHBOURS: Option<&[u8]> = Some(b"192.0.2.1");

/// A login of a client behind an address that it shares.
fn log_in_beside_others(
    plugin: &Plugin,
    session: usize,
    username: &str,
    password: &str,
    delay: Delay,
) -> LoginAnswer {
    let clientid = format!("{username}-{session}");
    let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
    let request = LoginRequest { subject, address: NEIGHBOURS, password: Some(password.as_bytes()) };
    plugin.on_login(SessionId(session), &request, delay)
}

/// Whose new hash could not be saved is due to be hashed again still, and may not be told from others by that.
#[test]
fn who_was_verified_is_not_locked_out_where_the_new_hash_could_not_be_saved() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |options| {
        options.rehash_on_login = true;
        options.lockout_failures = NonZero::new(3);
        options.lockout_window = Duration::from_secs(3600);
    });
    disk.set(Mood::Fails);
    let [allowed, denied] = [Effect::Allow, Effect::Deny].map(LoginAnswer::Now);
    let log_in = |session, username: &str, password: &str, delay| {
        log_in_beside_others(&plugin, session, username, password, delay)
    };
    assert_eq!(log_in(1, "ann", "pw", Delay::Impossible), allowed);
    settle(&place, &plugin);
    assert_eq!(place.logged("not hashed again").len(), 1);
    for username in ["ann", "bob"] {
        for _ in 0..3 {
            assert_eq!(log_in(2, username, "guess", Delay::Impossible), denied);
        }
    }
    let saves = disk.saves();
    assert_eq!(log_in(3, "ann", "pw", Delay::Impossible), allowed);
    assert_eq!(log_in(4, "bob", "pw", Delay::Impossible), denied, "its password was never verified");
    settle(&place, &plugin);
    assert_eq!(disk.saves(), saves, "where it is not looked at it is not hashed again");
}

/// A client whose password takes long to hash.
fn place_with_slow() -> Place {
    let slow = PasswordHash::create(b"pw", 20_000.try_into().unwrap()).unwrap();
    let Stored::Members { password, salt, iterations } = slow.stored() else { panic!() };
    Place::with(&json!({"clients": [
        {"username": "ann", "encoded_password": OF_2_1},
        {"username": "slow", "password": password, "salt": salt, "iterations": iterations},
    ]}))
}

#[test]
fn who_was_verified_is_let_in_also_where_it_waits_behind_the_failures_that_lock_out() {
    let (place, disk) = (place_with_slow(), Moody::new());
    let plugin = place.start_on(&disk, |options| {
        options.rehash_on_login = true;
        options.lockout_failures = NonZero::new(3);
        options.lockout_window = Duration::from_secs(3600);
    });
    disk.set(Mood::Fails);
    let log_in = |session, username: &str, password: &str| {
        log_in_beside_others(&plugin, session, username, password, Delay::Safe)
    };
    assert_eq!(log_in(1, "ann", "pw"), LoginAnswer::Later);
    while place.host.let_in.lock().unwrap().is_empty() {
        place.host.sleep();
        plugin.on_tick();
    }
    settle(&place, &plugin);
    assert_eq!(place.logged("not hashed again").len(), 1);
    // While the workers are at these, the others come.
    for session in 10..18 {
        assert_eq!(log_in(session, "slow", "pw"), LoginAnswer::Later);
    }
    for session in 2..5 {
        assert_eq!(log_in(session, "ann", "guess"), LoginAnswer::Later);
    }
    assert_eq!(log_in(5, "ann", "pw"), LoginAnswer::Later);
    while place.host.completed.lock().unwrap().len() < 13 {
        place.host.sleep();
        plugin.on_tick();
    }
    let let_in = place.host.let_in.lock().unwrap();
    let of_ann: Vec<_> = let_in.iter().filter(|clientid| clientid.starts_with("ann")).collect();
    assert_eq!(of_ann, ["ann-1", "ann-5"]);
}

#[test]
fn who_was_verified_is_let_in_also_where_no_more_may_be_hashed() {
    let (place, disk) = (place_with_slow(), Moody::new());
    let plugin = place.start_on(&disk, |options| {
        options.rehash_on_login = true;
        options.login_work = 1;
    });
    disk.set(Mood::Fails);
    let log_in = |session, username: &str, password: &str| {
        log_in_beside_others(&plugin, session, username, password, Delay::Impossible)
    };
    assert_eq!(log_in(1, "ann", "pw"), LoginAnswer::Now(Effect::Allow));
    settle(&place, &plugin);
    // Half a second of hashing at once is an address's share.
    let is_busy = |_: &u32| log_in(2, "slow", "guess") == LoginAnswer::Busy;
    assert!((0..10_000).find(is_busy).is_some());
    assert_eq!(log_in(3, "ann", "pw"), LoginAnswer::Now(Effect::Allow));
    assert_eq!(log_in(4, "ann", "guess"), LoginAnswer::Busy);
}

/// How many passwords were known from before, and how many were not.
fn looked_up(place: &Place, plugin: &Plugin) -> (i64, i64) {
    let metrics = command(place, plugin, &json!({"command": "getMetrics"}));
    let count = |name| metrics["data"]["loginCache"][name].as_i64().unwrap();
    (count("hits"), count("misses"))
}

#[test]
fn a_reload_hashes_no_password_that_was_verified_whether_its_new_hash_was_saved_or_not() {
    for mood in [Mood::Works, Mood::Fails] {
        let (place, disk) = (place(), Moody::new());
        let plugin = place.start_on(&disk, |options| options.rehash_on_login = true);
        disk.set(mood);
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        settle(&place, &plugin);
        assert_eq!(looked_up(&place, &plugin), (0, 1), "{mood:?}");
        let saves = disk.saves();
        plugin.on_reload();
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        settle(&place, &plugin);
        assert_eq!((looked_up(&place, &plugin), disk.saves()), ((1, 1), saves), "{mood:?}");
        // Its own login tries again what has failed.
        assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
        settle(&place, &plugin);
        let then = if mood == Mood::Works { ((2, 1), saves) } else { ((1, 2), saves + 1) };
        assert_eq!((looked_up(&place, &plugin), disk.saves()), then, "{mood:?}");
    }
}

/// Its password was not verified before: the client was let in by others, or what was known of it had to go.
#[test]
fn a_reload_hashes_no_password_again() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |options| options.rehash_on_login = true);
    let saves = disk.saves();
    plugin.on_reload();
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    assert_eq!((iterations(&place.policy(), "ann"), disk.saves()), (None, saves));
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    settle(&place, &plugin);
    assert_eq!(iterations(&place.policy(), "ann"), Some(1000));
}

#[test]
fn a_login_that_waits_is_known_to_a_reload_though_it_could_not_be_hashed_again() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |options| options.rehash_on_login = true);
    let saves = disk.saves();
    disk.set(Mood::Fails);
    let subject = Subject::known(Some(b"ann"), Some(b"any"));
    let request = LoginRequest { subject, address: None, password: Some(b"pw") };
    for tries in 1..=2 {
        assert_eq!(plugin.on_login(SessionId(tries), &request, Delay::Safe), LoginAnswer::Later);
        while place.host.let_in.lock().unwrap().len() < tries {
            place.host.sleep();
            plugin.on_tick();
        }
        settle(&place, &plugin);
        assert_eq!(disk.saves(), saves + tries, "it is tried again");
    }
    let (hits, misses) = looked_up(&place, &plugin);
    plugin.on_reload();
    assert_eq!(plugin.on_login(SessionId(2), &request, Delay::Safe), LoginAnswer::Now(Effect::Allow));
    assert_eq!(looked_up(&place, &plugin), (hits + 1, misses));
}

#[test]
fn a_password_set_between_login_and_tick_stays() {
    let place = place();
    let plugin = start(&place);
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow);
    let set = json!({"command": "setClientPassword", "username": "ann", "password": "new"});
    assert_eq!(command(&place, &plugin, &set), json!({"command": "setClientPassword"}));
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Deny);
    assert_eq!(login(&plugin, "ann", "new"), Effect::Allow);
}
