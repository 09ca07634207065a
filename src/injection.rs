//! Panics where a test asks for them. Without the feature `panic-injection`, which no release has, there is
//! nothing of it in the library.

/// A place where a panic may be asked for: the file that `DYNSEC_PANIC_FILE` names holds the name of the
/// place. It is gone before the panic, so that there is one; with a `!` behind the name it stays, and there is
/// one each time.
#[cfg(feature = "panic-injection")]
#[expect(clippy::panic, reason = "what it is for")]
pub(crate) fn panic_point(place: &str) {
    let Some(file) = std::env::var_os("DYNSEC_PANIC_FILE") else { return };
    let Ok(asked) = std::fs::read(&file) else { return };
    if asked.strip_suffix(b"!") == Some(place.as_bytes())
        || (asked == place.as_bytes() && std::fs::remove_file(&file).is_ok())
    {
        panic!("a test has asked for a panic in `{place}`");
    }
}

/// A place where tests may ask for a panic.
#[cfg(not(feature = "panic-injection"))]
#[inline]
pub(crate) const fn panic_point(_: &str) {}
