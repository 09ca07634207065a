//! The links of one record to others.

use std::collections::HashSet;

use super::fields::{Context, Fields, name_of};
use crate::policy::{Extra, InertIn, Link, Links, Policy, Priority, RoleName};
use crate::store::issue::{Imperfection, Shown};

/// A list of links: which member holds it, and what its elements say.
pub(super) struct LinkList {
    array: &'static str,
    name: &'static str,
    known: &'static [&'static str],
    inert: InertIn,
    /// What it is to name something that does not exist.
    missing: fn(Shown) -> Imperfection,
}

/// The roles of a client or group.
pub(super) const ROLES: LinkList = LinkList {
    array: "roles",
    name: "rolename",
    known: &["rolename", "priority"],
    inert: InertIn::Roles,
    missing: Imperfection::NoRole,
};

/// The clients of a group.
pub(super) const CLIENTS: LinkList = LinkList {
    array: "clients",
    name: "username",
    known: &["username", "priority"],
    inert: InertIn::Clients,
    missing: Imperfection::NoClient,
};

/// A link as the file has it.
pub(super) struct Linked<'v> {
    pub(super) name: &'v [u8],
    pub(super) priority: Priority,
    pub(super) extra: Extra,
}

/// The links that can be used; the others are set aside.
pub(super) fn read<'v>(
    list: &LinkList,
    fields: &mut Fields<'v, '_>,
    exists: impl Fn(&[u8]) -> bool,
    context: &mut Context<'_>,
) -> Vec<Linked<'v>> {
    let record = fields.at;
    let list_at = record.member(list.array);
    let mut seen = HashSet::new();
    let mut links = Vec::new();
    for (index, element) in fields.array(list.array, context).iter().enumerate() {
        let at = list_at.element(index);
        let Some(name) = name_of(element, list.name, &at, context) else {
            fields.set_aside(list.inert, None, element, context);
            continue;
        };
        let what = if !exists(name) {
            Some((list.missing)(Shown::new(name)))
        } else if !seen.insert(name) {
            Some(Imperfection::Duplicate(Shown::new(name)))
        } else {
            None
        };
        if let Some(what) = what {
            let offset = element.get(list.name).map_or(element.span.start, |name| name.span.start);
            context.issues.add(&at.member(list.name), offset, what);
            fields.set_aside(list.inert, Some(name), element, context);
            continue;
        }
        let mut link = Fields::of(element, list.known, at, context);
        let priority = link.priority(Priority::DEFAULT_LINK, context);
        links.push(Linked { name, priority, extra: link.into_extra(context) });
    }
    links
}

/// The roles that a client or group has.
pub(super) fn roles(
    fields: &mut Fields<'_, '_>,
    policy: &Policy,
    context: &mut Context<'_>,
) -> Links<RoleName> {
    let links = read(&ROLES, fields, |name| policy.role(name).is_some(), context);
    Links::from_given(links.into_iter().filter_map(|linked| {
        let name = policy.role(linked.name)?.name.clone();
        Some(Link { name, priority: linked.priority, extra: linked.extra })
    }))
}
