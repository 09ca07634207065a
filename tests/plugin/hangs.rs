//! A disk that does not answer: the broker goes on, reloads and ends.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::LogLevel;
use mosquitto_dynsec::plugin::{Actor, Plugin};
use mosquitto_dynsec::policy::Effect;
use serde_json::{Value, json};

use crate::disk::{Mood, Moody};
use crate::host::{Place, login, settle};

/// Of the password `pw`.
const HASH: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";

/// How long a reload waits for the disk, and how long the end of the broker does.
const RELOAD: Duration = Duration::from_secs(1);
const SHUTDOWN: Duration = Duration::from_secs(8);
/// Whoever has not come back after that does not.
const NEVER: Duration = Duration::from_secs(60);

/// Does what must not wait for the disk, or not for ever: if it does, the disk works again, and the test fails.
pub(crate) fn comes_back(disk: &Moody, work: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel();
        scope.spawn(move || {
            work();
            let _ = done.send(());
        });
        let came_back = is_done.recv_timeout(NEVER).is_ok();
        if !came_back {
            disk.hide(false);
            disk.set(Mood::Works);
        }
        assert!(came_back, "it waits for the disk");
    });
}

fn policy(names: &[&str]) -> Value {
    let client = |name: &&str| json!({"username": name, "encoded_password": HASH});
    json!({"clients": names.iter().map(client).collect::<Vec<_>>(), "groups": [], "roles": []})
}

fn send(plugin: &Plugin, command: &Value) {
    plugin.on_control(&Actor::default(), json!({ "commands": [command] }).to_string().as_bytes());
}

fn create(name: &str) -> Value {
    json!({"command": "createClient", "username": name, "correlationData": name})
}

/// The correlation data of all answers.
fn answered(place: &Place) -> Vec<String> {
    let data = |answer: &Value| answer["responses"][0]["correlationData"].as_str().unwrap_or("?").to_owned();
    place.host.answers().iter().map(data).collect()
}

/// A plugin whose policy has the client `ann`, and whose disk does not take the client `one`.
fn with_a_save_that_waits() -> (Place, Moody, Plugin) {
    let (place, disk) = (Place::with(&policy(&["ann"])), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &create("one"));
    disk.until_a_save_waits(&plugin);
    (place, disk, plugin)
}

#[test]
fn a_reload_does_not_wait_for_a_disk_that_hides_the_file_and_is_done_when_it_shows_it() {
    let (place, disk) = (Place::with(&policy(&["ann"])), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    std::fs::write(place.policy_path(), policy(&["ann", "bob"]).to_string()).unwrap();
    disk.hide(true);
    place.host.has_waited(RELOAD);
    comes_back(&disk, || plugin.on_reload());
    assert_eq!(place.logged("is looked at later").len(), 1);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Defer);
    // What comes meanwhile has its turn after the file.
    send(&plugin, &create("eve"));
    plugin.on_tick();
    plugin.on_reload();
    plugin.on_tick();
    assert_eq!(answered(&place), [""; 0]);
    assert_eq!(login(&plugin, "ann", "pw"), Effect::Allow, "the broker goes on");
    disk.hide(false);
    settle(&place, &plugin);
    assert_eq!(login(&plugin, "bob", "pw"), Effect::Allow);
    assert_eq!(answered(&place), ["eve"]);
    assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 3);
    assert_eq!(place.logged("changed by another hand").len(), 1);
}

#[test]
fn a_reload_does_not_wait_for_a_save_that_hangs() {
    let (place, disk, plugin) = with_a_save_that_waits();
    place.host.has_waited(RELOAD);
    comes_back(&disk, || plugin.on_reload());
    send(&plugin, &create("two"));
    assert_eq!(place.logged("is looked at later").len(), 1);
    assert_eq!(answered(&place), [""; 0]);
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(answered(&place), ["one", "two"]);
    assert_eq!(place.logged("changed by another hand").len(), 0);
    assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 3);
}

#[test]
fn a_reload_that_has_not_begun_is_no_reason_not_to_end() {
    let (place, disk, plugin) = with_a_save_that_waits();
    place.host.has_waited(RELOAD);
    comes_back(&disk, || plugin.on_reload());
    send(&plugin, &create("two"));
    place.host.has_time();
    disk.set(Mood::Works);
    plugin.shutdown();
    assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 3, "all that was sent is done");
    assert_eq!(place.logged("perhaps lost").len(), 0);
}

#[test]
fn the_end_does_not_wait_for_ever_and_names_what_may_be_lost() {
    let (place, disk, plugin) = with_a_save_that_waits();
    send(&plugin, &create("two"));
    place.host.has_waited(SHUTDOWN);
    comes_back(&disk, || plugin.shutdown());
    drop(plugin);
    let lines = place.logged("ended before the disk has taken everything: of 2 payloads");
    assert!(matches!(lines[..], [(LogLevel::Error, _)]), "{lines:?}");
    let lost = place.logged("perhaps lost");
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(lost[0].1.contains("username=one") && lost[1].1.contains("username=two"), "{lost:?}");
    assert_eq!(place.policy(), policy(&["ann"]));
    disk.set(Mood::Works);
}

#[test]
fn the_end_waits_for_a_disk_that_is_slow() {
    let (place, disk, plugin) = with_a_save_that_waits();
    send(&plugin, &create("two"));
    place.host.has_time();
    let asked = place.host.asked_for_time();
    thread::scope(|scope| {
        scope.spawn(|| plugin.shutdown());
        // It knows how long it has, and has nothing to do but to wait.
        while place.host.asked_for_time() < asked + 2 {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(20));
        disk.set(Mood::Works);
    });
    assert_eq!(place.logged("ended before the disk").len(), 0);
    assert_eq!(place.policy()["clients"].as_array().unwrap().len(), 3);
}

/// Eight of these answers are what may wait at most, and a little more.
const LONG_ANSWER: usize = 8 << 20;

#[test]
fn while_long_answers_wait_for_the_disk_no_more_of_them_are_made() {
    let ann = json!({"username": "ann", "textdescription": "x".repeat(LONG_ANSWER)});
    let (place, disk) = (Place::with(&json!({ "clients": [ann] })), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    send(&plugin, &create("one"));
    disk.until_a_save_waits(&plugin);
    // Whatever can be run is run at once, and a client is known from then on.
    place.host.set_clock(Instant::now(), Duration::ZERO);
    let names: Vec<_> = (0..10).map(|number| format!("c{number}")).collect();
    for name in &names {
        send(&plugin, &create(name));
        send(&plugin, &json!({"command": "listClients", "verbose": true, "correlationData": name}));
        plugin.on_tick();
    }
    let known = names.iter().map(|name| login(&plugin, name, "pw") != Effect::Defer).collect::<Vec<_>>();
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(known, [[true; 8].as_slice(), &[false; 2]].concat());
    let order: Vec<_> = ["one"].into_iter().chain(names.iter().flat_map(|name| [&**name; 2])).collect();
    assert_eq!(answered(&place), order);
}
