//! The plugin's options: every `plugin_opt_…` line of mosquitto.conf, typed.
//!
//! [`OPTIONS`] is the one list of them. README.md and mosquitto.conf.example say what each is for; tests hold them to the list.

mod parse;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use crate::broker::BrokerFamily;
use crate::control::Limits;
use crate::password::Iterations;

pub use parse::{OptionError, OptionWarning, Parsed, parse};
pub use table::{OPTIONS, OptionInfo};

/// What the plugin was told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginOptions {
    /// The policy.
    pub config_file: PathBuf,
    /// Whether a policy is made where there is none.
    pub config_init: ConfigInitOption,
    /// The file with the administrator's password for a policy that is made.
    pub password_init_file: Option<PathBuf>,
    /// Whose answers are given where the versions of the C plugin differ.
    pub compat: CompatOption,
    /// Whether a policy with elements that can have no effect is refused.
    pub strict_config: bool,
    /// PBKDF2 iterations of new passwords.
    pub password_iterations: Iterations,
    /// Whether passwords are hashed again where that makes their hashes better.
    pub rehash_on_login: bool,
    /// How much a payload of commands may ask for.
    pub limits: Limits,
    /// Where copies of the policy are kept; `None` is the broker's usual state directory.
    pub state_dir: Option<PathBuf>,
    /// The denial log.
    pub denial_log: DenialLog,
    /// Whether every client may ask about its own rights.
    pub self_service: bool,
    /// Whether changes are saved while the broker goes on.
    pub save_mode: SaveMode,
    /// Where the audit trail is kept, if one is.
    pub audit_file: Option<PathBuf>,
    /// Which logins are verified while the broker goes on.
    pub login_mode: LoginMode,
    /// Who decides about usernames that the policy does not know.
    pub unknown_user: UnknownUserOption,
    /// After how many failed logins for a username an address is locked out of it; `None` is never.
    pub lockout_failures: Option<NonZero<u32>>,
    /// The time in which these failures happen, and after which they are forgotten.
    pub lockout_window: Duration,
    /// How much of the broker's time logins may take for hashing, in percent.
    pub login_work: u32,
    /// How many last versions of the policy are kept in the state directory.
    pub backups: usize,
    /// The file that the counters are written to, if any.
    pub metrics_file: Option<PathBuf>,
    /// How often.
    pub metrics_interval: Duration,
}

impl PluginOptions {
    /// This policy, and the defaults.
    #[must_use]
    pub fn new(config_file: PathBuf) -> Self {
        Self {
            config_file,
            config_init: ConfigInitOption::Auto,
            password_init_file: None,
            compat: CompatOption::Auto,
            strict_config: false,
            password_iterations: Iterations::DEFAULT,
            rehash_on_login: false,
            limits: Limits::DEFAULT,
            state_dir: None,
            denial_log: DenialLog {
                what: DenialLogOption::On,
                deferred: true,
                interval: Duration::from_secs(60),
            },
            self_service: false,
            save_mode: SaveMode::Auto,
            audit_file: None,
            login_mode: LoginMode::Auto,
            unknown_user: UnknownUserOption::Defer,
            lockout_failures: None,
            lockout_window: Duration::from_secs(300),
            login_work: 100,
            backups: 0,
            metrics_file: None,
            metrics_interval: Duration::from_secs(15),
        }
    }
}

/// `plugin_opt_config_init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigInitOption {
    /// As the C plugin of the broker's own version does: 2.1's makes one, 2.0's does not.
    Auto,
    /// It is made.
    Make,
    /// It is not: the broker does not start.
    Refuse,
}

impl ConfigInitOption {
    /// Whether a policy is made where that broker finds none.
    #[must_use]
    pub fn makes_policy(self, family: BrokerFamily) -> bool {
        match self {
            Self::Auto => family == BrokerFamily::V2_1,
            Self::Make => true,
            Self::Refuse => false,
        }
    }
}

/// `plugin_opt_denial_log` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenialLog {
    /// Which denials are logged.
    pub what: DenialLogOption,
    /// Whether what is left to other plugins and the broker's files is logged as denied.
    pub deferred: bool,
    /// How much time a summary covers.
    pub interval: Duration,
}

/// `plugin_opt_denial_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialLogOption {
    /// None.
    Off,
    /// Logins, publishes, subscriptions.
    On,
    /// Also messages that are not delivered.
    All,
}

/// `plugin_opt_save_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveMode {
    /// Passwords of commands are hashed and the policy is saved in threads of their own, while the broker goes
    /// on, where it ticks.
    Auto,
    /// Both before the broker goes on.
    Sync,
}

/// `plugin_opt_login_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginMode {
    /// Those for which the broker can wait without harm.
    Auto,
    /// None.
    Sync,
    /// Those for which it can wait at all.
    Delayed,
}

/// `plugin_opt_unknown_user`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownUserOption {
    /// Other plugins and `password_file`.
    Defer,
    /// They are refused.
    Deny,
}

/// `plugin_opt_compat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompatOption {
    /// Those of the broker's own version.
    Auto,
    /// Those of 2.0.11.
    V2_0,
    /// Those of 2.0.21.
    V2_0_21,
    /// Those of 2.1.
    V2_1,
}
