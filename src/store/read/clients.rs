//! The clients of the file.

use std::collections::BTreeMap;

use super::fields::{Context, Fields, name_of_record};
use super::links;
use super::{ParseError, each_element};
use crate::json::Value;
use crate::password::PasswordHash;
use crate::policy::{Client, ClientId, GroupName, InertIn, Link, Links, Password, Policy, Text, Username};
use crate::store::issue::{At, Imperfection, Shown};

const KNOWN: [&str; 10] = [
    "username",
    "clientid",
    "textname",
    "textdescription",
    "disabled",
    "roles",
    "password",
    "salt",
    "iterations",
    "encoded_password",
];

/// Clients by name, until it is known which groups they are in.
pub(super) type Clients = BTreeMap<Username, Draft>;

/// A client to which groups are still added.
pub(super) struct Draft {
    pub(super) username: Username,
    client: Client,
    groups: Vec<Link<GroupName>>,
}

impl Draft {
    pub(super) fn add_group(&mut self, link: Link<GroupName>) {
        self.groups.push(link);
    }

    pub(super) fn into_client(self) -> Client {
        Client { groups: Links::from_given(self.groups), ..self.client }
    }
}

pub(super) fn read(
    file: &mut Fields<'_, '_>,
    policy: &Policy,
    context: &mut Context<'_>,
) -> Result<Clients, ParseError> {
    let root = file.at;
    let list = root.member("clients");
    let mut clients = Clients::new();
    each_element(file.value("clients"), context.source, |index, element| {
        let at = list.element(index);
        let Some(name) = name_of_record(element, "username", &at, context) else {
            file.set_aside(InertIn::Clients, None, element, context);
            return;
        };
        let Some(username) = Username::new(name).ok().filter(|_| !clients.contains_key(name)) else {
            let what = Imperfection::Duplicate(Shown::new(name));
            context.issues.add(&at, element.span.start, what);
            file.set_aside(InertIn::Clients, Some(name), element, context);
            return;
        };
        let client = client(username.clone(), element, at, policy, context);
        clients.insert(username.clone(), Draft { username, client, groups: Vec::new() });
    })?;
    Ok(clients)
}

fn client(
    username: Username,
    element: &Value<'_>,
    at: At<'_>,
    policy: &Policy,
    context: &mut Context<'_>,
) -> Client {
    let mut fields = Fields::of(element, &KNOWN, at, context);
    let mut client = Client::new(username);
    client.clientid = fields.text("clientid", context).and_then(|text| ClientId::new(&text).ok());
    client.text_name = fields.text("textname", context).map(|text| Text::new(&text));
    client.text_description = fields.text("textdescription", context).map(|text| Text::new(&text));
    client.disabled = fields.bool("disabled", false, context);
    client.roles = links::roles(&mut fields, policy, context);
    client.password = password(&mut fields, context);
    client.extra = fields.into_extra(context);
    client
}

const LEGACY: [&str; 3] = ["password", "salt", "iterations"];

/// As C reads it: `encoded_password` if it is there, else the other three if all of them are.
fn password(fields: &mut Fields<'_, '_>, context: &mut Context<'_>) -> Password {
    if let Some(encoded) = fields.value("encoded_password").and_then(Value::as_bytes) {
        let hash = PasswordHash::from_encoded(encoded);
        for name in LEGACY {
            fields.report(name, Imperfection::SecondPassword, context);
        }
        return hash.map_or_else(
            |error| {
                fields.report("encoded_password", Imperfection::BadHash(error), context);
                Password::Unusable
            },
            Password::Hash,
        );
    }
    let text = |name| fields.value(name).and_then(Value::as_bytes);
    let iterations = fields.value("iterations").and_then(Value::as_i32);
    if let (Some(password), Some(salt), Some(iterations)) = (text("password"), text("salt"), iterations) {
        return match PasswordHash::from_members(password, salt, i64::from(iterations)) {
            Ok(hash) => {
                fields.report("encoded_password", Imperfection::Not("a string"), context);
                Password::Hash(hash)
            }
            Err(error) => {
                fields.report("password", Imperfection::BadHash(error), context);
                fields.keep("salt");
                fields.keep("iterations");
                Password::Unusable
            }
        };
    }
    for name in ["encoded_password", "password", "salt", "iterations"] {
        fields.report(name, Imperfection::IncompletePassword, context);
    }
    Password::None
}
