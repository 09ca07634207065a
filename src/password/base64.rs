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

/// The bytes that C gets from this text, if it gets any.
///
/// The text ends at a NUL. What is left over when it is cut in fours is ignored. Blanks before it, and
/// blanks, line ends and `-` after it are ignored where the rest is whole fours. `=` counts as `A` within the
/// text, and takes one byte off each as its last or last two characters. Bits that no byte uses may be
/// anything.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    // What is strictly base64, as nearly all of it is, means the same to a strict reader.
    let mut bytes = [0; 96];
    if let Ok(length @ 1..) = STANDARD.decode_slice(text, &mut bytes) {
        return bytes.get(..length).map(<[u8]>::to_vec);
    }
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
    fn text_of_any_length_and_content_does_not_panic() {
        for len in 0..=2048 {
            let _ = decode(&vec![b'='; len]);
            let _ = decode(&vec![b' '; len]);
            let _ = decode(&vec![b'A'; len]);
        }
    }
}
