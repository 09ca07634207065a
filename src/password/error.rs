//! Why a stored hash cannot be used. No text here carries any part of the hash.

use std::fmt;

use super::argon2id;

/// A part of a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The number of iterations.
    Iterations,
    /// The salt.
    Salt,
    /// The hash itself.
    Hash,
    /// Argon2id's parameters: `m=…,t=…,p=…`.
    Parameters,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iterations => "the number of iterations",
            Self::Salt => "the salt",
            Self::Hash => "the hash",
            Self::Parameters => "the list of argon2id parameters",
        })
    }
}

/// Why a stored hash cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashError {
    /// `encoded_password` begins with none of the known marks.
    UnknownScheme,
    /// A field is absent.
    Missing(Field),
    /// A field is not base64.
    NotBase64(Field),
    /// The salt decodes to this many bytes, which is not 12 and not 64.
    SaltLength(usize),
    /// The hash decodes to this many bytes, which is not 64.
    HashLength(usize),
    /// The iterations are below 1 or above 2147483647.
    Iterations,
    /// This version of Argon2 is neither 16 nor 19.
    Argon2Version(u32),
    /// Argon2id's parameters are not of the form `m=…,t=…,p=…`, or contradict each other.
    Argon2Parameters,
    /// Argon2id's salt decodes to this many bytes, which is below 8.
    Argon2SaltLength(usize),
    /// Argon2id's hash decodes to this many bytes, which is below 4.
    Argon2HashLength(usize),
    /// Argon2id asks for this many KiB of memory for each login, which is too much.
    Argon2Memory(u32),
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownScheme => f.write_str("it begins with none of `$6$`, `$7$` and `$argon2id$`"),
            Self::Missing(field) => write!(f, "{field} is missing"),
            Self::NotBase64(field) => write!(f, "{field} is not base64"),
            Self::SaltLength(bytes) => write!(f, "the salt is {bytes} bytes long, not 12 or 64"),
            Self::HashLength(bytes) => write!(f, "the hash is {bytes} bytes long, not 64"),
            Self::Iterations => f.write_str("the number of iterations is not between 1 and 2147483647"),
            Self::Argon2Version(version) => {
                write!(f, "argon2 version {version} is neither 16 nor 19")
            }
            Self::Argon2Parameters => f.write_str("the argon2id parameters are not a valid `m=…,t=…,p=…`"),
            Self::Argon2SaltLength(bytes) => {
                write!(f, "the argon2id salt is {bytes} bytes long, not at least 8")
            }
            Self::Argon2HashLength(bytes) => {
                write!(f, "the argon2id hash is {bytes} bytes long, not at least 4")
            }
            Self::Argon2Memory(kib) => write!(
                f,
                "argon2id asks for {kib} KiB of memory for each login, at most {} are given",
                argon2id::MAX_MEMORY_KIB
            ),
        }
    }
}

impl std::error::Error for HashError {}
