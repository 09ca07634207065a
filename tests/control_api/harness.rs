//! Runs scripts of commands against a policy of each compat and writes down what came of them.
//!
//! A script has a line for each step:
//!
//! * `given {…}`: a command that is sent beforehand and must succeed,
//! * `send {…}`: a command in a payload of its own,
//! * `raw …`: a whole payload.

use std::fmt::Write as _;

use mosquitto_dynsec::control::{self, Actor, Connection, Disconnect, Host, Outcome};
use mosquitto_dynsec::password::{Iterations, PasswordHash};
use mosquitto_dynsec::policy::{ClientId, Compat, Policy, Username};

use crate::text;

/// All there are.
pub(crate) const COMPATS: [Compat; 3] = [Compat::V2_0, Compat::V2_0_21, Compat::V2_1];

/// What was said in which versions; in no version where all say the same. 2.0.21 is named only where it
/// differs from 2.0.
pub(crate) fn by_version(said: [String; 3]) -> Vec<(&'static str, String)> {
    let [first, middle, last] = said;
    match (first == middle, middle == last) {
        (true, true) => vec![("", first)],
        (true, false) => vec![("2.0", first), ("2.1", last)],
        (false, true) => vec![("2.0", first), ("2.0.21 and 2.1", last)],
        (false, false) => vec![("2.0", first), ("2.0.21", middle), ("2.1", last)],
    }
}

/// Hashes cheaply, and knows two connections of `ann`, and a session of `absent` from nowhere.
pub(crate) struct TestHost;

impl Host for TestHost {
    fn hash_password(&self, password: &[u8]) -> Option<PasswordHash> {
        PasswordHash::create(password, Iterations::MIN).ok()
    }

    fn connections(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Connection> {
        let from = |address| Connection::from(Some(address));
        match (username.as_bytes(), clientid) {
            (b"ann", None) => [&b"192.0.2.1"[..], b"192.0.2.2"].map(from).to_vec(),
            (b"ann", Some(_)) => vec![from(b"192.0.2.1")],
            (b"absent", _) => vec![Connection { address: None }],
            _ => Vec::new(),
        }
    }

    fn is_login_pending(&self, username: Option<&[u8]>, clientid: Option<&[u8]>) -> bool {
        username == Some(b"slow") && clientid == Some(b"d1")
    }

    fn is_locked_out(&self, username: &[u8], address: Option<&[u8]>) -> bool {
        matches!(username, b"slow" | b"picky") && address == Some(b"192.0.2.7")
    }

    fn iterations(&self) -> Iterations {
        Iterations::MIN
    }
}

/// A policy and who sends it commands.
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) actor: Actor,
}

impl World {
    /// An empty policy, and an admin.
    pub(crate) fn new(compat: Compat) -> Self {
        let actor = Actor {
            clientid: Some(b"console".to_vec()),
            username: Some(b"admin".to_vec()),
            address: Some(b"127.0.0.1".to_vec()),
            ..Actor::default()
        };
        Self { policy: Policy::new(compat), actor }
    }

    /// A policy that these commands have made, all of which must succeed.
    pub(crate) fn with(compat: Compat, commands: &[&str]) -> Self {
        let mut world = Self::new(compat);
        for command in commands {
            world.given(command);
        }
        world
    }

    /// Sends a command that must succeed.
    pub(crate) fn given(&mut self, command: &str) {
        let outcome = self.send(&payload(command));
        let response = text::readable(&outcome.responses.to_json());
        assert!(!response.contains("\"error\""), "{command} is answered with {response}");
    }

    /// Sends a payload.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Outcome {
        let before = self.policy.change_index();
        let outcome = control::handle(&mut self.policy, payload, &self.actor, &TestHost);
        let counted = self.policy.change_index() > before;
        assert_eq!(outcome.changed, counted, "a change is counted, and nothing else is");
        outcome
    }
}

/// The payload of one command.
pub(crate) fn payload(command: &str) -> Vec<u8> {
    format!(r#"{{"commands":[{command}]}}"#).into_bytes()
}

/// What a case starts from: commands that made the policy.
pub(crate) type Setup = &'static [&'static str];

/// Some cases that belong together, and the snapshot that they make.
pub(crate) struct Table {
    setup: Setup,
    text: String,
}

impl Table {
    /// A table whose cases each start from what these commands make.
    pub(crate) fn new(setup: Setup) -> Self {
        let mut text = String::new();
        for command in setup {
            writeln!(text, "setup {command}").unwrap();
        }
        Self { setup, text }
    }

    /// Runs a script.
    pub(crate) fn case(&mut self, title: &str, script: &str) {
        let steps: Vec<Step> =
            script.lines().map(str::trim).filter(|line| !line.is_empty()).map(step).collect();
        self.run(title, &steps);
    }

    /// Runs scripts, each with its title.
    pub(crate) fn cases(&mut self, cases: &[(&str, &str)]) {
        for (title, script) in cases {
            self.case(title, script);
        }
    }

    /// Sends a payload of any bytes.
    pub(crate) fn raw(&mut self, title: &str, payload: impl Into<Vec<u8>>) {
        self.run(title, &[Step::Send(payload.into())]);
    }

    fn run(&mut self, title: &str, steps: &[Step]) {
        writeln!(self.text, "\n## {title}\n").unwrap();
        let mut worlds = COMPATS.map(|compat| World::with(compat, self.setup));
        for step in steps {
            match step {
                Step::Given(command) => {
                    for world in &mut worlds {
                        world.given(command);
                    }
                    writeln!(self.text, "given {command}").unwrap();
                }
                Step::Send(payload) => {
                    let said = worlds.each_mut().map(|world| describe(&world.send(payload)));
                    writeln!(self.text, "> {}", text::readable(payload)).unwrap();
                    for (versions, said) in by_version(said) {
                        let separator = if versions.is_empty() { "" } else { ":\n" };
                        write!(self.text, "{versions}{separator}{said}").unwrap();
                    }
                }
            }
        }
    }

    /// Compares with the snapshot of that name.
    pub(crate) fn check(self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.text));
    }
}

enum Step {
    Given(String),
    Send(Vec<u8>),
}

fn step(line: &str) -> Step {
    match line.split_once(' ') {
        Some(("given", command)) => Step::Given(command.to_owned()),
        Some(("send", command)) => Step::Send(payload(command)),
        Some(("raw", payload)) => Step::Send(payload.as_bytes().to_vec()),
        _ => panic!("no such step: {line}"),
    }
}

/// An outcome, one line for each thing.
pub(crate) fn describe(outcome: &Outcome) -> String {
    let response = outcome.responses.to_json();
    assert!(text::is_json(&response), "{}", text::readable(&response));
    let mut out = format!("< {}\n", text::readable(&response));
    if outcome.changed {
        out.push_str("  to be saved\n");
    }
    if !outcome.disconnects.is_empty() {
        let whom: Vec<String> = outcome.disconnects.iter().map(disconnect).collect();
        writeln!(out, "  disconnect {}", whom.join(", ")).unwrap();
    }
    for line in &outcome.log {
        writeln!(out, "  log {}", text::readable(line)).unwrap();
    }
    out
}

fn disconnect(disconnect: &Disconnect) -> String {
    match disconnect {
        Disconnect::Anonymous => "(anonymous)".to_owned(),
        Disconnect::Username(username) => text::readable(username.as_bytes()),
        Disconnect::Crowd(crowd) => crowd
            .usernames()
            .map(|username| text::readable(username.as_bytes()))
            .collect::<Vec<_>>()
            .join(", "),
    }
}
