//! SIGHUP: the broker reads its files again, and asks for all logins again right after: [`Plugin::on_reload`].

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Plugin;

/// How long the logins may take that a reload asks for, where no tick shows that it is over.
const LONGEST: Duration = Duration::from_secs(2);

impl Plugin {
    /// The broker is about to ask for the logins of all that are connected.
    pub fn on_reload(&self) {
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
}
