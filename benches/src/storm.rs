//! After a restart everybody comes back at once: how long that takes, and how long others wait for their messages.

use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::password::{Iterations, PasswordHash, Stored};
use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::real::{Broker, Client, PASSWORD, Stream, policy, versions};
use crate::table::Table;

/// How many clients come back.
const CLIENTS: [usize; 2] = [2_000, 10_000];
/// How many threads they have.
const THREADS: usize = 16;
/// How many begin in a second, where they do not begin as fast as they can.
const A_SECOND: f64 = 500.0;

/// How many clients come, and how fast.
struct Storm {
    clients: usize,
    at_once: bool,
}

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut times = Table::new(
        "storm-times",
        "How long it takes until so many clients are back after a restart, MQTT 3.1.1, all at once or 500 a second.",
        "ms",
    );
    let mut hashes =
        Table::new("storm-hashes", "What hashing their passwords takes one thread, alone.", "ms");
    let mut gaps = Table::new(
        "storm-gaps",
        "The longest gap between two deliveries of a publisher of 1 kHz meanwhile, in one run.",
        "ms",
    );
    let mut alone = Table::new(
        "storm-alone",
        "The same gap where the broker has no plugin and lets everybody in: what machine and broker do by themselves.",
        "ms",
    );
    let only = Bench::only();
    for version in versions() {
        let is_2_0 = version.name.starts_with("2.0");
        let iterations: u32 = if is_2_0 { 1_000 } else { 10_000 };
        let (hash, took) = hash(iterations)?;
        for clients in CLIENTS.into_iter().filter(|clients| bench.takes(*clients)) {
            let size = Some(clients as u64);
            let of_all = took.as_secs_f64() * 1e3 * clients as f64;
            hashes.push(&format!("{iterations} iterations"), size, Some(of_all), Some(of_all));
            let policy = policy(&hash, (0..clients).map(|number| format!("client{number:06}")));
            for (how, at_once) in [("at once", true), ("500 a second", false)] {
                let storm = Storm { clients, at_once };
                let says =
                    |what| bench.progress(&format!("storm of {clients} {how}, {}, {what}", version.name));
                let mut theirs = None;
                says("no plugin");
                let (_, gap) = storm.measure(Broker::start_alone(bench, &version)?)?;
                alone.push(&format!("Mosquitto {}, {how}", version.name), size, Some(gap), Some(gap));
                if only.is_none() {
                    says("C");
                    theirs =
                        Some(storm.measure(Broker::start(bench, &version, Side::Theirs, &policy, "")?)?);
                }
                let modes: &[&str] = if is_2_0 { &["sync"] } else { &["sync", "delayed"] };
                for mode in modes.iter().filter(|mode| only.as_ref().is_none_or(|only| **mode == only)) {
                    says(mode);
                    let lines = format!("plugin_opt_login_mode {mode}\nplugin_opt_login_work 100");
                    let ours = storm.measure(Broker::start(bench, &version, Side::Ours, &policy, &lines)?)?;
                    let work = format!("Mosquitto {}, {iterations} iterations, {mode}, {how}", version.name);
                    times.push(&work, size, theirs.map(|seen| seen.0), Some(ours.0));
                    gaps.push(&work, size, theirs.map(|seen| seen.1), Some(ours.1));
                }
            }
        }
    }
    Ok(vec![times, hashes, gaps, alone])
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

impl Storm {
    /// Milliseconds until all are back, and of the longest gap.
    fn measure(&self, broker: Broker) -> Result<(f64, f64), Box<dyn Error>> {
        let stream = Stream::start(broker.port)?;
        thread::sleep(Duration::from_secs(1));
        stream.longest_gap();
        let start = Instant::now();
        let back: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| scope.spawn(move || self.come_back(broker.port, thread, start)))
                .collect();
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let took = start.elapsed().as_secs_f64() * 1e3;
        let gap = stream.longest_gap();
        for clients in back {
            clients.map_err(|_| "a client panicked")??;
        }
        stream.end()?;
        drop(broker);
        Ok((took, gap))
    }

    /// The clients of one of the threads.
    fn come_back(&self, port: u16, thread: usize, start: Instant) -> io::Result<Vec<Client>> {
        let begin = |number| {
            if !self.at_once {
                let due = start + Duration::from_secs_f64(number as f64 / A_SECOND);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Client::begin(port, &format!("device{number:06}"), &format!("client{number:06}"))
        };
        let mut clients =
            (thread..self.clients).step_by(THREADS).map(begin).collect::<io::Result<Vec<_>>>()?;
        clients.iter_mut().try_for_each(Client::end)?;
        Ok(clients)
    }
}
