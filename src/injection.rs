//! Panics where a test asks for them. Without the feature `panic-injection`, which no release has, there is
//! nothing of it in the library.

#[cfg(feature = "panic-injection")]
pub(crate) use asked_for::{note_callback, panic_point};

#[cfg(feature = "panic-injection")]
mod asked_for {
    use std::env;
    use std::ffi::CStr;
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;
    use std::path::PathBuf;

    fn file() -> Option<PathBuf> {
        env::var_os("DYNSEC_PANIC_FILE").map(PathBuf::from)
    }

    /// A place where a panic may be asked for: the file that `DYNSEC_PANIC_FILE` names holds the name of the
    /// place. It is gone before the panic, so that there is one; with a `!` behind the name it stays, and there is
    /// one each time. Each `+` behind it lets one time pass.
    pub(crate) fn panic_point(place: &str) {
        let Some(file) = file() else { return };
        let Ok(asked) = fs::read(&file) else { return };
        let is_asked_for = match asked.strip_prefix(place.as_bytes()) {
            Some([]) => fs::remove_file(&file).is_ok(),
            Some(b"!") => true,
            Some([b'+', rest @ ..]) => {
                // What cannot be written leaves a panic out, and the test that has asked for it is red.
                let _ = fs::write(&file, [place.as_bytes(), rest].concat());
                false
            }
            _ => false,
        };
        assert!(!is_asked_for, "a test has asked for a panic in `{place}`");
    }

    /// Tells a test of a callback that the broker has taken: by a line with its event and topic in the file beside
    /// that one, with the extension `callbacks`.
    pub(crate) fn note_callback(event: i32, topic: Option<&CStr>) {
        let Some(file) = file() else { return };
        let line = match topic {
            Some(topic) => format!("{event} {}\n", topic.to_string_lossy()),
            None => format!("{event}\n"),
        };
        let told = OpenOptions::new().create(true).append(true).open(file.with_extension("callbacks"));
        // Without it the test is red.
        let _ = told.and_then(|mut told| told.write_all(line.as_bytes()));
    }
}

/// A place where tests may ask for a panic.
#[cfg(not(feature = "panic-injection"))]
#[inline]
pub(crate) const fn panic_point(_: &str) {}

/// A callback that tests may be told of.
#[cfg(not(feature = "panic-injection"))]
#[inline]
pub(crate) const fn note_callback(_: i32, _: Option<&std::ffi::CStr>) {}
