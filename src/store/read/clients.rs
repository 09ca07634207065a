//! The clients of the file.

use std::cell::Cell;
use std::collections::HashMap;

use super::fields::{Context, Fields, name_of_record};
use super::several::{self, Counting};
use super::{ParseError, each_element, links};
use crate::json::Value;
use crate::password::{HashError, PasswordHash};
use crate::policy::{
    Client, ClientId, Compat, GroupName, InertIn, Link, Links, Newcomers, Password, Policy, Text, Username,
};
use crate::store::issue::{At, Imperfection};
use crate::store::members::OF_CLIENT;

/// The clients of the file, until it is known which groups they are in.
pub(super) struct Clients {
    come: Newcomers,
    /// The groups of those clients that are in more than one, after the first.
    more_groups: HashMap<u32, Vec<Link<GroupName>>>,
}

/// Which client may be looked for next: members often stand side by side among the clients, or in equal steps, and to look
/// there first is faster than to find each among a million.
#[derive(Default)]
pub(super) struct Guess {
    last: Cell<u32>,
    step: Cell<u32>,
    /// Whether it would have been right the last time. Where members stand anyhow, nothing is guessed.
    holds: Cell<bool>,
}

impl Clients {
    /// The number of the client of that name.
    pub(super) fn find(&self, name: &[u8], guess: &Guess) -> Option<u32> {
        let Guess { last, step, holds } = guess;
        let guessed = last.get().wrapping_add(step.get());
        if holds.get() && self.come.is_named(guessed, name) {
            last.set(guessed);
            return Some(guessed);
        }
        let found = self.come.find(name)?;
        holds.set(found == guessed);
        step.set(found.wrapping_sub(last.get()));
        last.set(found);
        Some(found)
    }

    /// Notes that the client of that number is in a group, which it is not in yet.
    pub(super) fn add_group(&mut self, number: u32, link: Link<GroupName>) {
        let Some(client) = self.come.get_mut(number) else { return };
        if client.groups.is_empty() {
            client.groups = link.into();
        } else {
            self.more_groups.entry(number).or_default().push(link);
        }
    }

    /// The clients, each with its groups.
    pub(super) fn into_newcomers(mut self) -> Newcomers {
        for (number, more) in self.more_groups {
            if let Some(client) = self.come.get_mut(number) {
                let first = client.groups.iter().cloned();
                client.groups = Links::from_given(first.chain(more));
            }
        }
        self.come
    }
}

/// Reads the clients, of which there are about so many.
pub(super) fn read(
    file: &mut Fields<'_, '_>,
    policy: &Policy,
    about: usize,
    context: &mut Context<'_>,
) -> Result<Clients, ParseError> {
    let root = file.at;
    let list = root.member("clients");
    let mut come = Newcomers::new(policy, about);
    each_element(file.value("clients"), "", context.source, |index, element| {
        let at = list.element(index);
        let Some(name) = name_of_record(element, "username", &at, context) else {
            file.set_aside(InertIn::Clients, None, element.span.clone(), context);
            return;
        };
        if context.several.rejects(InertIn::Clients, index) {
            return;
        }
        let Some(username) = Username::new(name).ok().filter(|_| !come.has(name)) else {
            context.is_doubled = true;
            return;
        };
        let mut read = client(username, element, at, policy, context);
        let counting = Counting { list: InertIn::Clients, index, name, at: list };
        let others = several::with_others(&counting, &read.extra, context, |element, context| {
            let mut other = client(read.username.clone(), element, At::ROOT, policy, context);
            other.extra.clone_from(&read.extra);
            other == read
        });
        read.extra = others.unwrap_or(read.extra);
        come.add(read);
    })?;
    Ok(Clients { come, more_groups: HashMap::new() })
}

fn client(
    username: Username,
    element: &Value<'_>,
    at: At<'_>,
    policy: &Policy,
    context: &mut Context<'_>,
) -> Client {
    let mut fields = Fields::of(element, OF_CLIENT, at, context);
    let mut client = Client::new(username);
    if let Some(text) = fields.text("clientid", context) {
        client = client.with_clientid(ClientId::new(&text).ok());
    }
    if let Some(text) = fields.text("textname", context) {
        client = client.with_text_name(Some(Text::new(&text)));
    }
    if let Some(text) = fields.text("textdescription", context) {
        client = client.with_text_description(Some(Text::new(&text)));
    }
    client.disabled = fields.bool("disabled", false, context);
    client.roles = links::roles(&mut fields, policy, context);
    client.password = password(&mut fields, context);
    client.extra = fields.into_extra(context);
    client
}

const LEGACY: [&str; 3] = ["password", "salt", "iterations"];

/// As C reads it: 2.1 takes `encoded_password` if it is there, else the other three if all of them are; 2.0 knows the three
/// alone. If it can use none of them, `encoded_password` counts here too. A second password goes when the file is saved, so
/// that no old one counts when the first is set anew, or other rules are followed.
fn password(fields: &mut Fields<'_, '_>, context: &mut Context<'_>) -> Password {
    if context.compat < Compat::V2_1
        && let Some(Ok(hash)) = of_members(fields)
    {
        fields.note("encoded_password", Imperfection::SecondEncoded, context);
        return Password::Hash(hash);
    }
    if let Some(encoded) = fields.value("encoded_password").and_then(Value::as_bytes) {
        return match PasswordHash::from_encoded(encoded) {
            Ok(hash) => {
                for name in LEGACY {
                    fields.note(name, Imperfection::SecondPassword, context);
                }
                Password::Hash(hash)
            }
            Err(error) => {
                fields.report("encoded_password", Imperfection::BadHash(error), context);
                for name in LEGACY {
                    fields.report(name, Imperfection::IgnoredPassword, context);
                }
                Password::Unusable
            }
        };
    }
    if let Some(hash) = of_members(fields) {
        return match hash {
            Ok(hash) => {
                fields.note("encoded_password", Imperfection::SecondEncoded, context);
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
        let is_left = context.compat < Compat::V2_1;
        fields.report(name, Imperfection::IncompletePassword { is_left }, context);
    }
    Password::None
}

/// The hash in the three members, if all of them are there.
fn of_members(fields: &Fields<'_, '_>) -> Option<Result<PasswordHash, HashError>> {
    let text = |name| fields.value(name).and_then(Value::as_bytes);
    let iterations = fields.value("iterations").and_then(Value::as_i32)?;
    Some(PasswordHash::from_members(text("password")?, text("salt")?, i64::from(iterations)))
}
