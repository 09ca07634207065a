//! Writes one object of the file: what the policy says, and what was kept of how it stood there.

use crate::json::{Value, Writer, name_is, parse, up_to_nul};
use crate::policy::{Compat, Extra, Member, Priority};

/// An object that is being written.
///
/// A member that was kept is written as it stood in the file as long as it still says what the
/// policy says; once a command has changed that, the policy's own value takes its place. Members that
/// were there a second time come after the first, and only if there is a first: else they would be
/// read at the next start.
pub(super) struct Object<'w, 'e> {
    writer: &'w mut Writer,
    extra: &'e Extra,
    /// The members that are known here; the other ones are written last.
    known: &'static [&'static str],
}

/// Whether a member is written that says what is read where there is no such member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IfDefault {
    Write,
    LeaveOut,
}

/// What is read from a member that was kept.
pub(super) struct Meaning<T> {
    pub(super) value: T,
    /// Nothing is lost or replaced in reading it.
    pub(super) exact: bool,
}

impl<'w, 'e> Object<'w, 'e> {
    pub(super) fn begin(writer: &'w mut Writer, extra: &'e Extra, known: &'static [&'static str]) -> Self {
        writer.begin_object();
        Self { writer, extra, known }
    }

    /// The kept members that nobody knows, and the end of the object.
    pub(super) fn end(self) {
        for Member { name, raw } in self.extra.members() {
            if !self.known.iter().any(|known| name_is(name, known)) {
                self.writer.key(name);
                self.writer.raw(raw);
            }
        }
        self.writer.end_object();
    }

    /// A text, if there is one.
    pub(super) fn text(&mut self, name: &'static str, text: Option<&[u8]>) {
        if let (Some(text), None) = (text, self.kept(name).next()) {
            self.writer.key(name);
            self.writer.string(text);
            return;
        }
        let means = |value: &Value<'_>| {
            let text = value.as_bytes();
            let read = text.map(|text| up_to_nul(text).to_vec());
            Meaning { exact: text.is_some() && read.as_deref() == text, value: read }
        };
        let text = text.map(<[u8]>::to_vec);
        self.member(name, &text, means, |writer, text| match text {
            Some(text) => {
                writer.key(name);
                writer.string(text);
                true
            }
            None => false,
        });
    }

    /// `true` or `false`; `default` is what is read where there is no such member.
    pub(super) fn bool(&mut self, name: &'static str, value: bool, default: bool, if_default: IfDefault) {
        if value == default && self.is_left_out(name, if_default) {
            return;
        }
        let means = |value: &Value<'_>| {
            let read = value.as_bool();
            Meaning { value: read.unwrap_or(default), exact: read.is_some() }
        };
        self.member(name, &value, means, |writer, value| {
            writer.key(name);
            writer.bool(*value);
            true
        });
    }

    /// A number, which is read by `means`; `default` is what is read where there is no such member.
    pub(super) fn int(
        &mut self,
        name: &'static str,
        value: i64,
        default: i64,
        if_default: IfDefault,
        means: impl Fn(&Value<'_>) -> Option<i64>,
    ) {
        if value == default && self.is_left_out(name, if_default) {
            return;
        }
        let means = |value: &Value<'_>| {
            let read = means(value);
            Meaning { value: read.unwrap_or(default), exact: read.is_some_and(|read| value.is_integer(read)) }
        };
        self.member(name, &value, means, |writer, value| {
            writer.key(name);
            writer.int(*value);
            true
        });
    }

    /// The priority of an ACL or a link.
    pub(super) fn priority(
        &mut self,
        priority: Priority,
        default: Priority,
        if_default: IfDefault,
        compat: Compat,
    ) {
        let [value, default] = [priority, default].map(|priority| i64::from(priority.get()));
        self.int("priority", value, default, if_default, |value| {
            Some(i64::from(Priority::new(value.as_i32()?, compat).get()))
        });
    }

    /// An array; `empty` says that `elements` will write none.
    pub(super) fn array(&mut self, name: &'static str, empty: bool, elements: impl FnOnce(&mut Writer)) {
        // Where it was no array, nothing was read from it.
        let means = |value: &Value<'_>| {
            let is_array = value.is_array();
            Meaning { value: empty && !is_array, exact: is_array }
        };
        self.member(name, &true, means, |writer, _| {
            writer.key(name);
            writer.begin_array();
            elements(writer);
            writer.end_array();
            true
        });
    }

    /// An array that no file is without: were it no array, the file could not be read.
    pub(super) fn list(&mut self, name: &'static str, elements: impl FnOnce(&mut Writer)) {
        self.writer.key(name);
        self.writer.begin_array();
        elements(self.writer);
        self.writer.end_array();
        self.put_kept(name);
    }

    /// Where the object is written, for members with rules of their own.
    pub(super) fn writer(&mut self) -> &mut Writer {
        self.writer
    }

    /// The members of that name that were kept, in their order.
    pub(super) fn kept(&self, name: &'static str) -> impl Iterator<Item = &'e Member> + use<'e> {
        self.extra.members().iter().filter(move |member| name_is(&member.name, name))
    }

    /// All kept members of that name.
    pub(super) fn put_kept(&mut self, name: &'static str) {
        for member in self.kept(name) {
            self.writer.key(name);
            self.writer.raw(&member.raw);
        }
    }

    fn is_left_out(&self, name: &'static str, if_default: IfDefault) -> bool {
        if_default == IfDefault::LeaveOut && self.kept(name).next().is_none()
    }

    /// Writes a member: as it was kept, if that still `means` the policy's `value`; else by `put`,
    /// which returns whether there was anything to write, with later ones behind it. One that was
    /// kept because it is not what was read from it was the first: what a command changed replaces it.
    pub(super) fn member<T: PartialEq>(
        &mut self,
        name: &'static str,
        value: &T,
        means: impl Fn(&Value<'_>) -> Meaning<T>,
        put: impl FnOnce(&mut Writer, &T) -> bool,
    ) {
        let meaning_of = |member: &Member| parse(&member.raw).ok().map(|kept| means(&kept));
        let first = self.kept(name).next().and_then(meaning_of);
        if first.is_some_and(|first| first.value == *value) {
            self.put_kept(name);
        } else if put(self.writer, value) {
            for member in self.kept(name) {
                if meaning_of(member).is_some_and(|meaning| meaning.exact) {
                    self.writer.key(name);
                    self.writer.raw(&member.raw);
                }
            }
        }
    }
}
