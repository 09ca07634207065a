//! The groups of the file.

use super::clients::{Clients, Guess};
use super::fields::{Context, Fields, name_of_record};
use super::links::{self, CLIENTS, Linked};
use super::several::{self, Counting};
use super::{ParseError, each_element};
use crate::json::Value;
use crate::policy::{Group, GroupName, InertIn, Link, Policy, Text};
use crate::store::issue::At;
use crate::store::members::OF_GROUP;

/// Puts the groups into the policy, and the clients into the groups.
pub(super) fn read(
    file: &mut Fields<'_, '_>,
    policy: &mut Policy,
    clients: &mut Clients,
    context: &mut Context<'_>,
) -> Result<(), ParseError> {
    let root = file.at;
    let list = root.member("groups");
    let groups = file.array("groups", context);
    each_element(groups, "clients", context.source, |index, element| {
        let at = list.element(index);
        let Some(name) = name_of_record(element, "groupname", &at, context) else {
            file.set_aside(InertIn::Groups, None, element.span.clone(), context);
            return;
        };
        if context.several.rejects(InertIn::Groups, index) {
            return;
        }
        let Some(groupname) = GroupName::new(name).ok().filter(|_| policy.group(name).is_none()) else {
            context.is_doubled = true;
            return;
        };
        let (mut read, members) = group(groupname, element, at, policy, clients, context);
        let counting = Counting { list: InertIn::Groups, index, name, at: list };
        let others = several::with_others(&counting, &read.extra, context, |element, context| {
            let (mut other, others) = group(read.name.clone(), element, At::ROOT, policy, clients, context);
            other.extra.clone_from(&read.extra);
            other == read && others == members
        });
        read.extra = others.unwrap_or(read.extra);
        for Linked { to, priority, extra } in members {
            clients.add_group(to, Link { name: read.name.clone(), priority, extra });
        }
        let put = policy.put_group(read);
        debug_assert!(put.is_ok(), "a group has only roles that exist");
    })
}

/// A group, and the numbers of its members.
fn group(
    name: GroupName,
    element: &Value<'_>,
    at: At<'_>,
    policy: &Policy,
    clients: &Clients,
    context: &mut Context<'_>,
) -> (Group, Vec<Linked<u32>>) {
    let mut fields = Fields::of(element, OF_GROUP, at, context);
    let mut group = Group::new(name);
    group.text_name = fields.text("textname", context).map(|text| Text::new(&text));
    group.text_description = fields.text("textdescription", context).map(|text| Text::new(&text));
    group.roles = links::roles(&mut fields, policy, context);
    let guess = Guess::default();
    let members = links::read(&CLIENTS, &mut fields, |name| clients.find(name, &guess), context);
    group.extra = fields.into_extra(context);
    (group, members)
}
