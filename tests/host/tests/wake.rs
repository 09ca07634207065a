//! The signal that wakes the broker's loop has the plugin's handler as long as a `plugin` line of it is there. In
//! a process of its own, since a signal has one handler for all of a process.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use plugin_host::{HostProcess, HostProgram, Request};

const POLICY: &str = include_str!("../../data/2.0.11-init.json");

struct Broker {
    folder: tempfile::TempDir,
    process: HostProcess,
}

impl Broker {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("policy.json"), POLICY).expect("a policy");
        let path = env!("CARGO_BIN_EXE_plugin-host").into();
        let host = HostProgram { path, root: None, wrapper: Vec::new(), patience: None };
        let process = HostProcess::start(&host, &plugin(), &folder.path().join("stderr")).expect("it starts");
        Self { folder, process }
    }

    #[track_caller]
    fn ask(&mut self, request: &Request) {
        let answer = self.process.ask(request).unwrap_or_else(|death| panic!("{death}"));
        assert_eq!((answer.rc, answer.error), (Some(0), None));
    }

    /// A `plugin` line.
    #[track_caller]
    fn line(&mut self) {
        let file = self.folder.path().join("policy.json").display().to_string();
        let options = [("config_file", file.as_str()), ("compat", "2.0")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.ask(&Request::Init { options: BTreeMap::from(options), fill_freed_memory: false });
    }

    /// Whether SIGURG has a handler (proc(5), `SigCgt`).
    fn handles_it(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line of it");
        let caught = u64::from_str_radix(caught.trim(), 16).expect("a number");
        caught & (1 << (libc::SIGURG - 1)) != 0
    }
}

/// `DYNSEC_OURS`, or the build of this workspace.
fn plugin() -> PathBuf {
    if let Some(path) = env::var_os("DYNSEC_OURS") {
        return path.into();
    }
    let executable = env::current_exe().expect("a running test has a path");
    executable.ancestors().nth(2).expect("a test lies in deps").join("libmosquitto_dynsec.so")
}

#[test]
fn the_handler_goes_with_the_last_line() {
    let mut broker = Broker::start();
    assert!(!broker.handles_it());
    for _ in 0..2 {
        broker.line();
        assert!(broker.handles_it());
        // It has no effect, and ends at once.
        broker.line();
        assert!(broker.handles_it());
        broker.ask(&Request::Cleanup);
        assert!(!broker.handles_it());
    }
}
