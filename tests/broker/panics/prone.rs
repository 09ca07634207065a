//! A broker whose plugin panics where it is told to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::broker::Broker;
use crate::harness::case::Trial;
use crate::harness::place::Place;
use crate::harness::plugin::Plugin;
use crate::harness::wait_for;

pub(crate) fn trial() -> Trial {
    Trial { plugin: Plugin::Ours, place: Place::from_env() }
}

/// A broker with the client `john`, who may send to and read from `t`, and a way to ask its plugin for a panic.
pub(crate) struct Prone {
    broker: Broker,
    wishes: Wishes,
}

/// The file in which the plugin looks for the name of a place where it is to panic, and what it puts beside it.
pub(super) struct Wishes {
    folder: TempDir,
}

impl Wishes {
    pub(super) fn new(trial: &Trial) -> Self {
        Self { folder: trial.place.folder() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("wish")
    }

    pub(super) fn panic_in(&self, place: &str) {
        // At once: the plugin may look at any moment.
        let new = self.folder.path().join("new");
        std::fs::write(&new, place).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// The callbacks that the broker has taken: their events, and topics where there are any.
    fn callbacks(&self) -> BTreeSet<String> {
        let lines = std::fs::read_to_string(self.file().with_extension("callbacks")).unwrap();
        lines.lines().map(str::to_owned).collect()
    }

    /// What the broker calls the file.
    pub(super) fn variable(&self, trial: &Trial) -> String {
        trial.place.inside(&self.file()).to_str().unwrap().to_owned()
    }
}

impl Prone {
    pub(super) fn start() -> Self {
        Self::start_with("plugin_opt_state_dir {dir}")
    }

    pub(crate) fn start_with(line: &str) -> Self {
        let trial = trial();
        let wishes = Wishes::new(&trial);
        let setup = trial.broker().line(line);
        let broker = setup.env("DYNSEC_PANIC_FILE", &wishes.variable(&trial)).start();
        let rights = json!([
            ["publishClientSend", "t", true],
            ["publishClientReceive", "t", true],
            ["subscribeLiteral", "t", true],
        ]);
        let mut admin = broker.admin();
        admin.create_client_with("john", &rights);
        admin.disconnect();
        Self { broker, wishes }
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    pub(super) fn broker_mut(&mut self) -> &mut Broker {
        &mut self.broker
    }

    /// The callbacks that the broker has of the plugin.
    pub(super) fn callbacks(&self) -> BTreeSet<String> {
        self.wishes.callbacks()
    }

    /// The next time that the plugin comes to that place, it panics; the time after that with a `+` behind it.
    pub(crate) fn panic_in(&self, place: &str) {
        self.wishes.panic_in(place);
    }

    /// It panics no more.
    pub(super) fn no_more(&self) {
        std::fs::remove_file(self.wishes.file()).unwrap();
    }

    /// It has panicked there, the log says that this ended `request`, and the broker is there.
    pub(crate) fn ended(&self, request: &str, place: &str) {
        wait_for("the panic", || (!self.wishes.file().exists()).then_some(()));
        let line = self.broker.wait_for_log(&format!("asked for a panic in `{place}`; please report it"));
        assert!(line.contains(&format!("a bug in the plugin ended {request}: ")), "{line}");
        self.still_works();
    }

    /// Everything works, and what is answered is in the file.
    pub(super) fn still_works(&self) {
        let mut admin = self.broker.admin();
        let john = self.broker.client("john").login("john", "pw");
        let mut john = john.connect().subscribed("t");
        assert_eq!(john.publish("t", "still there"), 0);
        john.receives("t", "still there");
        admin.create_client("later");
        assert!(self.usernames().contains(&"later".to_owned()));
        admin.fine(&json!({"command": "deleteClient", "username": "later"}));
        assert_eq!(self.usernames(), ["admin", "john"]);
        // In order: what a client asks for while it vanishes would come to the next panic.
        john.disconnect();
        admin.disconnect();
    }

    /// Another hand writes a client into the file, and changes john: what the file is then.
    pub(super) fn edit(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut policy = self.broker.policy();
        let clients = policy["clients"].as_array_mut().unwrap();
        let john = clients.iter_mut().find(|client| client["username"] == "john");
        change(john.unwrap());
        clients.push(json!({"username": "edited", "roles": []}));
        std::fs::write(self.broker.policy_path(), policy.to_string()).unwrap();
        self.broker.policy_bytes()
    }

    pub(super) fn usernames(&self) -> Vec<String> {
        let policy = self.broker.policy();
        let clients = policy["clients"].as_array().unwrap().iter();
        clients.map(|client| client["username"].as_str().unwrap().to_owned()).collect()
    }
}
