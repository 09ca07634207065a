//! How long a change holds the broker's thread, callback by callback, what a save adds in memory, and how long an idle
//! broker takes with an answer that is ready.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use plugin_host::Request;
use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::real::{Broker, Client, Version, policy, versions};
use crate::reloads;
use crate::table::Table;
use crate::worker::{Order, median, percentile};

/// How many clients there are, how many changes are made, and how many in the C plugin, which takes half a second for
/// each of 100,000.
const SIZES: [(usize, usize, usize); 3] = [(10_000, 500, 50), (100_000, 300, 10), (1_000_000, 100, 0)];
/// With so many clients a save takes longer than the callback waits for it, and not long.
const IDLE: usize = 20_000;
const ANSWERS: usize = 50;
const CONTROL: &str = "$CONTROL/dynamic-security/v1";
/// Of the password `pw`.
const HASH: &str = "l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
const SALT: &str = "AAECAwQFBgcICQoL";

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut held = Table::new(
        "held-times",
        "How long a createClient with a password holds the broker's thread: the CONTROL callback, and the ticks until its answer.",
        "ms",
    );
    let mut large = Table::new(
        "held-payload",
        "The same for one payload of 1,000 createClient with passwords, which is run in one go once they are hashed.",
        "ms",
    );
    let mut memory = Table::new("held-memory", "The most memory that a change and its save add.", "MB");
    let mut idle = Table::new(
        "held-idle",
        "createClient with a password on an idle broker: the median time to its answer, of that hashing and saving.",
        "ms",
    );
    for (size, changes, of_theirs) in SIZES.into_iter().filter(|(size, ..)| bench.takes(*size)) {
        let clients = Some(size as u64);
        let mut seen = Vec::new();
        for (side, changes) in [(Side::Theirs, of_theirs), (Side::Ours, changes)] {
            let what = format!("held, {size} clients, {side:?}");
            let measured = bench.measure(&what, || match changes {
                0 => Ok(None),
                _ => in_host(bench, side, size, changes).map(Some),
            })?;
            seen.push(measured.flatten());
        }
        let both = |of: Of| (seen[0].as_ref().map(of), seen[1].as_ref().map(of));
        let rows: [(&str, Of); 5] = [
            ("callback, median", |held| held.callback[0]),
            ("callback, 99 of 100", |held| held.callback[1]),
            ("ticks, median", |held| held.tick[0]),
            ("ticks, 99 of 100", |held| held.tick[1]),
            ("ticks, the longest", |held| held.tick[2]),
        ];
        for (what, of) in rows {
            let (theirs, ours) = both(of);
            held.push(what, clients, theirs, ours);
        }
        // In the C plugin each of its commands saves the policy, in the callback.
        let ours = seen[1].as_ref().map(|held| held.payload);
        large.push("callback", clients, None, ours.map(|payload| payload[0]));
        large.push("ticks, the longest", clients, None, ours.map(|payload| payload[1]));
        let (theirs, ours) = both(|held| held.added);
        memory.push("a change", clients, theirs, ours);
    }
    for version in versions() {
        bench.measure(&format!("idle, {}", version.name), || wait_for_answers(bench, &version, &mut idle))?;
    }
    Ok(vec![held, large, memory, idle, reloads::run(bench)?])
}

/// The rows of an idle broker.
fn wait_for_answers(bench: &Bench, version: &Version, idle: &mut Table) -> Result<(), Box<dyn Error>> {
    let hash = json!({"password": HASH, "salt": SALT, "iterations": 101});
    let policy = policy(&hash, (0..IDLE).map(|number| format!("client{number:06}")));
    let broker = Broker::start(bench, version, Side::Ours, &policy, "plugin_opt_password_iterations 101")?;
    let mut admin = Client::connect(broker.port, "admin", "u")?;
    admin.subscribe("$CONTROL/dynamic-security/v1/response")?;
    let (mut answers, mut saves, mut so_far) = (Vec::new(), Vec::new(), save_seconds(&mut admin)?);
    for number in 0..ANSWERS {
        // Not at the same moment of the broker's own ticks each time.
        thread::sleep(Duration::from_millis(130 + (number * 37 % 100) as u64));
        let command = json!({"command": "createClient", "username": format!("new{number}"), "password": "x"});
        let start = Instant::now();
        ask(&mut admin, &command)?;
        answers.push(start.elapsed().as_secs_f64() * 1e3);
        let after = save_seconds(&mut admin)?;
        saves.push((after - so_far) * 1e3);
        so_far = after;
    }
    let mut left: Vec<f64> = answers.iter().zip(&saves).map(|(answer, save)| answer - save).collect();
    let name = version.name;
    idle.push(&format!("{name}: the answer"), Some(IDLE as u64), None, Some(median(&mut answers)));
    idle.push(&format!("{name}: of that the save"), Some(IDLE as u64), None, Some(median(&mut saves)));
    idle.push(&format!("{name}: the rest, median"), Some(IDLE as u64), None, Some(median(&mut left)));
    let most = percentile(&mut left, 0.99);
    idle.push(&format!("{name}: the rest, the longest"), Some(IDLE as u64), None, Some(most));
    Ok(())
}

fn ask(admin: &mut Client, command: &Value) -> Result<Value, Box<dyn Error>> {
    admin.publish(CONTROL, json!({ "commands": [command] }).to_string().as_bytes())?;
    let answer: Value = serde_json::from_slice(&admin.message()?)?;
    match answer["responses"][0].get("error") {
        None => Ok(answer["responses"][0]["data"].clone()),
        Some(_) => Err(answer.to_string().into()),
    }
}

/// How many seconds all saves have taken so far.
fn save_seconds(admin: &mut Client) -> Result<f64, Box<dyn Error>> {
    let metrics = ask(admin, &json!({"command": "getMetrics"}))?;
    let microseconds = metrics["saves"]["microseconds"].as_f64();
    Ok(microseconds.ok_or_else(|| format!("no time in {metrics}"))? / 1e6)
}

type Of = fn(&Held) -> f64;

/// Milliseconds, and megabytes.
struct Held {
    callback: [f64; 2],
    tick: [f64; 3],
    /// Of one payload: the callback and the longest tick.
    payload: [f64; 2],
    added: f64,
}

fn in_host(bench: &Bench, side: Side, clients: usize, changes: usize) -> Result<Held, Box<dyn Error>> {
    let hash = json!({"password": HASH, "salt": SALT, "iterations": 101});
    let policy = policy(&hash, (0..clients).map(|number| format!("client{number:06}")));
    let mut worker = bench.start(side)?;
    bench.load(&mut worker, policy.to_string().as_bytes())?;
    drop(policy);
    worker.ask(Request::Tick { count: 3, pause_ms: 20 })?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    let payload = |number: usize| {
        json!({"commands": [{"command": "createClient", "username": format!("new{number}"), "password": "secret"}]})
            .to_string()
    };
    // The first of all is not what the others are.
    worker.order(&Order::Changes { clientid: "console".into(), payloads: vec![payload(changes)] })?;
    let payloads = (0..changes).map(payload).collect();
    let mut done = worker.order(&Order::Changes { clientid: "console".into(), payloads })?;
    let of = |times: &mut Vec<f64>, share| percentile(times, share) / 1e6;
    let mut payload = [0.0; 2];
    if side == Side::Ours {
        let command = |number: usize| json!({"command": "createClient", "username": format!("many{number}"), "password": "secret"});
        let commands: Vec<Value> = (0..1000).map(command).collect();
        let payloads = vec![json!({ "commands": commands }).to_string()];
        let mut done = worker.order(&Order::Changes { clientid: "console".into(), payloads })?;
        payload = [of(&mut done.singles, 1.0), of(&mut done.batches, 1.0)];
    }
    let (callbacks, ticks) = (&mut done.singles, &mut done.batches);
    Ok(Held {
        callback: [of(callbacks, 0.5), of(callbacks, 0.99)],
        tick: [of(ticks, 0.5), of(ticks, 0.99), of(ticks, 1.0)],
        payload,
        added: done.peak_kb.saturating_sub(done.before_kb) as f64 / 1e3,
    })
}
