//! A broker that only remembers, and a directory for its policy.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use mosquitto_dynsec::broker::{Broker, BrokerFamily, LogLevel, PublishError};
use mosquitto_dynsec::options::PluginOptions;
use mosquitto_dynsec::plugin::{Actor, Plugin, SessionId, StartError};
use mosquitto_dynsec::policy::{Effect, LoginRequest, Subject};
use mosquitto_dynsec::store::Disk;
use serde_json::Value;
use tempfile::TempDir;

/// What the broker was asked.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) log: Mutex<Vec<(LogLevel, String)>>,
    pub(crate) published: Mutex<Vec<String>>,
    pub(crate) kicked: Mutex<usize>,
    /// What was sent to one client alone, and to which.
    pub(crate) told: Mutex<Vec<(String, String)>>,
    pub(crate) kicked_names: Mutex<Vec<String>>,
    /// The client ids whose logins were answered later, and let in.
    pub(crate) let_in: Mutex<Vec<String>>,
    /// The client ids of all whose logins were answered later.
    pub(crate) completed: Mutex<Vec<String>>,
    /// Logging a line with this in it panics, once.
    pub(crate) panics_at: Mutex<Option<&'static str>>,
    /// The last number of a 2.0 broker's version.
    pub(crate) patch: Mutex<Option<u8>>,
    /// How often it was woken since that was last waited for.
    woken: Mutex<usize>,
    waking: Condvar,
    /// What time it is, if that is for the test to say, by how much it moves each time that it is asked for, and how
    /// often it was.
    clock: Mutex<(Option<Instant>, Duration, usize)>,
}

impl Host {
    /// Waits for a wake of the broker's loop, as a loop without events does, and not longer either.
    pub(crate) fn sleep(&self) {
        let woken = self.woken.lock().unwrap();
        let waited = self.waking.wait_timeout_while(woken, Duration::from_millis(100), |woken| *woken == 0);
        *waited.unwrap().0 = 0;
    }

    /// Waits for a wake, however long that takes, that comes after `then`.
    pub(crate) fn until_woken_by(&self, then: impl FnOnce()) {
        *self.woken.lock().unwrap() = 0;
        then();
        let woken = self.woken.lock().unwrap();
        drop(self.waking.wait_while(woken, |woken| *woken == 0).unwrap());
    }

    /// It is that time from now on, and moves by a step each time that it is asked for.
    pub(crate) fn set_clock(&self, now: Instant, step: Duration) {
        let mut clock = self.clock.lock().unwrap();
        (clock.0, clock.1) = (Some(now), step);
    }

    /// What has a time to be done in has an hour more.
    pub(crate) fn has_time(&self) {
        self.set_clock(Instant::now() + Duration::from_secs(3600), Duration::ZERO);
    }

    /// What has that time to be done in has none left.
    pub(crate) fn has_waited(&self, time: Duration) {
        self.set_clock(Instant::now().checked_sub(time).unwrap(), Duration::ZERO);
    }

    /// How often somebody wanted to know what time it is.
    pub(crate) fn asked_for_time(&self) -> usize {
        self.clock.lock().unwrap().2
    }

    /// The answers so far, in their order.
    pub(crate) fn answers(&self) -> Vec<Value> {
        let published = self.published.lock().unwrap();
        published.iter().map(|answer| serde_json::from_str(answer).unwrap()).collect()
    }
}

impl Broker for Host {
    fn log(&self, level: LogLevel, message: &[u8]) {
        let text = String::from_utf8_lossy(message);
        let panics = self.panics_at.lock().unwrap().take_if(|part| text.contains(*part)).is_some();
        assert!(!panics, "a test has asked for it");
        self.log.lock().unwrap().push((level, String::from_utf8_lossy(message).into_owned()));
    }

    fn publish(&self, _: &'static str, payload: &[u8]) -> Result<(), PublishError> {
        self.published.lock().unwrap().push(String::from_utf8_lossy(payload).into_owned());
        Ok(())
    }

    fn publish_to(&self, clientid: &[u8], _: &'static str, payload: &[u8]) -> Result<(), PublishError> {
        let [clientid, payload] = [clientid, payload].map(|text| String::from_utf8_lossy(text).into_owned());
        self.told.lock().unwrap().push((clientid, payload));
        Ok(())
    }

    fn kick_username(&self, username: &[u8]) {
        *self.kicked.lock().unwrap() += 1;
        self.kicked_names.lock().unwrap().push(String::from_utf8_lossy(username).into_owned());
    }

    fn kick_clientid(&self, clientid: &[u8]) {
        *self.kicked.lock().unwrap() += 1;
        self.kicked_names.lock().unwrap().push(String::from_utf8_lossy(clientid).into_owned());
    }

    fn complete_login(&self, clientid: &[u8], let_in: bool) {
        let clientid = String::from_utf8_lossy(clientid).into_owned();
        self.completed.lock().unwrap().push(clientid.clone());
        if let_in {
            self.let_in.lock().unwrap().push(clientid);
        }
    }

    fn now(&self) -> Instant {
        let mut clock = self.clock.lock().unwrap();
        let (now, step, asked) = &mut *clock;
        *asked += 1;
        match now {
            None => Instant::now(),
            Some(now) => {
                *now += *step;
                *now
            }
        }
    }

    fn patch_of_2_0(&self) -> Option<u8> {
        *self.patch.lock().unwrap()
    }

    fn wake(&self) {
        *self.woken.lock().unwrap() += 1;
        self.waking.notify_all();
    }
}

/// A directory in which a policy is or will be.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) host: Arc<Host>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("home")).unwrap();
        Self { directory, host: Arc::default() }
    }

    pub(crate) fn with(policy: &Value) -> Self {
        let place = Self::new();
        std::fs::write(place.policy_path(), policy.to_string()).unwrap();
        place
    }

    pub(crate) fn policy_path(&self) -> PathBuf {
        self.directory.path().join("home/policy.json")
    }

    /// The policy file as it is.
    pub(crate) fn policy(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.policy_path()).unwrap()).unwrap()
    }

    pub(crate) fn options(&self) -> PluginOptions {
        let mut options = PluginOptions::new(self.policy_path());
        options.state_dir = Some(self.directory.path().to_owned());
        options
    }

    pub(crate) fn start(
        &self,
        family: BrokerFamily,
        change: impl FnOnce(&mut PluginOptions),
    ) -> Result<Plugin, StartError> {
        let mut options = self.options();
        change(&mut options);
        Plugin::start(&options, Arc::<Host>::clone(&self.host), family)
    }

    /// A plugin on that disk, in a broker that ticks.
    pub(crate) fn start_on<D: Disk + Clone + 'static>(
        &self,
        disk: &D,
        change: impl FnOnce(&mut PluginOptions),
    ) -> Plugin {
        let mut options = self.options();
        change(&mut options);
        let host = Arc::<Host>::clone(&self.host);
        let disk = || -> Box<dyn Disk> { Box::new(disk.clone()) };
        let plugin = Plugin::start_on(&options, host, BrokerFamily::V2_1, &disk).unwrap();
        plugin.on_tick();
        plugin
    }

    /// The lines of the log that have this in them.
    pub(crate) fn logged(&self, part: &str) -> Vec<(LogLevel, String)> {
        let log = self.host.log.lock().unwrap();
        log.iter().filter(|(_, line)| line.contains(part)).cloned().collect()
    }

    /// The names of the files beside the policy, and its own.
    pub(crate) fn names(&self) -> Vec<String> {
        let home = self.policy_path();
        let entries = std::fs::read_dir(home.parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A login of that client under a client id.
pub(crate) fn login_as(plugin: &Plugin, clientid: &str, username: &str, password: &str) -> Effect {
    let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
    let request = LoginRequest { subject, address: None, password: Some(password.as_bytes()) };
    plugin.on_basic_auth(SessionId(username.len()), &request)
}

pub(crate) fn login(plugin: &Plugin, username: &str, password: &str) -> Effect {
    login_as(plugin, "any", username, password)
}

/// The answer to a command.
pub(crate) fn command(place: &Place, plugin: &Plugin, command: &Value) -> Value {
    let payload = serde_json::json!({ "commands": [command] }).to_string();
    plugin.on_control(&Actor::default(), payload.as_bytes());
    if !plugin.is_idle() {
        settle(place, plugin);
    }
    let answer = place.host.published.lock().unwrap().pop().unwrap();
    serde_json::from_str::<Value>(&answer).unwrap()["responses"][0].take()
}

/// The broker's loop comes round until everything is answered, with a tick at least.
pub(crate) fn settle(place: &Place, plugin: &Plugin) {
    plugin.on_tick();
    while !plugin.is_idle() {
        place.host.sleep();
        plugin.on_tick();
    }
}
