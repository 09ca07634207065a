//! After a restart everybody comes back at once: how long that takes, and how long others wait for their messages.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mosquitto_dynsec::password::{Iterations, PasswordHash, Stored};
use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::real::{Broker, Client, PASSWORD, Protocol, Stream, Version, policy, versions};
use crate::table::Table;
use crate::worker::{median, percentile};

/// How many clients come back.
const CLIENTS: [usize; 2] = [2_000, 10_000];
/// How many threads they have.
const THREADS: usize = 16;
/// How many begin in a second, where they do not begin as fast as they can.
const A_SECOND: f64 = 500.0;
/// How often a storm of these is repeated where logins do not wait for each other: what the machine does besides decides about
/// a gap of a few milliseconds.
const RUNS: usize = 5;

/// How many clients come, how fast, and what they speak.
#[derive(Clone, Copy)]
struct Storm {
    clients: usize,
    at_once: bool,
    protocol: Protocol,
}

/// A mode of logins (`plugin_opt_login_mode`), of clients that speak this.
type Mode = (&'static str, Protocol);

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut tables = Tables::new();
    for version in versions() {
        let iterations: u32 = if version.name.starts_with("2.0") { 1_000 } else { 10_000 };
        let (hash, took) = hash(iterations)?;
        for clients in CLIENTS.into_iter().filter(|clients| bench.takes(*clients)) {
            let of_all = took.as_secs_f64() * 1e3 * clients as f64;
            tables.hashes.push_with(of_all, &format!("{iterations} iterations"), Some(clients as u64), None);
            for at_once in [true, false] {
                let storm = Storm { clients, at_once, protocol: Protocol::V3 };
                measure(bench, &version, storm, &hash, &mut tables)?;
            }
        }
    }
    let Tables { times, hashes, gaps, alone_times, alone } = tables;
    Ok(vec![times, hashes, gaps, alone_times, alone])
}

struct Tables {
    times: Table,
    hashes: Table,
    gaps: Table,
    alone_times: Table,
    alone: Table,
}

/// What one storm, or each of several, did, in milliseconds.
#[derive(Clone)]
struct Seen {
    /// Until all are back: the median.
    took: f64,
    /// The longest gaps.
    gaps: Vec<f64>,
}

impl Seen {
    /// The gap that this share of the runs has no longer than.
    fn gap(&self, share: f64) -> f64 {
        percentile(&mut self.gaps.clone(), share)
    }
}

impl Tables {
    fn new() -> Self {
        let table = |name, title| Table::new(name, title, "ms");
        Self {
            times: table(
                "storm-times",
                "How long it takes until so many clients are back after a restart, all at once or 500 a second; MQTT 3.1.1 where nothing else is said.",
            ),
            hashes: table("storm-hashes", "What hashing their passwords takes one thread, alone.")
                .with("one thread"),
            gaps: table(
                "storm-gaps",
                "The longest gap between two deliveries of a publisher of 1 kHz meanwhile.",
            ),
            alone_times: table(
                "storm-alone-times",
                "How long it takes until they are back where the broker has no plugin and lets everybody in, and where a thread of the benchmark hashes besides, as a worker of the plugin does.",
            )
            .with("no plugin"),
            alone: table("storm-alone", "The longest gap there: what machine and broker do by themselves.")
                .with("no plugin"),
        }
    }
}

impl Tables {
    /// The rows of a storm with the plugins.
    fn push(&mut self, storm: Storm, work: &str, theirs: Option<&Seen>, ours: Option<&Seen>) {
        let size = Some(storm.clients as u64);
        let took = |seen: Option<&Seen>| seen.map(|seen| seen.took);
        self.times.push(work, size, took(theirs), took(ours));
        for (work, share) in gap_rows(work, ours.map_or(1, |seen| seen.gaps.len())) {
            let gap = |seen: Option<&Seen>| seen.map(|seen| seen.gap(share));
            self.gaps.push(&work, size, gap(theirs), gap(ours));
        }
    }
}

/// A storm on a broker without a plugin, with the C plugin, and with ours.
fn measure(
    bench: &Bench,
    version: &Version,
    storm: Storm,
    hash: &Hash,
    tables: &mut Tables,
) -> Result<(), Box<dyn Error>> {
    measure_alone(bench, version, storm, hash, tables)?;
    let policy = policy(&hash.members, (0..storm.clients).map(|number| format!("client{number:06}")));
    let is_few = Some(&storm.clients) == CLIENTS.first();
    let mut modes: Vec<Mode> = vec![("sync", Protocol::V3)];
    if !version.name.starts_with("2.0") {
        modes.push(("delayed", Protocol::V3));
        modes.extend(is_few.then_some(("auto", Protocol::V5)));
    }
    let mut theirs: Option<(Protocol, Seen)> = None;
    for (mode, protocol) in modes {
        let storm = Storm { protocol, ..storm };
        let speaks = if protocol == Protocol::V5 { ", MQTT 5.0" } else { "" };
        // It has no modes.
        if theirs.as_ref().is_none_or(|(of, _)| *of != protocol) {
            let seen = bench.measure(&storm.says(version, &format!("C{speaks}")), || {
                storm.measure(|| Broker::start(bench, version, Side::Theirs, &policy, ""), 1)
            })?;
            theirs = seen.map(|seen| (protocol, seen));
        }
        let theirs = theirs.as_ref().map(|(_, seen)| seen);
        let lines = format!("plugin_opt_login_mode {mode}\nplugin_opt_login_work 100");
        let runs = if mode == "delayed" { storm.runs() } else { 1 };
        let ours = bench.measure(&storm.says(version, &format!("{mode}{speaks}")), || {
            storm.measure(|| Broker::start(bench, version, Side::Ours, &policy, &lines), runs)
        })?;
        if theirs.is_some() || ours.is_some() {
            let iterations = hash.iterations;
            let how = format!("{iterations} iterations, {mode}{speaks}, {}", storm.how());
            tables.push(storm, &format!("Mosquitto {}, {how}", version.name), theirs, ours.as_ref());
        }
    }
    Ok(())
}

/// The same without a plugin.
fn measure_alone(
    bench: &Bench,
    version: &Version,
    storm: Storm,
    hash: &Hash,
    tables: &mut Tables,
) -> Result<(), Box<dyn Error>> {
    let size = Some(storm.clients as u64);
    let work = format!("Mosquitto {}, {}", version.name, storm.how());
    let alone = || storm.measure(|| Broker::start_alone(bench, version), storm.runs());
    let busy = || hash.beside(alone);
    let alone = bench.measure(&storm.says(version, "no plugin"), alone)?;
    let busy = bench.measure(&storm.says(version, "no plugin, one processor busy"), busy)?;
    for (seen, work) in [(alone, work.clone()), (busy, format!("{work}, one processor busy"))] {
        let Some(seen) = seen else { continue };
        tables.alone_times.push_with(seen.took, &work, size, None);
        for (work, share) in gap_rows(&work, seen.gaps.len()) {
            tables.alone.push_with(seen.gap(share), &work, size, None);
        }
    }
    Ok(())
}

/// A row of the longest gap; of several runs' the median, and another row with the longest of all. Each with the share of runs
/// that have no longer one.
fn gap_rows(work: &str, runs: usize) -> Vec<(String, f64)> {
    if runs == 1 {
        vec![(work.to_owned(), 1.0)]
    } else {
        vec![
            (format!("{work}, median of {runs} runs"), 0.5),
            (format!("{work}, longest of {runs} runs"), 1.0),
        ]
    }
}

/// The hash of everybody's password.
struct Hash {
    iterations: u32,
    of_password: PasswordHash,
    /// As a client's members.
    members: Value,
}

/// That, and how long one takes.
fn hash(iterations: u32) -> Result<(Hash, Duration), Box<dyn Error>> {
    let number = Iterations::try_from(iterations).map_err(|error| error.to_string())?;
    let hash = PasswordHash::create(PASSWORD.as_bytes(), number).map_err(|error| error.to_string())?;
    let mut took = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        std::hint::black_box(hash.verify(PASSWORD.as_bytes()));
        took = took.min(start.elapsed());
    }
    let Stored::Members { password, salt, iterations } = hash.stored() else {
        return Err("new hashes are made of members".into());
    };
    let members = json!({"password": password, "salt": salt, "iterations": iterations});
    Ok((Hash { iterations, of_password: hash, members }, took))
}

impl Hash {
    /// Does something while a thread hashes as the plugin's workers do.
    fn beside<T>(&self, body: impl FnOnce() -> T) -> T {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    std::hint::black_box(
                        self.of_password.verify_giving_way(PASSWORD.as_bytes(), thread::yield_now),
                    );
                }
            });
            let done = body();
            ended.store(true, Ordering::Relaxed);
            done
        })
    }
}

impl Storm {
    fn how(self) -> &'static str {
        if self.at_once { "at once" } else { "500 a second" }
    }

    /// How many are made where the longest gap is looked for.
    fn runs(self) -> usize {
        if self.at_once { 1 } else { RUNS }
    }

    /// Which one of these is measured.
    fn says(self, version: &Version, with: &str) -> String {
        format!("storm of {} {}, {}, {with}", self.clients, self.how(), version.name)
    }

    /// So many of these, each with a broker of its own.
    fn measure(
        &self,
        broker: impl Fn() -> Result<Broker, Box<dyn Error>>,
        runs: usize,
    ) -> Result<Seen, Box<dyn Error>> {
        let seen: Vec<_> = (0..runs).map(|_| self.run(broker()?)).collect::<Result<_, _>>()?;
        let (mut times, gaps): (Vec<f64>, _) = seen.into_iter().unzip();
        Ok(Seen { took: median(&mut times), gaps })
    }

    /// Milliseconds until all are back, and of the longest gap.
    fn run(&self, broker: Broker) -> Result<(f64, f64), Box<dyn Error>> {
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
            Client::begin(port, self.protocol, &format!("device{number:06}"), &format!("client{number:06}"))
        };
        let mut clients =
            (thread..self.clients).step_by(THREADS).map(begin).collect::<io::Result<Vec<_>>>()?;
        clients.iter_mut().try_for_each(Client::end)?;
        Ok(clients)
    }
}
