//! The program in its second role: a process that has one plugin loaded and does to it what it is ordered to.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use plugin_host::{
    AclRequest, Answer, Deed, Host, NotConnected, PreparedAclCheck, PreparedLogin, Request, Text, obey,
};
use serde::{Deserialize, Serialize};

use crate::callgrind;

/// What a worker is ordered to do.
#[derive(Serialize, Deserialize)]
pub enum Order {
    /// One thing happens to the broker; how long it takes is reported.
    Ask(Request),
    /// ACL checks are made, one after another and round again, in batches.
    Time {
        /// The checks.
        checks: Vec<AclRequest>,
        /// How many batches are timed.
        batches: usize,
        /// About how long each takes.
        microseconds: u32,
    },
    /// The instructions of ACL checks are counted: each is made once.
    Count {
        /// Checks that are made before, and not counted.
        before: Vec<AclRequest>,
        /// The checks.
        checks: Vec<AclRequest>,
    },
    /// The instructions of ACL checks are counted, each with the tick that follows it.
    CountWithTicks {
        /// The checks.
        checks: Vec<AclRequest>,
        /// How often all of them are made before, and not counted.
        before: usize,
        /// How often they are made.
        rounds: usize,
    },
    /// The instructions of anything else are counted.
    CountAsk(Request),
    /// Payloads are sent, each when the one before is answered; callbacks and ticks are timed.
    Changes {
        /// Who sends them.
        clientid: String,
        /// The payloads.
        payloads: Vec<String>,
    },
    /// SIGHUP, with an edited policy file; its callback and the ticks until it is in force are timed.
    Reload,
    /// Logins are made, one after another, each timed alone.
    TimeLogins(Vec<Login>),
    /// Everybody has logged in, leaves and logs in again: all of that is a batch.
    Reconnect {
        /// Everybody.
        logins: Vec<Login>,
        /// How many batches.
        batches: usize,
    },
    /// The instructions of one such batch are counted.
    CountReconnect(Vec<Login>),
}

/// A client that logs in.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Its id.
    pub clientid: String,
    /// Its name.
    pub username: String,
    /// Its password, the right one or not.
    pub password: String,
    /// Whether the plugin is to let it in.
    pub succeeds: bool,
}

/// What came of an order.
#[derive(Default, Serialize, Deserialize)]
pub struct Done {
    /// The plugin's answer.
    pub answer: Answer,
    /// How long [`Order::Ask`] took.
    pub nanoseconds: u64,
    /// Nanoseconds of a call, on the average of each batch.
    pub batches: Vec<f64>,
    /// Nanoseconds of calls that were timed alone, without what the clock takes.
    pub singles: Vec<f64>,
    /// How much memory was resident before [`Order::Changes`], in kilobytes; the peak is the most since then.
    pub before_kb: u64,
    /// How much memory is resident, in kilobytes.
    pub resident_kb: u64,
    /// The most that was while the order was carried out.
    pub peak_kb: u64,
    /// What went wrong.
    pub error: Option<String>,
}

/// Loads the plugin and does what standard input says, a line an order.
///
/// # Errors
/// The plugin does not load, or a line is no order.
pub fn run(plugin: &Path) -> Result<(), Box<dyn Error>> {
    let mut host = Host::load(plugin)?;
    let mut answers = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let order = serde_json::from_str(&line?)?;
        forget_peak()?;
        let mut done = execute(&mut host, order)
            .unwrap_or_else(|error| Done { error: Some(error.to_string()), ..Done::default() });
        (done.resident_kb, done.peak_kb) = memory()?;
        serde_json::to_writer(&mut answers, &done)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}

fn execute(host: &mut Host, order: Order) -> Result<Done, Box<dyn Error>> {
    match order {
        Order::Ask(request) => {
            let start = Instant::now();
            let answer = obey(host, &request)?;
            let nanoseconds = u64::try_from(start.elapsed().as_nanos())?;
            Ok(Done { answer: Answer { deeds: host.take_deeds(), ..answer }, nanoseconds, ..Done::default() })
        }
        Order::CountAsk(request) => {
            let mut outcome = Ok(Answer::default());
            callgrind::count(|| outcome = obey(host, &request))?;
            let answer = outcome?;
            Ok(Done { answer: Answer { deeds: host.take_deeds(), ..answer }, ..Done::default() })
        }
        Order::Time { checks, batches, microseconds } => {
            Ok(time_checks(&prepare(host, &checks)?, batches, microseconds))
        }
        Order::Changes { clientid, payloads } => change(host, &clientid, &payloads),
        Order::Reload => Ok(reload(host)),
        Order::TimeLogins(logins) => time_logins(host, &logins),
        Order::Reconnect { logins, batches } => {
            let all = log_in(host, &logins)?;
            let mut times = Vec::new();
            for _ in 0..batches {
                let start = Instant::now();
                reconnect(&all)?;
                times.push(start.elapsed().as_nanos() as f64);
            }
            Ok(Done { batches: times, ..Done::default() })
        }
        Order::CountReconnect(logins) => {
            let all = log_in(host, &logins)?;
            let mut outcome = Ok(());
            callgrind::count(|| outcome = reconnect(&all))?;
            outcome?;
            Ok(Done::default())
        }
        Order::CountWithTicks { checks, before, rounds } => {
            let checks = prepare(host, &checks)?;
            let mut make_all = |times: usize| {
                for check in checks.iter().cycle().take(checks.len() * times) {
                    run_check(check);
                    host.tick();
                }
            };
            make_all(before);
            callgrind::count(|| make_all(rounds))?;
            Ok(Done::default())
        }
        Order::Count { before, checks } => {
            let before = prepare(host, &before)?;
            let checks = prepare(host, &checks)?;
            before.iter().for_each(run_check);
            callgrind::count(|| checks.iter().for_each(run_check))?;
            Ok(Done::default())
        }
    }
}

fn time_checks(checks: &[PreparedAclCheck], batches: usize, microseconds: u32) -> Done {
    let mut next = checks.iter().cycle();
    let calls = warm_up(&mut next, checks.len(), f64::from(microseconds) * 1000.0);
    let batches = (0..batches).map(|_| time(&mut next, calls) / calls as f64).collect();
    let clock = median(&mut (0..1000).map(|_| time(&mut next, 0)).collect::<Vec<_>>());
    let singles = next.take(calls.max(200)).map(|check| (time_one(check) - clock).max(0.0)).collect();
    Done { batches, singles, ..Done::default() }
}

fn change(host: &mut Host, clientid: &str, payloads: &[String]) -> Result<Done, Box<dyn Error>> {
    let clientid = Text::from(clientid.as_bytes());
    // The peak begins anew (proc(5)).
    fs::write("/proc/self/clear_refs", "5")?;
    let mut done = Done { before_kb: memory()?.0, ..Done::default() };
    for payload in payloads {
        let _before = host.take_deeds();
        let payload = Text::from(payload.as_bytes());
        let start = Instant::now();
        host.control(&clientid, None, &payload)?;
        done.singles.push(start.elapsed().as_nanos() as f64);
        let is_answer = |deed: &Deed| matches!(deed, Deed::Publish(_));
        while !host.take_deeds().iter().any(is_answer) {
            thread::sleep(Duration::from_millis(1));
            let start = Instant::now();
            host.tick();
            done.batches.push(start.elapsed().as_nanos() as f64);
        }
    }
    Ok(done)
}

fn time_logins(host: &Host, logins: &[Login]) -> Result<Done, Box<dyn Error>> {
    let text = |text: &str| Text::from(text.as_bytes());
    let mut singles = Vec::new();
    for Login { clientid, username, password, succeeds } in logins {
        let login = host.prepare_login(&text(clientid), &text(username), &text(password));
        let start = Instant::now();
        let rc = login.run();
        singles.push(start.elapsed().as_nanos() as f64);
        if (rc == Some(0)) != *succeeds {
            return Err(format!("the plugin answered {rc:?} to {username}").into());
        }
        // Of who is refused, the broker tells this too.
        login.end();
    }
    Ok(Done { singles, ..Done::default() })
}

fn reload(host: &mut Host) -> Done {
    let _before = host.take_deeds();
    let mut done = Done::default();
    let start = Instant::now();
    host.reload();
    done.singles.push(start.elapsed().as_nanos() as f64);
    let is_done =
        |deed: &Deed| matches!(deed, Deed::Log { line, .. } if line.to_string().contains("and reloaded"));
    let mut has_been_done = host.take_deeds().iter().any(is_done);
    // What is left to be done afterwards has its ticks, too.
    let mut after = 0;
    while after < 20 {
        thread::sleep(Duration::from_millis(1));
        let start = Instant::now();
        host.tick();
        done.batches.push(start.elapsed().as_nanos() as f64);
        has_been_done |= host.take_deeds().iter().any(is_done);
        after += usize::from(has_been_done);
    }
    done
}

/// The logins, each made once, as far as they are to succeed: what is remembered of them is remembered then.
fn log_in(host: &Host, logins: &[Login]) -> Result<Vec<PreparedLogin>, Box<dyn Error>> {
    let text = |text: &str| Text::from(text.as_bytes());
    let mut all = Vec::new();
    for login in logins {
        let prepared =
            host.prepare_login(&text(&login.clientid), &text(&login.username), &text(&login.password));
        if login.succeeds && prepared.run() != Some(0) {
            return Err(format!("the plugin does not let {} in", login.username).into());
        }
        all.push(prepared);
    }
    Ok(all)
}

fn reconnect(all: &[PreparedLogin]) -> Result<(), &'static str> {
    all.iter().for_each(PreparedLogin::end);
    if all.iter().all(|login| login.run() == Some(0)) { Ok(()) } else { Err("a login was refused") }
}

fn prepare(host: &Host, checks: &[AclRequest]) -> Result<Vec<PreparedAclCheck>, NotConnected> {
    checks.iter().map(|check| host.prepare(check)).collect()
}

fn run_check(check: &PreparedAclCheck) {
    black_box(check.run());
}

/// Makes checks so that code and data are where they will be, and says how many take that many nanoseconds.
fn warm_up<'a>(checks: &mut impl Iterator<Item = &'a PreparedAclCheck>, all: usize, batch: f64) -> usize {
    let (mut calls, mut made) = (1, 0);
    loop {
        let nanoseconds = time(checks, calls);
        made += calls;
        if nanoseconds >= batch {
            return calls;
        }
        if made >= all && nanoseconds > 0.0 && nanoseconds >= batch / 8.0 {
            return (calls as f64 * batch / nanoseconds) as usize;
        }
        calls *= 2;
    }
}

fn time<'a>(checks: &mut impl Iterator<Item = &'a PreparedAclCheck>, calls: usize) -> f64 {
    let start = Instant::now();
    checks.take(calls).for_each(run_check);
    start.elapsed().as_nanos() as f64
}

fn time_one(check: &PreparedAclCheck) -> f64 {
    let start = Instant::now();
    run_check(check);
    start.elapsed().as_nanos() as f64
}

/// The one in the middle; 0 where there is none.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this share of all does not reach above; 0 where there is none.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Lets the peak be counted from here on (proc(5), `clear_refs`).
fn forget_peak() -> io::Result<()> {
    fs::write("/proc/self/clear_refs", "5")
}

/// Kilobytes that are resident, and that were at the peak (proc(5)).
fn memory() -> io::Result<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
    };
    Ok((field("VmRSS:"), field("VmHWM:")))
}
