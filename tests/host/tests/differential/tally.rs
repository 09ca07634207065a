//! Counting what happened, so that a run that tested nothing is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.iter().try_for_each(|(what, count)| writeln!(out, "{count:>9}  {what}"))?;
        self.kinds.iter().try_for_each(|(what, ones)| writeln!(out, "{:>9}  different {what}", ones.len()))
    }
}
