//! A script, done by two plugins.

use std::fs;
use std::io;
use std::path::Path;

use plugin_host::{Access, AclRequest, Death, Text};

use crate::contender::{Contender, OnHost, Outcome};
use crate::difference::{Aspect, Difference, differences, responses};
use crate::hazards::{Danger, Hazards, dies_at_its_end, half_applied};
use crate::known_differences::{KnownDifference, Seen};
use crate::known_for_certificates::{Acquaintances, is_shown_out};
use crate::on_broker::OnBroker;
use crate::plugins::PluginUnderTest;
use crate::saved::{self, Saved};
use crate::script::{Files, Payload, Script, Step};
use crate::side::Side;
use crate::tally::Tally;

/// Two plugins, and what is known about them.
#[derive(Clone, Copy)]
pub struct Duel<'a> {
    pub ours: &'a PluginUnderTest,
    pub theirs: &'a PluginUnderTest,
    pub known: &'a [KnownDifference],
    pub arena: Arena,
}

/// Where they meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arena {
    /// In the plugin host, which asks them what a broker would.
    Host,
    /// In two real brokers, with real clients.
    Brokers,
    /// The same, where clients come by certificates and no plugin is asked about their logins.
    BrokersByCertificate,
}

/// A contender, and what came of its start.
type Started = Result<(Box<dyn Contender>, Outcome), Death>;

impl Arena {
    pub fn has_brokers(self) -> bool {
        self != Self::Host
    }

    fn start(self, plugin: &PluginUnderTest, directory: &Path, policy: &[u8]) -> Started {
        match self {
            Self::Host => {
                let (contender, outcome) = OnHost::start(plugin, directory, policy)?;
                Ok((Box::new(contender), outcome))
            }
            Self::Brokers | Self::BrokersByCertificate => {
                let (contender, outcome) = OnBroker::start(self, plugin, directory, policy)?;
                Ok((Box::new(contender), outcome))
            }
        }
    }
}

/// What came of it.
#[derive(Default)]
pub struct Verdict {
    /// What nothing known explains.
    pub news: Vec<Difference>,
    pub tally: Tally,
}

/// A duel under way.
struct Round<'a> {
    duel: Duel<'a>,
    ours: Box<dyn Contender>,
    theirs: Box<dyn Contender>,
    hazards: Hazards,
    /// The policy that both have.
    policy: Saved,
    acquaintances: Acquaintances,
    verdict: Verdict,
}

/// There is something new, and what follows from it is not, or nothing that follows can be compared.
struct Over;

impl Duel<'_> {
    fn is_with_itself(&self) -> bool {
        self.ours.path == self.theirs.path
    }

    /// Runs a script, with files in `directory`.
    pub fn fight(self, script: &Script, directory: &Path) -> Verdict {
        match Round::begin(self, script, directory) {
            Ok(mut round) => {
                round.run(script);
                round.verdict
            }
            Err(verdict) => verdict,
        }
    }
}

impl<'a> Round<'a> {
    /// Starts both. There is a verdict already if they start differently, or one dies of the policy file.
    fn begin(duel: Duel<'a>, script: &Script, directory: &Path) -> Result<Self, Verdict> {
        let policy = format!("{:#}", script.policy);
        let start = |side: Side, plugin| {
            let directory = directory.join(side.name());
            duel.arena.start(plugin, &directory, policy.as_bytes()).map_err(|death| side.death(0, &death))
        };
        let mut verdict = Verdict::default();
        match (start(Side::Ours, duel.ours), start(Side::Theirs, duel.theirs)) {
            (Ok((ours, ours_started)), Ok((theirs, theirs_started))) => {
                let policy = saved::read(&ours.policy_file());
                let acquaintances = Acquaintances::of(&policy);
                let hazards = Hazards::default();
                let mut round = Self { duel, ours, theirs, hazards, policy, acquaintances, verdict };
                let compared = round.compare(0, &Step::Restart(Files::Own), &ours_started, &theirs_started);
                match compared.and_then(|_| round.show_out(0)) {
                    Ok(()) => Ok(round),
                    Err(Over) => Err(round.verdict),
                }
            }
            (ours, Err(_)) if script.wild && (ours.is_ok() || duel.is_with_itself()) => {
                verdict.tally.count("policy files that the C plugin does not survive");
                Err(verdict)
            }
            (ours, theirs) => {
                verdict.news.extend([ours.err(), theirs.err()].into_iter().flatten());
                Err(verdict)
            }
        }
    }

    fn run(&mut self, script: &Script) {
        for (number, step) in script.steps.iter().enumerate() {
            let result = match step {
                Step::Restart(files) => self.restart(number, step, *files),
                Step::Control { payload, .. } => {
                    let danger = self.hazards.judge(payload, &self.policy);
                    if script.wild && danger != Danger::default() {
                        return self.run_apart(number, &script.steps[number..]);
                    }
                    self.control(number, step, payload, danger)
                }
                Step::Login { .. } | Step::Acl(_) | Step::Act(_) | Step::Tick | Step::Reload => {
                    self.other(number, step)
                }
            };
            if result.is_err() {
                return;
            }
        }
    }

    fn control(&mut self, number: usize, step: &Step, payload: &Payload, danger: Danger) -> Result<(), Over> {
        if danger.fatal {
            self.verdict.tally.count("payloads left out that the C plugin does not survive");
            return Ok(());
        }
        if danger.mended_by_restart_before {
            self.resynchronise(number, "before what the C plugin survives only after a restart")?;
        }
        self.hazards.remember(payload);
        let Done { theirs, diverged } = self.perform(number, step)?;
        if danger.mended_by_restart_after {
            self.resynchronise(number, "after what the C plugin survives only with a restart")
        } else if !half_applied(payload, &responses(&theirs)).is_empty() {
            self.resynchronise(number, "after a command that the C plugin half applied")
        } else if diverged {
            self.resynchronise(number, "after a known difference")
        } else {
            Ok(())
        }
    }

    fn other(&mut self, number: usize, step: &Step) -> Result<(), Over> {
        let Done { diverged, .. } = self.perform(number, step)?;
        if diverged && self.duel.arena.has_brokers() {
            return self.resynchronise(number, "after a known difference");
        }
        Ok(())
    }

    /// Both do a step.
    fn perform(&mut self, number: usize, step: &Step) -> Result<Done, Over> {
        let (ours, theirs) = (self.ours.perform(step), self.theirs.perform(step));
        let (ours, theirs) = self.alive(number, ours, theirs)?;
        self.verdict.tally.count_step(step, &theirs);
        self.acquaintances.meet(step, &ours);
        let diverged = self.compare(number, step, &ours, &theirs)?;
        if let Some(saved) = ours.saved {
            self.policy = saved;
        }
        self.show_out(number)?;
        Ok(Done { theirs, diverged })
    }

    /// Finds what is new. Returns whether there is something known that makes the policies differ.
    fn compare(
        &mut self,
        number: usize,
        step: &Step,
        ours: &Outcome,
        theirs: &Outcome,
    ) -> Result<bool, Over> {
        let (mut diverged, mut is_over) = (false, false);
        let shut_out = &self.acquaintances.shut_out(ours.saved.as_ref().unwrap_or(&self.policy));
        let doer = step.doer();
        let doer = doer.as_ref();
        for difference in differences(number, ours, theirs) {
            let aspect = difference.aspect;
            let (policy, hazards) = (&self.policy, &self.hazards);
            // What came of a decision shows it.
            let decision = as_decision(step, &difference, ours, theirs);
            let (aspect, step) = match &decision {
                Some(decision) => (Aspect::ReturnCode, decision),
                None => (aspect, step),
            };
            let client = difference.client.as_ref();
            let part = difference.part;
            let arena = self.duel.arena;
            let seen =
                Seen { arena, aspect, client, part, doer, step, ours, theirs, policy, hazards, shut_out };
            if let Some(known) = self.duel.known.iter().find(|known| known.covers(&seen)) {
                self.verdict.tally.count(format!("known difference: {}", known.name));
                is_over |= arena.has_brokers() && known.is_lasting;
                // Real clients have sessions that go their own ways then.
                let is_of_policies = aspect != Aspect::Audit && !is_shown_out(&seen);
                diverged |= arena.has_brokers() && is_of_policies
                    || matches!(aspect, Aspect::Published | Aspect::Saved);
            } else {
                self.verdict.news.push(difference);
            }
        }
        if self.verdict.news.is_empty() && !is_over { Ok(diverged) } else { Err(Over) }
    }

    fn restart(&mut self, number: usize, step: &Step, files: Files) -> Result<(), Over> {
        self.verdict.tally.count(step.kind());
        self.end(number)?;
        if files == Files::Swapped {
            swap(&self.ours.policy_file(), &self.theirs.policy_file()).expect("the policy files are there");
        }
        self.start_again(number, step)
    }

    /// Makes the plugins agree: both start with the policy of ours.
    fn resynchronise(&mut self, number: usize, why: &str) -> Result<(), Over> {
        self.verdict.tally.count(format!("restarts {why}"));
        if self.duel.arena.has_brokers() {
            self.end(number)?;
        }
        fs::copy(self.ours.policy_file(), self.theirs.policy_file()).expect("the policy files are there");
        self.start_again(number, &Step::Restart(Files::Own))
    }

    /// Both end as brokers do.
    fn end(&mut self, number: usize) -> Result<(), Over> {
        let (ours, mut theirs) = (self.ours.stop(), self.theirs.stop());
        if theirs.is_err() && dies_at_its_end(&self.policy) {
            self.verdict.tally.count("ends that the C plugin does not survive");
            theirs = Ok(());
        }
        self.alive(number, ours, theirs).map(|_| ())
    }

    fn start_again(&mut self, number: usize, step: &Step) -> Result<(), Over> {
        self.hazards.forget();
        let (ours, theirs) = (self.ours.start_again(), self.theirs.start_again());
        let (ours, theirs) = self.alive(number, ours, theirs)?;
        self.acquaintances = Acquaintances::of(&saved::read(&self.ours.policy_file()));
        self.compare(number, step, &ours, &theirs)?;
        self.show_out(number)
    }

    /// Ours disconnects whom it shuts out, and C lets them stay: so they leave C's broker too, and nothing that they do
    /// there is to be told apart from what others do.
    fn show_out(&mut self, number: usize) -> Result<(), Over> {
        if self.duel.arena != Arena::BrokersByCertificate {
            return Ok(());
        }
        let shut_out = self.acquaintances.shut_out(&self.policy);
        if !self.duel.is_with_itself() && !self.ours.are_disconnected(&shut_out) {
            let ours = format!("one of {shut_out:?} stays connected");
            let (aspect, theirs) = (Aspect::Kicked, String::new());
            self.verdict.news.push(Difference {
                step: number,
                aspect,
                client: None,
                part: None,
                ours,
                theirs,
            });
            return Err(Over);
        }
        self.verdict.tally.add_to("clients shut out", shut_out.len());
        let deleted = self.acquaintances.deleted(&self.policy);
        self.verdict.tally.add_to("clients shut out that were deleted", deleted.len());
        self.ours.dismiss(&shut_out);
        self.theirs.dismiss(&shut_out);
        Ok(())
    }

    /// What both did, if both are alive. A death is always news here.
    fn alive<T>(
        &mut self,
        number: usize,
        ours: Result<T, Death>,
        theirs: Result<T, Death>,
    ) -> Result<(T, T), Over> {
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => Ok((ours, theirs)),
            (ours, theirs) => {
                let deaths = [(Side::Ours, ours.err()), (Side::Theirs, theirs.err())];
                let deaths = deaths.into_iter().filter_map(|(side, death)| Some(side.death(number, &death?)));
                self.verdict.news.extend(deaths);
                Err(Over)
            }
        }
    }

    /// The first of these steps ruins the C plugin's memory: what it does from here on means nothing. It is
    /// only seen whether it dies, and that ours does not.
    fn run_apart(&mut self, first: usize, steps: &[Step]) {
        let crashed = steps.iter().any(|step| self.theirs.perform_alone(step).is_err());
        self.verdict.tally.count(if crashed {
            CRASHES
        } else {
            "cases in which the C plugin might have crashed"
        });
        if self.duel.is_with_itself() {
            return;
        }
        for (position, step) in steps.iter().enumerate() {
            if let Err(death) = self.ours.perform_alone(step) {
                return self.verdict.news.push(Side::Ours.death(first + position, &death));
            }
        }
    }
}

/// The decision that a difference shows: a delivery is one about its receiver, and who gets in subscribes.
fn as_decision(step: &Step, difference: &Difference, ours: &Outcome, theirs: &Outcome) -> Option<Step> {
    if let (Step::Act(act), Some(part)) = (step, difference.part) {
        return act.request(part).map(Step::Acl);
    }
    let client = difference.client.clone()?;
    let (access, topic) = match (difference.aspect, step) {
        (Aspect::Delivered, Step::Acl(request)) => (Access::Read, request.topic.clone()),
        (Aspect::Delivered, Step::Act(act)) => (Access::Read, Text::from(act.topic())),
        (Aspect::Delivered, Step::Control { .. }) => {
            (Access::Read, Text::from("$CONTROL/dynamic-security/v1/response"))
        }
        (Aspect::Connected, _) => {
            let codes = |outcome: &Outcome| {
                outcome
                    .connected
                    .get(&client)
                    .and_then(|codes| codes.split_last())
                    .map(|(_, logins)| logins.to_vec())
            };
            let logins = codes(ours).filter(|logins| logins.contains(&Some(0)))?;
            if Some(logins) != codes(theirs) {
                return None;
            }
            (Access::Subscribe, Text::from("#"))
        }
        _ => return None,
    };
    Some(Step::Acl(AclRequest { clientid: client, access, topic }))
}

/// What came of a step.
struct Done {
    theirs: Outcome,
    /// Whether something known makes the policies differ now.
    diverged: bool,
}

/// How the cases are counted that end with the C plugin's death.
pub const CRASHES: &str = "cases in which the C plugin crashed";

fn swap(one: &Path, other: &Path) -> io::Result<()> {
    let aside = one.with_extension("aside");
    fs::rename(one, &aside)?;
    fs::copy(other, one)?;
    fs::copy(&aside, other)?;
    fs::remove_file(&aside)
}
