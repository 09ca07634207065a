//! The pure core: who may do what. No I/O, no FFI, no clock, no randomness, no locks.
//!
//! [`Policy`] holds immutable records ([`Client`], [`Group`], [`Role`]) and answers two questions:
//! [`Policy::authorize`] and [`Policy::authenticate`].

mod acl;
mod acl_list;
mod authenticate;
mod authorize;
mod client;
mod compat;
mod decision;
mod deleted;
mod effective;
mod explain;
mod extra;
mod group;
mod held;
mod history;
mod holders;
mod index;
mod inert;
mod journal;
mod levels;
mod link;
mod lint;
mod login_stamp;
mod name;
mod priority;
mod rank;
mod relations;
mod request;
mod role;
mod role_index;
mod self_service;
mod shape;
mod snapshot;
mod state;
mod table;
mod topic;
mod utf8;

pub use acl::{Acl, AclType, Action, DefaultAccess};
pub use acl_list::AclList;
pub use authenticate::{LoginRefusal, LoginVerdict};
pub use client::{Client, Password};
pub use compat::Compat;
pub use decision::{Decision, Effect, Reason};
pub use effective::{EffectiveAcl, EffectiveAcls, Never};
pub use explain::{Explanation, Other, Verdict, Why, WhyNot};
pub use extra::{Extra, InertElement, InertIn, Member};
pub use group::Group;
pub use held::{HeldGroup, HeldRole, Rule};
pub use holders::Holders;
pub use journal::Mark;
pub use link::{Link, Links};
pub use lint::{Finding, Holder, Lint, RoleAcl, Severity};
pub use login_stamp::LoginStamp;
pub use name::{ClientId, GroupName, NulByte, RoleName, Text, Username};
pub use priority::Priority;
pub use request::{AclRequest, LoginRequest, Subject};
pub use role::{Role, which_count};
pub use self_service::{SELF_RESPONSE_TOPIC, SELF_TOPIC};
pub use snapshot::{Members, Snapshot};
pub use state::{MissingReference, Policy};
pub use topic::{MAX_LEVELS, MAX_TOPIC_BYTES, is_valid_filter};
pub use utf8::is_mqtt_utf8;
