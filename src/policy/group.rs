//! A group: clients that share roles. Which clients are in it, the clients say ([`super::Client`]).

use super::{Extra, GroupName, Links, RoleName, Text};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// A short text for people.
    pub text_name: Option<Text>,
    /// A longer text for people.
    pub text_description: Option<Text>,
    /// What its members may do.
    pub roles: Links<RoleName>,
    /// What else the file says of it.
    pub extra: Extra,
}

impl Group {
    /// A group without roles.
    #[must_use]
    pub fn new(name: GroupName) -> Self {
        Self {
            name,
            text_name: None,
            text_description: None,
            roles: Links::default(),
            extra: Extra::default(),
        }
    }
}
