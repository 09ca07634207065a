//! `verbose`, `count` and `offset` of the list commands.

use super::fields::Fields;
use super::response::Answer;
use super::session::Session;
use crate::json::Writer;

/// Which part of a list is asked for.
pub(super) struct Page {
    pub(super) verbose: bool,
    count: i32,
    offset: i32,
    asked: bool,
}

impl Page {
    pub(super) fn of(fields: &Fields<'_>) -> Self {
        Self {
            verbose: fields.bool("verbose").unwrap_or(false),
            count: fields.int_or("count", -1),
            offset: fields.int_or("offset", 0),
            asked: fields.has("count") || fields.has("offset"),
        }
    }

    /// Whether the command named a part.
    pub(super) fn is_asked(&self) -> bool {
        self.asked
    }

    /// How many elements are listed at most by the commands that C does not have: all for a negative
    /// count, and none for 0.
    pub(super) fn limit(&self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// That part of a list.
    pub(super) fn part_of<'l, T>(&self, list: &'l [T]) -> impl Iterator<Item = &'l T> {
        list.iter().skip(self.offset()).take(self.limit())
    }

    /// `"totalCount":…`
    pub(super) fn write_total(writer: &mut Writer, total: usize) {
        writer.key("totalCount");
        writer.int(i64::try_from(total).unwrap_or(i64::MAX));
    }

    /// How many elements are passed over.
    pub(super) fn offset(&self) -> usize {
        usize::try_from(self.offset).unwrap_or(0)
    }

    /// `{"totalCount": …, member: […]}` of the elements from the offset on: all for a negative count,
    /// and at least one, as the C plugin counts after it has listed one.
    pub(super) fn answer<T>(
        &self,
        member: &str,
        total: usize,
        from_offset: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Writer, T),
    ) -> Answer {
        let count = usize::try_from(self.count).map_or(usize::MAX, |count| count.max(1));
        Answer::data(|writer| {
            Self::write_total(writer, total);
            writer.key(member);
            writer.begin_array();
            for element in from_offset.take(count) {
                write(writer, element);
            }
            writer.end_array();
        })
    }

    pub(super) fn log(&self, session: &mut Session<'_>, command: &str) {
        let verbose: &[u8] = if self.verbose { b"true" } else { b"false" };
        let (count, offset) = (self.count.to_string(), self.offset.to_string());
        session.log(
            command,
            &[("verbose", verbose), ("count", count.as_bytes()), ("offset", offset.as_bytes())],
        );
    }
}
