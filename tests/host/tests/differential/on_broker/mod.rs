//! One plugin in a real broker, with real clients who do what a script says.
//!
//! Who may not log in by the policy is not connected, and tries again after whatever may have changed that. Where
//! the plugin leaves it open, a `password_file` and an `acl_file` decide. The administrator is [`DRIVER`], whom no
//! policy knows, so that it always is there. With [`Arena::BrokersByCertificate`] the others who have usernames come by
//! certificates, and the broker lets each of them in.

mod certificates;
mod clients;
mod process;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plugin_host::{Death, Text};

use crate::contender::{Contender, Outcome, lay_out, policy_file};
use crate::duel::Arena;
use crate::plugins::PluginUnderTest;
use crate::saved;
use crate::script::Step;

use clients::Clients;
use process::Broker;

const CONTROL: &[u8] = b"$CONTROL/dynamic-security/v1";
const RESPONSE: &[u8] = b"$CONTROL/dynamic-security/v1/response";

/// The client that sends what the script's administrator sends, and sees everything.
const DRIVER: &str = "driver";

const PATIENCE: Duration = Duration::from_secs(20);
/// A payload that has no answer by then has none.
const ANSWER_PATIENCE: Duration = Duration::from_millis(1500);
/// The broker's loop goes round for each; disconnects come two ticks after the answer.
const PINGS: usize = 10;

/// A plugin under test, in its broker.
pub struct OnBroker {
    arena: Arena,
    plugin: PluginUnderTest,
    directory: PathBuf,
    broker: Broker,
    clients: Clients,
}

impl OnBroker {
    /// Starts a broker with a policy file.
    pub fn start(
        arena: Arena,
        plugin: &PluginUnderTest,
        directory: &Path,
        policy: &[u8],
    ) -> Result<(Self, Outcome), Death> {
        let directory = lay_out(directory, policy);
        let broker = Broker::start(arena, plugin, &directory)?;
        let clients = Clients::of(broker.doors.clone());
        let mut on_broker = Self { arena, plugin: plugin.clone(), directory, broker, clients };
        let mut outcome = Outcome::default();
        on_broker.everybody_connects(&mut outcome)?;
        Ok((on_broker, outcome))
    }

    fn everybody_connects(&mut self, outcome: &mut Outcome) -> Result<(), Death> {
        let driver_is_there = self.clients.everybody_connects(outcome);
        self.broker.check()?;
        assert!(driver_is_there, "the driver cannot log in:\n{}", self.broker.log());
        Ok(())
    }
}

impl Contender for OnBroker {
    fn policy_file(&self) -> PathBuf {
        policy_file(&self.directory)
    }

    fn stop(&mut self) -> Result<(), Death> {
        self.broker.check()?;
        self.clients.restarted(self.broker.doors.clone());
        self.broker.stop()
    }

    fn start_again(&mut self) -> Result<Outcome, Death> {
        if self.broker.is_running() {
            self.stop()?;
        }
        self.broker = Broker::start(self.arena, &self.plugin, &self.directory)?;
        self.clients.restarted(self.broker.doors.clone());
        let mut outcome = Outcome::default();
        self.everybody_connects(&mut outcome)?;
        self.broker.audit();
        Ok(outcome)
    }

    fn perform(&mut self, step: &Step) -> Result<Outcome, Death> {
        let mut outcome = Outcome::default();
        self.broker.audit();
        match step {
            Step::Control { clientid, payload } => self.clients.control(clientid, payload, &mut outcome),
            Step::Login { clientid, username, password } => {
                outcome.rc = Some(self.clients.login(clientid, *username, *password));
            }
            Step::Acl(request) => self.clients.ask(request, &mut outcome),
            Step::Act(act) => self.clients.act(act, &mut outcome),
            Step::Tick => {}
            Step::Reload => self.broker.reload(),
            Step::Restart(_) => unreachable!("a restart is for both contenders"),
        }
        let is_quiet =
            matches!(step, Step::Acl(request) if !request.topic.as_bytes().starts_with(b"$CONTROL"));
        self.clients.settle(&mut outcome, if is_quiet { 3 } else { PINGS });
        self.broker.check()?;
        if let Step::Control { .. } = step {
            outcome.saved = Some(saved::read(&self.policy_file()));
        }
        outcome.audit = self.broker.audit();
        self.everybody_connects(&mut outcome)?;
        Ok(outcome)
    }

    fn are_disconnected(&mut self, clientids: &BTreeSet<Text>) -> bool {
        clientids.iter().all(|clientid| self.clients.is_disconnected(clientid))
    }

    fn dismiss(&mut self, clientids: &BTreeSet<Text>) {
        for clientid in clientids {
            self.clients.dismiss(clientid);
        }
    }
}
