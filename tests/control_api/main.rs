//! Requests and responses of the control API: a snapshot of every command, in both compats.
//!
//! A snapshot holds the payload, the response, who is disconnected, what is logged and whether there
//! is something to save. Where 2.0 and 2.1 do the same it stands there once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod acls;
mod anew;
mod batches;
mod clients;
mod complete;
mod crashes;
mod default_access;
mod disconnects;
mod effective;
mod explain;
mod groups;
mod harness;
mod limits;
mod links;
mod lint;
mod lists;
mod names;
mod payloads;
mod roles;
mod text;
