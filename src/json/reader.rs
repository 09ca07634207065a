//! Reads JSON one piece at a time, without recursion and without a tree.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::scalar::{self, Scanned};
use super::value::Value;
use super::{skim, sprout};

/// How many arrays and objects may be open at once: cJSON's limit.
pub const NESTING_LIMIT: usize = 1000;

/// A text that is not JSON, and where it ceases to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset in the source.
    pub offset: usize,
    /// What is wrong there.
    pub what: Problem,
}

/// What can be wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing but white space.
    Empty,
    /// Something else was due.
    Expected {
        /// What was due.
        expected: &'static str,
        /// The byte that is there; none at the end of the text.
        found: Option<u8>,
    },
    /// The text ends before the string does.
    OpenString,
    /// A backslash with no known letter, or half of a surrogate pair.
    Escape,
    /// A number without digits.
    Number,
    /// More arrays and objects are open than may be.
    TooDeep {
        /// How many may be.
        limit: usize,
    },
    /// There are more values than may be.
    TooMany {
        /// How many may be.
        limit: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("nothing in it"),
            Self::Expected { expected, found: None } => {
                write!(f, "expected {expected}, found the end")
            }
            Self::Expected { expected, found: Some(byte) } if byte.is_ascii_graphic() => {
                write!(f, "expected {expected}, found `{}`", char::from(byte))
            }
            Self::Expected { expected, found: Some(byte) } => {
                write!(f, "expected {expected}, found the byte 0x{byte:02x}")
            }
            Self::OpenString => f.write_str("a string that begins here never ends"),
            Self::Escape => f.write_str("no such escape in a string"),
            Self::Number => f.write_str("a number without digits"),
            Self::TooDeep { limit } => write!(f, "more than {limit} levels of nesting"),
            Self::TooMany { limit } => write!(f, "more than {limit} values"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for ParseError {}

/// A piece of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string, unescaped.
    String(Cow<'a, [u8]>),
    /// `[`
    BeginArray,
    /// `]`
    EndArray,
    /// `{`
    BeginObject,
    /// A member's name, unescaped; its value comes next.
    Name(Cow<'a, [u8]>),
    /// `}`
    EndObject,
}

/// A piece of JSON and where it stands in the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    /// The piece.
    pub event: Event<'a>,
    /// Its bytes in the source, quotes included.
    pub span: Range<usize>,
}

/// Hands out the pieces of a JSON value in their order. What follows the value is not looked at.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    source: &'a [u8],
    at: usize,
    open: Vec<Container>,
    /// How many may be open at once.
    depth: usize,
    due: Due,
}

#[derive(Clone, Copy, Debug)]
enum Container {
    Array,
    Object,
}

/// What may come next.
#[derive(Clone, Copy, Debug)]
enum Due {
    Value,
    ElementOrEnd,
    NameOrEnd,
    CommaOrEnd,
}

impl<'a> Reader<'a> {
    /// Reads the value that `source` begins with, after a byte order mark.
    #[must_use]
    pub fn new(source: &'a [u8]) -> Self {
        let mark = if source.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self::starting_at(source, mark)
    }

    /// Reads the value that begins at `offset`.
    #[must_use]
    pub fn starting_at(source: &'a [u8], offset: usize) -> Self {
        Self { source, at: offset, open: Vec::new(), depth: NESTING_LIMIT, due: Due::Value }
    }

    /// Lets no more than `depth` arrays and objects be open at once, nor more than [`NESTING_LIMIT`].
    #[must_use]
    pub fn at_most_deep(mut self, depth: usize) -> Self {
        self.depth = depth.min(NESTING_LIMIT);
        self
    }

    /// The next piece; none after the value's last.
    ///
    /// # Errors
    /// The text is not JSON. Asking again gives the same error.
    pub fn next_item(&mut self) -> Result<Option<Item<'a>>, ParseError> {
        self.skip_whitespace();
        let item = match (self.due, self.open.last(), self.peek()) {
            (Due::CommaOrEnd, None, _) => return Ok(None),
            (Due::ElementOrEnd | Due::CommaOrEnd, Some(Container::Array), Some(b']')) => {
                self.end(Event::EndArray)
            }
            (Due::NameOrEnd | Due::CommaOrEnd, Some(Container::Object), Some(b'}')) => {
                self.end(Event::EndObject)
            }
            (Due::CommaOrEnd, Some(container), Some(b',')) => {
                let container = *container;
                let comma = self.at;
                self.at = self.at.saturating_add(1);
                self.skip_whitespace();
                let next = match container {
                    Container::Array => self.value(),
                    Container::Object => self.name(),
                };
                if next.is_err() {
                    self.at = comma;
                }
                next?
            }
            (Due::CommaOrEnd, Some(Container::Array), _) => {
                return Err(self.expected("`,` or `]`"));
            }
            (Due::CommaOrEnd, Some(Container::Object), _) => {
                return Err(self.expected("`,` or `}`"));
            }
            (Due::NameOrEnd, _, _) => self.name()?,
            (Due::Value | Due::ElementOrEnd, _, _) => self.value()?,
        };
        Ok(Some(item))
    }

    /// Reads over the next value, or the next member with its name.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn skip(&mut self) -> Result<Range<usize>, ParseError> {
        self.skip_counting().map(|(span, _)| span)
    }

    /// [`Self::skip`], and about how many elements or members there are: a list that is to hold them has room enough.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn skip_counting(&mut self) -> Result<(Range<usize>, usize), ParseError> {
        let depth = self.open.len();
        if let Due::Value = self.due {
            self.skip_whitespace();
            if let Some((end, commas)) = skim::end_and_commas(self.source, self.at, depth) {
                let start = std::mem::replace(&mut self.at, end);
                self.due = Due::CommaOrEnd;
                return Ok((start..end, commas.saturating_add(1)));
            }
        }
        let mut span = self.at..self.at;
        let mut first = true;
        while let Some(Item { event, span: piece }) = self.next_item()? {
            if first {
                span.start = piece.start;
                first = false;
            }
            span.end = piece.end;
            if self.open.len() <= depth && !matches!(event, Event::Name(_)) {
                break;
            }
        }
        Ok((span, 0))
    }

    /// The next whole value, if it comes next and can be had the fast way.
    pub(super) fn sprout(&mut self, leaving: &str) -> Option<Value<'a>> {
        self.skip_whitespace();
        let start = match (self.due, self.open.last()) {
            (Due::Value | Due::ElementOrEnd, _) => self.at,
            (Due::CommaOrEnd, Some(Container::Array)) if self.peek() == Some(b',') => {
                let after = self.source.get(self.at.saturating_add(1)..)?;
                let space = after.iter().position(|&byte| byte > b' ')?;
                self.at.saturating_add(space).saturating_add(1)
            }
            _ => return None,
        };
        let value = sprout::value(self.source, start, leaving)?;
        self.at = value.span.end;
        self.due = Due::CommaOrEnd;
        Some(value)
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Every byte up to the space is white space to cJSON, NUL too.
    fn skip_whitespace(&mut self) {
        let rest = self.rest();
        let width = rest.iter().position(|&byte| byte > b' ').unwrap_or(rest.len());
        self.at = self.at.saturating_add(width);
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        let what = Problem::Expected { expected, found: self.peek() };
        ParseError { offset: self.at, what }
    }

    /// Moves over `length` bytes that are `event`.
    fn take(&mut self, event: Event<'a>, length: usize) -> Item<'a> {
        let start = self.at;
        self.at = start.saturating_add(length);
        Item { event, span: start..self.at }
    }

    fn scanned<T>(&mut self, scanned: Scanned<T>, event: fn(T) -> Event<'a>) -> Result<Item<'a>, ParseError> {
        match scanned {
            Ok((value, length)) => Ok(self.take(event(value), length)),
            Err((what, offset)) => Err(ParseError { offset: self.at.saturating_add(offset), what }),
        }
    }

    fn value(&mut self) -> Result<Item<'a>, ParseError> {
        let rest = self.rest();
        let item = match rest.first() {
            Some(b'[') => return self.begin(Container::Array),
            Some(b'{') => return self.begin(Container::Object),
            Some(b'"') => self.scanned(scalar::string(rest), Event::String)?,
            Some(b'-' | b'0'..=b'9') => self.scanned(scalar::number(rest), Event::Number)?,
            _ if rest.starts_with(b"null") => self.take(Event::Null, 4),
            _ if rest.starts_with(b"true") => self.take(Event::Bool(true), 4),
            _ if rest.starts_with(b"false") => self.take(Event::Bool(false), 5),
            None if self.open.is_empty() => {
                return Err(ParseError { offset: self.at, what: Problem::Empty });
            }
            _ => return Err(self.expected("a value")),
        };
        self.due = Due::CommaOrEnd;
        Ok(item)
    }

    fn name(&mut self) -> Result<Item<'a>, ParseError> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a member's name in quotes"));
        }
        let item = self.scanned(scalar::string(self.rest()), Event::Name)?;
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            let error = self.expected("`:`");
            self.at = item.span.start;
            return Err(error);
        }
        self.at = self.at.saturating_add(1);
        self.due = Due::Value;
        Ok(item)
    }

    fn begin(&mut self, container: Container) -> Result<Item<'a>, ParseError> {
        if self.open.len() >= self.depth {
            return Err(ParseError { offset: self.at, what: Problem::TooDeep { limit: self.depth } });
        }
        self.open.push(container);
        let (event, due) = match container {
            Container::Array => (Event::BeginArray, Due::ElementOrEnd),
            Container::Object => (Event::BeginObject, Due::NameOrEnd),
        };
        self.due = due;
        Ok(self.take(event, 1))
    }

    fn end(&mut self, event: Event<'a>) -> Item<'a> {
        self.open.pop();
        self.due = Due::CommaOrEnd;
        self.take(event, 1)
    }
}
