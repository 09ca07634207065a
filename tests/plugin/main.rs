//! The plugin with a broker that only remembers what it was asked: what happens at a start, at logins, and while
//! changes are saved.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod audit;
mod certificates;
mod disk;
mod first_run;
mod host;
mod lint;
mod logins;
mod own;
mod pipeline;
mod rehash;
mod reload;
mod unreadable;
