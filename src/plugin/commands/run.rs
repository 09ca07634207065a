//! What becomes of the queue: entries are run, saved, answered, or undone.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::hashing::Prepared;
use super::queue::{Done, Entry, Queue, Task};
use super::reading::Reading;
use super::room::FULL;
use super::saving::{NotSaved, Saving};
use super::{Pipeline, ToTell};
use crate::broker::LogLevel;
use crate::control::{self, Disconnect, Outcome, Responses};
use crate::injection::panic_point;
use crate::panics::caught;
use crate::plugin::Plugin;
use crate::policy::{Mark, Policy};
use crate::rehash;

/// What is answered where a bug has kept a command from being carried out.
pub(super) const INTERNAL: &str = "Internal error";

/// Payloads that wait are run for so long at a time, one of them at least. Between two of them the broker may go on:
/// the policy is then what somebody wanted. Within one it is not, so that a payload is never interrupted.
const SLICE: Duration = Duration::from_millis(2);
/// Answers, disconnects and lines of the log that the broker gets at a time, a few of them more with the last answer.
const ANSWERS: usize = 64;

impl Plugin {
    /// Takes everything as far as it can go without waiting.
    pub(super) fn advance_quietly(&self) -> Vec<ToTell> {
        let mut to_tell = Vec::new();
        let slice = self.goes_on_while_saving().then(|| self.broker.now());
        let mut queue = self.pipeline.queue.lock();
        loop {
            if self.broken.load(Ordering::Acquire) {
                drop(queue);
                to_tell.extend(self.recover(None));
                return to_tell;
            }
            let saved = queue.saving.as_ref().map(|(saving, _)| saving.take_result());
            let still_saving = matches!(saved, Some(None));
            if let Some(saved) = saved.flatten() {
                self.pipeline.pace.lock().saved(saved.took);
                let told = saved.notices.iter().map(|notice| format!("dynsec: {notice}").into_bytes());
                to_tell.extend(told.map(|line| ToTell::Log(LogLevel::Warning, line)));
                self.metrics.saved(saved.took, saved.result.is_ok());
                self.take_up(&mut queue, saved.result, &mut to_tell);
            }
            self.run_all(&mut queue, &mut to_tell, slice);
            if self.broken.load(Ordering::Acquire) {
                // A policy that may be half changed must not be saved.
                continue;
            }
            answer_all(&mut queue, &mut to_tell, if slice.is_some() { ANSWERS } else { usize::MAX });
            if still_saving {
                break;
            }
            if queue.saving.is_none() {
                if !queue.all_run().any(|entry| entry.is_unsaved()) {
                    break;
                }
                self.start_saving(&mut queue);
            }
        }
        if slice.is_some() && (queue.is_answerable() || queue.next_to_run().is_some()) {
            // The rest is for the next tick.
            self.pipeline.progress.make();
        }
        if let Some(reading) = queue.next_reload() {
            let now = self.policy.read().snapshot();
            let Pipeline { writer, progress, .. } = &self.pipeline;
            *reading = Some(Reading::start(&self.store, now, self.strict, writer, progress));
        }
        to_tell
    }

    /// Runs what is ready; of that what has its turn in a slice that began then.
    fn run_all(&self, queue: &mut Queue, to_tell: &mut Vec<ToTell>, slice: Option<Instant>) {
        let mut has_run = false;
        loop {
            let is_refused = queue.is_next_refused();
            let Some(entry) = queue.next_to_run() else { break };
            if has_run
                && slice.is_some_and(|start| self.broker.now().saturating_duration_since(start) >= SLICE)
            {
                break;
            }
            has_run = true;
            let logins = self.sessions.lock().logins();
            let mut policy = self.policy.write();
            let mark = policy.mark();
            if entry.done.is_none() {
                let settled = matches!(entry.task, Task::Refused(..));
                let ran = caught(|| self.run(&mut policy, &mut entry.task, is_refused));
                drop(policy);
                let outcome = ran.unwrap_or_else(|panicked| self.after_panic(mark, &panicked, to_tell));
                entry.done = Some(Done { mark, outcome, logins, settled });
            } else if let Some(done) = &mut entry.done {
                done.mark = mark;
            }
            queue.mark_run();
            if self.broken.load(Ordering::Acquire) {
                break;
            }
        }
    }

    fn run(&self, policy: &mut Policy, task: &mut Task, is_refused: bool) -> Outcome {
        match task {
            Task::Commands { payload, .. } if is_refused => {
                nothing(control::refused_if_short(payload, FULL, &self.limits))
            }
            Task::Commands { actor, payload, hashing } => {
                let prepared = Prepared::new(self, hashing.as_deref());
                let outcome = control::handle(policy, payload, actor, &prepared);
                panic_point("commands, before they are saved");
                outcome
            }
            Task::Rehash(hashes) => {
                let names = rehash::put(policy, hashes.clone());
                let log = names.iter().map(|name| name.as_bytes().to_vec()).collect();
                Outcome { changed: !names.is_empty(), log, ..nothing(Responses::default()) }
            }
            Task::Refused(_, responses) => nothing(std::mem::take(responses)),
            Task::Reload(_) => nothing(Responses::default()),
        }
    }

    fn start_saving(&self, queue: &mut Queue) {
        let (snapshot, mark) = {
            let mut policy = self.policy.write();
            (policy.snapshot(), policy.mark())
        };
        let writer = self.goes_on_while_saving().then_some(&self.pipeline.writer);
        let saving = Saving::start(&self.store, snapshot, mark, writer, &self.pipeline.progress);
        queue.saving = Some((saving, queue.count_run()));
    }

    /// A save has ended.
    fn take_up(&self, queue: &mut Queue, result: Result<(), NotSaved>, to_tell: &mut Vec<ToTell>) {
        let Some((saving, held)) = queue.saving.take() else { return };
        panic_point("a save that has ended");
        match result {
            Ok(()) => {
                self.policy.write().keep_to(saving.mark);
                queue.mark_saved(held);
            }
            Err(error) => self.undo(queue, held, &error, to_tell),
        }
    }

    /// Takes back everything that was run since the last save that succeeded. What was in this one fails;
    /// the rest is run again.
    fn undo(&self, queue: &mut Queue, held: usize, error: &NotSaved, to_tell: &mut Vec<ToTell>) {
        let marks = queue.all_run().filter_map(|entry| entry.done.as_ref().map(|done| done.mark));
        let Some(first): Option<Mark> = marks.min() else { return };
        // A new hash of the same password lets nobody in.
        let exposed = queue
            .all_run()
            .any(|entry| entry.exposed && entry.is_unsaved() && !matches!(entry.task, Task::Rehash(_)));
        let concerned = self.policy.write().take_back(first);
        let mut commands = false;
        for entry in queue.all_run().take(held).filter(|entry| entry.is_unsaved()) {
            let is_rehash = matches!(entry.task, Task::Rehash(_));
            commands |= !is_rehash;
            let Some(done) = &mut entry.done else { continue };
            let text = format!("Not saved, nothing was changed: {}", error.cause());
            done.outcome.responses.fail_all(&text);
            done.outcome = nothing(std::mem::take(&mut done.outcome.responses));
            done.settled = true;
            if is_rehash {
                let line =
                    format!("dynsec: passwords are not hashed again, since that cannot be saved: {error}");
                to_tell.push(ToTell::Log(LogLevel::Warning, line.into_bytes()));
            }
        }
        if commands {
            let line = format!("dynsec: commands refused, since the policy cannot be saved: {error}");
            to_tell.push(ToTell::Log(LogLevel::Error, line.into_bytes()));
        }
        if exposed {
            let logins = self.sessions.lock().logins();
            to_tell.push(ToTell::Disconnect(Disconnect::holders_and_crowd(concerned), logins));
        }
        queue.run_again();
    }
}

/// What is first in the queue and has nothing to wait for is answered, as long as there is not so much to tell.
pub(super) fn answer_all(queue: &mut Queue, to_tell: &mut Vec<ToTell>, most: usize) {
    while to_tell.len() < most
        && let Some(entry) = queue.take_answerable()
    {
        answer(entry, to_tell);
    }
}

/// Everything that is to be told of an entry that was run.
pub(super) fn answer(entry: Entry, to_tell: &mut Vec<ToTell>) {
    let actor = entry.actor().cloned();
    let Some(done) = entry.done else { return };
    let Outcome { responses, disconnects, log, .. } = done.outcome;
    let is_rehash = matches!(entry.task, Task::Rehash(_));
    to_tell.extend(
        log.into_iter()
            .map(|text| if is_rehash { ToTell::Rehashed(text) } else { ToTell::Log(LogLevel::Info, text) }),
    );
    if let Some(actor) = actor {
        to_tell.push(ToTell::Respond(actor, responses));
    }
    if !disconnects.is_empty() {
        to_tell.push(ToTell::Disconnect(disconnects, done.logins));
    }
}

pub(super) fn nothing(responses: Responses) -> Outcome {
    Outcome { responses, changed: false, disconnects: Vec::new(), log: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, OnceLock, Weak};

    use super::*;
    use crate::broker::{Broker, BrokerFamily, PublishError};
    use crate::options::PluginOptions;
    use crate::plugin::Actor;

    /// Whoever asks what time it is finds the policy half changed, as after a payload that could not be undone.
    #[derive(Default)]
    struct Breaks(OnceLock<Weak<Plugin>>, AtomicUsize);

    impl Broker for Breaks {
        fn log(&self, _: LogLevel, _: &[u8]) {}
        fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
            Ok(())
        }
        fn kick_username(&self, _: &[u8]) {}
        fn kick_clientid(&self, _: &[u8]) {}
        fn now(&self) -> Instant {
            if let Some(plugin) = self.0.get().and_then(Weak::upgrade) {
                // First where the slice begins, then between the two payloads.
                if self.1.fetch_add(1, Ordering::Relaxed) == 1 {
                    plugin.broken.store(true, Ordering::Release);
                }
            }
            Instant::now()
        }
    }

    #[test]
    fn what_could_not_be_undone_is_not_saved() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("policy.json");
        let text = r#"{"clients": [{"username": "ann"}]}"#;
        std::fs::write(&file, text).unwrap();
        let host = Arc::new(Breaks::default());
        let broker = Arc::<Breaks>::clone(&host);
        let plugin = Plugin::start(&PluginOptions::new(file.clone()), broker, BrokerFamily::V2_1).unwrap();
        let plugin = Arc::new(plugin);
        plugin.on_tick();
        let before = std::fs::read(&file).unwrap();
        for name in ["one", "two"] {
            let command = format!(r#"{{"commands": [{{"command": "createClient", "username": "{name}"}}]}}"#);
            let (actor, payload) = (Actor::default(), command.into_bytes());
            plugin.pipeline.queue.lock().push(Entry::new(Task::Commands { actor, payload, hashing: None }));
        }
        host.0.set(Arc::downgrade(&plugin)).unwrap();
        let to_tell = plugin.advance_quietly();
        let refused = to_tell.iter().filter(|one| {
            matches!(one, ToTell::Respond(_, responses)
                if String::from_utf8_lossy(&responses.to_json()).contains(INTERNAL))
        });
        assert_eq!(refused.count(), 2);
        assert_eq!(std::fs::read(&file).unwrap(), before);
        assert!(plugin.is_idle() && !plugin.broken.load(Ordering::Acquire));
        assert_eq!(plugin.policy.read().clients().len(), 1);
    }
}
