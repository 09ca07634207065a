//! What is done from time to time, from a safe place: [`Plugin::on_tick`].

use std::sync::atomic::Ordering;

use super::Plugin;
use crate::sessions::Kick;

impl Plugin {
    /// The broker's loop has come round.
    pub fn on_tick(&self) {
        self.bell.heard();
        self.reload_is_over();
        self.has_ticked.store(true, Ordering::Relaxed);
        self.complete_logins();
        self.log_denials();
        self.own.tick();
        self.tell_of_audit();
        self.merge_roles();
        self.write_metrics();
        let kicks = self.sessions.lock().tick();
        self.kick(kicks);
        self.save_rehashed();
        let answered = self.advance_at_tick();
        // 2.1 sends what was published in a tick in its next round, and without events that is long in coming.
        if answered || self.sessions.lock().has_due() {
            self.bell.ring();
        }
    }

    pub(super) fn kick(&self, kicks: Vec<Kick>) {
        // The broker asks about the subscriptions of whom it disconnects: those are no new acts.
        self.is_kicking.store(true, Ordering::Relaxed);
        for kick in kicks {
            self.metrics.disconnected();
            match kick {
                Kick::Username(username) => self.broker.kick_username(&username),
                Kick::ClientId(clientid) => self.broker.kick_clientid(&clientid),
            }
        }
        self.is_kicking.store(false, Ordering::Relaxed);
    }
}
