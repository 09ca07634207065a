//! Dynamic security for the Eclipse Mosquitto broker: the library behind `libmosquitto_dynsec.so`.
//!
//! ```text
//!              ┌──────────── ffi: the only unsafe code ────────────┐
//!  broker ───► │ callbacks ─► event ─► Plugin::on_… ─► outcome     │ ───► return code
//!              └───────────────────────────┬───────────────────────┘
//!                                          ▼
//!   ACL check, login:    Plugin ─► policy (authorize, authenticate) ─► password
//!   control payload:     Plugin ─► control ─► policy, then store makes it durable,
//!                               then the response is published, two ticks later the kicks
//! ```

mod audit;
pub mod bell;
pub mod broker;
pub mod control;
mod denials;
pub mod ffi;
mod file_report;
mod injection;
pub mod json;
mod level;
mod logins;
mod memo;
pub mod metrics;
pub mod options;
mod origin;
pub mod panics;
pub mod password;
pub mod plugin;
pub mod policy;
mod rehash;
mod sessions;
mod start;
pub mod store;
pub mod workers;

// The guard around each callback needs panics that unwind: `abort` would take the broker down.
#[cfg(not(panic = "unwind"))]
compile_error!("build with `panic = \"unwind\"`: a panic must deny one request, not end the broker");
