//! The salts of the schemes that the C plugins define: 12 bytes, or 64.

use std::fmt;

use super::base64;
use super::error::{Field, HashError};

/// The salt length of 2.0, and of every hash made here.
const SHORT: usize = 12;
/// The salt length of 2.1.
const LONG: usize = 64;

/// A salt of 12 or 64 bytes; the rare long one lies elsewhere, to keep the common one small.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Salt {
    Short([u8; SHORT]),
    Long(Box<[u8; LONG]>),
}

impl Salt {
    /// One that is none: for a hash that no password has.
    pub(super) const ZERO: Self = Self::Short([0; SHORT]);

    pub(super) fn from_base64(text: &[u8]) -> Result<Self, HashError> {
        if let Some(short) = base64::decode_exactly(text) {
            return Ok(Self::Short(short));
        }
        let bytes = base64::decode(text).ok_or(HashError::NotBase64(Field::Salt))?;
        if let Ok(short) = <[u8; SHORT]>::try_from(bytes.as_slice()) {
            Ok(Self::Short(short))
        } else if let Ok(long) = <[u8; LONG]>::try_from(bytes.as_slice()) {
            Ok(Self::Long(Box::new(long)))
        } else {
            Err(HashError::SaltLength(bytes.len()))
        }
    }

    pub(super) fn random() -> Result<Self, RandomnessError> {
        let mut bytes = [0; SHORT];
        getrandom::fill(&mut bytes).map_err(RandomnessError)?;
        Ok(Self::Short(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => bytes,
            Self::Long(bytes) => bytes.as_slice(),
        }
    }

    pub(super) fn to_base64(&self) -> String {
        base64::encode(self.bytes())
    }
}

/// The system gave no random bytes for a salt or a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomnessError(pub(super) getrandom::Error);

impl fmt::Display for RandomnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system gave no random bytes: {}", self.0)
    }
}

impl std::error::Error for RandomnessError {}
