//! Panics: caught where one must not go on, and what is known of them afterwards.
//!
//! Not here: what a panic means for a request of the broker (`ffi/guard.rs`) or a payload (`plugin`).

use std::cell::Cell;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// What the hook saw last on this thread.
    static LAST_PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// A panic that was caught: its message and place, in one line, where [`install_hook`] was called before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// Message and place.
    pub text: String,
}

impl Panicked {
    /// What the log says of it, where it has `ended` something.
    #[must_use]
    pub fn report(&self, ended: &str) -> String {
        format!("a bug in the plugin ended {ended}: {}; please report it", self.text)
    }
}

/// Keeps the message and place of every panic for whoever catches it; only a hook is told the place.
///
/// The hook is this library's own, not the broker's nor another plugin's: each has its own `std`.
pub fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let text = info.to_string();
            // Fails only while the thread ends, when nobody will ask.
            let _ = LAST_PANIC.try_with(|last| last.set(Some(text)));
            previous(info);
        }));
    });
}

/// Runs `body` and stops a panic in it. What `body` leaves half done is for the caller to put right.
///
/// # Errors
/// [`Panicked`], if it did.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        // A payload may panic when it is dropped.
        mem::forget(payload);
        Panicked { text: LAST_PANIC.take().unwrap_or_default().replace('\n', " ") }
    })
}
