//! A Docker engine's containers, volumes and projects, by its tools; what a test made is removed when it is dropped.

use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::PASSWORD;

/// Runs a program; its standard output, where it succeeds.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments);
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

pub(crate) fn output(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("{program} does not run: {error}"))
}

#[track_caller]
pub(crate) fn docker(arguments: &[&str]) -> String {
    run("docker", arguments)
}

/// As in tests/broker: what a killed test run leaves is found by it.
fn label() -> String {
    let run = std::env::var("DYNSEC_RUN").unwrap_or_default();
    format!("--label=mosquitto-dynsec-test={run}")
}

pub(crate) fn image(suite: &str) -> String {
    format!("mosquitto-dynsec:{suite}")
}

#[track_caller]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "gave up waiting for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A named volume, removed when dropped.
pub(crate) struct Volume(String);

impl Volume {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dynsec-test-{}-{number}", std::process::id());
        docker(&["volume", "create", &label(), &name]);
        Self(name)
    }

    pub(crate) fn mount(&self) -> String {
        format!("{}:/var/lib/mosquitto", self.0)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        output("docker", &["volume", "rm", &self.0]);
    }
}

/// A container, removed when dropped.
pub(crate) struct Container {
    pub(crate) id: String,
    port: u16,
}

impl Container {
    /// Starts one with its broker's port published, and waits for nothing.
    #[track_caller]
    pub(crate) fn create(suite: &str, options: &[&str], command: &[&str]) -> Self {
        // One that the system chose. `docker start` publishes it again, which one that the engine chose is not.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let publish = format!("127.0.0.1:{port}:1883");
        let (image, label) = (image(suite), label());
        let start = ["run", "--detach", label.as_str(), "--publish", publish.as_str()];
        let id = docker(&[&start[..], options, &[image.as_str()], command].concat());
        Self { id, port }
    }

    /// Starts one and waits until the broker runs.
    #[track_caller]
    pub(crate) fn start(suite: &str, options: &[&str]) -> Self {
        let container = Self::create(suite, options, &[]);
        container.ready();
        container
    }

    #[track_caller]
    pub(crate) fn ready(&self) {
        let runs = self.log().matches(" terminating").count();
        wait_for("the broker", || {
            let log = self.log();
            assert_eq!(self.inspect("{{.State.Running}}"), "true", "{log}");
            log.matches(" running\n").count() > runs && TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub(crate) fn log(&self) -> String {
        let output = output("docker", &["logs", &self.id]);
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    #[track_caller]
    pub(crate) fn inspect(&self, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.id])
    }

    pub(crate) fn exec(&self, command: &[&str]) -> Output {
        output("docker", &[&["exec", &self.id], command].concat())
    }

    /// Waits for its end; how it exited and what it said.
    #[track_caller]
    pub(crate) fn ended(&self) -> (String, String) {
        let code = docker(&["wait", &self.id]);
        (code, self.log())
    }

    /// The stock tool, from outside, as the administrator.
    fn ctrl(&self, password: &str, arguments: &[&str]) -> Output {
        let port = self.port.to_string();
        let login = ["-h", "127.0.0.1", "-p", &port, "-u", "admin", "-P", password, "dynsec"];
        output("mosquitto_ctrl", &[&login[..], arguments].concat())
    }

    #[track_caller]
    pub(crate) fn clients(&self, password: &str) -> String {
        let output = self.ctrl(password, &["listClients"]);
        assert!(output.status.success(), "{output:?}\n{}", self.log());
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn create_client(&self, username: &str) {
        let output = self.ctrl(PASSWORD, &["createClient", username, "-p", "pw"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("Error"), "{output:?}");
    }

    pub(crate) fn lets_in(&self, username: &str, password: &str) -> bool {
        let port = self.port.to_string();
        let login = ["-h", "127.0.0.1", "-p", &port, "-u", username, "-P", password];
        let publish = ["-V", "5", "-t", "t", "-n"];
        output("mosquitto_pub", &[&login[..], &publish].concat()).status.success()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        output("docker", &["rm", "--force", "--volumes", &self.id]);
    }
}

pub(crate) struct Compose<'a> {
    tool: &'a [&'a str],
    pub(crate) port: u16,
    project: String,
}

impl<'a> Compose<'a> {
    pub(crate) fn new(tool: &'a [&'a str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let project = format!("dynsec-test-{}-{}", std::process::id(), tool.len());
        Self { tool, port, project }
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/compose.yaml");
        Command::new(self.tool[0])
            .args(&self.tool[1..])
            .args(["--file", file, "--project-name", &self.project])
            .args(arguments)
            .env("MQTT_PORT", self.port.to_string())
            .env_remove("SUITE")
            .env_remove("MOSQUITTO_DYNSEC_PASSWORD")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        self.output(&["down", "--volumes"]);
    }
}
