//! A plugin in a host, and the thread that saves its policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use plugin_host::{Deed, HostProcess, HostProgram, Request, Text};
use serde_json::Value;

use crate::place::Place;
use crate::programs::{host, inside, is_theirs, plugin, root};

/// Which thread saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saver {
    /// The broker's, in the callback: so it is where the broker does not tick, and in the C plugin.
    Callback,
    /// The plugin's own.
    Writer,
}

/// A plugin in a host.
pub(crate) struct Plugged {
    process: HostProcess,
}

impl Plugged {
    pub(crate) fn start(place: &Place, saver: Saver) -> Self {
        let root = root();
        let path = if root.is_none() {
            host().into()
        } else {
            // By another process, which no child of this one shares an open file with.
            let copy = place.folder().join("host");
            if !copy.exists() {
                assert!(Command::new("cp").arg(host()).arg(&copy).status().unwrap().success());
            }
            inside(&copy)
        };
        let host = HostProgram { path, root, wrapper: Vec::new(), patience: Some(120) };
        let stderr = place.folder().join("stderr");
        let process = HostProcess::start(&host, &plugin(), &stderr).expect("it starts");
        let mut plugged = Self { process };
        plugged.init(place);
        if saver == Saver::Writer {
            // Now it knows that answers may come later.
            plugged.ask(&Request::Tick { count: 1, pause_ms: 0 });
        }
        plugged
    }

    fn ask(&mut self, request: &Request) -> Vec<Deed> {
        self.process.ask(request).unwrap_or_else(|death| panic!("{death}")).deeds
    }

    fn init(&mut self, place: &Place) {
        let path = |name: &str| inside(&place.folder().join(name)).display().to_string();
        let mut options = BTreeMap::from([("config_file".to_owned(), path("home/policy.json"))]);
        if !is_theirs() {
            options.insert("state_dir".to_owned(), path("state"));
            // So that the host is not searched for its version, which takes a while.
            options.insert("compat".to_owned(), "2.0".to_owned());
        }
        self.ask(&Request::Init { options, fill_freed_memory: false });
        let (clientid, username) = (Text::from("console"), Some(Text::from("admin")));
        self.ask(&Request::Attach { clientid, username, subscriptions: Vec::new() });
    }

    /// Sends a command: the `error` and the `data` of its response.
    fn command(&mut self, command: &str) -> (Option<String>, Value) {
        let payload = format!(r#"{{"commands":[{command}]}}"#);
        let clientid = Text::from("console");
        let mut deeds =
            self.ask(&Request::Control { clientid, topic: None, payload: Text::from(payload.as_str()) });
        for _ in 0..500 {
            let answer = deeds.iter().find_map(|deed| match deed {
                Deed::Publish(message) => Some(message.payload.clone()),
                _ => None,
            });
            if let Some(answer) = answer {
                let mut answer: Value = serde_json::from_slice(answer.as_bytes()).unwrap();
                let response = answer["responses"][0].take();
                return (response["error"].as_str().map(str::to_owned), response["data"].clone());
            }
            deeds = self.ask(&Request::Tick { count: 1, pause_ms: 2 });
        }
        panic!("{command} is never answered");
    }

    /// Makes a client; the error.
    pub(crate) fn make(&mut self, username: &str) -> Option<String> {
        self.command(&format!(r#"{{"command":"createClient","username":"{username}"}}"#)).0
    }

    /// Who is there, as the plugin says.
    pub(crate) fn usernames(&mut self) -> BTreeSet<String> {
        let (_, data) = self.command(r#"{"command":"listClients"}"#);
        data["clients"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// The thread that saves. The plugin's own is there after the first save.
    pub(crate) fn thread(&self, saver: Saver) -> u32 {
        let main = self.process.id();
        if saver == Saver::Callback {
            return main;
        }
        // Nothing is to be hashed here, so there is one. A thread that it starts has its name at first.
        for _ in 0..1000 {
            if let [writer] = workers_of(main)[..] {
                return writer;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("there is not one writer: {:?}", workers_of(main));
    }

    pub(crate) fn end(mut self) {
        // It ends without an answer, so that is no death.
        let _ended = self.process.ask(&Request::Quit);
    }
}

fn workers_of(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().map(|entry| entry.unwrap());
    let workers =
        threads.filter(|thread| fs::read(thread.path().join("comm")).unwrap() == b"dynsec-worker\n");
    workers.map(|thread| thread.file_name().to_str().unwrap().parse().unwrap()).collect()
}
