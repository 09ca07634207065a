//! Base64 as the C plugins read and write it: OpenSSL's `BIO_f_base64` with `BIO_FLAGS_BASE64_NO_NL`.
//!
//! Its reader is lenient in ways that hand-edited files have met, and a hash that the C plugin accepts must
//! not lock anybody out. Argon2id's base64 is another one, and strict: see `argon2id`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// What OpenSSL takes in one piece. No salt or hash is near it; it only treats longer text differently.
const MAX_TEXT: usize = 1024;

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// No digit of base64.
const NONE: u8 = 0x80;

/// What each byte is worth as a digit.
#[expect(clippy::indexing_slicing, reason = "it is done while this is compiled")]
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        digits[byte as usize] = worth(byte);
        byte = byte.wrapping_add(1);
    }
    digits
};

const fn worth(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte.wrapping_sub(b'A'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => NONE,
    }
}

/// The bytes, if the text is that many of them in strict base64, as nearly all are: [`decode`] would give the same.
pub(super) fn decode_exactly<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (fours, rest) = text.as_chunks::<4>();
    if fours.len() != N.div_ceil(3) || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| DIGITS.get(usize::from(byte)).copied().unwrap_or(NONE);
    let mut all = 0;
    let mut three = |four: [u8; 4]| {
        let [a, b, c, d] = four.map(digit);
        all |= a | b | c | d;
        [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
    };
    let mut bytes = [0; N];
    let (whole, last) = bytes.as_chunks_mut::<3>();
    for (bytes, four) in whole.iter_mut().zip(fours) {
        *bytes = three(*four);
    }
    match (last, fours.last()) {
        ([], _) => {}
        ([one], Some(&[a, b, b'=', b'='])) => [*one, ..] = three([a, b, b'A', b'A']),
        ([one, two], Some(&[a, b, c, b'='])) => [*one, *two, _] = three([a, b, c, b'A']),
        _ => return None,
    }
    (all & NONE == 0).then_some(bytes)
}

/// The bytes that C gets from this text, if it gets any.
///
/// The text ends at a NUL. What is left over when it is cut in fours is ignored. Blanks before it, and
/// blanks, line ends and `-` after it are ignored where the rest is whole fours. `=` counts as `A` within the
/// text, and takes one byte off each as its last or last two characters. Bits that no byte uses may be
/// anything.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.split(|&byte| byte == 0).next()?;
    if text.len() > MAX_TEXT {
        return None;
    }
    let (fours, _) = text.as_chunks::<4>();
    let fours = fours.as_flattened();
    let padding = match fours {
        [.., b'=', b'='] => 2,
        [.., b'='] => 1,
        _ => 0,
    };

    let mut digits = fours;
    while let [b' ' | b'\t', rest @ ..] = digits {
        digits = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n' | b'-'] = digits
        && digits.len() > 3
    {
        digits = rest;
    }
    if digits.len() % 4 != 0 {
        return None;
    }
    let digits: Vec<u8> = digits.iter().map(|&byte| if byte == b'=' { b'A' } else { byte }).collect();

    let mut bytes = STANDARD_NO_PAD.decode(digits).ok()?;
    bytes.truncate(bytes.len().checked_sub(padding)?);
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each result was read off OpenSSL 3.0.
    #[test]
    fn text_decodes_as_in_openssl() {
        const WHOLE: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        let cases: &[(&[u8], Option<&[u8]>)] = &[
            (b"AAECAwQFBgcICQoL", Some(WHOLE)),
            (b"AAECAwQFBgcICQoLA", Some(WHOLE)),
            (b"AAECAwQFBgcICQoLAB", Some(WHOLE)),
            (b"AAECAwQFBgcICQoLABC", Some(WHOLE)),
            (b"AAECAwQFBgcICQoL$", Some(WHOLE)),
            (b"AAECAwQFBgcICQoL\n", Some(WHOLE)),
            (b"AAECAwQFBgcICQoL\r\n \t", Some(WHOLE)),
            (b"    AAECAwQFBgcICQoL", Some(WHOLE)),
            (b"  AAECAwQFBgcICQoL  ", Some(WHOLE)),
            (b"AAECAwQFBgcICQoL----", Some(WHOLE)),
            (b"AAECAwQFBgcICQoL\0AAAA", Some(WHOLE)),
            (b"AAECAwQFBgcICQo=", Some(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])),
            (b"AAECAwQFBgcICQp=", Some(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])),
            (b"AAECAwQFBgcICR==", Some(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])),
            (b"AAECAwQFBgcICQo", Some(&[0, 1, 2, 3, 4, 5, 6, 7, 8])),
            (b"AAE=AwQFBgcICQoL", Some(&[0, 1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11])),
            (b"AAECAwQFBgcICQoL====", Some(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0])),
            (b"\nAAECAwQFBgcICQoL", None),
            (b" AAECAwQFBgcICQoL", None),
            (b"AAEC\nAwQFBgcICQoL", None),
            (b"AAECAwQF\n\n\n\nBgcICQoL", None),
            (b"AAECAwQF----BgcICQoL", None),
            (b"AAECAwQFBgcICQoL!!!!", None),
            (b"__EC-wQFBgcICQoL", None),
            (b"AAECAwQ\xc3BgcICQoL", None),
            (b"AAE", None),
            (b"    ", None),
            (b"", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(decode(text).as_deref(), *bytes, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn what_is_strict_decodes_as_it_does_otherwise() {
        fn compare<const N: usize>(text: &[u8]) -> bool {
            let exactly = decode_exactly::<N>(text);
            assert!(exactly.is_none_or(|bytes| decode(text).unwrap() == bytes), "{}", text.escape_ascii());
            exactly.is_some()
        }
        let bytes: Vec<u8> = (0..64).map(|number: u8| number.wrapping_mul(151)).collect();
        for text in [encode(&bytes), encode(&bytes[..12]), encode(&bytes[..11])] {
            let mut text = text.into_bytes();
            let decoded = [compare::<64>(&text), compare::<12>(&text), compare::<11>(&text)];
            assert_eq!(decoded.iter().filter(|decoded| **decoded).count(), 1);
            for at in 0..text.len() {
                let before = text[at];
                for byte in 0..=u8::MAX {
                    text[at] = byte;
                    let _ = [compare::<64>(&text), compare::<12>(&text), compare::<11>(&text)];
                }
                text[at] = before;
            }
        }
    }

    #[test]
    fn text_of_any_length_and_content_does_not_panic() {
        for len in 0..=2048 {
            let _ = decode(&vec![b'='; len]);
            let _ = decode(&vec![b' '; len]);
            let _ = decode(&vec![b'A'; len]);
        }
    }
}
