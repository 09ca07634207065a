//! Names and free text, as bytes: files and clients of the C plugin hold names that are not UTF-8.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The bytes hold a NUL, at which the broker, written in C, would end the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NulByte;

impl fmt::Display for NulByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name cannot hold a NUL character")
    }
}

impl std::error::Error for NulByte {}

macro_rules! name {
    ($(#[$doc:meta])* $Name:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone, ordered by bytes, never holds a NUL.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name(Arc<[u8]>);

        impl $Name {
            /// Takes the bytes as they are.
            ///
            /// # Errors
            /// [`NulByte`] if one of them is zero.
            pub fn new(bytes: &[u8]) -> Result<Self, NulByte> {
                if bytes.contains(&0) { Err(NulByte) } else { Ok(Self(bytes.into())) }
            }

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        // `Hash`, `Eq` and `Ord` of the wrapper are those of the bytes, as `Borrow` demands.
        impl Borrow<[u8]> for $Name {
            fn borrow(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", String::from_utf8_lossy(&self.0))
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from_utf8_lossy(&self.0))
            }
        }
    };
}

name! {
    /// The name that a client logs in with, dynsec's key for a client.
    Username
}
name! {
    /// The name of a group.
    GroupName
}
name! {
    /// The name of a role.
    RoleName
}
name! {
    /// An MQTT client identifier.
    ClientId
}

/// Free text for people (`textname`, `textdescription`).
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Box<[u8]>);

impl Text {
    /// Takes the bytes up to the first NUL, where C ends a text.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.split(|byte| *byte == 0).next().unwrap_or_default().into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_bytes_that_are_not_utf8() {
        assert_eq!(Username::new(b"caf\xe9").unwrap().as_bytes(), b"caf\xe9");
    }

    #[test]
    fn a_name_refuses_a_nul() {
        assert_eq!(RoleName::new(b"a\0b"), Err(NulByte));
    }

    #[test]
    fn names_are_ordered_by_bytes() {
        assert!(GroupName::new(b"B").unwrap() < GroupName::new(b"a").unwrap());
        assert!(GroupName::new(b"z").unwrap() < GroupName::new("é".as_bytes()).unwrap());
    }

    #[test]
    fn a_text_ends_at_a_nul() {
        assert_eq!(Text::new(b"one\0two").as_bytes(), b"one");
    }
}
