//! Bytes as text that people can read and compare.

use std::fmt::Write as _;

/// Longer runs of one character than this are counted instead of shown.
const LONGEST_RUN: usize = 40;

/// The bytes as text: what is not UTF-8 or not printable is escaped, long runs of one character and
/// repetitions are counted.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\u{feff}' {
                write!(text, "<U+{:04X}>", u32::from(character)).unwrap();
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            write!(text, "<{byte:02X}>").unwrap();
        }
    }
    without_long_runs(&text)
}

fn without_long_runs(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|character| character != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let count = run.chars().count();
        if count > LONGEST_RUN {
            write!(short, "<{count} × {first}>").unwrap();
        } else {
            short.push_str(run);
        }
        rest = after;
    }
    short
}

/// Whether it is JSON to a parser that is not ours, once bytes that are not UTF-8 are replaced.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_str::<serde_json::Value>(&String::from_utf8_lossy(bytes)).is_ok()
}

#[test]
fn readable_text_is_short_and_printable() {
    assert_eq!(readable(b"a\nb\xe9\xef\xbb\xbf"), "a<U+000A>b<E9><U+FEFF>");
    assert_eq!(readable("x".repeat(50).as_bytes()), "<50 × x>");
    assert_eq!(readable("é".repeat(40).as_bytes()), "é".repeat(40));
}
