//! One plugin in its own process, with its own policy file, doing what a script says: here in the plugin host, in
//! [`crate::on_broker`] in a real broker.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plugin_host::{Access, Answer, Death, Deed, HostProcess, Message, Request, Text};

use crate::generate::FLEET;
use crate::plugins::PluginUnderTest;
use crate::saved;
use crate::script::Step;
use crate::wire::Delivered;

/// What a step did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The plugin's return code; none where it was not asked.
    pub rc: Option<i32>,
    pub published: Vec<Message>,
    /// The ids of the clients that were disconnected.
    pub kicked: BTreeSet<Text>,
    /// The lines in which it logs what administrators did.
    pub audit: Vec<Text>,
    /// The policy file afterwards, as [`saved::read`] compares it; only after a payload.
    pub saved: Option<saved::Saved>,
    /// What a client that did something was answered, one code for each filter; only on a real broker.
    pub codes: Vec<u8>,
    /// What came to whom; only on a real broker.
    pub delivered: BTreeMap<Text, Vec<Delivered>>,
    /// What those who were not connected were answered when they tried to be: CONNACKs, and of the last a SUBACK; only
    /// on a real broker.
    pub connected: BTreeMap<Text, Vec<Option<u8>>>,
}

/// A plugin that does what a script says.
pub trait Contender {
    /// Ends the broker as a broker ends.
    fn stop(&mut self) -> Result<(), Death>;

    /// Starts the broker again, with what its policy file holds. Whatever it was doing is forgotten.
    fn start_again(&mut self) -> Result<Outcome, Death>;

    fn policy_file(&self) -> PathBuf;

    /// Does a step. Restarts concern both contenders, and are not done here.
    fn perform(&mut self, step: &Step) -> Result<Outcome, Death>;

    /// Whether clients that were there have been disconnected, if not now then soon; only on a real broker.
    fn are_disconnected(&mut self, _clientids: &BTreeSet<Text>) -> bool {
        true
    }

    /// Clients leave; only on a real broker.
    fn dismiss(&mut self, _clientids: &BTreeSet<Text>) {}

    /// Does a step that nobody compares.
    fn perform_alone(&mut self, step: &Step) -> Result<(), Death> {
        match step {
            Step::Restart(_) => {
                self.stop()?;
                self.start_again()?;
            }
            step => {
                self.perform(step)?;
            }
        }
        Ok(())
    }
}

/// A plugin under test in the plugin host. Every client of [`FLEET`] is connected before each step.
pub struct OnHost {
    plugin: PluginUnderTest,
    directory: PathBuf,
    process: HostProcess,
    ticks: bool,
}

impl OnHost {
    /// Starts a broker with a policy file.
    pub fn start(
        plugin: &PluginUnderTest,
        directory: &Path,
        policy: &[u8],
    ) -> Result<(Self, Outcome), Death> {
        let directory = lay_out(directory, policy);
        let process = spawn(plugin, &directory).expect("plugin-host starts");
        let mut contender = Self { plugin: plugin.clone(), directory, process, ticks: false };
        let outcome = contender.init()?;
        Ok((contender, outcome))
    }

    fn init(&mut self) -> Result<Outcome, Death> {
        let config_file = self.plugin.place.inside(&self.policy_file()).display().to_string();
        let options = self.plugin.options.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let answer = self.process.ask(&Request::Init {
            options: options.chain([("config_file".to_owned(), config_file)]).collect(),
            fill_freed_memory: true,
        })?;
        self.ticks = answer.deeds.contains(&Deed::Register { event: EVENT_TICK, topic: None });
        for (clientid, username) in FLEET {
            self.attach(clientid, username)?;
        }
        Ok(outcome(answer))
    }

    fn attach(&mut self, clientid: &str, username: Option<&str>) -> Result<(), Death> {
        let (clientid, username) = (Text::from(clientid), username.map(Text::from));
        self.process.ask(&Request::Attach { clientid, username, subscriptions: vec![Text::from("a/b")] })?;
        Ok(())
    }

    /// Lets the plugin finish what a payload began: its response, and then the disconnects, which may come two
    /// ticks later.
    fn settle(&mut self, mut answer: Answer) -> Result<Answer, Death> {
        const PATIENCE: Duration = Duration::from_secs(30);
        const TICKS_AFTER_RESPONSE: usize = 3;
        if !self.ticks {
            return Ok(answer);
        }
        let has_responded =
            |answer: &Answer| answer.deeds.iter().any(|deed| matches!(deed, Deed::Publish(_)));
        // By the clock: on a busy machine ticks go by while another thread waits for its turn.
        let end = Instant::now() + PATIENCE;
        while !has_responded(&answer) && Instant::now() < end {
            let late = self.process.ask(&Request::Tick { count: 1, pause_ms: 1 })?;
            answer.deeds.extend(late.deeds);
        }
        answer.deeds.extend(self.tick(TICKS_AFTER_RESPONSE)?);
        Ok(answer)
    }

    /// The broker's loop goes round so often, and then until nobody is disconnected any more: how many are at a tick
    /// depends on how long that takes.
    fn tick(&mut self, least: usize) -> Result<Vec<Deed>, Death> {
        const MOST: usize = 100;
        let mut deeds = Vec::new();
        for count in 1..=MOST {
            let late = self.process.ask(&ONE_TICK)?.deeds;
            let is_quiet = !late.iter().any(|deed| matches!(deed, Deed::Kick { .. }));
            deeds.extend(late);
            if is_quiet && count >= least {
                return Ok(deeds);
            }
        }
        panic!("somebody is disconnected at each of {MOST} ticks");
    }
}

impl Contender for OnHost {
    fn stop(&mut self) -> Result<(), Death> {
        self.process.ask(&Request::Cleanup).map(|_| ())
    }

    fn start_again(&mut self) -> Result<Outcome, Death> {
        self.process = spawn(&self.plugin, &self.directory).expect("plugin-host starts");
        self.init()
    }

    fn policy_file(&self) -> PathBuf {
        policy_file(&self.directory)
    }

    fn perform(&mut self, step: &Step) -> Result<Outcome, Death> {
        let outcome = match step {
            Step::Control { clientid, payload } => {
                let request = Request::Control {
                    clientid: Text::from(*clientid),
                    topic: None,
                    payload: payload.to_text(),
                };
                let answer = self.process.ask(&request)?;
                let mut outcome = outcome(self.settle(answer)?);
                outcome.saved = Some(saved::read(&self.policy_file()));
                outcome
            }
            Step::Login { clientid, username, password } => {
                let clientid = Text::from(*clientid);
                let answer = self.process.ask(&Request::Connect {
                    clientid: clientid.clone(),
                    username: username.map(Text::from),
                    password: password.map(Text::from),
                })?;
                self.process.ask(&Request::Disconnect { clientid })?;
                outcome(answer)
            }
            Step::Acl(request) => {
                let mut answer = self.process.ask(&Request::Acl(request.clone()))?;
                // Whom a denial disconnects is disconnected at the next tick, and so is a disabled client that 2.0
                // does not show and that was to be sent something.
                if self.ticks && (answer.rc == Some(ACL_DENIED) || request.access == Access::Read) {
                    answer.deeds.extend(self.tick(1)?);
                }
                outcome(answer)
            }
            Step::Tick => outcome(Answer { deeds: self.tick(1)?, ..Answer::default() }),
            Step::Reload => outcome(Answer { rc: None, ..self.process.ask(&Request::Reload)? }),
            Step::Act(_) => unreachable!("only real brokers have clients that act"),
            Step::Restart(_) => unreachable!("a restart is for both contenders"),
        };
        for (clientid, username) in FLEET {
            if outcome.kicked.contains(&Text::from(clientid)) {
                self.attach(clientid, username)?;
            }
        }
        Ok(outcome)
    }
}

/// `MOSQ_ERR_ACL_DENIED`.
pub const ACL_DENIED: i32 = 12;
const EVENT_TICK: i32 = 9;
const LOG_INFO: i32 = 1;
const ONE_TICK: Request = Request::Tick { count: 1, pause_ms: 0 };

pub fn policy_file(directory: &Path) -> PathBuf {
    directory.join("dynamic-security.json")
}

/// Makes a directory with a policy file.
pub fn lay_out(directory: &Path, policy: &[u8]) -> PathBuf {
    fs::create_dir_all(directory).expect("the test's directory is writable");
    fs::write(policy_file(directory), policy).expect("the test's directory is writable");
    directory.to_owned()
}

fn spawn(plugin: &PluginUnderTest, directory: &Path) -> io::Result<HostProcess> {
    HostProcess::start(&plugin.host, &plugin.path, &directory.join("stderr"))
}

fn outcome(answer: Answer) -> Outcome {
    assert_eq!(answer.error, None, "the host did what it was asked");
    let mut outcome = Outcome { rc: answer.rc, ..Outcome::default() };
    for deed in answer.deeds {
        match deed {
            Deed::Publish(message) => outcome.published.push(message),
            Deed::Kick { clientids, .. } => outcome.kicked.extend(clientids),
            Deed::Log { level: LOG_INFO, line } if is_audit(&line) => outcome.audit.push(line),
            Deed::Log { .. }
            | Deed::Register { .. }
            | Deed::Unregister { .. }
            | Deed::CompleteLogin { .. }
            | Deed::Rechecked { .. } => {}
        }
    }
    outcome
}

/// `dynsec: CLIENTID/USERNAME | COMMAND …`
pub fn is_audit(line: &Text) -> bool {
    let line = line.to_string();
    line.starts_with("dynsec: ") && line.contains(" | ")
}
