//! The broker waits a little for what is likely to be done soon, and not for long.

use std::time::{Duration, Instant};

use mosquitto_dynsec::plugin::Actor;
use serde_json::json;

use crate::disk::{Mood, Moody};
use crate::hangs::comes_back;
use crate::host::{Place, settle};
use crate::pipeline::{answers, list, names, place, send};

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
