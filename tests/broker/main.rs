//! Real brokers, real clients: every case runs against our plugin and against the C plugin it replaces.
//!
//! Each case starts a broker of its own and becomes two tests, `ours::…` and `theirs::…`; `cargo test --test
//! broker ours::` runs one half. What the C plugin does not pass is declared where the case is listed, checked
//! to be so, and written down in `THEIRS.md`.
//!
//! What is needed is looked for where Debian's package `mosquitto` puts it; the environment can say otherwise:
//!
//! - `DYNSEC_OURS`: our library on this machine, else the newest beside the test executable;
//! - `DYNSEC_THEIRS`: the C plugin;
//! - `MOSQUITTO`, `MOSQUITTO_CTRL`: the broker and the command line tool;
//! - `DYNSEC_ROOT`: the root folder of another system (`debootstrap` makes them) that the brokers run in, with
//!   the C plugin, broker and tool that are there; needs root.
//!
//! The tests mostly wait for brokers: with `RUST_TEST_THREADS=4` on two cores they take half as long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "these are tests: a panic is how they fail, and what they print is shown when they do"
)]

mod absent;
mod anonymous;
mod audit;
mod broken_files;
mod brute_force;
mod certificates;
mod clients;
mod clock;
mod command_line;
mod delayed;
mod denials;
mod descriptors;
mod documented;
mod doubled;
mod downgrade;
mod dropped;
mod errors;
mod exchange;
mod first_run;
mod groups;
mod harness;
mod http_api;
mod kicks;
mod kills;
mod listeners;
mod login;
mod login_mode;
mod metrics;
mod neighbours;
mod newer;
mod options;
mod other_plugin;
mod panics;
mod panics_2_1;
mod payloads;
mod places;
mod pre_shared_keys;
mod publish;
mod query;
mod rehash;
mod reload;
mod restarts;
mod retained;
mod rights;
mod roles;
mod saving;
mod self_change;
mod self_service;
mod sessions;
mod shared;
mod subscribe;
mod sys_topics;
mod theirs;
mod there_and_back;
mod traps_2_1;
mod tutorial;
mod wakes;
mod websocket;
mod wills;
mod wire;

/// All cases, module by module.
const CASES: &[&[harness::case::Case]] = &[
    absent::CASES,
    anonymous::CASES,
    audit::CASES,
    broken_files::CASES,
    brute_force::CASES,
    certificates::CASES,
    clients::CASES,
    clock::CASES,
    command_line::CASES,
    denials::CASES,
    descriptors::CASES,
    documented::CASES,
    doubled::CASES,
    delayed::CASES,
    downgrade::CASES,
    dropped::CASES,
    errors::CASES,
    exchange::CASES,
    first_run::CASES,
    groups::CASES,
    http_api::CASES,
    kicks::CASES,
    listeners::CASES,
    login::CASES,
    login_mode::CASES,
    metrics::CASES,
    neighbours::CASES,
    newer::CASES,
    options::CASES,
    other_plugin::CASES,
    payloads::CASES,
    places::CASES,
    pre_shared_keys::CASES,
    publish::CASES,
    query::CASES,
    rehash::CASES,
    reload::CASES,
    restarts::CASES,
    retained::CASES,
    rights::CASES,
    roles::CASES,
    saving::CASES,
    self_change::CASES,
    self_service::CASES,
    sessions::CASES,
    shared::CASES,
    subscribe::CASES,
    sys_topics::CASES,
    there_and_back::CASES,
    traps_2_1::CASES,
    tutorial::CASES,
    wakes::CASES,
    wills::CASES,
];
