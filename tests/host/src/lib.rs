//! A broker for one plugin: it loads any Mosquitto plugin of interface version 5, has the functions that
//! a 2.0.11 broker has for it, and drives its callbacks. For tests and benchmarks.
//!
//! - [`Host`] is the broker in this process: for benchmarks, which must not pay for anything else. The
//!   executable that uses it must be linked with `-rdynamic`, so that plugins find its functions.
//! - The program `plugin-host` is a `Host` that is driven by lines of JSON ([`Request`] in, [`Answer`] out),
//!   so that a plugin that takes its process down takes down nothing else.
//! - The program `plugin-host-2-1` is the same for plugins of 2.1: it also has what [`newer`] has.
//! - [`HostProcess`] starts such a program, in a root folder of its own if need be, and talks to it: for tests.

mod bindings;
mod broker;
mod callback;
mod client;
mod exports;
mod host;
mod load_error;
pub mod newer;
mod plugin;
mod process;
mod protocol;
mod serve;
mod text;

pub use exports::fill_freed_memory;
pub use host::{Host, NotConnected, PreparedAclCheck, PreparedLogin, measure};
pub use load_error::LoadError;
pub use process::{Death, HostProcess, HostProgram};
pub use protocol::{Access, AclRequest, Answer, Deed, Kicked, Message, Request};
pub use serve::{obey, serve};
pub use text::Text;
