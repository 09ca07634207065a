//! The groups of the file.

use super::clients::{Clients, Guess};
use super::fields::{Context, Fields, name_of_record};
use super::links::{self, CLIENTS};
use super::{ParseError, each_element};
use crate::json::Value;
use crate::policy::{Group, GroupName, InertIn, Link, Policy, Text};
use crate::store::issue::{At, Imperfection, Shown};

const KNOWN: [&str; 5] = ["groupname", "textname", "textdescription", "roles", "clients"];

/// Puts the groups into the policy, and the clients into the groups.
pub(super) fn read(
    file: &mut Fields<'_, '_>,
    policy: &mut Policy,
    clients: &mut Clients,
    context: &mut Context<'_>,
) -> Result<(), ParseError> {
    let root = file.at;
    let list = root.member("groups");
    each_element(file.value("groups"), "clients", context.source, |index, element| {
        let at = list.element(index);
        let Some(name) = name_of_record(element, "groupname", &at, context) else {
            file.set_aside(InertIn::Groups, None, element.span.clone(), context);
            return;
        };
        let Some(name) = GroupName::new(name).ok().filter(|_| policy.group(name).is_none()) else {
            let what = Imperfection::Duplicate(Shown::new(name));
            context.issues.add(&at, element.span.start, what);
            file.set_aside(InertIn::Groups, Some(name), element.span.clone(), context);
            return;
        };
        let group = group(name, element, at, policy, clients, context);
        let put = policy.put_group(group);
        debug_assert!(put.is_ok(), "a group has only roles that exist");
    })
}

fn group(
    name: GroupName,
    element: &Value<'_>,
    at: At<'_>,
    policy: &Policy,
    clients: &mut Clients,
    context: &mut Context<'_>,
) -> Group {
    let mut fields = Fields::of(element, &KNOWN, at, context);
    let mut group = Group::new(name);
    group.text_name = fields.text("textname", context).map(|text| Text::new(&text));
    group.text_description = fields.text("textdescription", context).map(|text| Text::new(&text));
    group.roles = links::roles(&mut fields, policy, context);
    let guess = Guess::default();
    for linked in links::read(&CLIENTS, &mut fields, |name| clients.find(name, &guess), context) {
        let name = group.name.clone();
        clients.add_group(linked.to, Link { name, priority: linked.priority, extra: linked.extra });
    }
    group.extra = fields.into_extra(context);
    group
}
