//! The power is cut at any moment of a stream of payloads, with all that works on them: queue, workers, writer, group
//! commit. The policy that is found then holds every payload that was answered with success, and those in work each
//! whole or not at all, in their order.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mosquitto_dynsec::control::{self, Connection, Host};
use mosquitto_dynsec::password::{Iterations, PasswordHash};
use mosquitto_dynsec::plugin::{Actor, Plugin};
use mosquitto_dynsec::policy::{ClientId, Compat, Policy, Username};
use mosquitto_dynsec::store::{Store, write};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::commands::{Command, any_payloads};
use crate::host::{Place, settle};
use crate::volatile::{Files, Volatile};

/// What happens between two payloads.
#[derive(Clone, Copy, Debug)]
enum Pause {
    /// Nothing: they come in one go of the broker's loop.
    None,
    Tick,
    /// Everything is answered.
    Settled,
    /// A save has begun, and does not get on until all payloads have come.
    Saving,
}

/// Has one hash for all passwords.
struct Model;

impl Host for Model {
    fn hash_password(&self, _: &[u8]) -> Option<PasswordHash> {
        static HASH: OnceLock<PasswordHash> = OnceLock::new();
        Some(HASH.get_or_init(|| PasswordHash::create(b"p", Iterations::MIN).unwrap()).clone())
    }

    fn connections(&self, _: &Username, _: Option<&ClientId>) -> Vec<Connection> {
        Vec::new()
    }
}

fn payload(commands: &[Command]) -> Vec<u8> {
    let commands: Vec<&Value> = commands.iter().map(|command| &command.json).collect();
    json!({ "commands": commands }).to_string().into_bytes()
}

/// A policy, but for the hashes of passwords: whether there is one.
fn shape(policy: &Policy) -> Value {
    let mut shape: Value = serde_json::from_slice(&write(&policy.snapshot())).unwrap();
    for client in shape["clients"].as_array_mut().unwrap() {
        let client = client.as_object_mut().unwrap();
        let has_one = ["password", "encoded_password"].map(|name| client.remove(name).is_some());
        client.retain(|name, _| name != "salt" && name != "iterations");
        client.insert("has a password".to_owned(), json!(has_one.contains(&true)));
    }
    shape
}

/// What the policy is before the payloads, and after each.
fn states(payloads: &[Vec<Command>]) -> Vec<Value> {
    let mut policy = Policy::new(Compat::V2_1);
    let mut states = vec![shape(&policy)];
    for commands in payloads {
        let _ = control::handle(&mut policy, &payload(commands), &Actor::default(), &Model);
        states.push(shape(&policy));
    }
    states
}

/// A place of which the disk is cut off, and what is left of it.
struct Machine {
    place: Place,
    home: PathBuf,
    state: PathBuf,
    disk: Volatile,
}

impl Machine {
    fn new(in_place: bool) -> Self {
        let place = Place::new();
        let root = place.directory.path().canonicalize().unwrap();
        let (home, state) = (root.join("home"), root.join("state"));
        std::fs::create_dir(&state).unwrap();
        let file = home.join("policy.json");
        std::fs::write(&file, write(&Policy::new(Compat::V2_1).snapshot())).unwrap();
        let disk = Volatile::with(&[&file], in_place.then_some(home.as_path()));
        Self { place, home, state, disk }
    }

    fn start(&self) -> Plugin {
        self.place.start_on(&self.disk, |options| {
            options.config_file = self.home.join("policy.json");
            options.state_dir = Some(self.state.clone());
            options.password_iterations = Iterations::MIN;
        })
    }

    /// How many payloads were answered before the first that was not saved.
    fn answered(&self) -> usize {
        let is_saved = |answer: &Value| {
            let mut responses = answer["responses"].as_array().unwrap().iter();
            responses.all(|response| {
                !response["error"].as_str().is_some_and(|error| error.starts_with("Not saved"))
            })
        };
        self.place.host.answers().iter().take_while(|answer| is_saved(answer)).count()
    }

    /// What a start finds when these files are there and no others.
    fn found(&self, files: &Files) -> Value {
        for folder in [&self.home, &self.state] {
            for entry in std::fs::read_dir(folder).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        for (path, content) in files {
            std::fs::write(path, content).unwrap();
        }
        let file: &Path = &self.home.join("policy.json");
        let (loaded, _) = Store::open(file, Some(&self.state), Compat::V2_1, false)
            .unwrap_or_else(|error| panic!("the policy is not found: {error}"));
        shape(&loaded.policy)
    }
}

/// What one run has shown.
struct Run {
    is_cut: bool,
    /// The most that were found beyond what was answered.
    beyond: usize,
}

/// The power goes after so many calls, counted from the first payload.
fn cut(in_place: bool, payloads: &[Vec<Command>], pauses: &[Pause], calls: usize) -> Run {
    let machine = Machine::new(in_place);
    let plugin = machine.start();
    machine.disk.cut_after(calls);
    for (commands, pause) in payloads.iter().zip(pauses.iter().cycle()) {
        if matches!(pause, Pause::Saving) {
            machine.disk.hold(true);
        }
        plugin.on_control(&Actor::default(), &payload(commands));
        match pause {
            Pause::None => {}
            Pause::Tick => plugin.on_tick(),
            Pause::Settled => settle(&machine.place, &plugin),
            Pause::Saving => {
                while !machine.disk.is_waited_for() {
                    machine.place.host.sleep();
                    plugin.on_tick();
                }
            }
        }
    }
    machine.disk.hold(false);
    settle(&machine.place, &plugin);
    let (states, answered) = (states(payloads), machine.answered());
    let is_cut = machine.disk.is_cut();
    assert!(is_cut || answered == payloads.len(), "what is not cut is saved: {answered}");
    // Some change nothing, so that a state can be that of several.
    let mut beyond = 0;
    for files in machine.disk.possible() {
        let found = machine.found(&files);
        let after = states.iter().rposition(|state| *state == found);
        assert!(
            after.is_some_and(|after| after >= answered),
            "{answered} were answered, and found is what is so after {after:?}: {found}"
        );
        beyond = beyond.max(states[answered..].iter().position(|state| *state == found).unwrap_or(0));
    }
    Run { is_cut, beyond }
}

/// A few payloads, so that files become longer and shorter.
fn payloads() -> Vec<Vec<Command>> {
    let payloads = [
        vec![
            json!({"command": "createClient", "username": "ann", "password": "p", "textname": "x".repeat(2000)}),
            json!({"command": "createClient", "username": "bob", "password": "p"}),
        ],
        vec![json!({"command": "createRole", "rolename": "r"})],
        vec![json!({"command": "listClients"})],
        vec![json!({"command": "deleteClient", "username": "ann"}), json!({"command": "nonsense"})],
        vec![json!({"command": "createGroup", "groupname": "g", "textname": "x".repeat(700)})],
        vec![json!({"command": "addClientRole", "username": "bob", "rolename": "r"})],
    ];
    let command = |json| Command { json, mutates: true };
    payloads.into_iter().map(|commands| commands.into_iter().map(command).collect()).collect()
}

#[test]
fn at_every_call_of_a_stream_of_payloads() {
    for in_place in [false, true] {
        // In the first the second save holds all but the first payload: so the calls are always as many.
        for pauses in [[Pause::Saving], [Pause::Settled]] {
            let mut beyond = 0;
            let moments = (0..500)
                .map(|calls| cut(in_place, &payloads(), &pauses, calls))
                .inspect(|run| beyond = beyond.max(run.beyond))
                .take_while(|run| run.is_cut)
                .count();
            assert!(moments > 15, "{moments}");
            // The run is one in which there is something to lose.
            assert!(beyond > 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_any_moment_of_any_payloads(
        in_place in any::<bool>(),
        payloads in any_payloads(),
        pauses in vec(prop_oneof![4 => Just(Pause::None), 1 => Just(Pause::Tick), 1 => Just(Pause::Settled)], 1..20),
        calls in 0..200_usize,
    ) {
        cut(in_place, &payloads, &pauses, calls);
    }
}
