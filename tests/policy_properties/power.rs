//! The power is cut at any moment of a run of commands: the policy that is found holds every payload that was
//! answered, and the one in work whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use mosquitto_dynsec::control;
use mosquitto_dynsec::policy::{Compat, Policy};
use mosquitto_dynsec::store::{Store, Writable, write};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::commands::{Command, any_payloads};
use crate::disk::{Files, Volatile};
use crate::sequences::{ADMIN, TestHost};

/// A folder for the policy and one for state.
struct Place {
    // Gone at the end.
    _folder: tempfile::TempDir,
    home: PathBuf,
    state: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (home, state) = (root.join("home"), root.join("state"));
        fs::create_dir(&home).unwrap();
        fs::create_dir(&state).unwrap();
        Self { _folder: folder, home, state }
    }

    fn file(&self) -> PathBuf {
        self.home.join("policy.json")
    }

    /// Leaves these files and no others.
    fn fill(&self, files: &Files) {
        for folder in [&self.home, &self.state] {
            for entry in fs::read_dir(folder).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        for (path, content) in files {
            fs::write(path, content).unwrap();
        }
    }

    /// What a start finds, as it would be written.
    fn found(&self, compat: Compat) -> Vec<u8> {
        let (loaded, _) = Store::open(&self.file(), Some(&self.state), compat, false)
            .unwrap_or_else(|error| panic!("the policy is not found: {error}"));
        write(&loaded.policy.snapshot())
    }
}

fn payload(commands: &[Command]) -> Vec<u8> {
    let commands: Vec<&Value> = commands.iter().map(|command| &command.json).collect();
    json!({ "commands": commands }).to_string().into_bytes()
}

/// What came of a run: what the file is to hold after each payload that was answered, and after the one that was
/// not.
struct Run {
    answered: Vec<u8>,
    in_work: Option<Vec<u8>>,
}

/// Runs payloads until one is not saved, as the plugin does: what is not saved is undone.
fn run(store: &mut Store, policy: &mut Policy, payloads: &[Vec<Command>]) -> Run {
    let mut answered = write(&policy.snapshot());
    for commands in payloads {
        let mark = policy.mark();
        let outcome = control::handle(policy, &payload(commands), &ADMIN, &TestHost);
        if !outcome.changed {
            continue;
        }
        let after = write(&policy.snapshot());
        if store.save(policy).is_err() {
            policy.undo_to(mark);
            return Run { answered, in_work: Some(after) };
        }
        policy.keep();
        answered = after;
    }
    Run { answered, in_work: None }
}

fn check_all_that_may_be_left(place: &Place, disk: &Volatile, compat: Compat, run: &Run) {
    for files in disk.possible() {
        place.fill(&files);
        let found = place.found(compat);
        assert!(
            found == run.answered || Some(&found) == run.in_work.as_ref(),
            "neither what was answered nor what was in work: {}",
            found.escape_ascii()
        );
    }
}

/// The power goes after so many calls, counted from the first payload.
fn cut(compat: Compat, in_place: bool, payloads: &[Vec<Command>], calls: usize) -> bool {
    let place = Place::new();
    fs::write(place.file(), write(&Policy::new(compat).snapshot())).unwrap();
    let unwritable = in_place.then_some(place.home.as_path());
    let disk = Volatile::with(&[Path::new(&place.file())], unwritable);
    let (loaded, mut store) =
        Store::open_on(Box::new(disk.clone()), &place.file(), Some(&place.state), compat, false).unwrap();
    assert_eq!(matches!(store.writable(), Writable::InPlace { .. }), in_place);
    let mut policy = loaded.policy;
    disk.cut_after(calls);
    let run = run(&mut store, &mut policy, payloads);
    check_all_that_may_be_left(&place, &disk, compat, &run);
    disk.is_cut()
}

/// A few payloads, so that files become longer and shorter.
fn payloads() -> Vec<Vec<Command>> {
    let commands = [
        json!({"command": "createClient", "username": "ann", "textname": "x".repeat(2000)}),
        json!({"command": "createRole", "rolename": "r"}),
        json!({"command": "deleteClient", "username": "ann"}),
        json!({"command": "createGroup", "groupname": "g", "textname": "x".repeat(700)}),
    ];
    commands.into_iter().map(|json| vec![Command { json, mutates: true }]).collect()
}

#[test]
fn at_every_call_of_a_run_of_saves() {
    for in_place in [false, true] {
        let payloads = payloads();
        let moments = (0..500).take_while(|&calls| cut(Compat::V2_1, in_place, &payloads, calls)).count();
        assert!(moments > 30, "{moments}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_any_moment_of_any_commands(
        compat in crate::sequences::any_compat(),
        in_place in any::<bool>(),
        payloads in any_payloads(),
        calls in 0..200_usize,
    ) {
        cut(compat, in_place, &payloads, calls);
    }
}
