//! Which 2.0 the broker is: 2.0.15 and 2.0.21 export what 2.0.11 exports, so its functions do not tell.
//!
//! The broker's own executable says it: its version is a string there, of its own (2.0.11's
//! `src/sys_tree.c`: `VERSION`). It is read once, at init.

use std::fs::File;
use std::io::Read as _;

/// The broker that runs in this process.
const EXECUTABLE: &str = "/proc/self/exe";
/// How much of it is read. Debian's brokers have less than 1 MB.
const MOST_BYTES: u64 = 16 << 20;
/// What precedes the number that is asked for.
const PREFIX: &[u8] = b"2.0.";

/// The last number of the running broker's version, 21 for 2.0.21. `None` where its executable cannot be
/// read, or does not hold exactly one version of 2.0.
pub(super) fn patch_of_running_2_0() -> Option<u8> {
    let mut bytes = Vec::new();
    File::open(EXECUTABLE).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    patch_in(&bytes)
}

fn patch_in(executable: &[u8]) -> Option<u8> {
    let mut patches = executable.split(|&byte| byte == 0).filter_map(patch_of);
    let patch = patches.next()?;
    patches.all(|other| other == patch).then_some(patch)
}

fn patch_of(string: &[u8]) -> Option<u8> {
    let digits = string.strip_prefix(PREFIX).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_a_string_of_its_own() {
        for (executable, patch) in [
            (&b"\x7fELF\x002.0.21\0mosquitto version %s\0"[..], Some(21)),
            (b"\x002.0.9\x002.0.9\0", Some(9)),
            (b"\x002.0.11\x002.0.15\0", None),
            (b"\0mosquitto version 2.0.21\x002.0.\x002.0.1a\x002.0.21.1\x002.0.+1\x002.0.999\0", None),
            (b"\x002.1.2\0", None),
            (b"", None),
        ] {
            assert_eq!(patch_in(executable), patch, "{}", executable.escape_ascii());
        }
    }

    #[test]
    fn a_program_that_is_no_broker_has_none() {
        assert_eq!(patch_of_running_2_0(), None);
    }
}
