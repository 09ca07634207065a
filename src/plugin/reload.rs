//! SIGHUP: the broker reads its files again, and asks for all logins again right after: [`Plugin::on_reload`]. So
//! do we read the policy, if somebody else has changed it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Plugin;
use crate::broker::LogLevel;
use crate::control::Disconnect;
use crate::panics::caught;
use crate::start;
use crate::store::Loaded;

/// How long the logins may take that a reload asks for, where no tick shows that it is over.
const LONGEST: Duration = Duration::from_secs(2);

impl Plugin {
    /// If somebody else has changed the policy file, what it says comes in force. Then the broker will ask for the
    /// logins of all that are connected.
    pub fn on_reload(&self) {
        self.load_edit();
        *self.reload_began.lock() = Some(Instant::now());
        self.is_reloading.store(true, Ordering::Release);
    }

    /// Whether a login is one that a reload asks for.
    pub(super) fn is_reloading(&self) -> bool {
        self.is_reloading.load(Ordering::Acquire)
            && (self.has_ticked.load(Ordering::Relaxed)
                || self.reload_began.lock().is_some_and(|began| began.elapsed() < LONGEST))
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
        self.finish();
        let compat = self.policy.read().compat();
        let reloaded = caught(|| self.store.lock().reload(compat, self.strict));
        let refused = match reloaded {
            Ok(Ok(None)) => return,
            Ok(Ok(Some(loaded))) => return self.take_over(loaded),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => format!("a bug in the plugin: {}; please report it", panicked.text),
        };
        let line = format!("dynsec: not reloaded, and the running policy stays in force: {refused}");
        self.broker.log(LogLevel::Error, line.as_bytes());
    }

    fn take_over(&self, loaded: Loaded) {
        let difference = {
            let mut policy = self.policy.write();
            let mark = policy.mark();
            let difference = caught(|| policy.become_like(&loaded.policy));
            match &difference {
                Ok(_) => policy.keep(),
                Err(_) => policy.undo_to(mark),
            }
            difference
        };
        match difference {
            Ok(difference) => {
                let path = self.store.lock().path().to_owned();
                start::report_reloaded(&loaded, &path, &difference, &*self.broker);
                *self.issues.lock() = loaded.issues;
                let kicks = {
                    let mut sessions = self.sessions.lock();
                    let logins = sessions.logins();
                    sessions.disconnect_later(Disconnect::holders(difference.concerned), logins);
                    if sessions.has_ticked() { Vec::new() } else { sessions.all_due() }
                };
                self.kick(kicks);
            }
            Err(panicked) => {
                let text = panicked.text;
                let line = format!("dynsec: a bug in the plugin ended a reload: {text}; please report it");
                self.broker.log(LogLevel::Error, line.as_bytes());
            }
        }
    }
}
