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

impl<'w, 'e> Object<'w, 'e> {
    pub(super) fn begin(writer: &'w mut Writer, extra: &'e Extra, known: &'static [&'static str]) -> Self {
        writer.begin_object();
        Self { writer, extra, known }
    }

    /// The kept members that nobody knows, and the end of the object.
    pub(super) fn end(self) {
        for Member { name, raw, .. } in self.extra.members() {
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
        let means = |value: &Value<'_>| value.as_bytes().map(|text| up_to_nul(text).to_vec());
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
        let means = |value: &Value<'_>| value.as_bool().unwrap_or(default);
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
        let means = |value: &Value<'_>| means(value).unwrap_or(default);
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
        let means = |value: &Value<'_>| empty && !value.is_array();
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
    fn kept(&self, name: &'static str) -> impl Iterator<Item = &'e Member> + use<'e> {
        self.extra.members().iter().filter(move |member| name_is(&member.name, name))
    }

    /// The member of that name that is read, if it was kept.
    pub(super) fn first_kept(&self, name: &'static str) -> Option<&'e Member> {
        self.kept(name).find(|member| !member.again)
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

    /// Writes a member: as it was kept, if that still `means` the policy's `value`; else by `put`, which returns whether
    /// there was anything to write, with later ones behind it.
    pub(super) fn member<T: PartialEq>(
        &mut self,
        name: &'static str,
        value: &T,
        means: impl Fn(&Value<'_>) -> T,
        put: impl FnOnce(&mut Writer, &T) -> bool,
    ) {
        let first = self.first_kept(name).and_then(|member| parse(&member.raw).ok());
        if first.is_some_and(|first| means(&first) == *value) {
            self.put_kept(name);
        } else if put(self.writer, value) {
            for member in self.kept(name).filter(|member| member.again) {
                self.writer.key(name);
                self.writer.raw(&member.raw);
            }
        }
    }
}
