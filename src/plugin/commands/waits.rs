//! When the broker's thread waits for what others do for it, and how long: [`super::pace`] says what is worth it.

use std::time::Duration;

use super::pace::Alone;
use crate::broker::LogLevel;
use crate::plugin::{ControlTopic, Plugin};

/// With more records than this, the first save is not waited for.
const FEW_RECORDS: usize = 1000;

impl Plugin {
    /// Waits for a payload that is alone, if it is likely to be done with soon: first until it is in force, then until
    /// it is saved and answered.
    pub(super) fn wait_a_little(&self, passwords: usize) {
        let threads = u32::try_from(self.workers.threads()).unwrap_or(1);
        let rounds = u32::try_from(passwords).unwrap_or(u32::MAX).div_ceil(threads.max(1));
        let has_few_records = self.has_few_records();
        let payload = Alone { rounds, iterations: self.iterations.get(), has_few_records };
        if rounds > 0 {
            let most = self.pipeline.pace.lock().for_hashing(payload, self.broker.now());
            if !self.wait_until(most, || self.pipeline.queue.lock().all_are_run()) {
                return;
            }
        }
        let most = self.pipeline.pace.lock().for_save(payload);
        self.wait_until(most, || self.is_idle());
    }

    /// Lets an administrator who sends more commands than can wait be slowed down a little, as by C, before any are refused.
    pub(super) fn wait_for_room(&self, length: usize) {
        let has_room = || !self.pipeline.queue.lock().room().is_full_for(ControlTopic::Admin, length);
        if !has_room() {
            let most = self.pipeline.pace.lock().for_room();
            self.wait_until(most, has_room);
        }
    }

    /// Has the policy file read, in its turn. Waits a moment for it, so that what it says is mostly in force when the
    /// broker asks for logins again; what takes longer is taken up at a tick.
    pub(in crate::plugin) fn reload_in_turn(&self, most: Duration) {
        self.pipeline.queue.lock().push_reload();
        if !self.wait_until(most, || !self.pipeline.queue.lock().has_reload()) {
            let line = "dynsec: the policy file is looked at later, since the disk or what is being saved takes long";
            self.broker.log(LogLevel::Warning, line.as_bytes());
        }
    }

    /// Takes everything as far as it can go, until that is enough, or so much time is over. Says whether it is enough.
    fn wait_until(&self, most: Duration, is_enough: impl Fn() -> bool) -> bool {
        let mut enough = is_enough();
        if enough || most.is_zero() {
            return enough;
        }
        let start = self.broker.now();
        let until = start.checked_add(most).unwrap_or(start);
        loop {
            let seen = self.pipeline.progress.so_far();
            self.advance();
            enough = is_enough();
            // That others go on is no reason to go on for ever.
            if enough || !self.pipeline.progress.wait_beyond(seen, Some(until)) || self.broker.now() >= until
            {
                break;
            }
        }
        let waited = self.broker.now().saturating_duration_since(start);
        self.pipeline.pace.lock().waited(waited);
        enough
    }

    fn has_few_records(&self) -> bool {
        let policy = self.policy.read();
        let records = [policy.clients().len(), policy.groups().len(), policy.roles().len()];
        records.into_iter().fold(0, usize::saturating_add) <= FEW_RECORDS
    }
}
