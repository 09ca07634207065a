//! A client: somebody who logs in by username and password.

use super::{ClientId, Compat, Extra, GroupName, Links, RoleName, Text, Username};
use crate::password::PasswordHash;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name that it logs in with.
    pub username: Username,
    /// The only client id that it may log in with, and texts for people.
    pub details: Details,
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

/// What few clients have: together it takes one pointer's place, since there may be a million of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details(
    // INVARIANT: not empty.
    Option<Box<DetailsThere>>,
);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct DetailsThere {
    clientid: Option<ClientId>,
    text_name: Option<Text>,
    text_description: Option<Text>,
}

impl Details {
    fn with(self, change: impl FnOnce(&mut DetailsThere)) -> Self {
        let mut there = self.0.map_or_else(DetailsThere::default, |there| *there);
        change(&mut there);
        Self((there != DetailsThere::default()).then(|| Box::new(there)))
    }
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

impl Password {
    /// Whether it is for others to decide who logs in with a password.
    #[must_use]
    pub fn is_for_others(&self, compat: Compat) -> bool {
        matches!(self, Self::None) && compat < Compat::V2_1
    }
}

impl Client {
    /// The name of its role, if that is all it has: one, and no groups.
    #[inline]
    pub(super) fn only_role(&self) -> Option<&RoleName> {
        self.roles.only().filter(|_| self.groups.is_empty()).map(|link| &link.name)
    }

    /// The only client id that it may log in with; any if `None`.
    #[must_use]
    pub fn clientid(&self) -> Option<&ClientId> {
        self.details.0.as_ref()?.clientid.as_ref()
    }

    /// A short text for people.
    #[must_use]
    pub fn text_name(&self) -> Option<&Text> {
        self.details.0.as_ref()?.text_name.as_ref()
    }

    /// A longer text for people.
    #[must_use]
    pub fn text_description(&self) -> Option<&Text> {
        self.details.0.as_ref()?.text_description.as_ref()
    }

    /// The same with another [`Self::clientid`].
    #[must_use]
    pub fn with_clientid(self, clientid: Option<ClientId>) -> Self {
        Self { details: self.details.with(|details| details.clientid = clientid), ..self }
    }

    /// The same with another [`Self::text_name`].
    #[must_use]
    pub fn with_text_name(self, text: Option<Text>) -> Self {
        Self { details: self.details.with(|details| details.text_name = text), ..self }
    }

    /// The same with another [`Self::text_description`].
    #[must_use]
    pub fn with_text_description(self, text: Option<Text>) -> Self {
        Self { details: self.details.with(|details| details.text_description = text), ..self }
    }

    /// A client without password, roles and groups.
    #[must_use]
    pub fn new(username: Username) -> Self {
        Self {
            username,
            details: Details::default(),
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
    fn details_that_are_taken_away_again_leave_nothing() {
        let client = Client::new(Username::new(b"u").unwrap());
        let (id, text) = (ClientId::new(b"c").unwrap(), Text::new(b"t"));
        let detailed = client.clone().with_clientid(Some(id.clone())).with_text_name(Some(text.clone()));
        let detailed = detailed.with_text_description(Some(text.clone()));
        assert_eq!(detailed.clientid(), Some(&id));
        assert_eq!((detailed.text_name(), detailed.text_description()), (Some(&text), Some(&text)));
        let other = detailed.clone().with_clientid(None);
        assert!(other != detailed && other.clientid().is_none() && other.text_name() == Some(&text));
        assert_eq!(other.with_text_name(None).with_text_description(None), client);
    }

    #[test]
    fn a_client_is_small_since_there_may_be_a_million() {
        assert_eq!(size_of::<Password>(), 88);
        assert_eq!(size_of::<Client>(), 184);
    }
}
