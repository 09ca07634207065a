//! A case is written once and becomes two tests, `ours::name` and `theirs::name`.
//!
//! A case that the C plugin fails says so where it is listed, with the broker versions and the reason. Such a
//! test passes only while it fails: when a C plugin learns to do it, the list has to change.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::expect_failure;
use super::place::Place;
use super::plugin::Plugin;
use super::setup::Setup;

/// How a message begins that blames the machine or this harness, not the plugin.
pub(crate) const FAULT: &str = "harness:";

/// What a case gets to work with.
pub(crate) struct Trial {
    pub(crate) plugin: Plugin,
    pub(crate) place: Place,
}

impl Trial {
    fn new(plugin: Plugin) -> Self {
        Self { plugin, place: Place::from_env() }
    }

    /// A broker to be set up, then started: by default one listener, no anonymous clients, and a policy that
    /// `mosquitto_ctrl dynsec init` made.
    pub(crate) fn broker(&self) -> Setup<'_> {
        Setup::new(self)
    }

    /// Whether the broker is one whose C plugin decides and answers as 2.1 does.
    pub(crate) fn like_2_1(&self) -> bool {
        !self.place.version().starts_with("2.0.")
    }
}

impl Trial {
    /// Whether the broker's loop tells its plugins that it has come round with `per_listener_settings true` too: 2.0 does
    /// from 2.0.15 on.
    pub(crate) fn ticks_with_per_listener_settings(&self) -> bool {
        let patch = self.place.version().strip_prefix("2.0.").map(str::parse::<u32>);
        patch.is_none_or(|patch| patch.is_ok_and(|patch| patch >= 15))
    }
}

thread_local! {
    static NOT_RUN: Cell<bool> = const { Cell::new(false) };
}

/// The case cannot be run here; it ends, and says nothing of the plugin.
pub(crate) fn not_run() {
    NOT_RUN.set(true);
}

/// A declared failure of the C plugin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownFailure {
    /// Broker versions, separated by spaces; `2.0` stands for every 2.0.x, `all` for every broker.
    pub(crate) versions: &'static str,
    /// Why, for the reader of the list.
    pub(crate) why: &'static str,
    /// Part of the message it fails with, so that another failure is not taken for this one.
    pub(crate) shows: Option<&'static str>,
}

impl KnownFailure {
    fn covers(&self, version: &str) -> bool {
        self.versions.split(' ').any(|known| {
            known == "all"
                || version == known
                || version.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'))
        })
    }
}

/// One entry of the list of cases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    pub(crate) theirs_fails: &'static [KnownFailure],
}

/// Runs a case with our plugin.
pub(crate) fn run_ours(body: fn(&Trial)) {
    body(&Trial::new(Plugin::Ours));
}

/// Runs a case with the C plugin, where a declared failure has to happen.
pub(crate) fn run_theirs(body: fn(&Trial), known: &[KnownFailure]) {
    let trial = Trial::new(Plugin::Theirs);
    let version = trial.place.version();
    let Some(failure) = known.iter().find(|failure| failure.covers(version)) else {
        return body(&trial);
    };
    expect_failure();
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| body(&trial))) else {
        if NOT_RUN.get() {
            return;
        }
        panic!("the C plugin of {version} passes this case; it is declared to fail: {}", failure.why);
    };
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or_default()
        .to_owned();
    if message.starts_with(FAULT) {
        resume_unwind(payload);
    }
    if let Some(shows) = failure.shows {
        assert!(
            message.contains(shows),
            "the C plugin of {version} fails otherwise than declared (`{shows}`): {message}"
        );
    }
    println!("fails with the C plugin, as declared: {}", failure.why);
}

/// Lists a module's cases: functions that take a `&Trial`. After a name may stand what the C plugin does not
/// pass: `theirs_fails("2.0.11", "why")`, and a third string that its failure message contains.
macro_rules! cases {
    ($($name:ident $(: $(theirs_fails($versions:literal, $why:literal $(, $shows:literal)?))&+)?),+ $(,)?) => {
        pub(crate) const CASES: &[crate::harness::case::Case] = &[$(
            crate::harness::case::Case {
                module: module_path!(),
                name: stringify!($name),
                theirs_fails: &[$($(crate::harness::case::cases!(@known $versions, $why $(, $shows)?)),+)?],
            }
        ),+];

        mod ours {
            $(
                #[test]
                fn $name() {
                    crate::harness::case::run_ours(super::$name);
                }
            )+
        }

        mod theirs {
            $(
                #[test]
                fn $name() {
                    crate::harness::case::run_theirs(
                        super::$name,
                        &[$($(crate::harness::case::cases!(@known $versions, $why $(, $shows)?)),+)?],
                    );
                }
            )+
        }
    };
    (@known $versions:literal, $why:literal) => {
        crate::harness::case::KnownFailure { versions: $versions, why: $why, shows: None }
    };
    (@known $versions:literal, $why:literal, $shows:literal) => {
        crate::harness::case::KnownFailure { versions: $versions, why: $why, shows: Some($shows) }
    };
}
pub(crate) use cases;
