//! The broker's process: its configuration, its log, signals to it.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plugin_host::{Death, Text};

use super::PATIENCE;
use super::certificates::{self, CertificateDoor, Doors};
use crate::contender::is_audit;
use crate::duel::Arena;
use crate::plugins::PluginUnderTest;

/// `driver` and `stranger`, password `pw1`.
const PASSWORD_FILE: &str = "\
driver:$7$101$r75E135cjffrlvcT$SfTP6G21pCm//kFzYq9bjDnwn8xWCgLjIQ2I2T/Qj+/NIfsoH6DlJ7T16fF8eCSoFKFZ+0z22T5AEEPfaA/MGQ==
stranger:$7$101$0ia4ubYjdqxau16W$svs+ZnX5vSXkXIeJEe4DPEUeU0U+F3e8xw4EvScKJECWcWpay1fUr9g5Tprh4Uk8xAJubZNmkbdGLzBhjF3Ynw==
";

const ACL_FILE: &str = "\
topic read a/#

user driver
topic readwrite #
topic readwrite $CONTROL/#

user stranger
topic readwrite a/b

pattern read a/b/#
pattern write x/%c/y
";

const RELOADING: &[u8] = b"Reloading config";

/// A broker that runs, or has ended.
pub struct Broker {
    directory: PathBuf,
    pub doors: Doors,
    process: Child,
    /// How much of the log was read.
    log_read: usize,
}

impl Broker {
    /// Starts a broker in a directory that has a policy file, and waits until it listens.
    pub fn start(arena: Arena, plugin: &PluginUnderTest, directory: &Path) -> Result<Self, Death> {
        for (name, text) in [("passwords", PASSWORD_FILE), ("acls", ACL_FILE)] {
            fs::write(directory.join(name), text).expect("the test's directory is writable");
        }
        if arena == Arena::BrokersByCertificate {
            certificates::lay_out(directory);
        }
        let (process, doors) = run(arena, plugin, directory)?;
        Ok(Self { directory: directory.to_owned(), doors, process, log_read: 0 })
    }

    /// How the broker ended, if it has.
    pub fn check(&mut self) -> Result<(), Death> {
        match self.process.try_wait().expect("a child can be waited for") {
            None => Ok(()),
            Some(status) => Err(Death::new(status, self.log())),
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("a child can be waited for").is_none()
    }

    /// Ends it in order.
    pub fn stop(&mut self) -> Result<(), Death> {
        let end = Instant::now() + PATIENCE;
        loop {
            // A signal that comes between the log's last line of its start and its loop is lost to the broker.
            self.signal("TERM");
            for _ in 0..100 {
                if let Some(status) = self.process.try_wait().expect("a child can be waited for") {
                    return if status.success() { Ok(()) } else { Err(Death::new(status, self.log())) };
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(Instant::now() < end, "the broker does not end");
        }
    }

    /// Makes it reload, and waits until it has begun to.
    pub fn reload(&mut self) {
        assert!(self.signal("HUP"), "the broker takes no signal");
        let end = Instant::now() + PATIENCE;
        while !self.new_log().windows(RELOADING.len()).any(|bytes| bytes == RELOADING) {
            assert!(Instant::now() < end, "the broker does not reload");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn signal(&self, name: &str) -> bool {
        let line = format!("kill -{name} {}", self.process.id());
        Command::new("/bin/sh").args(["-c", &line]).status().is_ok_and(|status| status.success())
    }

    /// What was logged of commands since the last time.
    pub fn audit(&mut self) -> Vec<Text> {
        let new = self.new_log();
        self.log_read += new.len();
        new.split(|byte| *byte == b'\n').map(Text::from).filter(is_audit).collect()
    }

    fn new_log(&self) -> Vec<u8> {
        let mut log = fs::read(self.directory.join("log")).unwrap_or_default();
        log.drain(..self.log_read.min(log.len()));
        log
    }

    pub fn log(&self) -> String {
        log(&self.directory)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn log(directory: &Path) -> String {
    String::from_utf8_lossy(&fs::read(directory.join("log")).unwrap_or_default()).into_owned()
}

/// Ports on which nobody listens.
fn free_ports() -> [u16; 2] {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    [listen(), listen()].map(|listener| listener.local_addr().expect("it has an address").port())
}

/// Starts a broker and waits until it listens.
fn run(arena: Arena, plugin: &PluginUnderTest, directory: &Path) -> Result<(Child, Doors), Death> {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let [port, port_for_certificates] = free_ports();
        let inside = plugin.place.inside(directory).display().to_string();
        let mut configuration = format!(
            "listener {port} 127.0.0.1\nuser root\nlog_dest stderr\nlog_type information\nlog_type error\n\
             log_timestamp false\nsys_interval 0\nallow_anonymous true\npassword_file {inside}/passwords\n\
             acl_file {inside}/acls\nplugin {}\nplugin_opt_config_file {inside}/dynamic-security.json\n",
            plugin.path.display(),
        );
        for (name, value) in &plugin.options {
            configuration.extend(["plugin_opt_", name, " ", value, "\n"]);
        }
        let mut doors = Doors { port, by_certificate: None };
        if arena == Arena::BrokersByCertificate {
            configuration += &certificates::configuration(port_for_certificates, &inside);
            let folder = directory.to_owned();
            doors.by_certificate = Some(CertificateDoor { port: port_for_certificates, folder });
        }
        let file = directory.join("mosquitto.conf");
        fs::write(&file, configuration).expect("the test's directory is writable");
        let log_file = File::create(directory.join("log")).expect("the test's directory is writable");
        let mut process = plugin
            .place
            .command("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(plugin.place.inside(&file))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .expect("the broker starts: `apt-get install mosquitto`");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.try_wait().expect("a child can be waited for") {
                let log = log(directory);
                if log.contains("Address already in use") {
                    break;
                }
                return Err(Death::new(status, log));
            }
            // With this in the log it is this broker that has the port.
            if log(directory).contains(" running") && TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok((process, doors));
            }
            assert!(Instant::now() < end, "the broker does not listen:\n{}", log(directory));
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    panic!("{TRIES} times in a row somebody else took the port")
}
