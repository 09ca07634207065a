//! The members of one object of the file: those that are known, read leniently, and the rest, kept.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::several::Several;
use crate::json::{self, Value, name_is, up_to_nul};
use crate::policy::{Compat, Extra, InertElement, InertIn, Member, Priority};
use crate::store::issue::{At, Imperfection, Issues};
use crate::store::members;

/// What reading needs everywhere: the text, whose rules apply, and where to report.
pub(super) struct Context<'s> {
    pub(super) source: &'s [u8],
    pub(super) compat: Compat,
    pub(super) issues: Issues<'s>,
    /// The records whose names others have too, as far as that is known.
    pub(super) several: Several,
    /// Whether there is one of which it is not known.
    pub(super) is_doubled: bool,
}

impl<'s> Context<'s> {
    pub(super) fn new(source: &'s [u8], compat: Compat) -> Self {
        let (issues, several) = (Issues::new(source), Several::default());
        Self { source, compat, issues, several, is_doubled: false }
    }

    /// An element that is set aside.
    pub(super) fn inert(
        &self,
        array: InertIn,
        missing: Option<&[u8]>,
        element: Range<usize>,
    ) -> InertElement {
        let raw = self.source.get(element).unwrap_or_default().into();
        InertElement { array, missing: missing.map(Into::into), raw }
    }
}

/// A member that is kept as it is written.
struct Kept<'v, 's> {
    /// C's spelling and order, if C knows it.
    known: Option<(usize, &'static str)>,
    member: &'v json::Member<'s>,
    /// Whether it is not the one that is read.
    again: bool,
}

/// The members of an object.
///
/// Known ones are read with C's leniency. What is unknown, there a second time, or says something
/// else than what was read from it is kept as it is written, with the place where it stood.
pub(super) struct Fields<'v, 's> {
    pub(super) at: At<'v>,
    names: &'v [&'static str],
    /// Those that are there, each at the place of its name in `names`.
    known: [Option<&'v json::Member<'s>>; members::MOST],
    kept: Vec<Kept<'v, 's>>,
    inert: Vec<InertElement>,
}

impl<'v, 's> Fields<'v, 's> {
    /// The members of `object`, of which those named `names` are known.
    pub(super) fn of(
        object: &'v Value<'s>,
        names: &'v [&'static str],
        at: At<'v>,
        context: &mut Context<'_>,
    ) -> Self {
        let known = [None; members::MOST];
        let mut fields = Self { at, names, known, kept: Vec::new(), inert: Vec::new() };
        // Members mostly come in this order.
        let mut next = 0_usize;
        for member in object.as_object().unwrap_or_default() {
            let is_it = |name: &&str| name_is(&member.name, name);
            let (before, from_next) = names.split_at_checked(next).unwrap_or((names, &[]));
            let behind = from_next.iter().position(is_it).map(|at| at.saturating_add(before.len()));
            let Some(at) = behind.or_else(|| before.iter().position(is_it)) else {
                fields.kept.push(Kept { known: None, member, again: false });
                continue;
            };
            next = at.saturating_add(1);
            match (names.get(at), fields.known.get_mut(at)) {
                (_, Some(place @ None)) => *place = Some(member),
                (Some(name), _) => {
                    let at = fields.at.member(name);
                    context.issues.add(&at, member.name_at, Imperfection::DuplicateMember);
                    fields.keep_as(name, member, true);
                }
                (None, _) => {}
            }
        }
        fields
    }

    pub(super) fn get(&self, name: &str) -> Option<&'v json::Member<'s>> {
        let mut there = self.names.iter().zip(&self.known).filter(|(_, member)| member.is_some());
        *there.find(|(known, _)| **known == name)?.1
    }

    pub(super) fn value(&self, name: &str) -> Option<&'v Value<'s>> {
        self.get(name).map(|member| &member.value)
    }

    /// Keeps a member as it is written.
    pub(super) fn keep(&mut self, name: &'static str) {
        if let Some(member) = self.get(name) {
            self.keep_as(name, member, false);
        }
    }

    fn keep_as(&mut self, name: &'static str, member: &'v json::Member<'s>, again: bool) {
        let order = self.names.iter().position(|known| *known == name).unwrap_or_default();
        self.kept.push(Kept { known: Some((order, name)), member, again });
    }

    /// Keeps a member, and reports it.
    pub(super) fn report(&mut self, name: &'static str, what: Imperfection, context: &mut Context<'_>) {
        self.note(name, what, context);
        self.keep(name);
    }

    /// Reports a member that is not kept.
    pub(super) fn note(&self, name: &'static str, what: Imperfection, context: &mut Context<'_>) {
        if let Some(member) = self.get(name) {
            context.issues.add(&self.at.member(name), member.value.span.start, what);
        }
    }

    /// A text, up to the first NUL.
    pub(super) fn text(&mut self, name: &'static str, context: &mut Context<'_>) -> Option<Cow<'v, [u8]>> {
        let value = self.value(name)?;
        let Some(text) = value.as_bytes() else {
            self.report(name, Imperfection::Not("a string"), context);
            return None;
        };
        let seen = up_to_nul(text);
        if seen.len() < text.len() {
            self.report(name, Imperfection::EndsAtNul, context);
        }
        Some(Cow::Borrowed(seen))
    }

    /// `true` or `false`; `default` where it is absent or neither.
    pub(super) fn bool(&mut self, name: &'static str, default: bool, context: &mut Context<'_>) -> bool {
        match self.value(name).map(Value::as_bool) {
            None => default,
            Some(Some(value)) => value,
            Some(None) => {
                self.report(name, Imperfection::Not("true or false"), context);
                default
            }
        }
    }

    /// The priority of an ACL or a link; `default` where it is absent or no number.
    pub(super) fn priority(&mut self, default: Priority, context: &mut Context<'_>) -> Priority {
        let Some(value) = self.value("priority") else { return default };
        let Some(number) = value.as_i32() else {
            self.report("priority", Imperfection::Not("a number"), context);
            return default;
        };
        let priority = Priority::new(number, context.compat);
        self.compare(value, "priority", i64::from(priority.get()), context);
        priority
    }

    /// A count that no bound applies to; zero where it is absent or no number.
    pub(super) fn count(&mut self, name: &'static str, context: &mut Context<'_>) -> i64 {
        let Some(value) = self.value(name) else { return 0 };
        let Some(number) = value.as_i64() else {
            self.report(name, Imperfection::Not("a number"), context);
            return 0;
        };
        self.compare(value, name, number, context);
        number
    }

    /// Reports a number that is taken for another one.
    fn compare(&mut self, value: &Value<'_>, name: &'static str, taken: i64, context: &mut Context<'_>) {
        if !value.is_integer(taken) {
            self.report(name, Imperfection::TakenAs(taken), context);
        }
    }

    /// An array; `None` where it is absent or no array.
    pub(super) fn array(&mut self, name: &'static str, context: &mut Context<'_>) -> Option<&'v Value<'s>> {
        let value = self.value(name)?;
        if !value.is_array() {
            self.report(name, Imperfection::Not("an array"), context);
            return None;
        }
        Some(value)
    }

    /// Sets an element aside which stands there in the text, and which may link to what is missing.
    pub(super) fn set_aside(
        &mut self,
        array: InertIn,
        missing: Option<&[u8]>,
        element: Range<usize>,
        context: &Context<'_>,
    ) {
        self.inert.push(context.inert(array, missing, element));
    }

    /// What is to be kept of the object: what C knows in its order, as it is written again, then the
    /// rest in the order in which it stands there.
    pub(super) fn into_extra(mut self, context: &Context<'_>) -> Extra {
        self.kept
            .sort_by_key(|kept| (kept.known.map_or(usize::MAX, |(order, _)| order), kept.member.name_at));
        self.kept.dedup_by_key(|kept| kept.member.name_at);
        let member = |kept: Kept<'_, '_>| Member {
            name: kept.known.map_or(&*kept.member.name, |(_, name)| name.as_bytes()).into(),
            raw: kept.member.value.raw(context.source).into(),
            again: kept.again,
        };
        let members = self.kept.into_iter().map(member).collect();
        Extra::new(members, self.inert)
    }
}

/// The name that an element has or links to. `None`, and a report, if it cannot be used: it is no
/// object, or the name is absent, no string, or holds a NUL.
pub(super) fn name_of<'v>(
    element: &'v Value<'_>,
    name: &'static str,
    at: &At<'_>,
    context: &mut Context<'_>,
) -> Option<&'v [u8]> {
    if !element.is_object() {
        context.issues.add(at, element.span.start, Imperfection::Not("an object"));
        return None;
    }
    let Some(value) = element.get(name) else {
        context.issues.add(at, element.span.start, Imperfection::Without(name));
        return None;
    };
    let what = match value.as_bytes() {
        None => Imperfection::Not("a string"),
        Some(text) if memchr(0, text).is_some() => Imperfection::NulInName,
        Some(text) => return Some(text),
    };
    context.issues.add(&at.member(name), value.span.start, what);
    None
}

/// The name of a record. Like [`name_of`], but not empty where the C plugin refuses that.
pub(super) fn name_of_record<'v>(
    element: &'v Value<'_>,
    name: &'static str,
    at: &At<'_>,
    context: &mut Context<'_>,
) -> Option<&'v [u8]> {
    let text = name_of(element, name, at, context)?;
    if text.is_empty() {
        let offset = element.get(name).map_or(element.span.start, |value| value.span.start);
        let is_ignored = context.compat == Compat::V2_1;
        let what = if is_ignored { Imperfection::Empty } else { Imperfection::EmptyName };
        context.issues.add(&at.member(name), offset, what);
        if is_ignored {
            return None;
        }
    }
    Some(text)
}
