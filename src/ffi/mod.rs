//! The boundary to the broker and to the operating system: the only unsafe code, and nothing but the boundary.
//!
//! ```text
//! broker ─► entry ─► registration ─► callbacks ─► event ─► Plugin
//!                                        │                   │
//!                                      guard     outcome ◄───┘
//! ```
//!
//! What a request means is for [`crate::plugin`] to say. Here pointers become references that live as
//! long as the call, and decisions become the broker's codes. No pointer of the broker's outlives
//! the callback that brought it, except the plugin's identifier, which lives until cleanup returns.

#![expect(unsafe_code, reason = "the broker's interface is C")]

mod broker;
mod callbacks;
mod clients;
mod context;
mod descriptors;
mod entry;
mod event;
mod functions;
mod guard;
mod identities;
mod memory;
mod outcome;
mod registration;
mod rounds;
mod running;
mod served;
mod sys;
mod version;
mod wake;

#[cfg(test)]
mod tests;

pub use functions::REQUIRED_FUNCTIONS;
