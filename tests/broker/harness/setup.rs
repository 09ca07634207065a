//! What a case asks for before its broker starts: configuration, policy, files beside them, and whose they are.

use std::path::Path;
use std::sync::OnceLock;

use super::broker::{Broker, Home, Refusal};
use super::case::Trial;
use super::ctrl;
use super::fault;
use super::place::{Place, are_root, set_mode, user};
use super::plugin::Plugin;

/// The administrator that `dynsec init` makes for every case.
pub(crate) const ADMIN: &str = "admin";
/// Their password.
pub(crate) const ADMIN_PASSWORD: &str = "admin-password-1";

const CONFIGURATION: &str = "\
allow_anonymous {anonymous}
listener {port0} 127.0.0.1
plugin {plugin}
plugin_opt_config_file {policy}
";

/// The policy a broker starts with.
#[derive(Debug, Clone)]
enum Policy {
    /// What `mosquitto_ctrl dynsec init` writes.
    Init,
    /// These bytes.
    Bytes(Vec<u8>),
    /// No file.
    Absent,
}

/// A broker that is being set up.
#[derive(Debug)]
pub(crate) struct Setup<'trial> {
    place: &'trial Place,
    plugin: Plugin,
    configuration: String,
    anonymous: bool,
    policy: Policy,
    by_mosquitto: bool,
    roots_policy_mode: Option<u32>,
    ports: usize,
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    mounts: String,
}

impl<'trial> Setup<'trial> {
    pub(crate) fn new(trial: &'trial Trial) -> Self {
        Self {
            place: &trial.place,
            plugin: trial.plugin,
            configuration: CONFIGURATION.to_owned(),
            anonymous: false,
            policy: Policy::Init,
            by_mosquitto: false,
            roots_policy_mode: None,
            links: Vec::new(),
            environment: Vec::new(),
            mounts: String::new(),
            ports: 1,
            files: Vec::new(),
        }
    }

    /// Lets clients in that give no username.
    pub(crate) fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Adds a line to the configuration, with the same placeholders as in [`Setup::configuration`].
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.configuration.push_str(line);
        self.configuration.push('\n');
        self
    }

    /// Replaces the configuration. `{port0}` and `{port1}` stand for ports, `{dir}` for the broker's folder,
    /// `{policy}` for the policy in it, `{plugin}` for the library, `{anonymous}` for what `anonymous` said.
    pub(crate) fn configuration(mut self, text: &str) -> Self {
        text.clone_into(&mut self.configuration);
        self.ports = 1 + usize::from(text.contains("{port1}"));
        self
    }

    /// Starts with this policy file.
    pub(crate) fn policy(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.policy = Policy::Bytes(bytes.into());
        self
    }

    /// Starts without a policy file.
    pub(crate) fn no_policy(mut self) -> Self {
        self.policy = Policy::Absent;
        self
    }

    /// Puts a file into the broker's folder.
    pub(crate) fn file(mut self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        self.files.push((name.to_owned(), contents.as_ref().to_owned()));
        self
    }

    /// Gives the broker an environment variable. `{dir}` in it stands for the broker's folder.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Has the shell run this in the broker's folder, before each start, where `Place::can_mount`. What it mounts
    /// only the broker sees.
    pub(crate) fn mounted(mut self, script: &str) -> Self {
        script.clone_into(&mut self.mounts);
        self
    }

    /// Puts a symbolic link into the broker's folder.
    pub(crate) fn link(mut self, name: &str, target: &str) -> Self {
        self.links.push((name.to_owned(), target.to_owned()));
        self
    }

    /// Runs the broker as the system user `mosquitto`, in a folder that is root's; the policy is that user's.
    pub(crate) fn run_by_mosquitto(mut self) -> Self {
        if !are_root() {
            fault!("a broker that gives up its privileges has to be started by root: run as root");
        }
        self.by_mosquitto = true;
        self
    }

    /// As [`Setup::run_by_mosquitto`], and the policy is root's too: readable, not writable.
    pub(crate) fn run_by_mosquitto_who_cannot_save(mut self) -> Self {
        self = self.run_by_mosquitto();
        self.roots_policy_mode = Some(0o644);
        self
    }

    /// As [`Setup::run_by_mosquitto`], and the policy is root's own.
    pub(crate) fn run_by_mosquitto_who_cannot_read(mut self) -> Self {
        self = self.run_by_mosquitto();
        self.roots_policy_mode = Some(0o600);
        self
    }

    /// Starts the broker, which has to come up.
    pub(crate) fn start(self) -> Broker {
        match self.try_start() {
            Ok(broker) => broker,
            Err(refusal) => panic!("the broker did not start: {refusal}"),
        }
    }

    /// Starts the broker, which has to refuse.
    pub(crate) fn refused(self) -> Refusal {
        match self.try_start() {
            Ok(_) => panic!("the broker started"),
            Err(refusal) => refusal,
        }
    }

    /// Starts the broker, or tells how it refused.
    pub(crate) fn try_start(self) -> Result<Broker, Refusal> {
        let folder = self.place.folder();
        let dir = folder.path();
        self.write_policy(&dir.join("dynamic-security.json"));
        for (name, text) in &self.files {
            std::fs::write(dir.join(name), text).expect("a file beside the policy can be written");
        }
        for (name, target) in &self.links {
            std::os::unix::fs::symlink(target, dir.join(name)).expect("a link can be made");
        }
        let library = self.plugin.library(self.place, dir, self.by_mosquitto);
        let configuration = self.fill_in(dir);
        let inside = self.place.inside(dir);
        let environment = self.environment.into_iter();
        let environment = environment
            .map(|(name, value)| (name, value.replace("{dir}", &inside.to_string_lossy())))
            .collect();
        let place = self.place.clone();
        let home = Home { place, folder, configuration, library, environment, mounts: self.mounts };
        Broker::start(home, self.ports)
    }

    fn write_policy(&self, path: &Path) {
        match &self.policy {
            Policy::Init => write_init(self.place, path),
            Policy::Bytes(bytes) => std::fs::write(path, bytes).expect("the policy can be written"),
            Policy::Absent => return,
        }
        if self.by_mosquitto {
            if let Some(mode) = self.roots_policy_mode {
                set_mode(path, mode);
            } else {
                self.give_to_mosquitto(path);
                set_mode(path, 0o600);
            }
        }
    }

    fn give_to_mosquitto(&self, path: &Path) {
        let (uid, gid) = user(self.place, "mosquitto");
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .unwrap_or_else(|error| fault!("chown of {}: {error}", path.display()));
    }

    fn fill_in(&self, dir: &Path) -> String {
        let mut text = String::from("log_dest stderr\nlog_type all\n");
        if are_root() {
            let user = if self.by_mosquitto { "mosquitto" } else { "root" };
            text.push_str("user ");
            text.push_str(user);
            text.push('\n');
        }
        text.push_str(&self.configuration);
        let state = dir.join("state");
        if self.by_mosquitto && self.plugin == Plugin::Ours {
            // Else a recovery copy would go where the system's own broker keeps its state.
            std::fs::create_dir(&state).expect("the state folder can be made");
            self.give_to_mosquitto(&state);
            text.push_str("plugin_opt_state_dir {dir}/state\n");
        }
        let inside = self.place.inside(dir);
        text.replace("{dir}", &inside.to_string_lossy())
            .replace("{policy}", &inside.join("dynamic-security.json").to_string_lossy())
            .replace("{anonymous}", if self.anonymous { "true" } else { "false" })
    }
}

/// Writes what `mosquitto_ctrl dynsec init` makes. It is run once: in a container it takes longer than most cases.
fn write_init(place: &Place, path: &Path) {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = MADE.get_or_init(|| {
        let folder = place.folder();
        let file = folder.path().join("dynamic-security.json");
        ctrl::init(place, &file, ADMIN, ADMIN_PASSWORD);
        std::fs::read(&file).expect("what it made can be read")
    });
    std::fs::write(path, bytes).expect("the policy can be written");
    set_mode(path, 0o600);
}
