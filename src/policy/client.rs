//! A client: somebody who logs in by username and password.

use super::{ClientId, Extra, GroupName, Links, RoleName, Text, Username};
use crate::password::PasswordHash;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name that it logs in with.
    pub username: Username,
    /// The only client id that it may log in with; any if `None`.
    pub clientid: Option<ClientId>,
    /// A short text for people.
    pub text_name: Option<Text>,
    /// A longer text for people.
    pub text_description: Option<Text>,
    /// Whether it may not log in.
    pub disabled: bool,
    /// What its password is compared with.
    pub password: Password,
    /// What it may do.
    pub roles: Links<RoleName>,
    /// The groups that it is in. A link's `extra` is that of the group's `clients` element.
    pub groups: Links<GroupName>,
    /// What else the file says of it.
    pub extra: Extra,
}

/// What a client's password is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// It has none.
    None,
    /// The hash of one.
    Hash(PasswordHash),
    /// The file holds something that no password can be compared with: every login is refused. What
    /// the file holds is in the client's [`Extra`].
    Unusable,
}

impl Client {
    /// The name of its role, if that is all it has: one, and no groups.
    #[inline]
    pub(super) fn only_role(&self) -> Option<&RoleName> {
        self.roles.only().filter(|_| self.groups.is_empty()).map(|link| &link.name)
    }

    /// A client without password, roles and groups.
    #[must_use]
    pub fn new(username: Username) -> Self {
        Self {
            username,
            clientid: None,
            text_name: None,
            text_description: None,
            disabled: false,
            password: Password::None,
            roles: Links::default(),
            groups: Links::default(),
            extra: Extra::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_small_since_there_may_be_a_million() {
        assert_eq!(size_of::<Password>(), 88);
        assert_eq!(size_of::<Client>(), 200);
    }
}
