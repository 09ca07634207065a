//! The tree of a JSON value: what it is and where in the source it was found.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

/// A JSON value that remembers its place in the source it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Value<'a> {
    /// What the value is.
    pub kind: Kind<'a>,
    /// Byte offsets in the source, from the first byte of the value to after its last.
    pub span: Range<usize>,
}

/// The kinds of JSON values.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number; infinite where the text is out of range.
    Number(f64),
    /// A string, unescaped; neither UTF-8 nor free of NUL bytes by necessity.
    String(Cow<'a, [u8]>),
    /// The elements in their order.
    Array(Vec<Value<'a>>),
    /// The members in their order, duplicates included.
    Object(Vec<Member<'a>>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member<'a> {
    /// The name, unescaped.
    pub name: Cow<'a, [u8]>,
    /// Byte offset in the source of the name's opening quote.
    pub name_at: usize,
    /// The value.
    pub value: Value<'a>,
}

/// Whether cJSON's look-up takes a member called `name` for the `wanted` one: without regard to
/// ASCII case, and up to the first NUL byte, which ends a string in C.
#[must_use]
pub fn name_is(name: &[u8], wanted: &str) -> bool {
    // As it mostly is.
    if name == wanted.as_bytes() {
        return true;
    }
    let ends_there = name.len() == wanted.len() || name.get(wanted.len()) == Some(&0);
    ends_there && name.get(..wanted.len()).is_some_and(|head| head.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// What C sees of a text: the bytes before the first NUL.
#[must_use]
pub fn up_to_nul(text: &[u8]) -> &[u8] {
    memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}

impl<'a> Value<'a> {
    /// The first member of that name, without regard to ASCII case; none where this is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let mut members = self.as_object()?.iter();
        let member = members.find(|member| name_is(&member.name, name))?;
        Some(&member.value)
    }

    /// The bytes of a string.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of `true` and `false`.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// A number as cJSON's `valueint`: truncated towards zero, kept within the bounds of an `i32`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "truncation and saturation are the contract")]
    pub fn as_i32(&self) -> Option<i32> {
        match self.kind {
            Kind::Number(number) => Some(number as i32),
            _ => None,
        }
    }

    /// A number truncated towards zero and kept within the bounds of an `i64`.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "truncation and saturation are the contract")]
    pub fn as_i64(&self) -> Option<i64> {
        match self.kind {
            Kind::Number(number) => Some(number as i64),
            _ => None,
        }
    }

    /// Whether this is exactly that number.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::float_cmp,
        reason = "exactly, as far as the text of the number went"
    )]
    pub fn is_integer(&self, integer: i64) -> bool {
        matches!(self.kind, Kind::Number(number) if number == integer as f64)
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match &self.kind {
            Kind::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members of an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&[Member<'a>]> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Whether this is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// The text of this value in `source`, which must be what it was read from.
    #[must_use]
    pub fn raw<'s>(&self, source: &'s [u8]) -> &'s [u8] {
        source.get(self.span.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::json::parse;

    #[test]
    fn the_first_of_duplicate_members_is_found_whatever_its_case() {
        let value = parse(b"{\"Abc\":1,\"aBC\":2,\"\xc3\x84\":3}").unwrap();
        assert_eq!(value.get("abC").unwrap().as_i32(), Some(1));
        assert!(value.get("\u{e4}").is_none(), "only ASCII has case");
        assert!(value.get("zz").is_none());
        assert!(parse(b"[]").unwrap().get("a").is_none());
    }

    #[test]
    fn a_nul_ends_the_name_that_is_looked_up() {
        let value = parse(br#"{"command\u0000x":1}"#).unwrap();
        assert_eq!(value.get("command").unwrap().as_i32(), Some(1));
    }

    #[test]
    fn numbers_become_integers_as_in_cjson() {
        let table: [(&[u8], i32, i64); 9] = [
            (b"1.9", 1, 1),
            (b"-1.9", -1, -1),
            (b"-0.5", 0, 0),
            (b"2147483647", i32::MAX, 2_147_483_647),
            (b"2147483648", i32::MAX, 2_147_483_648),
            (b"-2147483649", i32::MIN, -2_147_483_649),
            (b"1e999", i32::MAX, i64::MAX),
            (b"-1e999", i32::MIN, i64::MIN),
            (b"1E2", 100, 100),
        ];
        for (text, int, long) in table {
            let value = parse(text).unwrap();
            assert_eq!(value.as_i32(), Some(int), "{text:?}");
            assert_eq!(value.as_i64(), Some(long), "{text:?}");
        }
        assert_eq!(parse(b"\"1\"").unwrap().as_i32(), None);
        assert_eq!(parse(b"true").unwrap().as_i64(), None);
    }

    #[test]
    fn a_value_knows_its_place() {
        let source = b" {\"a\": [1, \"x\\n\"] , \"b\":{ } } ";
        let value = parse(source).unwrap();
        assert_eq!(value.raw(source), b"{\"a\": [1, \"x\\n\"] , \"b\":{ } }");
        assert_eq!(value.get("a").unwrap().raw(source), b"[1, \"x\\n\"]");
        assert_eq!(value.get("b").unwrap().raw(source), b"{ }");
        let elements = value.get("a").unwrap().as_array().unwrap();
        assert_eq!(elements[1].raw(source), b"\"x\\n\"");
        assert_eq!(value.as_object().unwrap()[1].name_at, 20);
    }
}
