//! SIGHUP: the broker reads its files again, and asks for all logins again right after: [`Plugin::on_reload`]. So
//! do we read the policy, if somebody else has changed it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Plugin;
use super::commands::{Edited, Read, read};
use crate::audit::Deed;
use crate::broker::LogLevel;
use crate::control::Disconnect;
use crate::file_report;
use crate::injection::panic_point;
use crate::panics::caught;
use crate::store::Writable;

/// How long the logins may take that a reload asks for, where no tick shows that it is over.
const LONGEST: Duration = Duration::from_secs(2);

/// How long the broker's thread waits for the disk.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl Plugin {
    /// If somebody else has changed the policy file, what it says comes in force. Then the broker will ask for the
    /// logins of all that are connected. It tells each listener that has the plugin of the reload: the file is looked at once.
    pub fn on_reload(&self) {
        if !self.is_the_same_reload()
            && let Err(panicked) = caught(|| self.load_edit())
        {
            // The logins that come now are a reload's all the same.
            self.report_bug("a reload", &panicked);
        }
        self.expose();
        self.sessions.lock().reloads();
        *self.reload_began.lock() = Some(Instant::now());
        self.is_reloading.store(true, Ordering::Release);
    }

    /// Whether the broker tells of a reload of which it has told already. It sees to SIGHUP once in a round of its loop, and
    /// ticks in each (2.0.21: `src/loop.c`; 2.1.2: `src/signals.c`), so that another one comes after a tick. Where it does
    /// not tick, each may be another one.
    fn is_the_same_reload(&self) -> bool {
        self.has_ticked() && self.is_reloading.load(Ordering::Acquire)
    }

    /// Whether a login is one that a reload asks for.
    pub(super) fn is_reloading(&self) -> bool {
        self.is_reloading.load(Ordering::Acquire)
            && (self.has_ticked() || self.reload_began.lock().is_some_and(|began| began.elapsed() < LONGEST))
    }

    /// The loop has come round: what a reload asked for was asked.
    pub(super) fn reload_is_over(&self) {
        self.is_reloading.store(false, Ordering::Release);
    }

    /// If somebody else has changed the policy file, what it says comes in force, and whom that concerns is
    /// disconnected. A file that cannot be used changes nothing.
    fn load_edit(&self) {
        if self.broken.load(Ordering::Acquire) {
            return;
        }
        // What is under way comes before what is in the file, or it would be taken for an edit.
        if self.goes_on_while_saving() {
            return self.reload_in_turn(LONGEST_WAIT);
        }
        self.finish();
        let (read, policy) = {
            let now = self.policy.read().snapshot();
            read(&self.store, &now, self.strict)
        };
        self.reloaded(read);
        // Where there is no thread, it is done here.
        let _ = self.workers.submit(move || drop(policy));
    }

    /// The file was looked at.
    pub(super) fn reloaded(&self, read: Read) {
        let refused = match read {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(edited))) => return self.take_over(edited),
            Ok(Err(error)) => {
                file_report::report_refused(&error, &*self.broker);
                let in_place = matches!(self.store.lock().writable(), Writable::InPlace { .. });
                error.while_running(in_place).to_string()
            }
            Err(panicked) => format!("a bug in the plugin: {}; please report it", panicked.text),
        };
        self.audit_deed(&Deed::RefusedReload(refused.clone()));
        let line = format!("dynsec: not reloaded, and the running policy stays in force: {refused}");
        self.broker.log(LogLevel::Error, line.as_bytes());
    }

    fn take_over(&self, Edited { edit, issues }: Edited) {
        let difference = {
            let mut policy = self.policy.write();
            if !policy.is_as_before(&edit) {
                // Whatever waits in the queue has not changed it meanwhile, but if anything has, that is not to be lost.
                drop(policy);
                return self.reload_again();
            }
            let mark = policy.mark();
            let difference = caught(|| {
                let difference = policy.take_over(edit);
                panic_point("a reload, the policy being changed");
                difference
            });
            if difference.is_ok() {
                policy.keep();
            } else {
                // As long as it may be half changed, nothing is let through.
                self.broken.store(true, Ordering::Release);
                policy.undo_to(mark);
                self.broken.store(false, Ordering::Release);
            }
            difference
        };
        let difference = match difference {
            Ok(difference) => difference,
            Err(panicked) => return self.report_bug("a reload", &panicked),
        };
        let path = {
            let mut store = self.store.lock();
            store.accept();
            store.path().to_owned()
        };
        self.audit_deed(&Deed::Reload { records: difference.records });
        // Whatever comes of what is said of it, those whom it concerns are disconnected.
        let said = caught(|| {
            panic_point("a reload, the policy changed");
            file_report::report_reloaded(&issues, &path, &difference, &*self.broker);
        });
        if let Err(panicked) = said {
            self.report_bug("a reload", &panicked);
        }
        *self.issues.lock() = issues;
        let logins = self.sessions.lock().logins();
        let concerned = (difference.concerned, difference.crowd);
        self.disconnect_later(Disconnect::holders_and_crowd(concerned), logins);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::broker::BrokerFamily;
    use crate::broker::tests::Silent;
    use crate::options::PluginOptions;
    use crate::policy::{Client, Username};

    #[test]
    fn what_has_changed_while_the_file_was_read_is_in_the_way_of_nothing_and_the_file_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("policy.json");
        std::fs::write(&file, r#"{"clients": [{"username": "ann"}]}"#).unwrap();
        let plugin =
            Plugin::start(&PluginOptions::new(file.clone()), Arc::new(Silent), BrokerFamily::V2_1).unwrap();
        plugin.on_tick();
        std::fs::write(&file, r#"{"clients": [{"username": "bob"}]}"#).unwrap();
        let now = plugin.policy.read().snapshot();
        let (found, _) = read(&plugin.store, &now, plugin.strict);
        let eve = Username::new(b"eve").unwrap();
        plugin.policy.write().put_client(Client::new(eve)).unwrap();
        plugin.reloaded(found);
        let names = || {
            let policy = plugin.policy.read();
            policy.clients().map(|client| client.username.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(), ["ann", "eve"], "an edit of another policy is not taken over");
        plugin.finish();
        assert_eq!(names(), ["bob"]);
    }
}
