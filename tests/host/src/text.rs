//! Bytes on the wire between a test and its host: names, topics and payloads are whatever a client sent.

use std::ffi::CString;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A byte string, written in JSON as a string where it is UTF-8 and as `{"base64": "…"}` where it is not.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as a C string, cut at the first NUL, as C code that copies them would cut them.
    #[must_use]
    pub fn to_c_string(&self) -> CString {
        let before_nul = self.0.iter().copied().take_while(|&byte| byte != 0).collect::<Vec<_>>();
        CString::new(before_nul).unwrap_or_default()
    }
}

impl<T: AsRef<[u8]> + ?Sized> From<&T> for Text {
    fn from(bytes: &T) -> Self {
        Self(bytes.as_ref().to_vec())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&String::from_utf8_lossy(&self.0))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire {
    Utf8(String),
    Bytes { base64: String },
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Wire::Bytes { base64: STANDARD.encode(&self.0) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Utf8(text) => Ok(Self(text.into_bytes())),
            Wire::Bytes { base64 } => STANDARD.decode(base64).map(Self).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn utf8_is_a_string_on_the_wire_and_anything_else_is_base64() {
        for (bytes, wire) in [
            (&b"a/b"[..], r#""a/b""#),
            ("é\n\0".as_bytes(), r#""é\n\u0000""#),
            (b"caf\xe9", r#"{"base64":"Y2Fm6Q=="}"#),
        ] {
            let text = Text::from(bytes);
            assert_eq!(serde_json::to_string(&text).unwrap(), wire);
            assert_eq!(serde_json::from_str::<Text>(wire).unwrap(), text);
        }
    }
}
