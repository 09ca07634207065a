//! Typed readers of a command's members, each with the error text that the C plugin gives.

use super::error::{CommandError, Member};
use crate::json::{Value, up_to_nul};
use crate::policy::{Compat, Text, is_mqtt_utf8};

/// The members of a command, or of an object in one of its lists.
pub(super) struct Fields<'a>(&'a Value<'a>);

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Value<'a>) -> Self {
        Self(object)
    }

    /// A string; `None` where it is missing or something else.
    pub(super) fn string(&self, name: &str) -> Option<&'a [u8]> {
        self.0.get(name)?.as_bytes()
    }

    /// A string that may be missing but not be something else.
    pub(super) fn optional_string(
        &self,
        name: &str,
        member: Member,
    ) -> Result<Option<&'a [u8]>, CommandError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_bytes().map(Some).ok_or(CommandError::Invalid(member)),
        }
    }

    /// A text that may be missing but not be something else.
    pub(super) fn optional_text(&self, name: &str, member: Member) -> Result<Option<Text>, CommandError> {
        Ok(self.optional_string(name, member)?.map(Text::new))
    }

    /// A text; `None` where it is missing or something else.
    pub(super) fn text(&self, name: &str) -> Option<Text> {
        self.string(name).map(Text::new)
    }

    /// An integer, or the default where it is missing or no number.
    pub(super) fn int_or(&self, name: &str, default: i32) -> i32 {
        self.0.get(name).and_then(Value::as_i32).unwrap_or(default)
    }

    /// A truth value; `None` where it is missing or something else.
    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    /// A truth value, or the default where it is missing; an error where it is something else.
    pub(super) fn strict_bool_or(
        &self,
        name: &str,
        default: bool,
        error: CommandError,
    ) -> Result<bool, CommandError> {
        match self.0.get(name) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or(error),
        }
    }

    /// An array; `None` where it is missing or something else.
    pub(super) fn array(&self, name: &str) -> Option<&'a [Value<'a>]> {
        self.0.get(name)?.as_array()
    }

    /// Whether there is such a member, of whatever type.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// The name of what the command is about: a string that is valid UTF-8.
    pub(super) fn name(&self, name: &str, member: Member) -> Result<&'a [u8], CommandError> {
        let bytes = self.string(name).ok_or(CommandError::Invalid(member))?;
        if is_mqtt_utf8(bytes) { Ok(bytes) } else { Err(CommandError::NotUtf8(member)) }
    }

    /// The name of what the command makes: as [`Self::name`], and 2.1 refuses an empty one.
    pub(super) fn new_name(
        &self,
        name: &str,
        member: Member,
        compat: Compat,
    ) -> Result<&'a [u8], CommandError> {
        if compat == Compat::V2_1 && self.string(name).is_some_and(|bytes| up_to_nul(bytes).is_empty()) {
            return Err(CommandError::Empty(member));
        }
        self.name(name, member)
    }

    pub(super) fn username(&self) -> Result<&'a [u8], CommandError> {
        self.name("username", Member::Username)
    }

    pub(super) fn groupname(&self) -> Result<&'a [u8], CommandError> {
        self.name("groupname", Member::GroupName)
    }

    pub(super) fn rolename(&self) -> Result<&'a [u8], CommandError> {
        self.name("rolename", Member::RoleName)
    }
}
