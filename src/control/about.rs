//! Whom a question is about: read from the command, and named in the answer, errors too.

use super::error::{CommandError, Member};
use super::fields::Fields;
use crate::json::{Style, Writer};
use crate::policy::{Client, Policy, Subject, is_mqtt_utf8};

/// A client, or anonymous ones, as a command names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    /// `None` stands for anonymous clients.
    pub(super) username: Option<&'a [u8]>,
    pub(super) clientid: Option<&'a [u8]>,
}

impl<'a> About<'a> {
    /// `username` or `"anonymous":true`, and an optional `clientid`. An empty one is none.
    pub(super) fn of(fields: &Fields<'a>) -> Result<Self, CommandError> {
        let anonymous =
            fields.strict_bool_or("anonymous", false, CommandError::Invalid(Member::Anonymous))?;
        if anonymous && fields.has("username") {
            return Err(CommandError::UsernameAndAnonymous);
        }
        let username = if anonymous { None } else { Some(fields.username()?) };
        Ok(Self { username, clientid: clientid(fields)? })
    }

    /// The same, with the only client id that the client may log in with, if none was given.
    pub(super) fn with_bound_clientid<'p: 'a>(self, policy: &'p Policy) -> Self {
        let bound = || {
            let client: &Client = policy.client(self.username?)?;
            client.clientid().map(crate::policy::ClientId::as_bytes)
        };
        Self { clientid: self.clientid.or_else(bound), ..self }
    }

    pub(super) fn subject(self) -> Subject<'a> {
        Subject::known(self.username, self.clientid)
    }

    /// `"username":…` or `"anonymous":true`, and `"clientid":…` where it is known.
    pub(super) fn write(self, writer: &mut Writer) {
        if let Some(username) = self.username {
            writer.key("username");
            writer.string(username);
        } else {
            writer.key("anonymous");
            writer.bool(true);
        }
        if let Some(clientid) = self.clientid {
            writer.key("clientid");
            writer.string(clientid);
        }
    }
}

/// An optional client id; an empty one is none.
pub(super) fn clientid<'a>(fields: &Fields<'a>) -> Result<Option<&'a [u8]>, CommandError> {
    let clientid = fields.optional_string("clientid", Member::NewClientId)?;
    if clientid.is_some_and(|clientid| !is_mqtt_utf8(clientid)) {
        return Err(CommandError::NotUtf8(Member::NewClientId));
    }
    Ok(clientid.filter(|clientid| !clientid.is_empty()))
}

/// The `data` of an error: whatever the command named, as it named it.
pub(super) fn echo(fields: &Fields<'_>, policy: &Policy) -> Vec<u8> {
    let mut writer = Writer::new(Style::Compact);
    writer.begin_object();
    for name in ["username", "anonymous", "clientid", "address", "groupname", "rolename", "acltype", "topic"]
    {
        if let Some(text) = fields.string(name).filter(|text| is_mqtt_utf8(text)) {
            writer.key(name);
            writer.string(text);
        } else if let Some(flag) = fields.bool(name) {
            writer.key(name);
            writer.bool(flag);
        }
    }
    write_change_index(&mut writer, policy);
    writer.end_object();
    writer.into_bytes()
}

/// `"changeIndex":…`, which tells which state of the policy an answer is about.
pub(super) fn write_change_index(writer: &mut Writer, policy: &Policy) {
    writer.key("changeIndex");
    writer.int(policy.change_index());
}
