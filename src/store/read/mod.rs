//! From the bytes of a file to a policy. What C loads, loads: what is wrong is set aside, kept and
//! reported. The lists are read element by element, so that a large file never stands in memory as a
//! tree.

mod clients;
mod fields;
mod groups;
mod links;
mod roles;
mod several;

use std::{fmt, mem};

use super::issue::{At, Imperfection, Issue, Shown};
use super::members::OF_FILE;
use crate::json::{
    Event, Item, Kind, Lines, Member, ParseError, Position, Problem, Reader, Value, name_is, path_to,
    up_to_nul,
};
use crate::policy::{Action, Compat, DefaultAccess, GroupName, InertIn, Newcomers, Policy};
use fields::{Context, Fields};
use several::Several;

/// The members of the file that are lists of records.
const LISTS: [&str; 3] = ["clients", "groups", "roles"];

/// No client takes fewer bytes, so that no list of something else makes room for many.
const SHORTEST_CLIENT: usize = br#"{"username":"u"}"#.len();

/// Why a file is no policy, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where it is wrong.
    pub position: Position,
    /// The members and elements that lead there; empty for the root.
    pub path: String,
    /// What is wrong.
    pub what: MalformedBy,
}

/// What makes a file no policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedBy {
    /// It is not JSON, or nothing at all.
    Json(Problem),
    /// It is JSON, but no object.
    Root,
    /// `clients`, `groups` or `roles` is no array, nor a `groups` that is null.
    List,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position)?;
        if !self.path.is_empty() {
            write!(f, ", in `{}`", Shown::new(self.path.as_bytes()))?;
        }
        match self.what {
            MalformedBy::Json(problem) => write!(f, ": not JSON: {problem}"),
            MalformedBy::Root => f.write_str(": not a policy: expected an object"),
            MalformedBy::List => f.write_str(": not a policy: expected an array"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Reads a policy, and what is wrong with it.
///
/// # Errors
/// [`Malformed`] where C could not read it either.
pub fn read(file: &[u8], compat: Compat) -> Result<(Policy, Vec<Issue>), Malformed> {
    read_text(file, compat).map(Unfilled::fill)
}

/// What was read of a file: a policy and its clients, who are not in it yet.
pub(super) struct Unfilled {
    policy: Policy,
    clients: Newcomers,
    /// What is wrong with the file.
    pub(super) issues: Vec<Issue>,
}

impl Unfilled {
    /// Puts the clients into the policy. The text is not needed for that: who has a large one drops it before.
    pub(super) fn fill(self) -> (Policy, Vec<Issue>) {
        let Self { mut policy, clients, issues } = self;
        let filled = policy.fill(clients);
        debug_assert!(filled.is_ok(), "clients have only roles and groups that exist");
        policy.keep();
        (policy, issues)
    }
}

/// [`read`], but for what can wait until the text is gone.
pub(super) fn read_text(file: &[u8], compat: Compat) -> Result<Unfilled, Malformed> {
    // C takes the file for a string, which ends at a NUL.
    let source = up_to_nul(file);
    let malformed = |offset, what| Malformed {
        position: Lines::of(source).position(offset),
        path: path_to(source, offset),
        what,
    };
    let not_json = |error: ParseError| malformed(error.offset, MalformedBy::Json(error.what));
    let (root, clients) = root(source).map_err(not_json)?;
    if !root.is_object() {
        return Err(malformed(root.span.start, MalformedBy::Root));
    }
    for (name, list) in LISTS.iter().filter_map(|name| Some((*name, root.get(name)?))) {
        // C reads the groups last: it works with a file that has none of them in this way, and there is nothing to be lost.
        let is_nothing = name == "groups" && matches!(list.kind, Kind::Null);
        if !list.is_array() && !is_nothing {
            return Err(malformed(list.span.start, MalformedBy::List));
        }
    }
    let mut context = Context::new(source, compat);
    let mut read = policy(&root, clients, &mut context).map_err(not_json)?;
    let is_doubled = context.is_doubled;
    if is_doubled {
        // Hardly any file has records of one name, so it is not asked before which of them count.
        drop(read);
        let several = Several::find(&root, source, compat).map_err(not_json)?;
        context = Context { several, ..Context::new(source, compat) };
        read = policy(&root, clients, &mut context).map_err(not_json)?;
    }
    let (mut policy, clients) = read;
    if is_doubled {
        policy.remember_deletions_of(mem::take(&mut context.several.named));
    }
    Ok(Unfilled { policy, clients, issues: context.issues.into_sorted() })
}

/// The root, its lists without their elements: those are read one by one; and about how many clients there are.
fn root(source: &[u8]) -> Result<(Value<'_>, usize), ParseError> {
    let mut reader = Reader::new(source);
    let mut members = Vec::new();
    let Some(Item { event: Event::BeginObject, span }) = reader.clone().next_item()? else {
        let nothing = Value { kind: Kind::Null, span: 0..0 };
        return Ok((reader.next_value()?.unwrap_or(nothing), 0));
    };
    let mut clients = 0;
    let start = span.start;
    let mut end = start;
    reader.next_item()?;
    while let Some(Item { event, span }) = reader.next_item()? {
        end = span.end;
        let Event::Name(name) = event else { break };
        let is_list = LISTS.iter().any(|list| name_is(&name, list))
            && matches!(reader.clone().next_item()?, Some(Item { event: Event::BeginArray, .. }));
        let value = if is_list {
            let (span, count) = reader.skip_counting()?;
            if name_is(&name, "clients") {
                clients = count.min(span.len() / SHORTEST_CLIENT);
            }
            Some(Value { kind: Kind::Array(Vec::new()), span })
        } else {
            reader.next_value()?
        };
        members.extend(value.map(|value| Member { name, name_at: span.start, value }));
    }
    Ok((Value { kind: Kind::Object(members), span: start..end }, clients))
}

/// Does something with each element of a list of the file. In the elements, the elements of lists called `leaving` are
/// left to [`each_in`].
fn each_element<'s>(
    list: Option<&Value<'_>>,
    leaving: &str,
    source: &'s [u8],
    mut with: impl FnMut(usize, &Value<'s>),
) -> Result<(), ParseError> {
    let Some(list) = list.filter(|list| list.is_array()) else { return Ok(()) };
    let mut reader = Reader::starting_at(source, list.span.start);
    reader.next_item()?;
    let mut index = 0_usize;
    while let Some(element) = reader.next_value_leaving(leaving)? {
        with(index, &element);
        index = index.saturating_add(1);
    }
    Ok(())
}

/// Does something with each element of a list in a record, which may be there without them.
fn each_in<'s>(list: &Value<'s>, source: &'s [u8], mut with: impl FnMut(usize, &Value<'s>)) {
    match list.as_array() {
        None => {}
        Some([]) => {
            let read = each_element(Some(list), "", source, with);
            debug_assert!(read.is_ok(), "it was read over before");
        }
        Some(elements) => elements.iter().enumerate().for_each(|(index, element)| with(index, element)),
    }
}

/// A policy, and its clients, of which there are about so many.
fn policy(
    root: &Value<'_>,
    clients: usize,
    context: &mut Context<'_>,
) -> Result<(Policy, Newcomers), ParseError> {
    let mut policy = Policy::new(context.compat);
    let mut fields = Fields::of(root, OF_FILE, At::ROOT, context);
    if root.as_object().is_none_or(<[_]>::is_empty) {
        context.issues.add(&At::ROOT, root.span.start, Imperfection::NothingInIt);
    }
    policy.set_change_index(fields.count("changeIndex", context));
    policy.set_default_access(default_access(&mut fields, context));
    roles::read(&mut fields, &mut policy, context)?;
    let mut clients = clients::read(&mut fields, &policy, clients, context)?;
    groups::read(&mut fields, &mut policy, &mut clients, context)?;
    anonymous_group(&mut fields, &mut policy, context);
    policy.set_extra(fields.into_extra(context));
    Ok((policy, clients.into_newcomers()))
}

fn default_access(fields: &mut Fields<'_, '_>, context: &mut Context<'_>) -> DefaultAccess {
    const NAME: &str = "defaultACLAccess";
    let mut access = DefaultAccess::default();
    let Some(value) = fields.value(NAME) else { return access };
    if !value.is_object() {
        fields.report(NAME, Imperfection::Not("an object"), context);
        return access;
    }
    let names = Action::ALL.map(Action::name);
    let root = fields.at;
    let mut of_actions = Fields::of(value, &names, root.member(NAME), context);
    for action in Action::ALL {
        access = access.with(action, of_actions.bool(action.name(), false, context));
    }
    // There is no place for its members in the policy, so all of it is kept.
    if !of_actions.into_extra(context).is_empty() {
        fields.keep(NAME);
    }
    access
}

fn anonymous_group(fields: &mut Fields<'_, '_>, policy: &mut Policy, context: &mut Context<'_>) {
    const NAME: &str = "anonymousGroup";
    let Some(value) = fields.value(NAME) else { return };
    let Some(text) = value.as_bytes() else {
        fields.report(NAME, Imperfection::Not("a string"), context);
        return;
    };
    let group = GroupName::new(text);
    if group.is_ok_and(|group| policy.set_anonymous_group(&group).is_ok()) {
        return;
    }
    let at = fields.at;
    let no_group = Imperfection::NoGroup(Shown::new(text));
    context.issues.add(&at.member(NAME), value.span.start, no_group);
    fields.set_aside(InertIn::AnonymousGroup, Some(text), value.span.clone(), context);
}
