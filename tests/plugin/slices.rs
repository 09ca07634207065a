//! How long at a time a tick does what can be much.

use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::plugin::{Delay, LoginAnswer, SessionId};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use serde_json::json;

use crate::disk::Moody;
use crate::host::Place;

use crate::pipeline::{HASH_OF_PW, answers, delete, list, place, send};

#[test]
fn logins_are_answered_for_a_millisecond_at_a_time() {
    // The time goes on by as much with each login, and then the broker has its turn.
    for (step, at_most) in
        [(Duration::ZERO, 6), (Duration::from_micros(500), 2), (Duration::from_millis(1), 1)]
    {
        let clients =
            (0..6).map(|number| json!({"username": format!("c{number}"), "encoded_password": HASH_OF_PW}));
        let place = Place::with(&json!({ "clients": clients.collect::<Vec<_>>() }));
        let plugin = place.start_on(&Moody::new(), |_| ());
        for number in 0..6 {
            let name = format!("c{number}");
            let subject = Subject::known(Some(name.as_bytes()), Some(name.as_bytes()));
            let request = LoginRequest { subject, address: None, password: Some(b"pw") };
            assert_eq!(plugin.on_login(SessionId(number), &request, Delay::Safe), LoginAnswer::Later);
        }
        // Mostly all are verified by then; if not, fewer are answered at a tick.
        thread::sleep(Duration::from_millis(50));
        place.host.set_clock(Instant::now(), step);
        let mut before = 0;
        while before < 6 {
            place.host.sleep();
            plugin.on_tick();
            let answered = place.host.let_in.lock().unwrap().len();
            assert!(answered - before <= at_most, "{answered} after {before}");
            before = answered;
        }
    }
}

#[test]
fn payloads_that_wait_are_run_for_two_milliseconds_at_a_time() {
    // The time goes on by as much with each payload, and then the broker has its turn.
    for (step, at_a_time) in
        [(Duration::ZERO, 6), (Duration::from_millis(1), 2), (Duration::from_millis(2), 1)]
    {
        let (place, disk) = (place(), Moody::new());
        let plugin = place.start_on(&disk, |_| ());
        // They wait for the file that is to be read.
        disk.hide(true);
        place.host.has_waited(Duration::from_secs(1));
        plugin.on_reload();
        for _ in 0..6 {
            send(&plugin, &[list()]);
        }
        assert_eq!(answers(&place), [""; 0]);
        disk.hide(false);
        place.host.set_clock(Instant::now(), step);
        while answers(&place).is_empty() {
            place.host.sleep();
            plugin.on_tick();
        }
        for tick in 1..=6 / at_a_time {
            assert_eq!(answers(&place).len(), tick * at_a_time);
            plugin.on_tick();
        }
        assert!(plugin.is_idle());
    }
}

#[test]
fn clients_are_disconnected_for_a_millisecond_at_a_time() {
    for (step, kicks) in [(Duration::ZERO, vec![40, 40, 40]), (Duration::from_millis(1), vec![16, 32, 40])] {
        let place = Place::with(&json!({"clients": [{"username": "ann", "encoded_password": HASH_OF_PW}]}));
        let disk = Moody::new();
        let plugin = place.start_on(&disk, |_| ());
        for number in 0..40 {
            let clientid = format!("c{number}");
            let subject = Subject::known(Some(b"ann"), Some(clientid.as_bytes()));
            let request = LoginRequest { subject, address: None, password: Some(b"pw") };
            assert_eq!(plugin.on_basic_auth(SessionId(number), &request), Effect::Allow);
        }
        send(&plugin, &[delete("ann")]);
        while answers(&place).is_empty() {
            place.host.sleep();
            plugin.on_tick();
        }
        place.host.set_clock(Instant::now(), step);
        plugin.on_tick();
        let seen = [(); 3].map(|()| {
            plugin.on_tick();
            *place.host.kicked.lock().unwrap()
        });
        assert_eq!(seen[..], kicks);
    }
}
