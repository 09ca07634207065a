//! What every case stands on: a broker of its own, clients to talk to it, and the two plugins to compare.
//!
//! Nothing here knows what a case is about. `case` runs a case against `ours` or `theirs`, `place` is where
//! brokers run, `broker` starts and ends one, `client` and `admin` talk to it, `ctrl` is the stock command line, and
//! `filter` what fail2ban sees of a log.

pub(crate) mod admin;
pub(crate) mod broker;
pub(crate) mod case;
pub(crate) mod client;
pub(crate) mod container;
pub(crate) mod ctrl;
pub(crate) mod filter;
pub(crate) mod library;
pub(crate) mod link_v311;
pub(crate) mod link_v5;
pub(crate) mod packet;
pub(crate) mod place;
pub(crate) mod plugin;
pub(crate) mod raw;
pub(crate) mod setup;

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long anything may take before the test gives up. Nothing is expected to take this long: it only
/// keeps a hung broker from hanging the test run.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// As long where the case is declared to fail: there the wait for what never comes is how most of them do.
const DEADLINE_OF_KNOWN_FAILURES: Duration = Duration::from_secs(5);

thread_local! {
    static PATIENCE: Cell<Duration> = const { Cell::new(DEADLINE) };
}

/// How long this test waits for what the plugin should do.
pub(crate) fn patience() -> Duration {
    PATIENCE.get()
}

/// From here on the test waits for what it is not expected to see.
pub(crate) fn expect_failure() {
    PATIENCE.set(DEADLINE_OF_KNOWN_FAILURES);
}

/// Calls `check` until it gives something, and panics with `what` when the deadline passes.
pub(crate) fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < end, "gave up waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Stops the test because the machine, not the plugin, is at fault. A case that is declared to fail with the C
/// plugin does not count such a stop as that failure.
macro_rules! fault {
    ($($arg:tt)*) => { panic!("{} {}", crate::harness::case::FAULT, format_args!($($arg)*)) };
}
pub(crate) use fault;
