//! A broker of a test's own, on ports that the system chose.

use std::fmt;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::admin::Admin;
use super::client::{Client, Connector};
use super::ctrl::{self, Output};
use super::place::{Place, Process};
use super::plugin::Plugin;
use super::setup::{ADMIN, ADMIN_PASSWORD};
use super::{DEADLINE, fault, wait_for};

/// How often another port is tried when somebody was quicker.
const TRIES: usize = 10;

/// A broker that did not come up.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
    pub(crate) folder: TempDir,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.status, self.log)
    }
}

/// What a broker runs on, and goes on with when it is started again.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) place: Place,
    pub(crate) folder: TempDir,
    /// The configuration with `{plugin}` and `{port0}`… still in it.
    pub(crate) configuration: String,
    pub(crate) library: PathBuf,
    /// Variables that the broker is given.
    pub(crate) environment: Vec<(String, String)>,
    /// What is mounted for the broker alone.
    pub(crate) mounts: String,
}

/// A running broker, ended when dropped. Its end has to be orderly: a broker that crashed, also while it
/// stopped, fails the test.
#[derive(Debug)]
pub(crate) struct Broker {
    home: Home,
    ports: Vec<u16>,
    runs: usize,
    process: Process,
    stopped: bool,
}

impl Broker {
    pub(crate) fn start(home: Home, ports: usize) -> Result<Self, Refusal> {
        let mut runs = 0;
        match home.run(free_ports(ports), &mut runs) {
            Ok((process, ports)) => Ok(Self { home, ports, runs, process, stopped: false }),
            Err(status) => Err(Refusal { status, log: home.log(runs), folder: home.folder }),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    pub(crate) fn second_port(&self) -> u16 {
        self.ports[1]
    }

    /// The folder with the policy and what else the case put there.
    pub(crate) fn folder(&self) -> &Path {
        self.home.folder.path()
    }

    pub(crate) fn policy_path(&self) -> PathBuf {
        self.folder().join("dynamic-security.json")
    }

    /// How we reach a file of the folder that is mounted for the broker alone.
    pub(crate) fn as_it_sees(&self, name: &str) -> PathBuf {
        let inside = self.home.place.inside(&self.folder().join(name));
        self.process.its_root().join(inside.strip_prefix("/").expect("an absolute path"))
    }

    /// What the kernel tells of the broker in a file of its own (proc(5)); `None` of one in a container.
    pub(crate) fn told(&self, file: &str) -> Option<String> {
        self.process.told(file)
    }

    /// The number of its process; `None` of one in a container.
    pub(crate) fn process(&self) -> Option<u32> {
        self.process.id()
    }

    /// Runs a script in the folder, and with the mounts, that the broker has.
    pub(crate) fn run_beside(&self, script: &str) {
        self.process.run_beside(self.folder(), script);
    }

    /// The policy file as it is.
    pub(crate) fn policy_bytes(&self) -> Vec<u8> {
        std::fs::read(self.policy_path()).expect("the policy can be read")
    }

    /// The policy file, which has to be JSON.
    pub(crate) fn policy(&self) -> Value {
        serde_json::from_slice(&self.policy_bytes()).expect("the policy is JSON")
    }

    /// What this run of the broker has logged so far.
    pub(crate) fn log(&self) -> String {
        self.home.log(self.runs)
    }

    /// Where this run's log is.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.home.log_path(self.runs)
    }

    /// Waits until this run's log has a line that contains `part`.
    pub(crate) fn wait_for_log(&self, part: &str) -> String {
        wait_for(&format!("`{part}` in the log"), || {
            let log = self.log();
            log.lines().find(|line| line.contains(part)).map(str::to_owned)
        })
    }

    /// A client that is about to connect.
    pub(crate) fn client(&self, client_id: &str) -> Connector {
        Connector::new(self.port(), client_id)
    }

    /// The same on the second listener.
    pub(crate) fn client_on_second_listener(&self, client_id: &str) -> Connector {
        Connector::new(self.ports[1], client_id)
    }

    /// The administrator, logged in and listening for answers.
    pub(crate) fn admin(&self) -> Admin {
        Admin::connect(self.client("the-admin").login(ADMIN, ADMIN_PASSWORD))
    }

    /// Somebody who sees every ordinary message.
    pub(crate) fn observer(&self) -> Client {
        self.client("observer").login(ADMIN, ADMIN_PASSWORD).connect().subscribed("#")
    }

    /// Runs `mosquitto_ctrl dynsec` as the administrator.
    pub(crate) fn ctrl(&self, arguments: &[&str]) -> Output {
        let login = (ADMIN, ADMIN_PASSWORD);
        ctrl::dynsec(&self.home.place, self.port(), login, self.folder(), arguments)
    }

    /// Sends SIGHUP and waits until the broker has taken it.
    pub(crate) fn reload(&mut self) {
        self.process.signal("HUP");
        self.wait_for_log("Reloading config");
    }

    /// Sends another SIGHUP. Whether the broker has taken it is for the test to see.
    pub(crate) fn reload_again(&mut self) {
        self.process.signal("HUP");
    }

    /// Ends the broker and starts it again on the same files. Only the ports may be others.
    pub(crate) fn restart(&mut self) {
        self.stop();
        if let Err(refusal) = self.run_again() {
            panic!("the broker did not start again: {refusal}");
        }
    }

    /// Kills the broker, as a crash or the kernel would, and starts it again.
    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        if let Err(refusal) = self.start_again() {
            panic!("the broker did not start again: {refusal}");
        }
    }

    /// Kills the broker, as a crash or the kernel would.
    pub(crate) fn kill(&mut self) {
        self.stopped = true;
        self.process.signal("KILL");
        self.process.wait();
    }

    /// Starts a broker again that has ended.
    pub(crate) fn start_again(&mut self) -> Result<(), String> {
        self.run_again()
    }

    /// Ends the broker and starts it again with the other plugin.
    pub(crate) fn restart_with(&mut self, plugin: Plugin) {
        self.stop();
        self.home.library = plugin.library(&self.home.place, self.home.folder.path(), false);
        if let Err(refusal) = self.run_again() {
            panic!("the broker did not start with {plugin:?}: {refusal}");
        }
    }

    fn run_again(&mut self) -> Result<(), String> {
        match self.home.run(self.ports.clone(), &mut self.runs) {
            Ok((process, ports)) => {
                self.process = process;
                self.ports = ports;
                self.stopped = false;
                Ok(())
            }
            Err(status) => Err(format!("{status}\n{}", self.log())),
        }
    }

    /// Ends the broker as a service manager would; it has to end in order.
    pub(crate) fn stop(&mut self) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        let early = self.process.ended();
        assert!(early.is_none(), "the broker ended by itself: {early:?}");
        let mut sent: Option<Instant> = None;
        let status = wait_for("the end of the broker", || {
            // A signal that comes between `running` in its log and its loop is lost to the broker.
            if sent.is_none_or(|sent| sent.elapsed() > Duration::from_secs(1)) {
                self.process.signal("TERM");
                sent = Some(Instant::now());
            }
            self.process.ended()
        });
        assert!(status.success(), "the broker did not end in order: {status}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the broker: {:?}", self.process.ended());
            for run in 1..=self.runs {
                println!("its log, run {run}:\n{}", self.home.log(run));
            }
        } else {
            self.stop();
        }
    }
}

impl Home {
    /// Runs a broker until it accepts connections, on other ports where these are taken by then.
    fn run(&self, mut ports: Vec<u16>, runs: &mut usize) -> Result<(Process, Vec<u16>), ExitStatus> {
        for _ in 0..TRIES {
            *runs += 1;
            let mut text = self.configuration.replace("{plugin}", &self.library.to_string_lossy());
            for (number, port) in ports.iter().enumerate() {
                text = text.replace(&format!("{{port{number}}}"), &port.to_string());
            }
            let mut process = self.place.start(
                self.folder.path(),
                &text,
                &ports,
                &self.environment,
                &self.mounts,
                &self.log_path(*runs),
            );
            match self.until_ready(&mut process, *runs, &ports) {
                None => return Ok((process, ports)),
                Some(_) if self.place.port_was_taken(&self.log(*runs)) => ports = free_ports(ports.len()),
                Some(status) if self.place.never_ran(status) => {
                    fault!("the broker was not run:\n{}", self.log(*runs))
                }
                Some(status) => return Err(status),
            }
        }
        fault!("{TRIES} times in a row somebody else took the port")
    }

    /// Waits until the broker listens; how it ended if it ended before.
    fn until_ready(&self, process: &mut Process, run: usize, ports: &[u16]) -> Option<ExitStatus> {
        // With this in the log it is this broker that has opened the ports.
        let running = format!("mosquitto version {} running", self.place.version());
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = process.ended() {
                return Some(status);
            }
            if self.log(run).contains(&running)
                && ports.iter().all(|&port| TcpStream::connect(("127.0.0.1", port)).is_ok())
            {
                return None;
            }
            if Instant::now() > end {
                fault!("the broker does not listen:\n{}", self.log(run));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn log_path(&self, run: usize) -> PathBuf {
        self.folder.path().join(format!("broker-{run}.log"))
    }

    fn log(&self, run: usize) -> String {
        let bytes = std::fs::read(self.log_path(run)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Ports nobody listens on, as the system hands them out.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("there is a free port")).collect();
    listeners.iter().map(|listener| listener.local_addr().expect("it has an address").port()).collect()
}
