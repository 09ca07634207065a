//! The links of one record to others.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::each_in;
use super::fields::{Context, Fields, name_of};
use crate::policy::{Extra, InertElement, InertIn, Link, Links, Policy, Priority, RoleName};
use crate::store::issue::{Imperfection, Shown};
use crate::store::members::{OF_CLIENT_LINK, OF_ROLE_LINK};

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
    known: OF_ROLE_LINK,
    inert: InertIn::Roles,
    missing: Imperfection::NoRole,
};

/// The clients of a group.
pub(super) const CLIENTS: LinkList = LinkList {
    array: "clients",
    name: "username",
    known: OF_CLIENT_LINK,
    inert: InertIn::Clients,
    missing: Imperfection::NoClient,
};

/// A link as the file has it.
#[derive(PartialEq)]
pub(super) struct Linked<T> {
    /// What it links to.
    pub(super) to: T,
    pub(super) priority: Priority,
    pub(super) extra: Extra,
}

/// The links that can be used, those whose names can be found; the others are set aside. Different names are found to
/// be different.
pub(super) fn read<T: Clone + Ord + Hash>(
    list: &LinkList,
    fields: &mut Fields<'_, '_>,
    find: impl Fn(&[u8]) -> Option<T>,
    context: &mut Context<'_>,
) -> Vec<Linked<T>> {
    let record = fields.at;
    let list_at = record.member(list.array);
    let mut links: Vec<Linked<T>> = Vec::new();
    let Some(elements) = fields.array(list.array, context) else { return links };
    let mut seen = Seen::none();
    let mut others: HashMap<T, Vec<InertElement>> = HashMap::new();
    each_in(elements, context.source, |index, element| {
        let at = list_at.element(index);
        let Some(name) = name_of(element, list.name, &at, context) else {
            fields.set_aside(list.inert, None, element.span.clone(), context);
            return;
        };
        let mut report = |what: fn(Shown) -> Imperfection| {
            let offset = element.get(list.name).map_or(element.span.start, |name| name.span.start);
            context.issues.add(&at.member(list.name), offset, what(Shown::new(name)));
        };
        let Some(to) = find(name) else {
            report(list.missing);
            fields.set_aside(list.inert, Some(name), element.span.clone(), context);
            return;
        };
        if !seen.is_new(&to, &links) {
            report(Imperfection::Duplicate);
            let other = context.inert(InertIn::Beside, None, element.span.clone());
            others.entry(to).or_default().push(other);
            return;
        }
        // Mostly the name is all that there is.
        if element.as_object().is_some_and(|members| members.len() == 1) {
            links.push(Linked { to, priority: Priority::DEFAULT_LINK, extra: Extra::default() });
            return;
        }
        let mut link = Fields::of(element, list.known, at, context);
        let priority = link.priority(Priority::DEFAULT_LINK, context);
        links.push(Linked { to, priority, extra: link.into_extra(context) });
    });
    if !others.is_empty() {
        for link in &mut links {
            if let Some(others) = others.remove(&link.to) {
                link.extra = link.extra.with_inert(others);
            }
        }
    }
    links
}

/// How many links are looked through one by one: most records have one.
const FEW: usize = 8;

/// What is linked to already.
struct Seen<T> {
    /// Whether each link was greater than the one before, as where a list is sorted.
    rising: bool,
    /// All of them, once they are not few any more and do not rise.
    set: HashSet<T>,
}

impl<T: Clone + Ord + Hash> Seen<T> {
    fn none() -> Self {
        Self { rising: true, set: HashSet::new() }
    }

    /// Whether there is none to that among these links, to which it is about to be added.
    fn is_new(&mut self, to: &T, links: &[Linked<T>]) -> bool {
        self.rising = self.rising && links.last().is_none_or(|last| last.to < *to);
        if self.rising {
            return true;
        }
        if links.len() < FEW {
            return !links.iter().any(|link| link.to == *to);
        }
        if self.set.is_empty() {
            self.set.extend(links.iter().map(|link| link.to.clone()));
        }
        self.set.insert(to.clone())
    }
}

/// The roles that a client or group has.
pub(super) fn roles(
    fields: &mut Fields<'_, '_>,
    policy: &Policy,
    context: &mut Context<'_>,
) -> Links<RoleName> {
    let links = read(&ROLES, fields, |name| policy.role(name).map(|role| role.name.clone()), context);
    let link =
        |linked: Linked<RoleName>| Link { name: linked.to, priority: linked.priority, extra: linked.extra };
    Links::from_given(links.into_iter().map(link))
}
