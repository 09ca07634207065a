//! Brokers in containers of one image (`DYNSEC_IMAGE`), each in one of its own.
//!
//! The broker is the container's only process. A case's folder is mounted under the path it has here, the ports
//! are published on 127.0.0.1, and the user inside is the one who runs the tests, so that the folder is theirs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fault;

/// Our plugin in the images that docker/Dockerfile makes.
const OURS: &str = "/usr/local/lib/libmosquitto_dynsec.so";

/// What containers of the tests are labelled with, and by `DYNSEC_RUN` those of one run, so that scripts/matrix.sh
/// finds what a killed run left.
const LABEL: &str = "mosquitto-dynsec-test";

/// An image with a broker in it.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    name: String,
}

/// What there is to know of an image; the same for a whole test run.
#[derive(Debug)]
struct Facts {
    version: String,
    theirs: PathBuf,
    passwd: String,
}

impl Image {
    /// How `docker run` exits where it is the engine that fails.
    pub(crate) const NEVER_RAN: i32 = 125;

    pub(crate) fn new(name: String) -> Self {
        Self { name }
    }

    /// The version of its broker.
    pub(crate) fn version(&self) -> &'static str {
        &self.facts().version
    }

    /// Its `/etc/passwd`.
    pub(crate) fn passwd(&self) -> &'static str {
        &self.facts().passwd
    }

    /// The C plugin, by its path inside.
    pub(crate) fn theirs(&self) -> &'static Path {
        &self.facts().theirs
    }

    /// Our plugin, by its path inside.
    pub(crate) fn ours() -> &'static Path {
        Path::new(OURS)
    }

    fn facts(&self) -> &'static Facts {
        static FACTS: OnceLock<Facts> = OnceLock::new();
        FACTS.get_or_init(|| {
            let script = "mosquitto -h | sed -n 's/^mosquitto version //p'\n\
                          find /usr/lib -name mosquitto_dynamic_security.so -type f | head -n 1\n\
                          cat /etc/passwd";
            let mut command = Self::run();
            command.args(["--network", "none", "--entrypoint", "sh", &self.name, "-c", script]);
            let output = command.output().unwrap_or_else(|error| fault!("docker does not run: {error}"));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut lines = text.splitn(3, '\n').map(str::to_owned);
            match (lines.next(), lines.next(), lines.next()) {
                (Some(version), Some(theirs), Some(passwd)) if theirs.starts_with('/') => {
                    Facts { version, theirs: PathBuf::from(theirs), passwd }
                }
                _ => fault!("there is no broker with its plugin in the image {}: {output:?}", self.name),
            }
        })
    }

    fn run() -> Command {
        let run = std::env::var("DYNSEC_RUN").unwrap_or_default();
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--no-healthcheck", "--label", &format!("{LABEL}={run}")]);
        command
    }

    fn run_in(folder: &Path) -> Command {
        use std::os::unix::fs::MetadataExt;
        let us = std::fs::metadata("/proc/self").unwrap_or_else(|error| fault!("no /proc: {error}"));
        let mut command = Self::run();
        command.args(["--user", &format!("{}:{}", us.uid(), us.gid())]);
        command.arg("--volume").arg(format!("{0}:{0}", folder.display()));
        command
    }

    /// A command that runs a client in a container, which reaches brokers as we do: on 127.0.0.1.
    pub(crate) fn tool(&self, program: &str, folder: &Path) -> Command {
        let mut command = Self::run_in(folder);
        command.arg("--env").arg(format!("HOME={}", folder.display()));
        command.args(["--network", "host", "--entrypoint", program, &self.name]);
        command
    }

    /// A command that runs a broker, its arguments still to come, and the container it will be in.
    pub(crate) fn broker(
        &self,
        folder: &Path,
        ports: &[u16],
        environment: &[(String, String)],
    ) -> (Command, Container) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{LABEL}-{}-{number}", std::process::id());
        let mut command = Self::run_in(folder);
        command.args(["--name", &name]);
        for port in ports {
            command.arg("--publish").arg(format!("127.0.0.1:{port}:{port}"));
        }
        for (name, value) in environment {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        command.args(["--entrypoint", "mosquitto", &self.name]);
        (command, Container { name })
    }

    /// A configuration in which listeners can be published: what listens on a container's own 127.0.0.1 cannot.
    pub(crate) fn adapt(configuration: &str) -> String {
        let mut text = String::with_capacity(configuration.len());
        for line in configuration.lines() {
            match line.strip_suffix(" 127.0.0.1") {
                Some(listener) if line.starts_with("listener ") => {
                    text.push_str(listener);
                    text.push_str(" 0.0.0.0");
                }
                _ => text.push_str(line),
            }
            text.push('\n');
        }
        text
    }

    /// Whether the engine, not the broker, says that somebody has the port.
    pub(crate) fn port_was_taken(log: &str) -> bool {
        log.contains("port is already allocated") || log.contains("address already in use")
    }
}

/// The container a broker runs in.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
}

impl Container {
    /// Sends a signal by name to the broker; whether it was there.
    pub(crate) fn signal(&self, signal: &str) -> bool {
        let output = Command::new("docker").args(["kill", "--signal", signal, &self.name]).output();
        output.is_ok_and(|output| output.status.success())
    }
}
