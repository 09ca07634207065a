//! The pure core: who may do what. No I/O, no FFI, no clock. Random are only the keys of its hashes and the number that a
//! policy's generations begin with, and no check takes a lock.
//!
//! [`Policy`] holds immutable records ([`Client`], [`Group`], [`Role`]). It decides ([`Policy::authorize`],
//! [`Policy::authenticate`]), and it explains ([`Policy::explain`], [`Policy::effective_acls`], [`Policy::lint`]).

mod acl;
mod acl_list;
mod analysis;
mod authenticate;
mod authorize;
mod become_like;
mod changes;
mod client;
mod compat;
mod crowd;
mod dead_links;
mod decision;
mod decoys;
mod deleted_but_named;
mod deleted_usernames;
mod dropped_later;
mod edit;
mod extra;
mod group;
mod hash;
mod hints;
mod history;
mod holders;
mod journal;
mod link;
mod login_stamp;
mod matcher;
mod merging;
mod name;
mod newcomers;
mod not_logged_in;
mod priority;
mod rank;
mod relations;
mod request;
mod role;
mod self_service;
mod several;
mod snapshot;
mod sorted;
mod state;
mod table;
mod utf8;

pub use acl::{Acl, AclType, Action, DefaultAccess};
pub use acl_list::AclList;
pub use analysis::{
    EffectiveAcl, EffectiveAcls, Explanation, Finding, HeldGroup, HeldRole, Holder, Lint, Never, Other,
    RoleAcl, Rule, Severity, Verdict, Why, WhyNot, Work,
};
pub use authenticate::LoginVerdict;
pub use client::{Client, Details, Password};
pub use compat::Compat;
pub use crowd::{Crowd, FEW};
pub use decision::{Decision, Effect, Reason};
pub use deleted_but_named::Named;
pub use dropped_later::ToDrop;
pub use edit::{Difference, Edit};
pub use extra::{Extra, InertElement, InertIn, Member};
pub use group::Group;
pub(crate) use hash::short_word;
pub use hash::{Hashed, TextKeys};
pub use holders::Holders;
pub use journal::Mark;
pub use link::{Link, Links};
pub use login_stamp::LoginStamp;
pub use matcher::{MAX_LEVELS, MAX_TOPIC_BYTES, is_valid_filter};
pub use merging::{Walked, Walks};
pub use name::{ClientId, GroupName, NulByte, RoleName, Text, Username};
pub use newcomers::Newcomers;
pub use not_logged_in::NotLoggedIn;
pub use priority::Priority;
pub use request::{AclRequest, ClientIdOf, KnowsClientId, LoginRequest, Subject};
pub use role::Role;
pub use self_service::{SELF_RESPONSE_TOPIC, SELF_TOPIC};
pub use several::{OfSeveral, which_count};
pub use snapshot::{Members, Snapshot};
pub use state::{MissingReference, Policy};
pub use utf8::is_mqtt_utf8;
