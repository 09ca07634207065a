//! The UTF-8 that the broker accepts in names and topics.

/// The longest string that the broker validates, in bytes.
const MAX_BYTES: usize = 65_536;

/// Whether `mosquitto_validate_utf8` accepts the bytes (mosquitto.h): well-formed UTF-8 (MQTT 5.0
/// §1.5.4) of at most 65,536 bytes without control characters (U+0000–1F, U+007F–9F) and without
/// non-characters (U+FDD0–EF and the last two of each plane).
#[must_use]
pub fn is_mqtt_utf8(bytes: &[u8]) -> bool {
    bytes.len() <= MAX_BYTES
        && std::str::from_utf8(bytes)
            .is_ok_and(|text| text.chars().all(|c| !c.is_control() && !is_noncharacter(c)))
}

fn is_noncharacter(c: char) -> bool {
    let code = u32::from(c);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_accepts() {
        let long = vec![b'x'; MAX_BYTES];
        for good in
            [&b""[..], b"a", b" ", "é€😀".as_bytes(), "\u{a0}".as_bytes(), "\u{fffd}".as_bytes(), &long]
        {
            assert!(is_mqtt_utf8(good), "{good:?}");
        }
        let too_long = vec![b'x'; MAX_BYTES + 1];
        for bad in [
            &b"\0"[..],
            b"\x01",
            b"\x1f",
            b"\x7f",
            b"\xff",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf5\x80\x80\x80",
            b"\xe2\x82",
            "\u{80}".as_bytes(),
            "\u{9f}".as_bytes(),
            "\u{fdd0}".as_bytes(),
            "\u{fdef}".as_bytes(),
            "\u{fffe}".as_bytes(),
            "\u{ffff}".as_bytes(),
            "\u{1fffe}".as_bytes(),
            "\u{10ffff}".as_bytes(),
            &too_long,
        ] {
            assert!(!is_mqtt_utf8(bad), "{bad:?}");
        }
    }
}
