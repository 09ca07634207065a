//! What a suite works with: the two plugins, and workers that have them loaded.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use plugin_host::{AclRequest, Request};

use crate::callgrind;
use crate::worker::{Done, Order, median, percentile};

const THEIRS: &str = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";

/// How long a row is measured.
const TURNS: usize = 7;
/// How long one of a row's batches takes, about.
const BATCH_US: u32 = 500;

/// No callback of a plugin takes fewer instructions than this. Where none or hardly any are counted, it is not that it is fast.
const LEAST_COUNTED: u64 = 100;

/// Which plugin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The C plugin that is installed.
    Theirs,
    /// Ours, built for release.
    Ours,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Theirs, Self::Ours];
}

/// The two plugins, and a folder for what they need.
pub struct Bench {
    theirs: PathBuf,
    ours: PathBuf,
    folder: tempfile::TempDir,
    count: std::cell::Cell<u32>,
    largest: Option<usize>,
    only: Option<String>,
    start: Instant,
}

impl Bench {
    /// Finds the plugins: `DYNSEC_THEIRS`, `DYNSEC_OURS`, or where they usually are. `DYNSEC_BENCH_LARGEST`
    /// leaves out rows of a greater size, for a quick look.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let path = |variable: &str, usual: PathBuf| env::var_os(variable).map_or(usual, PathBuf::from);
        let beside = env::current_exe()?.with_file_name("libmosquitto_dynsec.so");
        let bench = Self {
            theirs: path("DYNSEC_THEIRS", THEIRS.into()),
            ours: path("DYNSEC_OURS", beside),
            folder: tempfile::tempdir()?,
            count: std::cell::Cell::new(0),
            largest: env::var("DYNSEC_BENCH_LARGEST").ok().map(|text| text.parse()).transpose()?,
            only: env::var("DYNSEC_BENCH_ONLY").ok(),
            start: Instant::now(),
        };
        for plugin in [&bench.theirs, &bench.ours] {
            if !plugin.exists() {
                return Err(format!("there is no {}", plugin.display()).into());
            }
        }
        Ok(bench)
    }

    /// The plugin of a side.
    pub fn plugin(&self, side: Side) -> &Path {
        match side {
            Side::Theirs => &self.theirs,
            Side::Ours => &self.ours,
        }
    }

    /// Whether rows of that size are measured.
    pub fn takes(&self, size: usize) -> bool {
        self.largest.is_none_or(|largest| size <= largest)
    }

    /// Says what is being measured, and measures it. `DYNSEC_BENCH_ONLY` leaves out what lacks one of its parts, which commas
    /// separate, for a quick look at suites of real brokers; nothing is kept then.
    ///
    /// # Errors
    /// It could not be measured.
    pub fn measure<T>(
        &self,
        what: &str,
        body: impl FnOnce() -> Result<T, Box<dyn Error>>,
    ) -> Result<Option<T>, Box<dyn Error>> {
        if self.only.as_ref().is_some_and(|only| !only.split(',').all(|part| what.contains(part.trim()))) {
            return Ok(None);
        }
        self.progress(what);
        body().map(Some)
    }

    /// Whether the results are to be kept.
    pub fn is_whole(&self) -> bool {
        self.only.is_none()
    }

    /// Says what is being measured, to whom it waits.
    pub fn progress(&self, what: &str) {
        eprintln!("{:6.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    /// A name in the bench's folder that nothing has yet.
    pub fn new_path(&self) -> PathBuf {
        self.count.set(self.count.get() + 1);
        self.folder.path().join(format!("file-{}", self.count.get()))
    }

    /// Starts a process with a plugin, without a policy yet.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start(&self, side: Side) -> Result<Worker, Box<dyn Error>> {
        self.start_worker(side, Vec::new(), None)
    }

    /// The same in callgrind, for [`Worker::count`].
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn start_counting(&self, side: Side) -> Result<Worker, Box<dyn Error>> {
        let out = self.new_path();
        self.start_worker(side, callgrind::command(&out), Some(out))
    }

    fn start_worker(
        &self,
        side: Side,
        prefix: Vec<OsString>,
        out: Option<PathBuf>,
    ) -> Result<Worker, Box<dyn Error>> {
        Worker::start(side, self.plugin(side), prefix, out)
    }

    /// Gives a worker a policy of its own to load: its plugin's init. Ours does not log denials, as theirs
    /// does not.
    ///
    /// # Errors
    /// It could not be written, or the plugin refused it.
    pub fn load(&self, worker: &mut Worker, policy: &[u8]) -> Result<Done, Box<dyn Error>> {
        self.load_with(worker, policy, &[("denial_log", "false")])
    }

    /// The same with options of ours, which theirs does not have.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(
        &self,
        worker: &mut Worker,
        policy: &[u8],
        ours: &[(&str, &str)],
    ) -> Result<Done, Box<dyn Error>> {
        let path = self.new_path();
        std::fs::write(&path, policy)?;
        Self::load_file(worker, &path, ours)
    }

    /// The same of a file that is there.
    ///
    /// # Errors
    /// The plugin refused it.
    pub fn load_file(
        worker: &mut Worker,
        path: &Path,
        ours: &[(&str, &str)],
    ) -> Result<Done, Box<dyn Error>> {
        let mut options = vec![("config_file".to_owned(), path.to_string_lossy().into_owned())];
        if worker.side == Side::Ours {
            options.extend(ours.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        }
        let options = options.into_iter().collect();
        let done = worker.ask(Request::Init { options, fill_freed_memory: false })?;
        match done.answer.rc {
            Some(0) => Ok(done),
            rc => Err(format!("the plugin refused its policy: {rc:?} {:?}", done.answer.deeds).into()),
        }
    }
}

/// A process with a plugin. It ends when this is dropped.
pub struct Worker {
    side: Side,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What callgrind's files are named after, and how many there are.
    out: Option<PathBuf>,
    counts: u32,
}

impl Worker {
    fn start(
        side: Side,
        plugin: &Path,
        mut prefix: Vec<OsString>,
        out: Option<PathBuf>,
    ) -> Result<Self, Box<dyn Error>> {
        prefix.push(env::current_exe()?.into());
        let mut words = prefix.iter();
        let program = words.next().ok_or("no program")?;
        let mut child = Command::new(program)
            .args(words)
            .arg("worker")
            .arg(plugin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let orders = child.stdin.take().ok_or("no pipe")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        Ok(Self { side, child, orders, answers, out, counts: 0 })
    }

    /// Gives an order and waits until it is done.
    ///
    /// # Errors
    /// The worker ended, or could not do it.
    pub fn order(&mut self, order: &Order) -> Result<Done, Box<dyn Error>> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.orders.write_all(&line)?;
        self.orders.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer.is_empty() {
            return Err(format!("a worker ended: {}", self.child.wait()?).into());
        }
        let done: Done = serde_json::from_str(&answer)?;
        match done.error {
            Some(error) => Err(error.into()),
            None => Ok(done),
        }
    }

    /// One thing happens to the worker's broker.
    ///
    /// # Errors
    /// The worker ended, or could not do it.
    pub fn ask(&mut self, request: Request) -> Result<Done, Box<dyn Error>> {
        self.order(&Order::Ask(request))
    }

    /// A client logs in.
    ///
    /// # Errors
    /// The plugin refused it, or the worker ended.
    pub fn connect(&mut self, clientid: &str, username: &str, password: &str) -> Result<(), Box<dyn Error>> {
        let (username, password) = (Some(username.into()), Some(password.into()));
        let done = self.ask(Request::Connect { clientid: clientid.into(), username, password })?;
        match done.answer.rc {
            Some(0) => Ok(()),
            rc => Err(format!("the plugin refused a login: {rc:?}").into()),
        }
    }

    /// The instructions that one of the checks takes, on their average; those in `before` are made before.
    ///
    /// # Errors
    /// The worker was not started to count, or ended.
    pub fn count(&mut self, before: &[AclRequest], checks: &[AclRequest]) -> Result<f64, Box<dyn Error>> {
        self.count_each(&Order::Count { before: before.to_vec(), checks: checks.to_vec() }, checks.len())
    }

    /// The instructions of one of so many things that happen, on their average.
    ///
    /// # Errors
    /// As [`Self::count`], or there are so few that they cannot be all.
    pub fn count_each(&mut self, order: &Order, many: usize) -> Result<f64, Box<dyn Error>> {
        let each = self.count_order(order)?.1 as f64 / many as f64;
        if each < LEAST_COUNTED as f64 {
            return Err(format!("only {each} instructions were counted for each of {many}").into());
        }
        Ok(each)
    }

    /// The instructions in the plugin's callbacks while anything else happens.
    ///
    /// # Errors
    /// The worker was not started to count, or ended.
    pub fn count_order(&mut self, order: &Order) -> Result<(Done, u64), Box<dyn Error>> {
        let done = self.order(order)?;
        self.counts += 1;
        let out = self.out.as_deref().ok_or("this worker does not count")?;
        let count = callgrind::read(out, self.counts)?;
        if count < LEAST_COUNTED {
            return Err(format!(
                "only {count} instructions were counted: is what is counted called otherwise?"
            )
            .into());
        }
        Ok((done, count))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a call takes, in nanoseconds.
#[derive(Clone, Copy, Default)]
pub struct Times {
    /// The median of batches.
    pub median: f64,
    /// What one call in a hundred is above.
    pub p99: f64,
}

/// Times the same checks with several workers, in turns: what disturbs one disturbs them all.
///
/// # Errors
/// A worker ended.
pub fn time(workers: &mut [&mut Worker], checks: &[AclRequest]) -> Result<Vec<Times>, Box<dyn Error>> {
    let order = Order::Time { checks: checks.to_vec(), batches: 9, microseconds: BATCH_US };
    let mut all: BTreeMap<usize, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for _ in 0..TURNS {
        for (index, worker) in workers.iter_mut().enumerate() {
            let mut done = worker.order(&order)?;
            let (medians, tails) = all.entry(index).or_default();
            medians.append(&mut done.batches);
            // Of the tails the middle one: now and then somebody else has the processor.
            tails.push(percentile(&mut done.singles, 0.99));
        }
    }
    let times =
        all.values_mut().map(|(medians, tails)| Times { median: median(medians), p99: median(tails) });
    Ok(times.collect())
}
