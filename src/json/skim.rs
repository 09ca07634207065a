//! Reads over a value as fast as can be, without saying what is in it.

use std::borrow::Cow;

use memchr::memchr2;

use super::reader::NESTING_LIMIT;
use super::scalar;
use super::value::Kind;

#[derive(Clone, Copy)]
enum Open {
    Array,
    Object,
}

/// Where the value ends that begins at `offset`, inside of `depth` arrays and objects. `None` if it is no JSON,
/// for a [`super::Reader`] to say where and why.
pub(super) fn end_of_value(source: &[u8], offset: usize, depth: usize) -> Option<usize> {
    end_and_commas(source, offset, depth).map(|(end, _)| end)
}

/// [`end_of_value`], and how many commas stand between the elements or members of the value itself.
pub(super) fn end_and_commas(source: &[u8], offset: usize, depth: usize) -> Option<(usize, usize)> {
    let mut skim = Skim { source, at: offset };
    let mut open = Vec::new();
    let mut commas = 0_usize;
    skim.whitespace();
    loop {
        let opened = match skim.peek()? {
            b'{' => Some(Open::Object),
            b'[' => Some(Open::Array),
            b'"' => {
                skim.string()?;
                None
            }
            _ => {
                skim.plain()?;
                None
            }
        };
        if let Some(opened) = opened {
            if open.len().saturating_add(depth) >= NESTING_LIMIT {
                return None;
            }
            open.push(opened);
            skim.pass(1);
            skim.whitespace();
            match (opened, skim.peek()?) {
                // Ended below.
                (Open::Array, b']') | (Open::Object, b'}') => {}
                (Open::Array, _) => continue,
                (Open::Object, _) => {
                    skim.name()?;
                    continue;
                }
            }
        }
        while let Some(innermost) = open.last() {
            let (is_object, end) = match innermost {
                Open::Array => (false, b']'),
                Open::Object => (true, b'}'),
            };
            if !skim.is_last(end)? {
                if open.len() == 1 {
                    commas = commas.saturating_add(1);
                }
                if is_object {
                    skim.name()?;
                }
                break;
            }
            open.pop();
        }
        if open.is_empty() {
            return Some((skim.at, commas));
        }
    }
}

/// A place in a text, from which it goes on as long as the text is JSON.
pub(super) struct Skim<'s> {
    pub(super) source: &'s [u8],
    pub(super) at: usize,
}

impl<'s> Skim<'s> {
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn rest(&self) -> &'s [u8] {
        self.source.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn pass(&mut self, length: usize) {
        self.at = self.at.saturating_add(length);
    }

    #[inline]
    pub(super) fn whitespace(&mut self) {
        while self.peek().is_some_and(|byte| byte <= b' ') {
            self.pass(1);
        }
    }

    /// A member's name, with the colon and the white space behind it.
    #[inline]
    pub(super) fn name(&mut self) -> Option<Cow<'s, [u8]>> {
        if self.peek()? != b'"' {
            return None;
        }
        let name = self.string()?;
        self.whitespace();
        if self.peek()? != b':' {
            return None;
        }
        self.pass(1);
        self.whitespace();
        Some(name)
    }

    /// After an element or member: whether the container ends here, with `end`; else the next is due.
    #[inline]
    pub(super) fn is_last(&mut self, end: u8) -> Option<bool> {
        self.whitespace();
        let found = self.peek()?;
        self.pass(1);
        match found {
            b',' => {
                self.whitespace();
                Some(false)
            }
            _ => (found == end).then_some(true),
        }
    }

    /// A string, whose opening quote is here.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Cow<'s, [u8]>> {
        let rest = self.rest();
        let body = rest.get(1..)?;
        let found = memchr2(b'"', b'\\', body)?;
        let (text, length) = if body.get(found) == Some(&b'"') {
            (Cow::Borrowed(body.get(..found)?), found.saturating_add(2))
        } else {
            scalar::string(rest).ok()?
        };
        self.pass(length);
        Some(text)
    }

    /// What is neither a string nor a container.
    pub(super) fn plain<'v>(&mut self) -> Option<Kind<'v>> {
        let rest = self.rest();
        let (kind, length) = match rest.first()? {
            b'-' | b'0'..=b'9' => {
                let (number, length) = scalar::number(rest).ok()?;
                (Kind::Number(number), length)
            }
            _ if rest.starts_with(b"null") => (Kind::Null, 4),
            _ if rest.starts_with(b"true") => (Kind::Bool(true), 4),
            _ if rest.starts_with(b"false") => (Kind::Bool(false), 5),
            _ => return None,
        };
        self.pass(length);
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;

    #[test]
    fn commas_are_those_of_the_value_itself() {
        for (text, commas) in [("[]", 0), ("[1]", 0), (" [[1,2], {\"a\":[],\"b\":1} ,3]", 2), ("7", 0)] {
            let (end, found) = end_and_commas(text.as_bytes(), 0, 0).unwrap();
            assert_eq!((end, found), (text.len(), commas), "{text}");
        }
    }

    /// What a reader makes of it, piece by piece.
    fn read(source: &[u8]) -> Option<usize> {
        let mut reader = Reader::starting_at(source, 0);
        let mut end = 0;
        while let Some(item) = reader.next_item().ok()? {
            end = item.span.end;
        }
        Some(end)
    }

    #[test]
    fn it_ends_where_a_reader_ends_and_fails_where_it_fails() {
        let text = br#" {"a" : [1.5e3,-0, "x\n\u00e9\"",{} ,[],{"b":null,"c":[true,[false]]}] , "":"\\"} ,"#;
        let mut compared = 0;
        for at in 0..text.len() {
            assert_eq!(end_of_value(&text[..at], 0, 0), read(&text[..at]), "{at}");
            for byte in [b'"', b'\\', b',', b':', b'{', b'}', b'[', b']', b'x', b'0', b' ', 0] {
                let mut changed = text.to_vec();
                changed[at] = byte;
                assert_eq!(end_of_value(&changed, 0, 0), read(&changed), "{}", changed.escape_ascii());
                changed.remove(at);
                assert_eq!(end_of_value(&changed, 0, 0), read(&changed), "{}", changed.escape_ascii());
                compared += 2;
            }
        }
        assert!(compared > 1000 && end_of_value(text, 0, 0) == Some(text.len() - 2));
    }

    #[test]
    fn nesting_has_a_limit() {
        for depth in [NESTING_LIMIT, NESTING_LIMIT + 1] {
            let text = ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes();
            assert_eq!(end_of_value(&text, 0, 0), read(&text));
            assert_eq!(end_of_value(&text, 0, 1).is_some(), depth < NESTING_LIMIT);
        }
    }
}
