//! From a policy's snapshot to the bytes of a file: in the order and the form of the C plugin, with all that
//! was kept when it was read.
//!
//! What was set aside is written only where it will be set aside again at the next start: a link to a role that was
//! made since would otherwise come alive.

mod object;
mod records;
mod sink;

use std::io;

use super::members::OF_FILE;
use crate::json::{Kind, Member, Style, Value, Writer, name_is, parse};
use crate::policy::{Action, Compat, DefaultAccess, Extra, InertElement, InertIn, OfSeveral, Snapshot};
use object::{IfDefault, Object};
use sink::Sink;

/// The file's bytes for a policy.
#[must_use]
pub fn write(policy: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = write_to(policy, &mut bytes);
    debug_assert!(written.is_ok(), "memory takes everything");
    bytes
}

/// Whether that was set aside beside a record, and is not written any more since it names what was deleted.
#[cfg(fuzzing)]
#[must_use]
pub fn names_what_was_deleted(element: &InertElement, policy: &Snapshot) -> bool {
    element.array == InertIn::Beside && records::names_what_was_deleted(element, policy)
}

/// Writes the file's bytes for a policy, piece by piece: they are never in memory together.
///
/// # Errors
/// Those of `out`.
pub fn write_to(policy: &Snapshot, out: &mut dyn io::Write) -> io::Result<()> {
    let mut sink = Sink::new(out);
    let mut writer = Writer::new(Style::Pretty);
    let extra = policy.extra();
    let mut file = Object::begin(&mut writer, extra, OF_FILE);
    // The C plugin of 2.0 does not count.
    let if_default = match policy.compat() {
        Compat::V2_0 | Compat::V2_0_15 | Compat::V2_0_21 => IfDefault::LeaveOut,
        Compat::V2_1 => IfDefault::Write,
    };
    file.int("changeIndex", policy.change_index(), 0, if_default, count_of);
    default_access(&mut file, policy.default_access());
    file.list("clients", |writer| {
        for client in policy.clients() {
            records::client(writer, client, policy);
            sink.take(writer);
        }
        put_aside(writer, extra.inert(InertIn::Clients));
    });
    let members = policy.members();
    let no_groups = policy.groups().next().is_none() && extra.inert(InertIn::Groups).is_empty();
    file.array("groups", no_groups, |writer| {
        for group in policy.groups() {
            records::group(writer, group, policy, &members, &mut sink);
            sink.take(writer);
        }
        put_aside(writer, extra.inert(InertIn::Groups));
    });
    drop(members);
    anonymous_group(&mut file, policy);
    file.list("roles", |writer| {
        for role in policy.roles() {
            records::role(writer, role, policy.compat(), &mut sink);
            sink.take(writer);
        }
        put_aside(writer, extra.inert(InertIn::Roles));
    });
    file.end();
    sink.end(writer)
}

/// The elements that were set aside and would be again: they link to nothing, or to what is missing still.
fn staying(extra: &Extra, array: InertIn, is_missing: impl Fn(&[u8]) -> bool) -> Vec<&InertElement> {
    let stays = |element: &&InertElement| element.missing.as_deref().is_none_or(&is_missing);
    extra.inert(array).iter().filter(stays).collect()
}

/// Writes one of several, and the others where they do not count.
fn with_others<'e>(
    writer: &mut Writer,
    others: impl IntoIterator<Item = &'e InertElement>,
    counts: OfSeveral,
    one: impl FnOnce(&mut Writer),
) {
    if counts == OfSeveral::Last {
        put_aside(writer, others);
        one(writer);
    } else {
        one(writer);
        put_aside(writer, others);
    }
}

fn put_aside<'e>(writer: &mut Writer, inert: impl IntoIterator<Item = &'e InertElement>) {
    for element in inert {
        writer.raw(&element.raw);
    }
}

fn default_access(file: &mut Object<'_, '_>, access: DefaultAccess) {
    const NAME: &str = "defaultACLAccess";
    let is_unknown =
        |member: &Member<'_>| Action::ALL.iter().all(|action| !name_is(&member.name, action.name()));
    // The object's own unknown members stay when a command changes the others.
    let kept = file.first_kept(NAME);
    file.member(NAME, &access, access_of, |writer, access| {
        writer.key(NAME);
        writer.begin_object();
        for action in Action::ALL {
            writer.key(action.name());
            writer.bool(access.allows(action));
        }
        let raw = kept.map(|member| &*member.raw).unwrap_or_default();
        if let Ok(Value { kind: Kind::Object(members), .. }) = parse(raw) {
            for member in members.iter().filter(|member| is_unknown(member)) {
                writer.key(&member.name);
                writer.raw(member.value.raw(raw));
            }
        }
        writer.end_object();
        true
    });
}

/// What is read from a count.
fn count_of(value: &Value<'_>) -> Option<i64> {
    value.as_i64()
}

/// What is read from the file's default access.
fn access_of(value: &Value<'_>) -> DefaultAccess {
    Action::ALL.into_iter().fold(DefaultAccess::default(), |access, action| {
        access.with(action, value.get(action.name()).and_then(Value::as_bool).unwrap_or_default())
    })
}

fn anonymous_group(file: &mut Object<'_, '_>, policy: &Snapshot) {
    const NAME: &str = "anonymousGroup";
    let group = policy.anonymous_group();
    let missing = staying(policy.extra(), InertIn::AnonymousGroup, |name| policy.group(name).is_none());
    if let (None, [element, ..]) = (group, missing.as_slice()) {
        file.writer().key(NAME);
        file.writer().raw(&element.raw);
        file.put_kept(NAME);
        return;
    }
    file.text(NAME, group.map(|group| group.name.as_bytes()));
}
