//! After a restart everybody comes back at once: how long that takes, and how long others wait for their messages.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::password::{Iterations, PasswordHash, Stored};
use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::real::{Broker, Client, PASSWORD, Stream, Version, policy, versions};
use crate::table::Table;

/// How many clients come back.
const CLIENTS: usize = 2_000;
/// How many threads they have.
const THREADS: usize = 16;

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut times = Table::new(
        "storm-times",
        "How long it takes until so many clients are back after a restart, MQTT 3.1.1.",
        "ms",
    );
    let mut hashes =
        Table::new("storm-hashes", "What hashing their passwords takes one thread, alone.", "ms");
    let mut gaps = Table::new(
        "storm-gaps",
        "The longest gap between two deliveries of a publisher of 1 kHz meanwhile, in one run.",
        "ms",
    );
    for version in versions() {
        let iterations: u32 = if version.name.starts_with("2.0") { 1_000 } else { 10_000 };
        let (hash, took) = hash(iterations)?;
        let size = Some(CLIENTS as u64);
        let of_all = took.as_secs_f64() * 1e3 * CLIENTS as f64;
        hashes.push(&format!("{iterations} iterations"), size, Some(of_all), Some(of_all));
        bench.progress(&format!("storm, {}, C", version.name));
        let theirs = measure(bench, &version, Side::Theirs, &hash, "")?;
        let modes: &[&str] = if version.name.starts_with("2.0") { &["sync"] } else { &["sync", "delayed"] };
        for mode in modes {
            bench.progress(&format!("storm, {}, {mode}", version.name));
            let lines = format!("plugin_opt_login_mode {mode}\nplugin_opt_login_work 100");
            let ours = measure(bench, &version, Side::Ours, &hash, &lines)?;
            let work = format!("Mosquitto {}, {iterations} iterations, {mode}", version.name);
            times.push(&work, size, Some(theirs.0), Some(ours.0));
            gaps.push(&work, size, Some(theirs.1), Some(ours.1));
        }
    }
    Ok(vec![times, hashes, gaps])
}

/// A hash of everybody's password as a client's members, and how long one takes.
fn hash(iterations: u32) -> Result<(Value, Duration), Box<dyn Error>> {
    let iterations = Iterations::try_from(iterations).map_err(|error| error.to_string())?;
    let hash = PasswordHash::create(PASSWORD.as_bytes(), iterations).map_err(|error| error.to_string())?;
    let mut took = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        std::hint::black_box(hash.verify(PASSWORD.as_bytes()));
        took = took.min(start.elapsed());
    }
    let Stored::Members { password, salt, iterations } = hash.stored() else {
        return Err("new hashes are made of members".into());
    };
    Ok((json!({"password": password, "salt": salt, "iterations": iterations}), took))
}

/// Milliseconds until all are back, and of the longest gap.
fn measure(
    bench: &Bench,
    version: &Version,
    side: Side,
    hash: &Value,
    lines: &str,
) -> Result<(f64, f64), Box<dyn Error>> {
    let policy = policy(hash, (0..CLIENTS).map(|number| format!("client{number:06}")));
    let broker = Broker::start(bench, version, side, &policy, lines)?;
    let port = broker.port;
    let stream = Stream::start(port)?;
    thread::sleep(Duration::from_secs(1));
    stream.longest_gap();
    let start = Instant::now();
    let comes_back = move |thread: usize| -> std::io::Result<Vec<Client>> {
        let numbers = (thread..CLIENTS).step_by(THREADS);
        let begin =
            |number| Client::begin(port, &format!("device{number:06}"), &format!("client{number:06}"));
        let mut clients = numbers.map(begin).collect::<std::io::Result<Vec<_>>>()?;
        clients.iter_mut().try_for_each(Client::end)?;
        Ok(clients)
    };
    let threads: Vec<_> = (0..THREADS).map(|thread| thread::spawn(move || comes_back(thread))).collect();
    let mut clients = Vec::new();
    for thread in threads {
        clients.extend(thread.join().map_err(|_| "a client panicked")??);
    }
    let took = start.elapsed().as_secs_f64() * 1e3;
    let gap = stream.longest_gap();
    stream.end()?;
    Ok((took, gap))
}
