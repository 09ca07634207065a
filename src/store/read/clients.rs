//! The clients of the file.

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;

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

/// The clients of the file, until it is known which groups they are in.
#[derive(Default)]
pub(super) struct Clients {
    // INVARIANT: no record is shared, so that groups can be added.
    records: Vec<Arc<Client>>,
    by_name: HashTable<u32>,
    /// The groups of those clients that are in more than one, after the first.
    more_groups: HashMap<u32, Vec<Link<GroupName>>>,
}

impl Clients {
    /// The index of the client of that name. The policy gives the hash, as it does to [`Self::add`].
    pub(super) fn find(&self, name: &[u8], policy: &Policy) -> Option<u32> {
        let is_it =
            |index: u32| self.records.get(index as usize).is_some_and(|client| is_named(client, name));
        self.by_name.find(policy.hash_of_name(name), |&index| is_it(index)).copied()
    }

    fn add(&mut self, client: Client, policy: &Policy) {
        // There is never room for more clients than a `u32` counts.
        let Ok(index) = u32::try_from(self.records.len()) else { return };
        let hash_of = |client: &Client| policy.hash_of_name(client.username.as_bytes());
        let hash = hash_of(&client);
        self.records.push(Arc::new(client));
        let records = &self.records;
        let hash_at = |&index: &u32| records.get(index as usize).map_or(0, |client| hash_of(client));
        self.by_name.insert_unique(hash, index, hash_at);
    }

    /// Notes that the client of that index is in a group, which it is not in yet.
    pub(super) fn add_group(&mut self, index: u32, link: Link<GroupName>) {
        let Some(client) = self.records.get_mut(index as usize).and_then(Arc::get_mut) else { return };
        if client.groups.is_empty() {
            client.groups = link.into();
        } else {
            self.more_groups.entry(index).or_default().push(link);
        }
    }

    /// The clients in the order of the file, each with its groups.
    pub(super) fn into_records(mut self) -> Vec<Arc<Client>> {
        for (index, more) in self.more_groups {
            if let Some(client) = self.records.get_mut(index as usize).and_then(Arc::get_mut) {
                let first = client.groups.iter().cloned();
                client.groups = Links::from_given(first.chain(more));
            }
        }
        self.records
    }
}

fn is_named(client: &Client, name: &[u8]) -> bool {
    client.username.as_bytes() == name
}

pub(super) fn read(
    file: &mut Fields<'_, '_>,
    policy: &Policy,
    context: &mut Context<'_>,
) -> Result<Clients, ParseError> {
    let root = file.at;
    let list = root.member("clients");
    let mut clients = Clients::default();
    each_element(file.value("clients"), "", context.source, |index, element| {
        let at = list.element(index);
        let Some(name) = name_of_record(element, "username", &at, context) else {
            file.set_aside(InertIn::Clients, None, element.span.clone(), context);
            return;
        };
        let Some(username) = Username::new(name).ok().filter(|_| clients.find(name, policy).is_none()) else {
            let what = Imperfection::Duplicate(Shown::new(name));
            context.issues.add(&at, element.span.start, what);
            file.set_aside(InertIn::Clients, Some(name), element.span.clone(), context);
            return;
        };
        clients.add(client(username, element, at, policy, context), policy);
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
