//! Payloads of commands: [`Plugin::on_control`]. They are run, saved, answered, or undone.

use std::sync::atomic::Ordering;

use super::connections::Connections;
use super::{Actor, Plugin};
use crate::broker::LogLevel;
use crate::control::{self, Connection, ControlTopic, FileFinding, Host, Limits, Outcome, Responses};
use crate::injection::panic_point;
use crate::password::{Iterations, PasswordHash};
use crate::policy::{ClientId, Username};

impl Plugin {
    /// A payload of commands has come. Its response is published before this returns.
    pub fn on_control(&self, actor: &Actor, payload: &[u8]) {
        if self.broken.load(Ordering::Acquire) {
            self.respond(actor, &Responses::refusal("Internal error"));
            return;
        }
        let outcome = self.run(actor, payload);
        for line in &outcome.log {
            self.broker.log(LogLevel::Info, line);
        }
        self.respond(actor, &outcome.responses);
        let kicks = {
            let mut sessions = self.sessions.lock();
            sessions.disconnect_later(outcome.disconnects);
            if sessions.has_ticked() { Vec::new() } else { sessions.all_due() }
        };
        self.kick(kicks);
    }

    /// The payload in work has panicked: takes back what it did and answers with an error. If that
    /// fails too, nothing is let through any more.
    pub fn answer_after_panic(&self, actor: &Actor) {
        self.broken.store(true, Ordering::Release);
        let mark = self.in_work.lock().take();
        if let Some(mark) = mark {
            self.policy.write().undo_to(mark);
        }
        self.broken.store(false, Ordering::Release);
        self.respond(actor, &Responses::refusal("Internal error"));
    }

    /// Runs the commands and makes what they changed durable; what cannot be saved is undone.
    fn run(&self, actor: &Actor, payload: &[u8]) -> Outcome {
        let mut policy = self.policy.write();
        let mark = policy.mark();
        *self.in_work.lock() = Some(mark);
        let needs = Needs { plugin: self, connections: Connections::new(self) };
        let mut outcome = control::handle(&mut policy, payload, actor, &needs);
        panic_point("commands, before they are saved");
        if outcome.changed {
            let saved = self.store.lock().save(&policy);
            match saved {
                Ok(()) => policy.keep(),
                Err(error) => {
                    policy.undo_to(mark);
                    outcome.responses.fail_all(&format!("Not saved, nothing was changed: {}", error.cause()));
                    outcome.disconnects.clear();
                    outcome.log.clear();
                    drop(policy);
                    *self.in_work.lock() = None;
                    let line = format!("dynsec: commands refused, since the policy cannot be saved: {error}");
                    self.broker.log(LogLevel::Error, line.as_bytes());
                    return outcome;
                }
            }
        }
        *self.in_work.lock() = None;
        outcome
    }

    pub(super) fn respond(&self, to: &Actor, responses: &Responses) {
        let sent = match to.topic {
            ControlTopic::Own => self.answer_oneself(to, responses),
            topic => self.broker.publish(topic.response(), &responses.to_json()),
        };
        if let Err(error) = sent {
            let line = format!("dynsec: a response could not be published (error {})", error.code);
            self.broker.log(LogLevel::Error, line.as_bytes());
        }
    }
}

/// What the commands of a payload need from outside.
struct Needs<'p> {
    plugin: &'p Plugin,
    connections: Connections<'p>,
}

impl Host for Needs<'_> {
    fn hash_password(&self, password: &[u8]) -> Option<PasswordHash> {
        PasswordHash::create(password, self.plugin.iterations).ok()
    }

    fn limits(&self) -> Limits {
        self.plugin.limits
    }

    fn connections(&self, username: &Username, clientid: Option<&ClientId>) -> Vec<Connection> {
        self.connections.of(username, clientid)
    }

    fn iterations(&self) -> Iterations {
        self.plugin.iterations
    }

    fn file_findings(&self) -> Vec<FileFinding> {
        self.plugin.what_is_wrong_with_the_file()
    }
}
