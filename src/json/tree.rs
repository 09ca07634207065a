//! Builds trees from what the reader hands out.

use std::borrow::Cow;

use super::reader::{Event, Item, ParseError, Problem, Reader};
use super::value::{Kind, Member, Value};

/// Reads the value that `source` begins with. What follows it is not looked at.
///
/// # Errors
/// `source` does not begin with a JSON value.
pub fn parse(source: &[u8]) -> Result<Value<'_>, ParseError> {
    let mut reader = Reader::new(source);
    let nothing = Value { kind: Kind::Null, span: 0..0 };
    // A reader's first piece always begins a value, or is an error.
    Ok(reader.next_value()?.unwrap_or(nothing))
}

/// [`parse`], of a value that is nested and has values in it no more than so much. What is refused for
/// its size has taken no more memory than what is not.
///
/// # Errors
/// `source` does not begin with a JSON value of that size.
pub fn parse_within(source: &[u8], depth: usize, values: usize) -> Result<Value<'_>, ParseError> {
    let mut reader = Reader::new(source).at_most_deep(depth);
    let nothing = Value { kind: Kind::Null, span: 0..0 };
    Ok(reader.next_value_of(values)?.unwrap_or(nothing))
}

/// A container that is not closed yet.
struct Open<'a> {
    kind: Kind<'a>,
    start: usize,
    /// The name of the member whose value comes next.
    name: Option<(Cow<'a, [u8]>, usize)>,
}

impl<'a> Open<'a> {
    fn new(kind: Kind<'a>, start: usize) -> Self {
        Self { kind, start, name: None }
    }

    fn add(&mut self, value: Value<'a>) {
        match (&mut self.kind, self.name.take()) {
            (Kind::Object(members), Some((name, name_at))) => {
                members.push(Member { name, name_at, value });
            }
            (Kind::Array(elements), _) => elements.push(value),
            // The reader gives a name before each value of an object, and nothing else is open.
            _ => {}
        }
    }
}

impl<'a> Reader<'a> {
    /// The next whole value, an element of the array that is being read for instance; none where the
    /// next piece ends what is being read.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn next_value(&mut self) -> Result<Option<Value<'a>>, ParseError> {
        self.next_value_leaving("")
    }

    /// [`Self::next_value`]. If it is an object, arrays among its members that are called `leaving` may be without
    /// their elements, which can be many: they are then to be read from where the array is.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn next_value_leaving(&mut self, leaving: &str) -> Result<Option<Value<'a>>, ParseError> {
        match self.sprout(leaving) {
            Some(value) => Ok(Some(value)),
            None => self.next_value_of(usize::MAX),
        }
    }

    /// [`Self::next_value`], piece by piece, with at most so many values in it, itself included.
    pub(super) fn next_value_of(&mut self, limit: usize) -> Result<Option<Value<'a>>, ParseError> {
        let mut open: Vec<Open<'a>> = Vec::new();
        let mut left = limit;
        while let Some(Item { event, span }) = self.next_item()? {
            if !matches!(event, Event::Name(_) | Event::EndArray | Event::EndObject) {
                left = left
                    .checked_sub(1)
                    .ok_or(ParseError { offset: span.start, what: Problem::TooMany { limit } })?;
            }
            let done = match event {
                Event::BeginArray => {
                    open.push(Open::new(Kind::Array(Vec::new()), span.start));
                    continue;
                }
                Event::BeginObject => {
                    open.push(Open::new(Kind::Object(Vec::new()), span.start));
                    continue;
                }
                Event::Name(name) => {
                    if let Some(container) = open.last_mut() {
                        container.name = Some((name, span.start));
                    }
                    continue;
                }
                Event::EndArray | Event::EndObject => match open.pop() {
                    Some(container) => Value { kind: container.kind, span: container.start..span.end },
                    None => return Ok(None),
                },
                Event::Null => Value { kind: Kind::Null, span },
                Event::Bool(value) => Value { kind: Kind::Bool(value), span },
                Event::Number(value) => Value { kind: Kind::Number(value), span },
                Event::String(text) => Value { kind: Kind::String(text), span },
            };
            match open.last_mut() {
                Some(container) => container.add(done),
                None => return Ok(Some(done)),
            }
        }
        Ok(None)
    }
}
