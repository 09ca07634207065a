//! Lists of roles, groups and clients in commands and answers.

use std::borrow::Borrow;

use super::error::CommandError;
use super::fields::Fields;
use crate::json::Writer;
use crate::policy::{Compat, Extra, GroupName, Link, Links, Policy, Priority, RoleName, Text};

/// A link's priority in a command.
pub(super) fn priority(fields: &Fields<'_>, compat: Compat) -> Priority {
    Priority::new(fields.int_or("priority", Priority::DEFAULT_LINK.get()), compat)
}

/// A link without anything more to it.
pub(super) fn link<N>(name: N, priority: Priority) -> Link<N> {
    Link { name, priority, extra: Extra::default() }
}

/// The `roles` of a command; `None` where there are none. Of several with one name the first counts.
pub(super) fn roles(fields: &Fields<'_>, policy: &Policy) -> Result<Option<Links<RoleName>>, CommandError> {
    if !fields.has("roles") {
        return Ok(None);
    }
    let elements = fields.array("roles").ok_or(CommandError::RolesList)?;
    let mut links = Vec::with_capacity(elements.len());
    for element in elements {
        let element = Fields::new(element);
        let name = element.string("rolename").ok_or(CommandError::RolesList)?;
        let role = policy.role(name).ok_or(CommandError::RoleNotFound)?;
        links.push(link(role.name.clone(), priority(&element, policy.compat())));
    }
    Ok(Some(Links::from_given(links)))
}

/// The objects of a list with a string of that name in them, and that string; others are passed over.
pub(super) fn named<'a>(
    fields: &Fields<'a>,
    list: &str,
    name: &'static str,
) -> Option<Vec<(&'a [u8], Fields<'a>)>> {
    let named = |element| {
        let element = Fields::new(element);
        Some((element.string(name)?, element))
    };
    Some(fields.array(list)?.iter().filter(|element| element.is_object()).filter_map(named).collect())
}

/// What is wrong with the first wrong object of a list.
pub(super) enum Unknown {
    /// Nothing has the name that it gives.
    Name,
    /// It gives no name.
    NoName,
}

impl Unknown {
    pub(super) fn either(self, name: CommandError, no_name: CommandError) -> CommandError {
        match self {
            Self::Name => name,
            Self::NoName => no_name,
        }
    }
}

/// Whether every object of a list names something that is known.
pub(super) fn all_known(
    fields: &Fields<'_>,
    list: &str,
    name: &str,
    is_known: impl Fn(&[u8]) -> bool,
) -> Result<(), Unknown> {
    for element in fields.array(list).unwrap_or_default().iter().filter(|element| element.is_object()) {
        match Fields::new(element).string(name) {
            None => return Err(Unknown::NoName),
            Some(name) if !is_known(name) => return Err(Unknown::Name),
            Some(_) => {}
        }
    }
    Ok(())
}

/// `"textname":…,"textdescription":…`, those that there are.
pub(super) fn write_texts(writer: &mut Writer, name: Option<&Text>, description: Option<&Text>) {
    for (member, text) in [("textname", name), ("textdescription", description)] {
        if let Some(text) = text {
            writer.key(member);
            writer.string(text.as_bytes());
        }
    }
}

/// `"roles":[{"rolename":…,"priority":…}, …]`; a priority of -1 is not written.
pub(super) fn write_roles(writer: &mut Writer, roles: &Links<RoleName>) {
    write_links(writer, "roles", "rolename", roles);
}

/// `"groups":[{"groupname":…,"priority":…}, …]`; a priority of -1 is not written.
pub(super) fn write_groups(writer: &mut Writer, groups: &Links<GroupName>) {
    write_links(writer, "groups", "groupname", groups);
}

fn write_links<N: Borrow<[u8]>>(writer: &mut Writer, list: &str, name: &str, links: &Links<N>) {
    writer.key(list);
    writer.begin_array();
    for link in links {
        writer.begin_object();
        writer.key(name);
        writer.string(link.name.borrow());
        if link.priority != Priority::DEFAULT_LINK {
            writer.key("priority");
            writer.int(link.priority.get().into());
        }
        writer.end_object();
    }
    writer.end_array();
}
