//! From byte offsets to the lines and columns that people look for.

use std::fmt;

/// A place in a text, for people: both count from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column in bytes; a byte order mark has no width.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

/// The lines of a text, to ask for many positions.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Where each line begins; the first after a byte order mark.
    starts: Vec<usize>,
}

impl Lines {
    /// Finds the lines of `source`.
    #[must_use]
    pub fn of(source: &[u8]) -> Self {
        let first = if source.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let newlines = source.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
        let starts = newlines.map(|(offset, _)| offset.saturating_add(1));
        Self { starts: std::iter::once(first).chain(starts).collect() }
    }

    /// The position of a byte.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        Position { line, column: offset.saturating_sub(start).saturating_add(1) }
    }
}

/// The position of a byte of `source`; [`Lines`] is for many of them.
#[must_use]
pub fn position(source: &[u8], offset: usize) -> Position {
    Lines::of(source.get(..offset).unwrap_or(source)).position(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one() {
        let source = b"{\n\t\"a\":1,\n\n}";
        let table = [(0, 1, 1), (1, 1, 2), (2, 2, 1), (3, 2, 2), (10, 3, 1), (11, 4, 1), (12, 4, 2)];
        for (offset, line, column) in table {
            assert_eq!(position(source, offset), Position { line, column }, "{offset}");
            assert_eq!(Lines::of(source).position(offset), Position { line, column }, "{offset}");
        }
    }

    #[test]
    fn a_byte_order_mark_has_no_width() {
        assert_eq!(position(b"\xef\xbb\xbf{}", 3), Position { line: 1, column: 1 });
        assert_eq!(position(b"\xef\xbb\xbf{}", 0), Position { line: 1, column: 1 });
    }
}
