//! The plugin's options: every `plugin_opt_…` line of mosquitto.conf, typed.
//!
//! [`OPTIONS`] is the one list of them; README.md and mosquitto.conf.example say what it says.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::broker::BrokerFamily;
use crate::password::Iterations;

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
    /// Where a copy of the policy is kept while it cannot be replaced at once; `None` is the broker's
    /// usual state directory.
    pub state_dir: Option<PathBuf>,
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
            state_dir: None,
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

/// What there is to know about an option.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// Its name, without `plugin_opt_`.
    pub name: &'static str,
    /// What it may be, with its unit.
    pub accepts: &'static str,
    /// What it is if it is not given; `None` if nothing works without it.
    pub default: Option<&'static str>,
    /// What it is for.
    pub meaning: &'static str,
    /// Takes a value, if it may be that.
    set: fn(&mut PluginOptions, &[u8]) -> Option<()>,
}

/// All options.
pub const OPTIONS: [OptionInfo; 8] = [
    OptionInfo {
        name: CONFIG_FILE,
        accepts: "a path",
        default: None,
        meaning: "The policy. Without it the plugin does nothing.",
        set: |options, value| {
            options.config_file = path(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "config_init",
        accepts: "`auto`, `true` or `false`",
        default: Some("auto"),
        meaning: "Make a policy where the file is missing; `auto` does so with a broker from 2.1 on, as its \
                  C plugin.",
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
        meaning: "A file whose first line is the administrator's password for a policy that is made.",
        set: |options, value| {
            options.password_init_file = Some(path(value)?);
            Some(())
        },
    },
    OptionInfo {
        name: "compat",
        accepts: "`auto`, `2.0`, `2.0.21` or `2.1`",
        default: Some("auto"),
        meaning: "The version of the C plugin whose decisions, answers and error texts are given where \
                  versions differ: `2.0` is 2.0.11; `auto` is the broker's own.",
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
        meaning: "Refuse to start with a policy that has elements without effect, as a role that is \
                  not there; otherwise they are logged and kept.",
        set: |options, value| {
            options.strict_config = truth(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "password_iterations",
        accepts: "a number of iterations from 101 to 10000000",
        default: Some("1000"),
        meaning: "PBKDF2 iterations of passwords that are set from now on. Every login takes as many: \
                  about half a millisecond for 1000.",
        set: |options, value| {
            let number: u32 = str::from_utf8(value).ok()?.parse().ok()?;
            options.password_iterations = Iterations::try_from(number).ok()?;
            Some(())
        },
    },
    OptionInfo {
        name: "rehash_on_login",
        accepts: "`true` or `false`",
        default: Some("false"),
        meaning: "Hash the password of a client that logs in again, if the C plugin of 2.0 cannot read its \
                  hash or it has fewer iterations than new passwords get.",
        set: |options, value| {
            options.rehash_on_login = truth(value)?;
            Some(())
        },
    },
    OptionInfo {
        name: "state_dir",
        accepts: "a path",
        default: Some("the broker's usual state directory"),
        meaning: "Where a copy of the policy is kept during a save, if the policy's own directory \
                  cannot be written.",
        set: |options, value| {
            options.state_dir = Some(path(value)?);
            Some(())
        },
    },
];

const PREFIX: &str = "plugin_opt_";
const CONFIG_FILE: &str = "config_file";

/// The outcome of [`parse`].
#[derive(Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The options; `None` without a policy, so that there is nothing to do.
    pub options: Option<PluginOptions>,
    /// What the operator should look into.
    pub warnings: Vec<OptionWarning>,
}

/// Reads options as the broker passes them: names without `plugin_opt_`, in any case, and values.
///
/// Of an option that is given twice, 2.0 takes the first and 2.1 the last, as the C plugins do.
///
/// # Errors
/// [`OptionError`] for a value that an option cannot have, if there is a policy at all.
pub fn parse(given: &[(&[u8], &[u8])], family: BrokerFamily) -> Result<Parsed, OptionError> {
    let mut warnings = Vec::new();
    let mut values: [Option<&[u8]>; OPTIONS.len()] = [None; OPTIONS.len()];
    for &(name, value) in given {
        let known = OPTIONS.iter().zip(&mut values);
        match known.into_iter().find(|(option, _)| option.name.as_bytes().eq_ignore_ascii_case(name)) {
            None => warnings.push(OptionWarning::unknown(name)),
            Some((_, slot @ None)) => *slot = Some(value),
            Some((option, slot)) => {
                warnings.push(OptionWarning::Repeated { name: option.name, family });
                if family == BrokerFamily::V2_1 {
                    *slot = Some(value);
                }
            }
        }
    }
    if values.iter().zip(&OPTIONS).all(|(value, option)| option.name != CONFIG_FILE || value.is_none()) {
        return Ok(Parsed { options: None, warnings });
    }
    let mut options = PluginOptions::new(PathBuf::new());
    for (option, value) in OPTIONS.iter().zip(values) {
        if let Some(value) = value {
            (option.set)(&mut options, value).ok_or_else(|| OptionError {
                name: option.name,
                value: value.escape_ascii().to_string(),
                accepts: option.accepts,
            })?;
        }
    }
    Ok(Parsed { options: Some(options), warnings })
}

fn truth(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

fn path(value: &[u8]) -> Option<PathBuf> {
    (!value.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(value)))
}

/// A value that an option cannot have.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The option, without `plugin_opt_`.
    pub name: &'static str,
    /// The value, printable.
    pub value: String,
    /// What it may be.
    pub accepts: &'static str,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, accepts } = self;
        write!(f, "{PREFIX}{name} cannot be `{value}`: it is {accepts}")
    }
}

impl std::error::Error for OptionError {}

/// An option that has no effect.
#[derive(Debug, PartialEq, Eq)]
pub enum OptionWarning {
    /// There is no such option.
    Unknown {
        /// Its name, printable.
        name: String,
        /// The name most like it.
        nearest: &'static str,
    },
    /// It was given before.
    Repeated {
        /// Its name.
        name: &'static str,
        /// The broker, on which it depends which one counts.
        family: BrokerFamily,
    },
}

impl OptionWarning {
    fn unknown(name: &[u8]) -> Self {
        let name = name.escape_ascii().to_string();
        let nearest = OPTIONS.iter().map(|option| option.name).min_by_key(|known| {
            // What one name merely has more counts less: `iterations` means `password_iterations`.
            let distance = distance(&name, known);
            (distance.saturating_sub(name.len().abs_diff(known.len())), distance)
        });
        Self::Unknown { nearest: nearest.unwrap_or(CONFIG_FILE), name }
    }
}

impl fmt::Display for OptionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, nearest } => write!(
                f,
                "there is no option {PREFIX}{name}, and it has no effect; the nearest is {PREFIX}{nearest}"
            ),
            Self::Repeated { name, family } => {
                let counts = match family {
                    BrokerFamily::V2_0 => "first",
                    BrokerFamily::V2_1 => "last",
                };
                write!(f, "{PREFIX}{name} is given more than once: the {counts} one counts")
            }
        }
    }
}

/// How many letters must be inserted, deleted or replaced to make one name of the other (Levenshtein);
/// case does not count.
fn distance(a: &str, b: &str) -> usize {
    // `row` holds the distances from the part of `a` so far to each beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, other) in cells.zip(b.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(!letter.eq_ignore_ascii_case(&other)));
            diagonal = *cell;
            left = replaced.min(left.min(*cell).saturating_add(1));
            *cell = left;
        }
    }
    row.pop().unwrap_or(0)
}

#[cfg(test)]
mod tests;
