//! Names and free text, as bytes: files and clients of the C plugin hold names that are not UTF-8.

use std::borrow::Borrow;
use std::cmp;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memchr::memchr;

/// The bytes hold a NUL, at which the broker, written in C, would end the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NulByte;

impl fmt::Display for NulByte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name cannot hold a NUL character")
    }
}

impl std::error::Error for NulByte {}

/// The longest name that needs no allocation.
const INLINE: usize = 22;

/// Bytes that lie in place if they are few: most usernames do, and there may be a million of them.
#[derive(Clone)]
enum Short {
    Inline { length: u8, bytes: [u8; INLINE] },
    Shared(Arc<[u8]>),
}

impl Short {
    fn new(name: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(name);
                Self::Inline { length, bytes }
            }
            _ => Self::Shared(name.into()),
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Bytes that many records share, behind one pointer. Which pointer that is counts where a link is followed: see
/// [`Linked`].
#[derive(Clone)]
struct Shared(Arc<SharedName>);

struct SharedName {
    bytes: Box<[u8]>,
    /// Where what has this name was last found.
    hint: AtomicU32,
}

impl Shared {
    fn new(name: &[u8]) -> Self {
        Self(Arc::new(SharedName { bytes: name.into(), hint: AtomicU32::new(0) }))
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $Name:ident($Bytes:ident)) => {
        $(#[$doc])*
        ///
        /// Cheap to clone, ordered by bytes, never holds a NUL.
        #[derive(Clone)]
        pub struct $Name($Bytes);

        impl $Name {
            /// Takes the bytes as they are.
            ///
            /// # Errors
            /// [`NulByte`] if one of them is zero.
            pub fn new(bytes: &[u8]) -> Result<Self, NulByte> {
                if memchr(0, bytes).is_some() { Err(NulByte) } else { Ok(Self($Bytes::new(bytes))) }
            }

            /// The bytes.
            #[inline]
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        // `Hash`, `Eq` and `Ord` are those of the bytes, as `Borrow` demands.
        impl Borrow<[u8]> for $Name {
            fn borrow(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl PartialEq for $Name {
            fn eq(&self, other: &Self) -> bool {
                self.as_bytes() == other.as_bytes()
            }
        }

        impl Eq for $Name {}

        impl PartialOrd for $Name {
            fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $Name {
            fn cmp(&self, other: &Self) -> cmp::Ordering {
                self.as_bytes().cmp(other.as_bytes())
            }
        }

        impl Hash for $Name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_bytes().hash(state);
            }
        }

        impl fmt::Debug for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
            }
        }

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&String::from_utf8_lossy(self.as_bytes()))
            }
        }
    };
}

name! {
    /// The name that a client logs in with, dynsec's key for a client.
    Username(Short)
}
name! {
    /// The name of a group.
    GroupName(Shared)
}
name! {
    /// The name of a role.
    RoleName(Shared)
}
name! {
    /// An MQTT client identifier.
    ClientId(Shared)
}

/// The name of what records link to: one that is made anew under the name of one that is gone has its bytes in another
/// place, so that what links to the one does not lead to the other.
pub(super) trait Linked: Clone + Ord + Borrow<[u8]> {
    /// Whether both are not only equal but one and the same.
    fn is(&self, other: &Self) -> bool;

    /// Where the bytes are: the same for two names as long as there are both, if they are one and the same.
    fn place(&self) -> usize;

    /// An equal one that is another.
    fn another(&self) -> Self;

    /// The number under which what has this name was last found, by whomsoever: no more than where to look first.
    fn hint(&self) -> u32;

    /// Changes [`Self::hint`].
    fn set_hint(&self, number: u32);
}

macro_rules! linked {
    ($Name:ident) => {
        impl Linked for $Name {
            #[inline]
            fn is(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0.0, &other.0.0)
            }

            fn place(&self) -> usize {
                Arc::as_ptr(&self.0.0).addr()
            }

            fn another(&self) -> Self {
                Self(Shared::new(self.as_bytes()))
            }

            #[inline]
            fn hint(&self) -> u32 {
                self.0.0.hint.load(Ordering::Relaxed)
            }

            fn set_hint(&self, number: u32) {
                self.0.0.hint.store(number, Ordering::Relaxed);
            }
        }
    };
}

linked!(GroupName);
linked!(RoleName);

/// Free text for people (`textname`, `textdescription`).
///
/// Takes one pointer's place, since most records have none.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Box<Box<[u8]>>);

impl Text {
    /// Takes the bytes up to the first NUL, where C ends a text.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Box::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default().into()))
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
    fn names_of_any_length_compare_and_hash_by_their_bytes() {
        use std::collections::HashSet;
        for length in [0, 1, INLINE - 1, INLINE, INLINE + 1, 300] {
            let name = Username::new(&vec![b'x'; length]).unwrap();
            assert_eq!(name.as_bytes(), vec![b'x'; length]);
            assert!(HashSet::from([name.clone()]).contains(name.as_bytes()));
            let longer = Username::new(&vec![b'x'; length + 1]).unwrap();
            assert!(name < longer && name != longer);
        }
    }

    #[test]
    fn names_are_small() {
        assert_eq!(size_of::<Username>(), 24);
        assert_eq!(size_of::<Option<ClientId>>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Text>>(), size_of::<usize>());
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
