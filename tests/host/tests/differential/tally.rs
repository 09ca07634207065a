//! Counting what happened, so that a run that tested nothing is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plugin_host::Access;
use serde_json::Value;

use crate::acts::WILL;
use crate::contender::Outcome;
use crate::difference::responses;
use crate::script::Step;
use crate::wire::Delivered;

/// Counts, by what is counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
    kinds: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Tally {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub fn add_to(&mut self, what: &str, count: usize) {
        if count > 0 {
            *self.counts.entry(what.to_owned()).or_default() += count as u64;
        }
    }

    /// Counts how many different ones there are.
    pub fn distinguish(&mut self, what: &'static str, one: String) {
        self.kinds.entry(what).or_default().insert(one);
    }

    /// Counts what was compared, and how much of what the C plugin can say that covers.
    pub fn count_step(&mut self, step: &Step, theirs: &Outcome) {
        self.count(step.kind());
        match (step, theirs.rc) {
            (Step::Login { .. }, Some(rc)) => self.count(format!("logins answered {rc}")),
            (Step::Acl(_), Some(rc)) => self.count(format!("ACL checks answered {rc}")),
            (Step::Act(act), _) => {
                let refused = theirs.codes.iter().filter(|code| **code >= 0x80).count();
                self.add_to(&format!("{}: refused", act.kind()), refused);
                self.add_to(&format!("{}: granted", act.kind()), theirs.codes.len() - refused);
                let is_refused_share = |(part, code): (usize, &u8)| {
                    let request = act.request(part);
                    *code >= 0x80
                        && request.is_some_and(|request| {
                            request.access == Access::Subscribe
                                && request.topic.as_bytes().starts_with(b"$share/")
                        })
                };
                let shares = theirs.codes.iter().enumerate().filter(|one| is_refused_share(*one));
                self.add_to("shared subscriptions: refused", shares.count());
            }
            _ => {}
        }
        let wills = theirs.delivered.values().flatten().filter(|message| is_will(message));
        self.add_to("wills that came", wills.count());
        let has_session = |codes: &&Vec<Option<u8>>| {
            let mut codes = codes.iter().skip_while(|code| **code != Some(0));
            codes.nth(1) == Some(&Some(1))
        };
        let sessions = theirs.connected.values().filter(has_session);
        self.add_to("sessions found again", sessions.count());
        self.add_to("deliveries", theirs.delivered.values().map(Vec::len).sum());
        let got_in = |codes: &&Vec<Option<u8>>| codes.contains(&Some(0));
        self.add_to("clients that came back", theirs.connected.values().filter(got_in).count());
        for response in responses(theirs) {
            let text = |name| response.get(name).and_then(Value::as_str);
            let command = text("command").unwrap_or_default();
            if let Some(error) = text("error") {
                self.count("commands refused");
                self.distinguish("refusals", format!("{command}: {error}"));
            } else {
                self.count("commands accepted");
                self.distinguish("accepted commands", command.to_owned());
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
        for (what, ones) in &other.kinds {
            self.kinds.entry(what).or_default().extend(ones.iter().cloned());
        }
    }

    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }
}

fn is_will((_, payload): &Delivered) -> bool {
    payload.as_bytes().starts_with(WILL.as_bytes())
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(what, count)| writeln!(out, "{count:>9}  {what}"))?;
        self.kinds.iter().try_for_each(|(what, ones)| writeln!(out, "{:>9}  different {what}", ones.len()))
    }
}
