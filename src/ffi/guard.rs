//! The panic boundary: a panic ends one request, refused, and never the broker.

use crate::broker::{Broker, LogLevel};
use crate::injection::panic_point;
use crate::panics::caught;

/// Runs `body`. If it panics, the log says so, and what then comes of the request is `on_panic`.
///
/// What `body` leaves half done is for the plugin to put right: `Plugin::answer_after_panic`.
pub(super) fn guard<T>(broker: &dyn Broker, request: &str, on_panic: T, body: impl FnOnce() -> T) -> T {
    let body = || {
        panic_point(request);
        body()
    };
    caught(body).unwrap_or_else(|panicked| {
        let line = format!("dynsec: {}", panicked.report(request));
        // A log that panics as well has nobody left to tell.
        let _ = caught(|| broker.log(LogLevel::Error, line.as_bytes()));
        on_panic
    })
}

#[cfg(test)]
mod tests {
    use std::panic;
    use std::sync::Mutex;

    use super::*;
    use crate::broker::PublishError;
    use crate::panics::install_hook;

    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Broker for Log {
        fn log(&self, _: LogLevel, message: &[u8]) {
            self.0.lock().unwrap().push(String::from_utf8_lossy(message).into_owned());
        }

        fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
            Ok(())
        }

        fn kick_username(&self, _: &[u8]) {}

        fn kick_clientid(&self, _: &[u8]) {}
    }

    #[test]
    fn what_ends_well_is_passed_on_and_not_logged() {
        let log = Log::default();
        assert_eq!(guard(&log, "a login", 11, || 0), 0);
        assert!(log.0.into_inner().unwrap().is_empty());
    }

    #[test]
    fn a_panic_gives_the_refusal_and_a_log_line_with_its_place() {
        install_hook();
        let log = Log::default();
        assert_eq!(guard(&log, "a login", 11, || panic!("out of\nluck")), 11);
        let lines = log.0.into_inner().unwrap();
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with("dynsec: a bug in the plugin ended a login: panicked at src/ffi/guard.rs:"),
            "{lines:?}"
        );
        assert!(lines[0].ends_with("out of luck; please report it"), "{lines:?}");
    }

    #[test]
    fn a_panic_whose_payload_panics_when_dropped_is_held_too() {
        struct Grenade;
        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        assert_eq!(guard(&Log::default(), "a login", 11, || panic::panic_any(Grenade)), 11);
    }

    #[test]
    fn a_log_that_panics_is_held_too() {
        struct NoLog;
        impl Broker for NoLog {
            fn log(&self, _: LogLevel, _: &[u8]) {
                panic!("no log");
            }

            fn publish(&self, _: &'static str, _: &[u8]) -> Result<(), PublishError> {
                Ok(())
            }

            fn kick_username(&self, _: &[u8]) {}

            fn kick_clientid(&self, _: &[u8]) {}
        }
        assert_eq!(guard(&NoLog, "a login", 11, || panic!("first")), 11);
    }
}
