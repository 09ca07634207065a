//! The one list of the options.

use std::num::NonZero;

use super::values::{number, path, seconds, truth};
use super::{
    CompatOption, ConfigInitOption, DenialLogOption, LoginMode, PluginOptions, SaveMode, UnknownUserOption,
};
use crate::password::Iterations;

/// The option without which there is nothing to do.
pub(super) const CONFIG_FILE: &str = "config_file";

/// What there is to know about an option.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// Its name, without `plugin_opt_`.
    pub name: &'static str,
    /// What it may be, with its unit.
    pub accepts: &'static str,
    /// What it is if it is not given; `None` if nothing works without it.
    pub default: Option<&'static str>,
    /// Takes a value, if it may be that.
    pub(super) set: fn(&mut PluginOptions, &[u8]) -> Option<()>,
}

/// All options.
pub const OPTIONS: [OptionInfo; 30] = [
    OptionInfo {
        name: CONFIG_FILE,
        accepts: "a path",
        default: None,
        set: |options, value| {
            options.config_file = path(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "config_init",
        accepts: "`auto`, `true` or `false`",
        default: Some("auto"),
        set: |options, value| {
            options.config_init = match value {
                b"auto" => ConfigInitOption::Auto,
                _ if truth(value)? => ConfigInitOption::Make,
                _ => ConfigInitOption::Refuse,
            };
            Some(())
        },
    },
    OptionInfo {
        name: "password_init_file",
        accepts: "a path",
        default: Some("none"),
        set: |options, value| {
            options.password_init_file = Some(path(value)?);
            Some(())
        },
    },
    OptionInfo {
        name: "compat",
        accepts: "`auto`, `2.0`, `2.0.21` or `2.1`",
        default: Some("auto"),
        set: |options, value| {
            options.compat = match value {
                b"auto" => CompatOption::Auto,
                b"2.0" => CompatOption::V2_0,
                b"2.0.21" => CompatOption::V2_0_21,
                b"2.1" => CompatOption::V2_1,
                _ => return None,
            };
            Some(())
        },
    },
    OptionInfo {
        name: "strict_config",
        accepts: "`true` or `false`",
        default: Some("false"),
        set: |options, value| {
            options.strict_config = truth(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "password_iterations",
        accepts: "a number of iterations from 101 to 10000000",
        default: Some("1000 with a 2.0 broker, 10000 with 2.1"),
        set: |options, value| {
            options.password_iterations = Iterations::try_from(number(value, 0..=u32::MAX)?).ok()?;
            Some(())
        },
    },
    OptionInfo {
        name: "rehash_on_login",
        accepts: "`true` or `false`",
        default: Some("false"),
        set: |options, value| {
            options.rehash_on_login = truth(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_payload_bytes",
        accepts: "a number of bytes from 1024 to 268435455",
        default: Some("33554432"),
        set: |options, value| {
            options.limits.payload_bytes = number(value, 1024..=268_435_455)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_commands",
        accepts: "a number of commands from 1 to 10000000",
        default: Some("100000"),
        set: |options, value| {
            options.limits.commands = number(value, 1..=10_000_000)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_json_depth",
        accepts: "a number of levels from 4 to 1000",
        default: Some("1000"),
        set: |options, value| {
            options.limits.json_depth = number(value, 4..=1000)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_name_bytes",
        accepts: "a number of bytes from 1 to 65535",
        default: Some("65535"),
        set: |options, value| {
            options.limits.name_bytes = number(value, 1..=65_535)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_topic_bytes",
        accepts: "a number of bytes from 1 to 65535",
        default: Some("65535"),
        set: |options, value| {
            options.limits.topic_bytes = number(value, 1..=65_535)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_topic_levels",
        accepts: "a number of `/` from 0 to 200",
        default: Some("200"),
        set: |options, value| {
            options.limits.topic_levels = number(value, 0..=200)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_acls_per_role",
        accepts: "a number of ACLs from 1 to 10000000",
        default: Some("1000000"),
        set: |options, value| {
            options.limits.acls_per_role = number(value, 1..=10_000_000)?;
            Some(())
        },
    },
    OptionInfo {
        name: "max_response_bytes",
        accepts: "a number of bytes from 1024 to 250000000",
        default: Some("200000000"),
        set: |options, value| {
            options.limits.response_bytes = number(value, 1024..=250_000_000)?;
            Some(())
        },
    },
    OptionInfo {
        name: "state_dir",
        accepts: "a path",
        default: Some("/var/lib/mosquitto, or /mosquitto/data where that cannot be written"),
        set: |options, value| {
            options.state_dir = Some(path(value)?);
            Some(())
        },
    },
    OptionInfo {
        name: "save_mode",
        accepts: "`auto` or `sync`",
        default: Some("auto"),
        set: |options, value| {
            options.save_mode = match value {
                b"auto" => SaveMode::Auto,
                b"sync" => SaveMode::Sync,
                _ => return None,
            };
            Some(())
        },
    },
    OptionInfo {
        name: "backups",
        accepts: "a number from 0 to 1000",
        default: Some("0"),
        set: |options, value| {
            options.backups = number(value, 0..=1000)?;
            Some(())
        },
    },
    OptionInfo {
        name: "denial_log",
        accepts: "`true`, `false` or `all`",
        default: Some("true"),
        set: |options, value| {
            options.denial_log.what = match value {
                b"all" => DenialLogOption::All,
                _ if truth(value)? => DenialLogOption::On,
                _ => DenialLogOption::Off,
            };
            Some(())
        },
    },
    OptionInfo {
        name: "denial_log_deferred",
        accepts: "`true` or `false`",
        default: Some("true"),
        set: |options, value| {
            options.denial_log.deferred = truth(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "denial_log_interval",
        accepts: "a number of seconds from 1 to 86400",
        default: Some("60"),
        set: |options, value| {
            options.denial_log.interval = seconds(value, 1..=86400)?;
            Some(())
        },
    },
    OptionInfo {
        name: "audit_file",
        accepts: "a path",
        default: Some("none"),
        set: |options, value| {
            options.audit_file = Some(path(value)?);
            Some(())
        },
    },
    OptionInfo {
        name: "metrics_file",
        accepts: "a path",
        default: Some("none"),
        set: |options, value| {
            options.metrics_file = Some(path(value)?);
            Some(())
        },
    },
    OptionInfo {
        name: "metrics_interval",
        accepts: "a number of seconds from 1 to 86400",
        default: Some("15"),
        set: |options, value| {
            options.metrics_interval = seconds(value, 1..=86400)?;
            Some(())
        },
    },
    OptionInfo {
        name: "self_service",
        accepts: "`true` or `false`",
        default: Some("false"),
        set: |options, value| {
            options.self_service = truth(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "login_mode",
        accepts: "`auto`, `sync` or `delayed`",
        default: Some("auto"),
        set: |options, value| {
            options.login_mode = match value {
                b"auto" => LoginMode::Auto,
                b"sync" => LoginMode::Sync,
                b"delayed" => LoginMode::Delayed,
                _ => return None,
            };
            Some(())
        },
    },
    OptionInfo {
        name: "unknown_user",
        accepts: "`defer` or `deny`",
        default: Some("defer"),
        set: |options, value| {
            options.unknown_user = match value {
                b"defer" => UnknownUserOption::Defer,
                b"deny" => UnknownUserOption::Deny,
                _ => return None,
            };
            Some(())
        },
    },
    OptionInfo {
        name: "lockout_failures",
        accepts: "a number of failures from 0 to 10000; 0 is never",
        default: Some("0"),
        set: |options, value| {
            options.lockout_failures = NonZero::new(number(value, 0..=10_000)?);
            Some(())
        },
    },
    OptionInfo {
        name: "lockout_window",
        accepts: "a number of seconds from 1 to 86400",
        default: Some("300"),
        set: |options, value| {
            options.lockout_window = seconds(value, 1..=86400)?;
            Some(())
        },
    },
    OptionInfo {
        name: "login_work",
        accepts: "a percentage from 1 to 100",
        default: Some("100"),
        set: |options, value| {
            options.login_work = number(value, 1..=100)?;
            Some(())
        },
    },
];
