//! Payloads of commands: [`Plugin::on_control`]. They are run, saved, answered, or undone.
//!
//! They wait in a [`Queue`], and what is first in it is answered first. A payload is run when all before it
//! were and its passwords are hashed; its changes are in force from then on. It is answered when they, and all
//! before them, are on the disk. One save holds whatever was run until it began; the next begins when it has
//! ended. If it fails, everything in it is undone and answers so; what was run after that is undone too and
//! run again. Nothing here calls the broker while a lock is held: what it is [`ToTell`] comes out instead.

mod hashing;
mod pace;
mod progress;
mod queue;
mod reading;
mod recover;
mod room;
mod run;
mod saving;
mod waits;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::{Actor, ControlTopic, Plugin};
use crate::audit::Deed;
use crate::bell::Bell;
use crate::broker::LogLevel;
use crate::control::{self, Disconnect, Responses};
use crate::options::SaveMode;
use crate::panics::caught;
use crate::workers::Workers;
use hashing::Hashings;
use pace::Pace;
use progress::Progress;
use queue::{Entry, Queue, Task};
use room::FULL;
use run::INTERNAL;

pub(super) use reading::{Edited, Read, read};

/// How many commands are named in the log that may be lost when the broker ends.
const MOST_NAMED: usize = 100;

/// The payloads that are not answered, and what works on them.
pub(super) struct Pipeline {
    queue: Mutex<Queue>,
    hashings: Arc<Hashings>,
    progress: Arc<Progress>,
    /// One thread, which saves.
    writer: Workers,
    mode: SaveMode,
    pace: Mutex<Pace>,
    /// The payload that is being taken in is in the queue: if that panics, its sender is answered as all who wait.
    is_taken: AtomicBool,
}

/// What the broker is to be told, when no lock is held.
#[derive(Debug)]
enum ToTell {
    Log(LogLevel, Vec<u8>),
    Respond(Actor, Responses),
    /// The password of that client was hashed again, and that is saved.
    Rehashed(Vec<u8>),
    /// Whom to disconnect, and the count of logins until then: who came later came under the new policy.
    Disconnect(Vec<Disconnect>, u64),
}

impl Pipeline {
    pub(super) fn new(mode: SaveMode, bell: Arc<Bell>) -> Self {
        Self {
            queue: Mutex::default(),
            hashings: Arc::default(),
            progress: Arc::new(Progress::new(bell)),
            // A save and a reload.
            writer: Workers::with_threads(1, 2),
            mode,
            pace: Mutex::default(),
            is_taken: AtomicBool::new(false),
        }
    }
}

impl Plugin {
    /// A payload of commands has come. Its response is published before this returns if that takes no more than
    /// a few milliseconds, and by [`Plugin::on_tick`] else.
    pub fn on_control(&self, actor: &Actor, payload: &[u8]) {
        self.take_in(actor, payload);
        self.pipeline.is_taken.store(false, Ordering::Relaxed);
    }

    fn take_in(&self, actor: &Actor, payload: &[u8]) {
        self.metrics.payload();
        if self.broken.load(Ordering::Acquire) {
            self.respond(actor, &Responses::refusal(INTERNAL));
            return;
        }
        let goes_on = self.goes_on_while_saving();
        if goes_on && actor.topic == ControlTopic::Admin {
            self.wait_for_room(payload.len());
        }
        let (alone, passwords) = {
            let mut queue = self.pipeline.queue.lock();
            if queue.room().is_full_for(actor.topic, payload.len()) {
                return self.refuse_in_turn(queue, actor, payload, FULL);
            }
            // On the other topics, whoever sends passwords is refused.
            let hashes = goes_on && actor.topic == ControlTopic::Admin;
            let passwords = if hashes { control::passwords(payload, &self.limits) } else { Vec::new() };
            let (alone, count) = (queue.is_empty(), passwords.len());
            let Pipeline { hashings, progress, .. } = &self.pipeline;
            let hashing = (count > 0)
                .then(|| hashings.start(passwords, self.iterations, &self.workers, progress))
                .flatten();
            let actor = actor.clone();
            queue.push(Entry::new(Task::Commands { actor, payload: payload.to_vec(), hashing }));
            self.pipeline.is_taken.store(true, Ordering::Relaxed);
            (alone, count)
        };
        if goes_on {
            self.advance();
            if alone {
                self.wait_a_little(passwords);
            }
            self.expose();
        } else {
            self.finish();
            if !self.has_ticked() {
                self.sweep(usize::MAX);
                self.drop_elsewhere();
            }
        }
    }

    /// Refuses a payload with that text, behind the answers to those that wait, as long as there is room for that.
    pub(super) fn refuse(&self, actor: &Actor, payload: &[u8], text: &str) {
        self.metrics.payload();
        self.refuse_in_turn(self.pipeline.queue.lock(), actor, payload, text);
    }

    fn refuse_in_turn(&self, mut queue: MutexGuard<'_, Queue>, actor: &Actor, payload: &[u8], text: &str) {
        let topic = actor.topic;
        let responses = queue.room().refusal(topic, text, || match topic {
            // Anybody may ask, as often as there is time for.
            ControlTopic::SelfService => control::refused_if_short(payload, text, &self.limits),
            ControlTopic::Admin | ControlTopic::Query => control::refused(payload, text, &self.limits),
        });
        if queue.is_empty() || queue.room().overflows(topic) {
            drop(queue);
            self.respond(actor, &responses);
        } else {
            queue.push(Entry::new(Task::Refused(actor.clone(), responses)));
        }
    }

    /// Whether all payloads are answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pipeline.queue.lock().is_empty()
    }

    /// Puts the new hashes in force that logins have brought, if they can be saved.
    pub(super) fn save_rehashed(&self) {
        let hashes = self.verifier.rehash.take();
        if hashes.is_empty() || self.broken.load(Ordering::Acquire) {
            return;
        }
        self.pipeline.queue.lock().push(Entry::new(Task::Rehash(hashes)));
        if !self.goes_on_while_saving() {
            self.finish();
        }
    }

    /// The broker's loop has come round: what others have done since is taken up. Says whether anything was
    /// answered.
    pub(super) fn advance_at_tick(&self) -> bool {
        self.pipeline.pace.lock().ticked();
        if self.is_idle() {
            return false;
        }
        let to_tell =
            caught(|| self.advance_quietly()).unwrap_or_else(|panicked| self.recover(Some(&panicked)));
        let answers = to_tell.iter().any(|one| matches!(one, ToTell::Respond(..)));
        self.tell(to_tell);
        if self.take_up_reload() {
            self.advance();
        }
        self.expose();
        answers
    }

    /// The broker goes on: what was run is in force, and somebody may be let in by it.
    pub(super) fn expose(&self) {
        self.pipeline.queue.lock().expose();
    }

    /// A payload has panicked while it was taken in: everything that waits is answered with an error, and behind that its
    /// sender, and the policy is again what is on the disk.
    pub fn answer_after_panic(&self, actor: &Actor) {
        let was_taken = self.pipeline.is_taken.swap(false, Ordering::Relaxed);
        let mut to_tell = self.recover(None);
        if !was_taken || !to_tell.iter().any(|one| matches!(one, ToTell::Respond(..))) {
            to_tell.push(ToTell::Respond(actor.clone(), Responses::refusal(INTERNAL)));
        }
        self.tell(to_tell);
    }

    /// Finishes what has begun, however long that takes. Answers are published.
    pub(super) fn finish(&self) {
        loop {
            let seen = self.pipeline.progress.so_far();
            self.advance();
            if self.is_idle() {
                return;
            }
            self.pipeline.progress.wait_beyond(seen, None);
        }
    }

    /// [`Self::finish`] for a broker that takes no answers any more. Lines of the log it still takes. What is not done
    /// by then is named there.
    pub(super) fn finish_unanswered(&self, until: Instant) {
        self.pipeline.queue.lock().drop_reloads();
        loop {
            let seen = self.pipeline.progress.so_far();
            let to_tell = self.advance_quietly();
            for one in &to_tell {
                if let ToTell::Respond(actor, responses) = one {
                    self.audit(actor, responses);
                }
            }
            let is_heard = |one: &ToTell| matches!(one, ToTell::Log(..) | ToTell::Rehashed(_));
            self.tell(to_tell.into_iter().filter(is_heard).collect());
            if self.is_idle() {
                return;
            }
            if !self.pipeline.progress.wait_beyond(seen, Some(until)) {
                return self.name_unfinished();
            }
        }
    }

    /// Says in the log what the disk has not taken in time, or what was not even begun.
    fn name_unfinished(&self) {
        let (payloads, lines) = {
            let queue = self.pipeline.queue.lock();
            let payloads = queue.all().filter(|entry| entry.actor().is_some()).count();
            let unsaved =
                queue.all().filter(|entry| entry.is_unsaved()).filter_map(|entry| entry.done.as_ref());
            let lines = unsaved.flat_map(|done| &done.outcome.log).take(MOST_NAMED);
            (payloads, lines.map(|line| [b"dynsec: perhaps lost: ", &line[..]].concat()).collect::<Vec<_>>())
        };
        let line = format!(
            "dynsec: ended before the disk has taken everything: of {payloads} payloads of commands, which were not \
             answered, the changes may be lost"
        );
        self.broker.log(LogLevel::Error, line.as_bytes());
        for line in lines {
            self.broker.log(LogLevel::Error, &line);
        }
    }

    /// Ends the threads, after what they have to do. Those that are not done by then are left to themselves: the
    /// library stays in memory (`build.rs`), and they touch nothing of the broker but its wake.
    pub(super) fn end_threads(&self, until: Instant) {
        self.workers.end_by(until);
        self.pipeline.writer.end_by(until);
        self.bell.end();
    }

    /// What a reload has read is of no use: it is done again, in its turn.
    pub(super) fn reload_again(&self) {
        self.pipeline.queue.lock().push_reload();
    }

    fn take_up_reload(&self) -> bool {
        let read = self.pipeline.queue.lock().take_read();
        read.map(|read| self.reloaded(read)).is_some()
    }

    /// Whether payloads may be answered later, and reloads done: where the broker does not tick, nothing else would come round.
    pub(super) fn goes_on_while_saving(&self) -> bool {
        self.pipeline.mode == SaveMode::Auto && self.has_ticked()
    }

    /// Takes everything as far as it can go, and tells the broker.
    fn advance(&self) {
        loop {
            let to_tell = self.advance_quietly();
            self.tell(to_tell);
            if !self.take_up_reload() {
                return;
            }
        }
    }

    fn tell(&self, to_tell: Vec<ToTell>) {
        for one in to_tell {
            match one {
                ToTell::Log(level, line) => self.broker.log(level, &line),
                ToTell::Respond(actor, responses) => self.respond(&actor, &responses),
                ToTell::Rehashed(username) => {
                    let what = b"dynsec: password hashed again at the login | username=";
                    self.broker.log(LogLevel::Info, &[&what[..], &username].concat());
                    self.audit_deed(&Deed::RehashPassword(username));
                }
                ToTell::Disconnect(whom, logins) => self.disconnect_later(whom, logins),
            }
        }
    }

    pub(super) fn respond(&self, to: &Actor, responses: &Responses) {
        self.audit(to, responses);
        let (done, refused) = responses.counts();
        self.metrics.answered(done, refused);
        let sent = match to.topic {
            ControlTopic::SelfService => self.answer_asker(to, responses),
            topic => self.broker.publish(topic.response(), &responses.to_json()),
        };
        if !self.has_ticked() {
            self.write_metrics();
        }
        if let Err(error) = sent {
            let line = format!("dynsec: a response could not be published (error {})", error.code);
            self.broker.log(LogLevel::Error, line.as_bytes());
        }
    }
}
