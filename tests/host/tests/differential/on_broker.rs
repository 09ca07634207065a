//! One plugin in a real broker, with real clients who do what a script says.
//!
//! Who may not log in by the policy is not connected, and tries again after whatever may have changed that. Where
//! the plugin leaves it open, a `password_file` and an `acl_file` decide. The administrator is [`DRIVER`], whom no
//! policy knows, so that it always is there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plugin_host::{Access, AclRequest, Death, Message, Text};

use crate::contender::{Contender, Outcome, is_audit, policy_file};
use crate::generate::{FLEET, PASSWORDS};
use crate::plugins::PluginUnderTest;
use crate::saved;
use crate::script::{Payload, Step};
use crate::wire::{Connect, Protocol, Wire};

const CONTROL: &[u8] = b"$CONTROL/dynamic-security/v1";
const RESPONSE: &[u8] = b"$CONTROL/dynamic-security/v1/response";

/// The client that sends what the script's administrator sends, and sees everything.
const DRIVER: &str = "driver";

/// `driver` and `stranger`, password `pw1`.
const PASSWORD_FILE: &str = "\
driver:$7$101$r75E135cjffrlvcT$SfTP6G21pCm//kFzYq9bjDnwn8xWCgLjIQ2I2T/Qj+/NIfsoH6DlJ7T16fF8eCSoFKFZ+0z22T5AEEPfaA/MGQ==
stranger:$7$101$0ia4ubYjdqxau16W$svs+ZnX5vSXkXIeJEe4DPEUeU0U+F3e8xw4EvScKJECWcWpay1fUr9g5Tprh4Uk8xAJubZNmkbdGLzBhjF3Ynw==
";

const ACL_FILE: &str = "\
topic read a/#

user driver
topic readwrite #
topic readwrite $CONTROL/#

user stranger
topic readwrite a/b

pattern read a/b/#
pattern write x/%c/y
";

const RELOADING: &[u8] = b"Reloading config";

const PATIENCE: Duration = Duration::from_secs(20);
/// A payload that has no answer by then has none.
const ANSWER_PATIENCE: Duration = Duration::from_millis(1500);
/// The broker's loop goes round for each; disconnects come two ticks after the answer.
const PINGS: usize = 10;

/// A plugin under test, in its broker.
pub struct OnBroker {
    plugin: PluginUnderTest,
    directory: PathBuf,
    port: u16,
    process: Child,
    /// How much of the log was read.
    log_read: usize,
    driver: Option<Wire>,
    /// By client id.
    clients: BTreeMap<&'static str, Wire>,
    messages: usize,
}

impl OnBroker {
    /// Starts a broker with a policy file.
    pub fn start(
        plugin: &PluginUnderTest,
        directory: &Path,
        policy: &[u8],
    ) -> Result<(Self, Outcome), Death> {
        let directory = directory.to_owned();
        fs::create_dir_all(&directory).expect("the test's directory is writable");
        fs::write(policy_file(&directory), policy).expect("the test's directory is writable");
        for (name, text) in [("passwords", PASSWORD_FILE), ("acls", ACL_FILE)] {
            fs::write(directory.join(name), text).expect("the test's directory is writable");
        }
        let (process, port) = run(plugin, &directory)?;
        let mut broker = Self {
            plugin: plugin.clone(),
            directory,
            port,
            process,
            log_read: 0,
            driver: None,
            clients: BTreeMap::new(),
            messages: 0,
        };
        let mut outcome = Outcome::default();
        broker.everybody_connects(&mut outcome)?;
        Ok((broker, outcome))
    }

    /// How the broker ended, if it has.
    fn check(&mut self) -> Result<(), Death> {
        match self.process.try_wait().expect("a child can be waited for") {
            None => Ok(()),
            Some(status) => Err(Death::new(status, log(&self.directory))),
        }
    }

    /// Those who are not connected try to be.
    fn everybody_connects(&mut self, outcome: &mut Outcome) -> Result<(), Death> {
        if self.driver.is_none() {
            let driver = Connect {
                protocol: Protocol::V5,
                clientid: DRIVER,
                username: Some(DRIVER),
                password: Some(PASSWORDS[0]),
                durable: false,
            };
            let driver = Wire::connect(self.port, &driver);
            let Ok(mut driver) = driver else {
                return self.check().map(|()| panic!("the driver cannot log in:\n{}", log(&self.directory)));
            };
            for filter in [RESPONSE, b"#"] {
                assert_eq!(driver.subscribe(filter, 0), Ok(0), "the driver may subscribe");
            }
            self.driver = Some(driver);
        }
        // The first of the fleet is the administrator, whose part the driver has.
        for (number, (clientid, username)) in FLEET.into_iter().enumerate().skip(1) {
            if self.clients.contains_key(clientid) {
                continue;
            }
            let mut codes = Vec::new();
            let passwords = if username.is_some() { &PASSWORDS[..2] } else { &PASSWORDS[..1] };
            for password in passwords {
                let password = username.map(|_| *password);
                let (protocol, durable) = habits(number);
                match Wire::connect(self.port, &Connect { protocol, clientid, username, password, durable }) {
                    Ok(mut client) => {
                        codes.extend([Some(0), Some(u8::from(client.has_session))]);
                        codes.push(client.subscribe(b"#", u8::from(durable)).ok());
                        self.clients.insert(clientid, client);
                        break;
                    }
                    Err(code) => codes.push(code),
                }
            }
            outcome.connected.insert(Text::from(clientid), codes);
        }
        self.check()
    }

    /// Lets the broker's loop go round, and finds who is gone.
    fn settle(&mut self, outcome: &mut Outcome, pings: usize) {
        for _ in 0..pings {
            if let Some(driver) = &mut self.driver
                && driver.ping().is_err()
            {
                self.driver = None;
                outcome.kicked.insert(Text::from(DRIVER));
            }
        }
        self.clients.retain(|clientid, client| {
            let is_there = client.ping().is_ok();
            let came = std::mem::take(&mut client.inbox);
            if is_there && !came.is_empty() {
                outcome.delivered.insert(Text::from(clientid), came);
            }
            if !is_there {
                outcome.kicked.insert(Text::from(clientid));
            }
            is_there
        });
        let came = self.driver.as_mut().map(|driver| std::mem::take(&mut driver.inbox)).unwrap_or_default();
        let (answers, others): (Vec<_>, Vec<_>) =
            came.into_iter().partition(|(topic, _)| topic.as_bytes() == RESPONSE);
        outcome.published.extend(answers.into_iter().map(|(topic, payload)| Message {
            clientid: None,
            topic,
            payload,
            qos: 0,
            retain: false,
            has_properties: false,
        }));
        if !others.is_empty() {
            outcome.delivered.insert(Text::from(DRIVER), others);
        }
    }

    /// Waits for the answer to a payload.
    fn wait_for_answer(&mut self) {
        let end = Instant::now() + ANSWER_PATIENCE;
        while let Some(driver) = &mut self.driver {
            let has_come = driver.inbox.iter().any(|(topic, _)| topic.as_bytes() == RESPONSE);
            if has_come || Instant::now() > end || driver.ping().is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn control(&mut self, clientid: &str, payload: &Payload, outcome: &mut Outcome) {
        let payload = payload.to_text();
        let sender = match self.clients.get_mut(clientid) {
            Some(client) => Some(client),
            None if clientid == FLEET[0].0 => self.driver.as_mut(),
            None => None,
        };
        let Some(sender) = sender else { return };
        // Who is disconnected by its own command may not get the PUBACK.
        let code = sender.publish(CONTROL, payload.as_bytes(), false).unwrap_or(0);
        outcome.rc = Some(i32::from(code));
        if code < 0x80 {
            self.wait_for_answer();
        }
    }

    fn act(&mut self, request: &AclRequest, outcome: &mut Outcome) {
        let topic = request.topic.as_bytes();
        self.messages += 1;
        let payload = format!("message {}", self.messages);
        let clientid = request.clientid.to_string();
        let client = match request.access {
            Access::Read => self.driver.as_mut(),
            _ => self.clients.get_mut(clientid.as_str()),
        };
        let Some(client) = client else { return };
        let code = match request.access {
            Access::Read | Access::Write => {
                let retain = self.messages.is_multiple_of(4) && !topic.starts_with(b"$");
                client.publish(topic, payload.as_bytes(), retain)
            }
            Access::Subscribe => client.subscribe(topic, 0),
            Access::Unsubscribe => client.unsubscribe(topic),
        };
        outcome.rc = code.ok().map(i32::from);
        if topic == CONTROL && code.is_ok_and(|code| code < 0x80) {
            self.wait_for_answer();
        }
    }

    fn login(&self, clientid: &str, username: Option<&str>, password: Option<&str>) -> i32 {
        let answer = |protocol| match Wire::connect(
            self.port,
            &Connect { protocol, clientid, username, password, durable: false },
        ) {
            Ok(client) => {
                client.disconnect();
                0
            }
            Err(code) => code.map_or(-1, i32::from),
        };
        // MQTT 3.1.1 knows no password without a username, and brokers differ in what they make of it.
        let old = if username.is_none() && password.is_some() { 0 } else { answer(Protocol::V311) };
        answer(Protocol::V5) + 1000 * old
    }

    fn reload(&mut self) {
        let line = format!("kill -HUP {}", self.process.id());
        let status = Command::new("/bin/sh").args(["-c", &line]).status();
        assert!(status.is_ok_and(|status| status.success()), "`{line}` failed");
        let end = Instant::now() + PATIENCE;
        while !self.new_log().windows(RELOADING.len()).any(|bytes| bytes == RELOADING) {
            assert!(Instant::now() < end, "the broker does not reload");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What was logged of commands since the last time.
    fn audit(&mut self) -> Vec<Text> {
        let new = self.new_log();
        self.log_read += new.len();
        new.split(|byte| *byte == b'\n').map(Text::from).filter(is_audit).collect()
    }

    fn new_log(&self) -> Vec<u8> {
        let mut log = fs::read(self.directory.join("log")).unwrap_or_default();
        log.drain(..self.log_read.min(log.len()));
        log
    }
}

impl Contender for OnBroker {
    fn policy_file(&self) -> PathBuf {
        policy_file(&self.directory)
    }

    fn stop(&mut self) -> Result<(), Death> {
        self.check()?;
        self.driver = None;
        self.clients.clear();
        let line = format!("kill -TERM {}", self.process.id());
        let end = Instant::now() + PATIENCE;
        loop {
            // A signal that comes between the log's last line of its start and its loop is lost to the broker.
            drop(Command::new("/bin/sh").args(["-c", &line]).status());
            for _ in 0..100 {
                if let Some(status) = self.process.try_wait().expect("a child can be waited for") {
                    return if status.success() {
                        Ok(())
                    } else {
                        Err(Death::new(status, log(&self.directory)))
                    };
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(Instant::now() < end, "the broker does not end");
        }
    }

    fn start_again(&mut self) -> Result<Outcome, Death> {
        if self.process.try_wait().expect("a child can be waited for").is_none() {
            self.stop()?;
        }
        self.driver = None;
        self.clients.clear();
        (self.process, self.port) = run(&self.plugin, &self.directory)?;
        self.log_read = 0;
        let mut outcome = Outcome::default();
        self.everybody_connects(&mut outcome)?;
        self.audit();
        Ok(outcome)
    }

    fn perform(&mut self, step: &Step) -> Result<Outcome, Death> {
        let mut outcome = Outcome::default();
        self.audit();
        match step {
            Step::Control { clientid, payload } => self.control(clientid, payload, &mut outcome),
            Step::Login { clientid, username, password } => {
                outcome.rc = Some(self.login(clientid, *username, *password));
            }
            Step::Acl(request) => self.act(request, &mut outcome),
            Step::Tick => {}
            Step::Reload => self.reload(),
            Step::Restart(_) => unreachable!("a restart is for both contenders"),
        }
        let is_quiet =
            matches!(step, Step::Acl(request) if !request.topic.as_bytes().starts_with(b"$CONTROL"));
        self.settle(&mut outcome, if is_quiet { 3 } else { PINGS });
        self.check()?;
        if let Step::Control { .. } = step {
            outcome.saved = Some(saved::read(&self.policy_file()));
        }
        outcome.audit = self.audit();
        self.everybody_connects(&mut outcome)?;
        Ok(outcome)
    }
}

impl Drop for OnBroker {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The protocol of a client of the fleet, and whether its session outlives its connections.
fn habits(number: usize) -> (Protocol, bool) {
    let protocol = if number.is_multiple_of(3) { Protocol::V311 } else { Protocol::V5 };
    (protocol, matches!(number, 3 | 4 | 8))
}

fn log(directory: &Path) -> String {
    String::from_utf8_lossy(&fs::read(directory.join("log")).unwrap_or_default()).into_owned()
}

/// Starts a broker and waits until it listens.
fn run(plugin: &PluginUnderTest, directory: &Path) -> Result<(Child, u16), Death> {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let port = listener.local_addr().expect("it has an address").port();
        drop(listener);
        let inside = plugin.place.inside(directory).display().to_string();
        let mut configuration = format!(
            "listener {port} 127.0.0.1\nuser root\nlog_dest stderr\nlog_type information\nlog_type error\n\
             log_timestamp false\nsys_interval 0\nallow_anonymous true\npassword_file {inside}/passwords\n\
             acl_file {inside}/acls\nplugin {}\nplugin_opt_config_file {inside}/dynamic-security.json\n",
            plugin.path.display(),
        );
        for (name, value) in &plugin.options {
            configuration.extend(["plugin_opt_", name, " ", value, "\n"]);
        }
        let file = directory.join("mosquitto.conf");
        fs::write(&file, configuration).expect("the test's directory is writable");
        let log_file = File::create(directory.join("log")).expect("the test's directory is writable");
        let mut process = plugin
            .place
            .command("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(plugin.place.inside(&file))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .expect("the broker starts: `apt-get install mosquitto`");
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.try_wait().expect("a child can be waited for") {
                let log = log(directory);
                if log.contains("Address already in use") {
                    break;
                }
                return Err(Death::new(status, log));
            }
            // With this in the log it is this broker that has the port.
            if log(directory).contains(" running") && TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok((process, port));
            }
            assert!(Instant::now() < end, "the broker does not listen:\n{}", log(directory));
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    panic!("{TRIES} times in a row somebody else took the port")
}
