//! The system's clock is set, as where it has to be asked of others after the start.

use std::fs;

use serde_json::json;

use crate::harness::case::{Trial, cases};
use crate::harness::packet::{BOTH, NOT_AUTHORIZED};
use crate::harness::{library, wait_for};

cases! {
    a_clock_that_is_set_back_keeps_nobody_waiting:
        theirs_fails("2.1", "disconnects when the clock says so again", "being disconnected"),
}

/// 2.1 ticks when the clock of the system says so (2.1.2: `src/plugin_tick.c`).
fn a_clock_that_is_set_back_keeps_nobody_waiting(trial: &Trial) {
    let setup = trial.broker().file("clock.so", library::build("clock.c"));
    let broker = setup.env("LD_PRELOAD", "{dir}/clock.so").env("CLOCK_IS_SLOW", "{dir}/slow").start();
    let mut admin = broker.admin();
    admin.create_client("before");
    fs::write(broker.folder().join("slow"), "").expect("it can be written");
    // The first to come after that.
    for (number, protocol) in BOTH.into_iter().enumerate() {
        let username = format!("client{number}");
        admin.create_client_with(&username, &json!([["publishClientSend", "t", true]]));
        let mut client = broker.client(&username).protocol(protocol).login(&username, "pw").connect();
        assert_ne!(client.publish("t", "x"), NOT_AUTHORIZED);
        admin.fine(&json!({"command": "setClientPassword", "username": username, "password": "new"}));
        client.disconnected();
    }
    let is_slow = || {
        let log = broker.log();
        let mut times = log.lines().filter_map(|line| line.split_once(": ")?.0.parse::<u64>().ok());
        let first = times.next()?;
        times.any(|time| time + 1800 < first).then_some(())
    };
    wait_for("a line in the log that is older than the first", is_slow);
}
