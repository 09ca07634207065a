//! The broker's loop comes round when there is an answer, and not only when it would anyway: about ten times a second.
//!
//! strace(1) sees what ends the waits of the broker's thread: a wake is a signal, and the wait says so.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::fault;
use crate::harness::plugin::Plugin;

cases! {
    answers_wake_the_broker: theirs_fails("all", "answers in the callback", "woken 0 times"),
}

/// How many commands are answered, one after the other.
const COMMANDS: usize = 20;

fn answers_wake_the_broker(trial: &Trial) {
    if !trial.place.can_trace() {
        return;
    }
    // So long as hashing takes then, no callback waits.
    let line = if trial.plugin == Plugin::Ours { "plugin_opt_password_iterations 50000" } else { "" };
    let mut broker = trial.broker().line(line).start();
    let mut admin = broker.admin();
    let waits = Waits::of(&broker);
    for number in 0..COMMANDS {
        admin.create_client(&format!("client-{number}"));
    }
    admin.disconnect();
    broker.stop();
    let woken = waits.interrupted();
    // For each twice, when its password is hashed and when it is saved, but where the broker does not wait just then. That an
    // answer leaves 2.1 at once takes another one, which its own thread sends, and which does not do.
    assert!(woken >= COMMANDS * 3 / 2, "the broker was woken {woken} times for {COMMANDS} answers");
}

/// The waits of a broker's thread, from now on.
struct Waits {
    strace: Child,
    /// Kept open for what it may still say.
    _stderr: BufReader<ChildStderr>,
    log: PathBuf,
}

impl Waits {
    fn of(broker: &Broker) -> Self {
        let log = broker.folder().join("waits");
        File::create(&log).expect("a file can be made");
        let mut strace = command(&log, broker.process().expect("a process of this system"));
        let mut strace = strace.stderr(Stdio::piped()).spawn().expect("strace runs");
        let mut stderr = BufReader::new(strace.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it says something");
        if !line.contains("attached") {
            fault!("strace says: {line}");
        }
        Self { strace, _stderr: stderr, log }
    }

    /// How many of them a signal has ended that does nothing else. The broker has to have ended.
    fn interrupted(mut self) -> usize {
        self.strace.wait().expect("it ends with the broker");
        let log = std::fs::read_to_string(&self.log).expect("what it wrote can be read");
        // A signal's line comes right behind that of the wait.
        let lines: Vec<&str> = log.lines().collect();
        let is_wake = |pair: &&[&str]| pair[0].contains("EINTR") && pair[1].starts_with("--- SIGURG");
        lines.windows(2).filter(is_wake).count()
    }
}

fn command(log: &Path, process: u32) -> Command {
    let mut command = Command::new("strace");
    command.arg("-o").arg(log).args(["-e", "trace=epoll_wait,epoll_pwait,poll,ppoll"]);
    command.args(["-p", &process.to_string()]);
    command
}
