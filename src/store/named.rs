//! Which roles and clients a record names that is kept as it is written.

use crate::json::{Value, up_to_nul};

/// The names of the roles that a client's or group's record lists.
pub(super) fn roles<'v>(record: &'v Value<'_>) -> impl Iterator<Item = &'v [u8]> {
    names(record, "roles", "rolename")
}

/// The names of the clients that a group's record lists.
pub(super) fn clients<'v>(record: &'v Value<'_>) -> impl Iterator<Item = &'v [u8]> {
    names(record, "clients", "username")
}

fn names<'v>(record: &'v Value<'_>, list: &str, key: &'static str) -> impl Iterator<Item = &'v [u8]> {
    let links = record.get(list).and_then(Value::as_array).unwrap_or_default();
    links.iter().filter_map(move |link| link.get(key).and_then(Value::as_bytes)).map(up_to_nul)
}
