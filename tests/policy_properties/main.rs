//! Properties of the policy, after any sequence of commands and for any request.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod commands;
mod conflicts;
mod decisions;
#[expect(dead_code, reason = "here all is done at once, so that nothing has to be held")]
mod disk;
mod effective;
mod evaluation;
mod explanations;
mod gone;
mod payloads;
mod power;
mod sequences;
mod snapshot;
