//! The broker waits a little for what is likely to be done soon, and not for long.

use std::time::{Duration, Instant};

use mosquitto_dynsec::password::Iterations;
use mosquitto_dynsec::plugin::Actor;
use mosquitto_dynsec::policy::Effect;
use serde_json::json;

use crate::disk::{Mood, Moody};
use crate::hangs::comes_back;
use crate::host::{Place, login, settle};
use crate::pipeline::{self, answers, list, names, place, send};

/// Whether the broker waits for what is sent: it looks what time it is when it begins, and when it has ended. Else it does so
/// when it takes the payload up, at most.
fn waits(place: &Place, send: impl FnOnce()) -> bool {
    let before = place.host.asked_for_time();
    send();
    place.host.asked_for_time() - before > 1
}

fn create() -> serde_json::Value {
    json!({"command": "createClient", "username": "one", "correlationData": "one"})
}

#[test]
fn a_small_policy_is_saved_and_answered_before_the_broker_goes_on() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    place.host.has_time();
    assert!(waits(&place, || send(&plugin, &[create()])));
    assert_eq!(answers(&place), ["one"]);
    assert_eq!(names(&place), ["ann", "one"]);
}

#[test]
fn of_a_disk_that_does_not_answer_the_first_payload_alone_is_waited_for() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |_| ());
    disk.set(Mood::Waits);
    place.host.has_waited(Duration::from_secs(1));
    let mut waited = Vec::new();
    comes_back(&disk, || waited.push(waits(&place, || send(&plugin, &[create()]))));
    for _ in 0..3 {
        comes_back(&disk, || waited.push(waits(&place, || send(&plugin, &[list()]))));
        plugin.on_tick();
    }
    assert_eq!(answers(&place), [""; 0]);
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(waited, [true, false, false, false]);
    assert_eq!(answers(&place), ["one", "ann one", "ann one", "ann one"]);
}

#[test]
fn between_two_ticks_the_broker_waits_for_eight_milliseconds_at_most() {
    // The time goes on by as much whenever somebody looks, so by twice that in each wait: in it somebody looks how long the
    // payloads that wait may be run.
    for (step, in_a_round) in [(4, [true, false, false]), (2, [true, true, false])] {
        let (place, disk) = (place(), Moody::new());
        let plugin = place.start_on(&disk, |_| ());
        disk.set(Mood::Waits);
        let past = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        place.host.set_clock(past, Duration::from_millis(step));
        // The queue is full then, and with each payload that comes the broker waits for room.
        let first = json!({"commands": [create()]}).to_string();
        plugin.on_control(&Actor::default(), first.as_bytes());
        plugin.on_control(&Actor::default(), &vec![b' '; (64 << 20) - first.len()]);
        let rounds = [(); 3].map(|()| {
            plugin.on_tick();
            [(); 3].map(|()| waits(&place, || send(&plugin, &[list()])))
        });
        disk.set(Mood::Works);
        settle(&place, &plugin);
        assert_eq!(rounds, [in_a_round; 3], "{step} ms");
        assert_eq!(answers(&place).len(), 2 + 9);
    }
}

#[test]
fn what_can_be_run_at_last_is_not_run_all_at_once_for_who_waits_for_room() {
    let (place, disk) = (place(), Moody::new());
    let plugin = place.start_on(&disk, |options| {
        // The first password is hashed for a while, and all wait for it.
        options.password_iterations = Iterations::try_from(1_000_000).unwrap();
    });
    disk.set(Mood::Waits);
    place.host.has_waited(Duration::from_secs(1));
    let new = |number| json!({"command": "createClient", "username": format!("c{number}")});
    let mut room = 64 << 20;
    for command in [pipeline::create("first")].into_iter().chain((0..300).map(new)) {
        let payload = json!({"commands": [command]}).to_string();
        plugin.on_control(&Actor::default(), payload.as_bytes());
        room -= payload.len();
    }
    plugin.on_control(&Actor::default(), &vec![b' '; room]);
    plugin.on_tick();
    assert_eq!(login(&plugin, "c0", "pw"), Effect::Defer, "the password is not hashed yet");
    place.host.set_clock(Instant::now() + Duration::from_secs(3600), Duration::from_millis(1));
    comes_back(&disk, || send(&plugin, &[list()]));
    assert_eq!(login(&plugin, "c299", "pw"), Effect::Defer, "all were run at once");
    assert_eq!(login(&plugin, "c0", "pw"), Effect::Deny, "nothing was run");
    disk.set(Mood::Works);
    settle(&place, &plugin);
    assert_eq!(answers(&place).len(), 303);
}
