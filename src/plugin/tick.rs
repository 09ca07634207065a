//! What is done from time to time, from a safe place: [`Plugin::on_tick`].

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Plugin;
use crate::broker::LogLevel;
use crate::control::Disconnect;
use crate::injection::panic_point;
use crate::panics::{Panicked, caught};
use crate::sessions::Kick;

/// Out of how many records links to deleted roles and groups are taken at a tick: well under a millisecond.
const SWEPT: usize = 256;

/// For how long clients are disconnected at a tick; a few of them whatever that takes.
const SLICE: Duration = Duration::from_millis(1);

impl Plugin {
    /// The broker's loop has come round. What there is to do is done part by part: a panic in one must not keep
    /// answers and disconnects from being done, at this tick or any other.
    pub fn on_tick(&self) {
        self.bell.heard();
        self.reload_is_over();
        self.has_ticked.store(true, Ordering::Relaxed);
        self.at_tick("logins", Self::complete_logins);
        self.at_tick("denials", Self::log_denials);
        self.at_tick("questions", |plugin| plugin.self_service.tick());
        self.at_tick("the audit trail", Self::tell_of_audit);
        self.at_tick("merged roles", Self::merge_roles);
        self.at_tick("metrics", Self::write_metrics);
        self.at_tick("disconnects", Self::disconnect_who_is_due);
        self.at_tick("new hashes", Self::save_rehashed);
        self.at_tick("commands", Self::answer);
    }

    /// Whether the broker ticks at all: 2.0 before 2.0.15 does not with `per_listener_settings true`.
    pub(super) fn has_ticked(&self) -> bool {
        self.has_ticked.load(Ordering::Relaxed)
    }

    /// Does a part of what a tick is for.
    fn at_tick(&self, part: &str, body: impl FnOnce(&Self)) {
        let done = caught(|| {
            panic_point(part);
            body(self);
        });
        if let Err(panicked) = done {
            self.report_bug(&format!("a tick's part of {part}"), &panicked);
        }
    }

    /// Says in the log what a panic has ended.
    pub(super) fn report_bug(&self, ended: &str, panicked: &Panicked) {
        let line = format!("dynsec: {}", panicked.report(ended));
        self.broker.log(LogLevel::Error, line.as_bytes());
    }

    fn disconnect_who_is_due(&self) {
        let start = self.broker.now();
        self.sessions.lock().tick();
        loop {
            self.kick();
            let is_over = self.broker.now().saturating_duration_since(start) >= SLICE;
            let mut sessions = self.sessions.lock();
            if is_over || !sessions.has_ready() {
                break;
            }
            sessions.more();
        }
    }

    fn answer(&self) {
        let answered = self.advance_at_tick();
        // 2.1 sends what was published in a tick in its next round, and without events that is long in coming.
        let is_to_be_swept = self.sweep(SWEPT);
        self.drop_elsewhere();
        if answered || is_to_be_swept || self.sessions.lock().has_due() {
            self.bell.ring();
        }
    }

    /// Takes out links to roles and groups that were deleted. Says whether there are more.
    pub(super) fn sweep(&self, most: usize) -> bool {
        self.policy.read().is_to_be_swept() && self.policy.write().sweep(most)
    }

    /// Lets a worker drop what is left of deleted roles: a large one takes many milliseconds. Where there is no thread, it
    /// is done here.
    pub(super) fn drop_elsewhere(&self) {
        if self.policy.read().has_droppable() {
            let droppable = self.policy.write().take_droppable();
            let _ = self.workers.submit(move || drop(droppable));
        }
    }

    /// Has those disconnected whom a change concerns, and who had come when there were so many logins: at a tick, if there
    /// are any.
    pub(super) fn disconnect_later(&self, whom: impl IntoIterator<Item = Disconnect>, logins: u64) {
        let has_ticked = self.has_ticked();
        {
            let mut sessions = self.sessions.lock();
            sessions.disconnect_later(whom, logins);
            if !has_ticked {
                sessions.all_due();
            }
        }
        if !has_ticked {
            self.kick();
        }
    }

    /// Disconnects those whose turn it is.
    pub(super) fn kick(&self) {
        // The broker asks about the subscriptions of whom it disconnects: those are no new acts.
        self.is_kicking.store(true, Ordering::Relaxed);
        while let Some(kick) = self.next_kick() {
            match kick {
                Kick::Username(username) if self.has_login_pending(Some(&username), None) => {
                    self.kick_beside_who_waits(&username);
                }
                Kick::Username(username) => self.kick_all_of(&username),
                Kick::ClientId(clientid) => self.kick_clientid(&clientid),
            }
        }
        self.is_kicking.store(false, Ordering::Relaxed);
    }

    /// Disconnects a client that is known to be there.
    fn kick_clientid(&self, clientid: &[u8]) {
        self.broker.kick_clientid(clientid);
        self.metrics.disconnected(1);
    }

    /// Disconnects who is there under a username; perhaps nobody is. Not all of them need be known, and the end of a
    /// connection through websockets is told later.
    fn kick_all_of(&self, username: &[u8]) {
        let known = self.sessions.lock().of(username).len();
        let before = self.ended_by_kicks.load(Ordering::Relaxed);
        self.broker.kick_username(username);
        let ended = self.ended_by_kicks.load(Ordering::Relaxed).saturating_sub(before);
        self.metrics.disconnected(ended.max(known));
    }

    /// The lock is not held while the broker disconnects: it tells of that.
    fn next_kick(&self) -> Option<Kick> {
        self.sessions.lock().next()
    }

    /// Disconnects who is known under a username, but nobody who waits for its login, whom the broker would find by name, too:
    /// that is decided under the new policy. Where logins wait, the broker tells of all who are connected.
    fn kick_beside_who_waits(&self, username: &[u8]) {
        let theirs = self.sessions.lock().of(username);
        for session in theirs {
            let clientid = self.sessions.lock().clientid(session);
            if let Some(clientid) = clientid {
                self.kick_clientid(&clientid);
            }
        }
    }
}
