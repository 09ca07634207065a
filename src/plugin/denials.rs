//! When the denial log is written: at the tick; where the broker does not tick, at the end of a login or check.

use std::time::Instant;

use super::Plugin;
use crate::broker::{BrokerFamily, LogLevel};
use crate::denials::{Denial, Settings};
use crate::options::{DenialLog, DenialLogOption};
use crate::policy::{Effect, LoginRequest, NotLoggedIn};

impl From<DenialLog> for Settings {
    fn from(option: DenialLog) -> Self {
        Self {
            wanted: option.what != DenialLogOption::Off,
            receive: option.what == DenialLogOption::All,
            deferred: option.deferred,
            interval: option.interval,
        }
    }
}

impl Plugin {
    /// Writes what is due of the denial log. No lock is held.
    pub(super) fn log_denials(&self) {
        for line in self.denials.take(Instant::now()) {
            self.broker.log(LogLevel::Notice, &line);
        }
    }

    /// Writes all that the denial log has still to say, at the broker's end.
    pub(super) fn log_last_denials(&self) {
        for line in self.denials.take_all() {
            self.broker.log(LogLevel::Notice, &line);
        }
    }

    /// The same for brokers that do not tick: 2.0 before 2.0.15 with `per_listener_settings true`. Those call from one thread only.
    pub(super) fn log_denials_without_ticks(&self) {
        if self.family == BrokerFamily::V2_0 && !self.has_ticked() {
            self.log_denials();
        }
    }

    /// Notes a login that is not granted, for that reason; `of_reload`, if a reload has asked for it.
    pub(super) fn note_denied_login(
        &self,
        request: &LoginRequest<'_>,
        reason: NotLoggedIn,
        effect: Effect,
        of_reload: bool,
    ) {
        self.metrics.login_not_allowed(reason, effect == Effect::Defer);
        if self.denials.wants_effect(effect) {
            self.denials.note_login(&Denial::of_login(request, reason, effect, of_reload));
            self.log_denials_without_ticks();
        }
    }
}
