//! Logins: clients that come back, and whether the time of one that is refused tells why.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use mosquitto_dynsec::password::{Iterations, PasswordHash, Stored, at_once};
use plugin_host::Request;
use serde_json::{Value, json};

use crate::bench::{Bench, Side, Worker};
use crate::table::Table;
use crate::worker::{Login, Order, median};

/// How many clients come back.
const RECONNECTS: usize = 10_000;
/// How often that is timed.
const BATCHES: usize = 51;
/// What C makes new passwords with on 2.0, and what this plugin does.
const ITERATIONS: [u32; 2] = [101, 1_000];

/// What new passwords are made with on 2.1, and how often hashing one is timed.
const ITERATIONS_2_1: u32 = 10_000;
const HASHES: usize = 51;

/// How many logins of each kind are timed.
const TRIES: usize = 1_000;
/// The kinds of logins that are refused.
const KINDS: [&str; 4] =
    ["wrong password", "unknown username", "disabled client", "client without a password"];

const PASSWORD: &str = "correct horse battery";

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut reconnects = Table::new(
        "login-reconnects",
        "10,000 clients that were connected leave and log in again: all callbacks together.",
        "ms",
    );
    let mut instructions =
        Table::new("login-instructions", "The same: instructions for each client.", "instructions");
    let mut refused = Table::new(
        "login-refused",
        "The median of 1,000 logins that are refused, `unknown_user deny`.",
        "µs",
    );
    let mut deferred = Table::new(
        "login-deferred",
        "The same with `unknown_user defer`, where logins do not wait for workers.",
        "µs",
    );
    bench.progress("hashing");
    let hashing = time_hashing(bench)?;
    for iterations in ITERATIONS {
        bench.progress(&format!("reconnects, {iterations} iterations"));
        let mut times = Vec::new();
        for side in Side::BOTH {
            let mut worker = start(bench, side, iterations, "defer", bench.start(side)?)?;
            // Hashing each of them anew takes the C plugin long enough for one batch to tell.
            let batches = if side == Side::Theirs { 1 } else { BATCHES };
            let mut done = worker.order(&Order::Reconnect { logins: everybody(), batches })?;
            times.push(median(&mut done.batches) / 1e6);
        }
        let work = format!("reconnects, {iterations} iterations");
        reconnects.push(&work, Some(RECONNECTS as u64), Some(times[0]), Some(times[1]));
    }
    bench.progress("reconnects, instructions");
    instructions.push(
        "a reconnect",
        Some(RECONNECTS as u64),
        None,
        Some(count_reconnect(bench, RECONNECTS)?),
    );
    for (unknown_user, table) in [("deny", &mut refused), ("defer", &mut deferred)] {
        bench.progress(&format!("refused logins, unknown_user {unknown_user}"));
        let of_sides = Side::BOTH.map(|side| time_refused(bench, side, unknown_user));
        let [theirs, ours] = of_sides;
        let (theirs, ours) = (theirs?, ours?);
        for ((kind, theirs), ours) in KINDS.iter().zip(theirs).zip(ours) {
            table.push(kind, Some(TRIES as u64), Some(theirs), Some(ours));
        }
    }
    Ok(vec![hashing, reconnects, instructions, refused, deferred])
}

/// Hashes one password, and as many as workers hash at once, on one thread. Theirs is a login.
fn time_hashing(bench: &Bench) -> Result<Table, Box<dyn Error>> {
    let mut table = Table::new(
        "login-hashing",
        "Hashing a password with 10,000 iterations on one thread, alone and with others that wait: the median time for each.",
        "µs",
    );
    let login = Login {
        clientid: "guest".into(),
        username: name(0),
        password: "wrong horse battery".into(),
        succeeds: false,
    };
    let mut worker = start(bench, Side::Theirs, ITERATIONS_2_1, "deny", bench.start(Side::Theirs)?)?;
    let mut theirs = worker.order(&Order::TimeLogins(vec![login; HASHES]))?.singles;
    let iterations = Iterations::try_from(ITERATIONS_2_1).map_err(|error| error.to_string())?;
    let hash = PasswordHash::of_none(iterations);
    let ours = |number: usize| {
        let tries = vec![(&hash, PASSWORD.as_bytes()); number];
        let mut times: Vec<f64> = std::iter::repeat_with(|| {
            let start = Instant::now();
            std::hint::black_box(PasswordHash::verify_each(&tries, || ()));
            start.elapsed().as_secs_f64() * 1e6 / number as f64
        })
        .take(HASHES)
        .collect();
        median(&mut times)
    };
    table.push("alone", Some(1), Some(median(&mut theirs) / 1e3), Some(ours(1)));
    let most = at_once(usize::MAX, 1);
    table.push("at once", Some(most as u64), None, Some(ours(most)));
    Ok(table)
}

fn start(
    bench: &Bench,
    side: Side,
    iterations: u32,
    unknown_user: &str,
    mut worker: Worker,
) -> Result<Worker, Box<dyn Error>> {
    let path = bench.new_path();
    std::fs::write(&path, policy(iterations)?.to_string())?;
    let mut options = BTreeMap::from([("config_file".to_owned(), path.to_string_lossy().into_owned())]);
    if side == Side::Ours {
        for (option, value) in [("compat", "2.0"), ("denial_log", "false"), ("unknown_user", unknown_user)] {
            options.insert(option.to_owned(), value.to_owned());
        }
    }
    let done = worker.ask(Request::Init { options, fill_freed_memory: false })?;
    if done.answer.rc != Some(0) {
        return Err(format!("the plugin refused its policy: {:?}", done.answer).into());
    }
    // As in a broker that runs: its loop has come round.
    worker.ask(Request::Tick { count: 1, pause_ms: 0 })?;
    Ok(worker)
}

fn name(number: usize) -> String {
    format!("client-{number:07}")
}

/// The instructions of a reconnect, where so many come back.
pub fn count_reconnect(bench: &Bench, clients: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = start(bench, Side::Ours, ITERATIONS[0], "defer", bench.start_counting(Side::Ours)?)?;
    let logins = everybody().into_iter().take(clients).collect();
    worker.count_each(&Order::CountReconnect(logins), clients)
}

fn everybody() -> Vec<Login> {
    let login = |number| Login {
        clientid: format!("device/{number:07}"),
        username: name(number),
        password: PASSWORD.into(),
        succeeds: true,
    };
    (0..RECONNECTS).map(login).collect()
}

/// Clients with the password, and two that cannot log in.
fn policy(iterations: u32) -> Result<Value, Box<dyn Error>> {
    let iterations = Iterations::try_from(iterations).map_err(|error| error.to_string())?;
    let hash = PasswordHash::create(PASSWORD.as_bytes(), iterations).map_err(|error| error.to_string())?;
    let Stored::Members { password, salt, iterations } = hash.stored() else {
        return Err("new hashes are made of members".into());
    };
    let client = |username: String| json!({"username": username, "password": password, "salt": salt, "iterations": iterations});
    let mut clients: Vec<Value> = (0..RECONNECTS).map(|number| client(name(number))).collect();
    let mut disabled = client("disabled".into());
    disabled["disabled"] = json!(true);
    clients.extend([disabled, json!({"username": "without"})]);
    Ok(json!({"clients": clients, "groups": [], "roles": []}))
}

/// Microseconds, for each kind.
fn time_refused(bench: &Bench, side: Side, unknown_user: &str) -> Result<[f64; 4], Box<dyn Error>> {
    let mut worker = start(bench, side, ITERATIONS[1], unknown_user, bench.start(side)?)?;
    // One of each kind after another: what disturbs one kind disturbs all.
    let logins = (0..TRIES * KINDS.len()).map(|number| {
        let username = match number % KINDS.len() {
            0 => name(number % RECONNECTS),
            1 => format!("nobody-{number:07}"),
            2 => "disabled".to_owned(),
            _ => "without".to_owned(),
        };
        let clientid = format!("guest/{number:07}");
        Login { clientid, username, password: "wrong horse battery".into(), succeeds: false }
    });
    let done = worker.order(&Order::TimeLogins(logins.collect()))?;
    Ok(std::array::from_fn(|kind| {
        let mut of_kind: Vec<f64> =
            done.singles.iter().skip(kind).step_by(KINDS.len()).map(|time| time / 1e3).collect();
        median(&mut of_kind)
    }))
}
