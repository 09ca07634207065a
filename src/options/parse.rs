//! Options as the broker passes them, read and checked.

use std::fmt;
use std::path::PathBuf;

use super::PluginOptions;
use super::table::{CONFIG_FILE, OPTIONS};
use crate::broker::BrokerFamily;
use crate::password::Iterations;

const PREFIX: &str = "plugin_opt_";

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
    options.password_iterations = match family {
        BrokerFamily::V2_0 => Iterations::DEFAULT,
        BrokerFamily::V2_1 => Iterations::DEFAULT_OF_2_1,
    };
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
pub(super) fn distance(a: &str, b: &str) -> usize {
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
