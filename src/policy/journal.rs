//! What was replaced, so that it can be put back.

use std::sync::Arc;

use super::{Client, DefaultAccess, Extra, Group, GroupName, Role, RoleName, Username};

/// A point in the history of a [`super::Policy`] to which it can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub(super) usize);

/// One replacement: what stood there before.
#[derive(Debug)]
pub(super) enum Replaced {
    Client(Username, Option<Arc<Client>>),
    Group(GroupName, Option<Arc<Group>>),
    Role(RoleName, Option<Arc<Role>>),
    DefaultAccess(DefaultAccess),
    AnonymousGroup(Option<GroupName>),
    ChangeIndex(i64),
    Extra(Extra),
}
