//! After a panic: the policy is put right, or nothing is let through any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ToTell;
use super::queue::{Queue, Task};
use super::run::{INTERNAL, answer, answer_all, nothing};
use crate::broker::LogLevel;
use crate::control::{self, Disconnect, Outcome, Responses};
use crate::panics::{Panicked, caught};
use crate::plugin::Plugin;
use crate::policy::Mark;

impl Plugin {
    /// A payload has panicked. What came of it is undone. If that panics too, the policy is read from the disk
    /// again, where nothing of what is not saved is.
    pub(super) fn after_panic(&self, mark: Mark, panicked: &Panicked, to_tell: &mut Vec<ToTell>) -> Outcome {
        to_tell.push(told(panicked));
        self.broken.store(true, Ordering::Release);
        if caught(|| self.policy.write().undo_to(mark)).is_ok() {
            self.broken.store(false, Ordering::Release);
        }
        nothing(Responses::refusal(INTERNAL))
    }

    /// What works on the payloads has panicked, or could not undo one that has. Everything that waits is
    /// answered with an error, but what is on the disk or is still brought there by a save under way.
    pub(super) fn recover(&self, panicked: Option<&Panicked>) -> Vec<ToTell> {
        let was_broken = self.broken.swap(true, Ordering::AcqRel);
        let mut to_tell: Vec<ToTell> = panicked.map(told).into_iter().collect();
        let mut queue = self.pipeline.queue.lock();
        self.wait_for_save(&mut queue);
        answer_all(&mut queue, &mut to_tell, usize::MAX);
        let marks = queue.all_run().filter_map(|entry| entry.done.as_ref().map(|done| done.mark));
        let first = marks.min();
        let undone = match first {
            _ if was_broken => None,
            None => Some(Default::default()),
            Some(first) => caught(|| self.policy.write().take_back(first)).ok(),
        };
        if let Some(concerned) = undone {
            let whom = Disconnect::holders_and_crowd(concerned);
            if !whom.is_empty() {
                to_tell.push(ToTell::Disconnect(whom, self.sessions.lock().logins()));
            }
            // The panic may have come between a save and the note of it: the disk knows.
            if first.is_some() {
                to_tell.push(self.read_again());
            } else {
                self.broken.store(false, Ordering::Release);
            }
        } else {
            // Nobody knows who was let in by what.
            let before = caught(|| self.policy.read().all_clients()).ok();
            to_tell.push(self.read_again());
            let crowds = before.into_iter().chain(Some(self.policy.read().all_clients()));
            let crowds = crowds.map(|crowd| Disconnect::Crowd(Arc::new(crowd)));
            let whom = crowds.chain([Disconnect::Anonymous]).collect();
            to_tell.push(ToTell::Disconnect(whom, self.sessions.lock().logins()));
        }
        while let Some(entry) = queue.take_first() {
            // Those that a failed save has put back are not all counted as run again.
            if entry.done.as_ref().is_some_and(|done| done.settled) {
                answer(entry, &mut to_tell);
                continue;
            }
            match entry.task {
                Task::Commands { actor, payload, .. } => {
                    to_tell.push(ToTell::Respond(actor, control::refused(&payload, INTERNAL, &self.limits)));
                }
                Task::Refused(actor, responses) => to_tell.push(ToTell::Respond(actor, responses)),
                Task::Rehash(_) | Task::Reload(_) => {}
            }
        }
        *queue = Queue::default();
        to_tell
    }

    /// Waits until the save that is under way has ended. What it brought to the disk can be answered.
    fn wait_for_save(&self, queue: &mut Queue) {
        let Some((saving, held)) = queue.saving.take() else { return };
        let saved = loop {
            let seen = self.pipeline.progress.so_far();
            if let Some(saved) = saving.take_result() {
                break saved;
            }
            self.pipeline.progress.wait_beyond(seen, None);
        };
        if saved.result.is_ok() {
            self.policy.write().keep_to(saving.mark);
            queue.mark_saved(held);
        }
    }

    /// Puts the policy that is on the disk in the place of one that may be half changed.
    fn read_again(&self) -> ToTell {
        let compat = self.policy.read().compat();
        let read = caught(|| self.store.lock().read_again(compat));
        let why = match read {
            Ok(Ok(mut policy)) => {
                let mut present = self.policy.write();
                policy.set_self_service(present.self_service());
                policy.take_deleted_of(&mut present);
                *present = policy;
                self.broken.store(false, Ordering::Release);
                let line = "dynsec: the policy is again what is on the disk";
                return ToTell::Log(LogLevel::Error, line.into());
            }
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.text,
        };
        let line = format!(
            "dynsec: everything is denied until the broker is started again, since the policy could not be \
             put right: {why}"
        );
        ToTell::Log(LogLevel::Error, line.into_bytes())
    }
}

fn told(panicked: &Panicked) -> ToTell {
    let line = format!("dynsec: {}", panicked.report("a control payload"));
    ToTell::Log(LogLevel::Error, line.into_bytes())
}
