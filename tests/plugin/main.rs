//! The plugin with a broker that only remembers what it was asked: what happens at a start, at logins, and while
//! changes are saved.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod asked_again;
mod audit;
mod certificates;
#[path = "../policy_properties/commands.rs"]
#[expect(dead_code, reason = "which commands change something does not matter here")]
mod commands;
mod denied;
mod disk;
mod files;
#[path = "../broker/harness/filter.rs"]
mod filter;
mod first_run;
mod hangs;
mod host;
mod kicks;
mod lint;
mod logins;
mod pipeline;
mod power;
mod questions;
mod rehash;
mod reload;
mod self_service;
mod set_aside;
mod short_waits;
mod slices;
mod undone;
mod unreadable;
#[path = "../policy_properties/disk.rs"]
mod volatile;
mod waiting;
