//! From a byte offset to the members and elements that lead there.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::reader::{Event, Reader};

/// How far the way to a place has come in one container.
enum Level<'a> {
    Element(usize),
    Member(Cow<'a, [u8]>),
    /// In an object, before its first member.
    Object,
}

/// The way from the root to what stands at `offset`, such as `clients[3].roles`; empty for the root
/// itself. If the text ceases to be JSON before that, the way to there.
#[must_use]
pub fn path_to(source: &[u8], offset: usize) -> String {
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut reader = Reader::new(source);
    while let Ok(Some(item)) = reader.next_item() {
        let inside = item.span.end > offset;
        let ends_value = match item.event {
            Event::Name(name) => {
                if let Some(level) = levels.last_mut() {
                    *level = Level::Member(name);
                }
                false
            }
            Event::BeginArray if !inside => {
                levels.push(Level::Element(0));
                false
            }
            Event::BeginObject if !inside => {
                levels.push(Level::Object);
                false
            }
            Event::EndArray | Event::EndObject => {
                levels.pop();
                true
            }
            _ => true,
        };
        if inside {
            break;
        }
        if let (true, Some(Level::Element(index))) = (ends_value, levels.last_mut()) {
            *index = index.saturating_add(1);
        }
    }
    levels.iter().fold(String::new(), |mut path, level| {
        match level {
            // Writing to a string does not fail.
            Level::Element(index) => drop(write!(path, "[{index}]")),
            Level::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&String::from_utf8_lossy(name));
            }
            Level::Object => {}
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_each_place() {
        let source = br#"{"a":1,"b":[{"c":[true,null]},[],{"d":{}}],"e":2}"#;
        let table: [(&[u8], &str); 9] = [
            (b"{\"a", ""),
            (b"1,", "a"),
            (b"[{", "b"),
            (b"{\"c", "b[0]"),
            (b"null", "b[0].c[1]"),
            (b"[],", "b[1]"),
            (b"{}", "b[2].d"),
            (b"2}", "e"),
            (b"\"e", "e"),
        ];
        for (piece, path) in table {
            let at = source.windows(piece.len()).position(|window| window == piece).unwrap();
            assert_eq!(path_to(source, at), path, "{}", piece.escape_ascii());
        }
    }

    #[test]
    fn the_way_to_an_error() {
        let table: [(&[u8], &str); 5] = [
            (b"{\"clients\":[{},{\"roles\":[{}", "clients[1].roles[1]"),
            (b"{\"clients\":[{},{\"roles\":x", "clients[1].roles"),
            (b"{\"clients\":[{},{\"roles\" x", "clients[1]"),
            (b"[", "[0]"),
            (b"x", ""),
        ];
        for (source, path) in table {
            let error = crate::json::parse(source).unwrap_err();
            assert_eq!(path_to(source, error.offset), path, "{}", source.escape_ascii());
        }
    }
}
