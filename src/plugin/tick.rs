//! What is done from time to time, from a safe place: [`Plugin::on_tick`].

use std::sync::atomic::Ordering;

use super::Plugin;
use crate::broker::LogLevel;
use crate::rehash;
use crate::sessions::Kick;

impl Plugin {
    /// The broker's loop has come round.
    pub fn on_tick(&self) {
        self.bell.heard();
        self.has_ticked.store(true, Ordering::Relaxed);
        self.save_rehashed();
        self.log_denials();
        self.own.tick();
        let kicks = self.sessions.lock().tick();
        self.kick(kicks);
    }

    /// Puts the new hashes in force that logins have brought, if they can be saved.
    pub(super) fn save_rehashed(&self) {
        let hashes = self.rehash.take();
        if hashes.is_empty() || self.broken.load(Ordering::Acquire) {
            return;
        }
        let (names, saved) = {
            let mut policy = self.policy.write();
            let mark = policy.mark();
            let names = rehash::put(&mut policy, hashes);
            if names.is_empty() {
                return;
            }
            let saved = self.store.lock().save(&policy);
            if saved.is_ok() {
                policy.keep();
            } else {
                policy.undo_to(mark);
            }
            (names, saved)
        };
        if let Err(error) = saved {
            let line = format!("dynsec: passwords are not hashed again, since that cannot be saved: {error}");
            self.broker.log(LogLevel::Warning, line.as_bytes());
            return;
        }
        for name in names {
            let line = [b"dynsec: password hashed again at the login | username=", name.as_bytes()].concat();
            self.broker.log(LogLevel::Info, &line);
        }
    }

    pub(super) fn kick(&self, kicks: Vec<Kick>) {
        for kick in kicks {
            match kick {
                Kick::Username(username) => self.broker.kick_username(&username),
                Kick::ClientId(clientid) => self.broker.kick_clientid(&clientid),
            }
        }
    }
}
