//! The matcher: finds among a role's ACLs the first that matches a topic, without looking at each. It knows ACLs and roles, but
//! no policy.
//!
//! `topic.rs` says what a filter matches; `index.rs` finds the filter, and all else here is what it is made of.

mod asked;
#[cfg(test)]
mod collisions_tests;
mod heads;
mod index;
mod levels;
mod role_index;
mod scan;
mod shape;
mod slots;
pub(super) mod topic;

pub(super) use asked::{Asked, Cut};
pub(super) use index::Index;
pub(super) use role_index::RoleIndex;
pub use topic::{MAX_LEVELS, MAX_TOPIC_BYTES, is_valid_filter};
