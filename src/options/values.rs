//! The values of options, as they are written: `None` for what is none.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub(super) fn number<N: FromStr + PartialOrd>(value: &[u8], within: RangeInclusive<N>) -> Option<N> {
    let number = str::from_utf8(value).ok()?.parse().ok()?;
    within.contains(&number).then_some(number)
}

pub(super) fn truth(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

pub(super) fn seconds(value: &[u8], within: RangeInclusive<u64>) -> Option<Duration> {
    number(value, within).map(Duration::from_secs)
}

pub(super) fn path(value: &[u8]) -> Option<PathBuf> {
    (!value.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(value)))
}
