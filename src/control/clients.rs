//! createClient, deleteClient, getClient, listClients, modifyClient, enableClient, disableClient,
//! setClientId, setClientPassword.

use std::borrow::Cow;
use std::sync::Arc;

use super::error::{CommandError, Member};
use super::fields::Fields;
use super::members;
use super::page::Page;
use super::response::Answer;
use super::session::{Host, Session};
use crate::json::{Writer, up_to_nul};
use crate::policy::{Client, ClientId, Compat, GroupName, Links, Password, Policy, Username};

pub(super) fn create(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let compat = session.compat();
    let name = fields.new_name("username", Member::Username, compat)?;
    session.limits().check_name(name, Member::Username)?;
    let password = fields.optional_string("password", Member::Password)?;
    let clientid = fields.optional_string("clientid", Member::NewClientId)?;
    let clientid =
        clientid.map(|bytes| valid_clientid(bytes, Member::NewClientId, session)).transpose()?.flatten();
    let text_name = fields.optional_text("textname", Member::TextName)?;
    let text_description = fields.optional_text("textdescription", Member::TextDescription)?;
    if session.policy.client(name).is_some() {
        return Err(CommandError::ClientExists);
    }
    let roles = members::roles(fields, session.policy)?.unwrap_or_default();
    let groups = groups_of_new_client(fields, session.policy)?;
    let client = Client {
        roles,
        groups,
        password: password.map_or(Ok(Password::None), |password| hashed(session, password))?,
        ..Client::new(Username::new(name).map_err(|_| CommandError::NotUtf8(Member::Username))?)
    };
    let client = client.with_clientid(clientid);
    put(session, client.with_text_name(text_name).with_text_description(text_description))?;
    let shown: &[u8] = if password.is_some() { b"*****" } else { b"no password" };
    session.log("createClient", &[("username", name), ("password", shown)]);
    Ok(Answer::Done)
}

pub(super) fn delete(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.string("username").ok_or(CommandError::Invalid(Member::Username))?;
    let client = find(session.policy, name)?;
    session.policy.remove_client(&client.username);
    session.disconnect(&client.username);
    session.log("deleteClient", &[("username", name)]);
    Ok(Answer::Done)
}

pub(super) fn enable(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.username()?;
    let client = find(session.policy, name)?;
    put(session, Client { disabled: false, ..Client::clone(&client) })?;
    session.log("enableClient", &[("username", name)]);
    Ok(Answer::Done)
}

pub(super) fn disable(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.username()?;
    let client = find(session.policy, name)?;
    put(session, Client { disabled: true, ..Client::clone(&client) })?;
    session.disconnect(&client.username);
    session.log("disableClient", &[("username", name)]);
    Ok(Answer::Done)
}

pub(super) fn set_clientid(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.username()?;
    let clientid = fields.optional_string("clientid", Member::ClientId)?;
    let clientid =
        clientid.map(|bytes| valid_clientid(bytes, Member::ClientId, session)).transpose()?.flatten();
    let client = find(session.policy, name)?;
    put(session, Client::clone(&client).with_clientid(clientid.clone()))?;
    session.disconnect(&client.username);
    let shown = clientid.as_ref().map_or(&b"(null)"[..], ClientId::as_bytes);
    session.log("setClientId", &[("username", name), ("clientid", shown)]);
    Ok(Answer::Done)
}

pub(super) fn set_password(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.username()?;
    let password = fields.string("password").ok_or(CommandError::Invalid(Member::Password))?;
    if up_to_nul(password).is_empty() {
        return Err(CommandError::EmptyPassword);
    }
    let client = find(session.policy, name)?;
    let password = hashed(session, password)?;
    put(session, Client { password, ..Client::clone(&client) })?;
    session.disconnect(&client.username);
    session.log("setClientPassword", &[("username", name), ("password", b"******")]);
    Ok(Answer::Done)
}

/// Replaces what the command names; members of the wrong type are passed over.
pub(super) fn modify(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.username()?;
    let mut client = Client::clone(&*find(session.policy, name)?);
    if let Some(bytes) = fields.string("clientid") {
        client = client.with_clientid(clientid_or_any(bytes, Member::ClientId, session)?);
    }
    if let Some(text) = fields.text("textname") {
        client = client.with_text_name(Some(text));
    }
    if let Some(text) = fields.text("textdescription") {
        client = client.with_text_description(Some(text));
    }
    client.roles = members::roles(fields, session.policy)?.unwrap_or(client.roles);
    client.groups = groups_of_known_client(fields, session.policy)?.unwrap_or(client.groups);
    if let Some(password) = fields.string("password")
        && !up_to_nul(password).is_empty()
    {
        client.password = hashed(session, password)?;
    }
    let username = client.username.clone();
    put(session, client)?;
    session.disconnect(&username);
    session.log("modifyClient", &[("username", name)]);
    Ok(Answer::Done)
}

pub(super) fn get(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let name = fields.username()?;
    let client = find(session.policy, name)?;
    session.log("getClient", &[("username", name)]);
    Ok(Answer::data(|writer| {
        writer.key("client");
        write(writer, &client, session.policy, session.host);
    }))
}

pub(super) fn list(session: &mut Session<'_>, fields: &Fields<'_>) -> Result<Answer, CommandError> {
    let page = Page::of(fields);
    let policy = &session.policy;
    let total = policy.clients().len();
    let answer = page.answer("clients", total, policy.clients_from(page.offset()), |writer, client| {
        if page.verbose {
            write(writer, client, policy, session.host);
        } else {
            writer.string(client.username.as_bytes());
        }
    });
    page.log(session, "listClients");
    Ok(answer)
}

/// The client of that name, with links to what is there.
pub(super) fn find(policy: &Policy, name: &[u8]) -> Result<Arc<Client>, CommandError> {
    let client = policy.client(name).ok_or(CommandError::ClientNotFound)?;
    Ok(match policy.client_there(client) {
        Cow::Borrowed(_) => Arc::clone(client),
        Cow::Owned(there) => Arc::new(there),
    })
}

/// Puts a client whose links were looked up in this policy.
pub(super) fn put(session: &mut Session<'_>, client: Client) -> Result<(), CommandError> {
    session.policy.put_client(client).map_err(|_| CommandError::Internal)
}

/// A password with a NUL in it would, in C, silently be a shorter one.
fn hashed(session: &Session<'_>, password: &[u8]) -> Result<Password, CommandError> {
    if password.contains(&0) {
        return Err(CommandError::Invalid(Member::Password));
    }
    session.hash_password(password).map(Password::Hash)
}

fn valid_clientid(
    bytes: &[u8],
    member: Member,
    session: &Session<'_>,
) -> Result<Option<ClientId>, CommandError> {
    if !crate::policy::is_mqtt_utf8(bytes) {
        return Err(CommandError::NotUtf8(member));
    }
    clientid_or_any(bytes, member, session)
}

/// An empty client id binds to none.
fn clientid_or_any(
    bytes: &[u8],
    member: Member,
    session: &Session<'_>,
) -> Result<Option<ClientId>, CommandError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    session.limits().check_name(bytes, member)?;
    ClientId::new(bytes).map(Some).map_err(|_| CommandError::NotUtf8(member))
}

fn groups_of_new_client(fields: &Fields<'_>, policy: &Policy) -> Result<Links<GroupName>, CommandError> {
    let mut groups = Links::default();
    for (name, element) in members::named(fields, "groups", "groupname").unwrap_or_default() {
        let group = policy.group(name).ok_or(CommandError::GroupNotFound)?;
        let link = members::link(group.name.clone(), members::priority(&element, policy.compat()));
        groups = groups.with(link).ok_or(CommandError::Internal)?;
    }
    Ok(groups)
}

/// A list with unknown or missing names is refused since 2.0.15; 2.0.14 passes over them.
fn groups_of_known_client(
    fields: &Fields<'_>,
    policy: &Policy,
) -> Result<Option<Links<GroupName>>, CommandError> {
    let Some(named) = members::named(fields, "groups", "groupname") else { return Ok(None) };
    if policy.compat() >= Compat::V2_0_15 {
        members::all_known(fields, "groups", "groupname", |name| policy.group(name).is_some()).map_err(
            |unknown| unknown.either(CommandError::GroupInListNotFound, CommandError::GroupNameInList),
        )?;
    }
    let links = named.into_iter().filter_map(|(name, element)| {
        let group = policy.group(name)?;
        Some(members::link(group.name.clone(), members::priority(&element, policy.compat())))
    });
    Ok(Some(Links::from_given(links)))
}

pub(super) fn write(writer: &mut Writer, client: &Client, policy: &Policy, host: &dyn Host) {
    writer.begin_object();
    writer.key("username");
    writer.string(client.username.as_bytes());
    if let Some(clientid) = client.clientid() {
        writer.key("clientid");
        writer.string(clientid.as_bytes());
    }
    members::write_texts(writer, client.text_name(), client.text_description());
    if client.disabled {
        writer.key("disabled");
        writer.bool(true);
    }
    members::write_roles(writer, &policy.roles_there(&client.roles));
    members::write_groups(writer, &policy.groups_there(&client.groups));
    if policy.compat() == Compat::V2_1 {
        writer.key("connections");
        writer.begin_array();
        for connection in host.connections(&client.username, client.clientid()) {
            writer.begin_object();
            if let Some(address) = connection.address {
                writer.key("address");
                writer.string(address);
            }
            writer.end_object();
        }
        writer.end_array();
    }
    writer.end_object();
}
