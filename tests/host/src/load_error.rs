//! Why a library could not be loaded.
#![expect(unsafe_code, reason = "asks the dynamic loader")]

use std::error::Error;
use std::ffi::CStr;
use std::fmt;

/// Why a plugin, or what it needs, could not be loaded.
#[derive(Debug)]
pub struct LoadError {
    what: String,
    hint: &'static str,
}

impl LoadError {
    /// The dynamic loader's last message, with what to do about it.
    pub(crate) fn from_dlerror(hint: &'static str) -> Self {
        // SAFETY: dlerror has no preconditions.
        let message = unsafe { libc::dlerror() };
        if message.is_null() {
            return Self::new("unknown error of the dynamic loader", hint);
        }
        // SAFETY: a message of dlerror is NUL-terminated, and lives until this thread calls the loader again.
        let message = unsafe { CStr::from_ptr(message) };
        Self::new(message.to_string_lossy(), hint)
    }

    pub(crate) fn new(what: impl Into<String>, hint: &'static str) -> Self {
        Self { what: what.into(), hint }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.what, self.hint)
    }
}

impl Error for LoadError {}
