//! Strings and numbers: from their text to what they stand for, with cJSON's leniency.

use std::borrow::Cow;

use memchr::memchr2;

use super::reader::Problem;

/// A scalar at the head of a text: what it is and how many bytes it took.
pub(super) type Scanned<T> = Result<(T, usize), (Problem, usize)>;

/// Reads the string whose opening quote `text` begins with. An error's offset is counted from there.
pub(super) fn string(text: &[u8]) -> Scanned<Cow<'_, [u8]>> {
    let body = text.get(1..).unwrap_or_default();
    let Some((end, escapes)) = closing_quote(body) else {
        return Err((Problem::OpenString, 0));
    };
    let content = body.get(..end).unwrap_or_default();
    let taken = end.saturating_add(2);
    if escapes {
        let decoded = unescape(content).map_err(|at| (Problem::Escape, at.saturating_add(1)))?;
        Ok((Cow::Owned(decoded), taken))
    } else {
        Ok((Cow::Borrowed(content), taken))
    }
}

/// Where the string ends, which is the first quote that no backslash stands before, and whether there are
/// backslashes.
fn closing_quote(body: &[u8]) -> Option<(usize, bool)> {
    let mut at = 0_usize;
    let mut escapes = false;
    loop {
        let rest = body.get(at..)?;
        let found = memchr2(b'"', b'\\', rest)?;
        at = at.saturating_add(found);
        if body.get(at) == Some(&b'"') {
            return Some((at, escapes));
        }
        escapes = true;
        at = at.saturating_add(2);
    }
}

/// Replaces the escapes of a string's content; the error is the offset of the escape that is none.
fn unescape(content: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(content.len());
    let mut at = 0_usize;
    while let Some(&byte) = content.get(at) {
        if byte != b'\\' {
            out.push(byte);
            at = at.saturating_add(1);
            continue;
        }
        // After the four characters of a wrong `\u`, a backslash can be the last byte that is left:
        // cJSON then takes the closing quote as what it escapes.
        let escaped = content.get(at.saturating_add(1)).copied().unwrap_or(b'"');
        let plain = match escaped {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'"' | b'\\' | b'/' => escaped,
            b'u' => {
                let rest = content.get(at..).unwrap_or_default();
                let (character, taken) = unicode(rest).ok_or(at)?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = at.saturating_add(taken);
                continue;
            }
            _ => return Err(at),
        };
        out.push(plain);
        at = at.saturating_add(2);
    }
    Ok(out)
}

/// The character of a `\uXXXX`, or of the surrogate pair of two, and the bytes it takes.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = hex4(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    let rest = text.get(6..)?;
    let second = if rest.starts_with(b"\\u") {
        hex4(rest)?
    } else {
        return None;
    };
    let pair = char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?;
    Some((pair.ok()?, 12))
}

/// The four digits after a `\u`. Where one of them is no digit, cJSON reads a zero.
fn hex4(text: &[u8]) -> Option<u32> {
    let digits = text.get(2..6)?;
    let value = digits
        .iter()
        .try_fold(0_u32, |value, &digit| Some(value.checked_shl(4)? | char::from(digit).to_digit(16)?));
    Some(value.unwrap_or(0))
}

/// The number that most are: a few digits and nothing else.
fn small_integer(text: &[u8]) -> Option<(f64, usize)> {
    let mut number = 0_u32;
    for (at, byte) in text.iter().enumerate().take(9) {
        match byte {
            b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(u32::from(byte.wrapping_sub(b'0')))?;
            }
            b'.' | b'e' | b'E' => return None,
            _ if at == 0 => return None,
            _ => return Some((f64::from(number), at)),
        }
    }
    None
}

/// Reads the number that `text` begins with, as `strtod` does among the characters that cJSON lets it
/// see: `01`, `1.`, `-.5` and `1e` (which is 1, and an `e` behind it) are numbers.
pub(super) fn number(text: &[u8]) -> Scanned<f64> {
    if let Some(scanned) = small_integer(text) {
        return Ok(scanned);
    }
    let digits_from = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.iter().position(|byte| !byte.is_ascii_digit());
        end.unwrap_or(rest.len())
    };
    let sign = usize::from(text.first() == Some(&b'-'));
    let whole = digits_from(sign);
    let mut end = sign.saturating_add(whole);
    let mut digits = whole;
    if text.get(end) == Some(&b'.') {
        let fraction = digits_from(end.saturating_add(1));
        digits = digits.saturating_add(fraction);
        end = end.saturating_add(1).saturating_add(fraction);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let after = end.saturating_add(1);
        let signed = usize::from(matches!(text.get(after), Some(b'+' | b'-')));
        let exponent = after.saturating_add(signed);
        let length = digits_from(exponent);
        if length > 0 {
            end = exponent.saturating_add(length);
        }
    }
    let parsed = text.get(..end).and_then(|text| std::str::from_utf8(text).ok());
    match parsed.and_then(|text| text.parse().ok()) {
        Some(number) if digits > 0 => Ok((number, end)),
        _ => Err((Problem::Number, 0)),
    }
}
