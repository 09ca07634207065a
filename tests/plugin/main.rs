//! The plugin with a broker that only remembers what it was asked: what happens at a start, and at logins.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod certificates;
mod first_run;
mod host;
mod lint;
mod own;
mod rehash;
mod unreadable;
