//! Password hashes: read as the C plugins read them, verified, created, and written for them.
//!
//! Four forms occur in a policy file. The C plugin of 2.0 knows the first only:
//!
//! | in the file                                | scheme                  | salt           |
//! |--------------------------------------------|-------------------------|----------------|
//! | members `password`, `salt`, `iterations`   | PBKDF2-HMAC-SHA512      | 12 bytes       |
//! | `encoded_password` `$7$iterations$salt$hash` | PBKDF2-HMAC-SHA512    | 12 or 64 bytes |
//! | `encoded_password` `$6$salt$hash`          | SHA-512                 | 12 or 64 bytes |
//! | `encoded_password` `$argon2id$…`           | Argon2id, in PHC format | 8 bytes or more |
//!
//! Not here: the JSON around these members (`store`), and who may log in (`policy`). Nothing here does I/O
//! but asking the system for the random bytes of a new salt or password.

mod argon2id;
mod base64;
mod error;
mod iterations;
mod pbkdf2_sha512;
mod plaintext;
mod salt;
mod sha512;

use std::fmt;

use argon2id::Argon2id;
use pbkdf2_sha512::Pbkdf2Sha512;
use sha512::Sha512;

pub use error::{Field, HashError};
pub use iterations::{Iterations, IterationsOutOfRange};
pub use plaintext::Plaintext;
pub use salt::RandomnessError;

/// The length of a SHA-512 digest, and of every hash but Argon2id's.
const DIGEST_LEN: usize = 64;

/// The hash of a client's password, ready to be compared with what a client sends.
///
/// Takes 88 bytes and no allocation for what is common, since a policy may hold a million of them.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Inner);

#[derive(Clone, PartialEq, Eq)]
enum Inner {
    Pbkdf2Sha512(Pbkdf2Sha512),
    Sha512(Box<Sha512>),
    Argon2id(Box<Argon2id>),
}

/// How a password was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// PBKDF2-HMAC-SHA512 (RFC 8018 §5.2): what both C plugins write.
    Pbkdf2Sha512,
    /// One round of SHA-512 over password and salt, from an old password file.
    Sha512,
    /// Argon2id (RFC 9106), written by 2.1 where it was built with it.
    Argon2id,
}

/// A hash in the form that goes into the policy file.
///
/// Setting it replaces all four members: `password`, `salt`, `iterations` and `encoded_password`.
#[derive(Clone, PartialEq, Eq)]
pub enum Stored {
    /// Three members that every C plugin reads.
    Members {
        /// The hash, in base64.
        password: String,
        /// The salt, in base64.
        salt: String,
        /// 1 to 2147483647.
        iterations: u32,
    },
    /// The member `encoded_password`, which the C plugin reads from 2.1 on.
    Encoded(String),
}

/// How much work a login takes with a hash: equal costs, equal work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(CostOf);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CostOf {
    Pbkdf2Sha512 { iterations: u32 },
    Sha512,
    Argon2id { memory: u32, time: u32, lanes: u32 },
}

/// How many of so many passwords one of so many threads should hash at once ([`PasswordHash::verify_each`],
/// [`PasswordHash::create_each`]): more than one where that takes less time for each, and no other thread has nothing to do.
#[must_use]
pub fn at_once(passwords: usize, threads: usize) -> usize {
    match passwords.checked_div(threads) {
        // Two together are hardly faster than one after the other, and the first of them would wait for the second.
        Some(share @ 3..) => share.min(::pbkdf2_sha512::lanes()),
        _ => 1,
    }
}

impl PasswordHash {
    /// Reads the members `password`, `salt` and `iterations`.
    ///
    /// # Errors
    ///
    /// When the C plugin of 2.1 would not use them either: iterations below 1 or above 2147483647, text that
    /// is not base64, a salt that is not 12 or 64 bytes long (2.0 knows 12 only), a hash that is not 64 bytes
    /// long.
    pub fn from_members(password: &[u8], salt: &[u8], iterations: i64) -> Result<Self, HashError> {
        Ok(Pbkdf2Sha512::from_members(password, salt, iterations)?.into())
    }

    /// Reads the member `encoded_password`.
    ///
    /// # Errors
    ///
    /// When the text is in none of the three forms, or asks for more memory than a login may use.
    pub fn from_encoded(text: &[u8]) -> Result<Self, HashError> {
        if let Some(fields) = text.strip_prefix(pbkdf2_sha512::PREFIX.as_bytes()) {
            Ok(Pbkdf2Sha512::from_fields(fields)?.into())
        } else if let Some(fields) = text.strip_prefix(sha512::PREFIX.as_bytes()) {
            Ok(Self(Inner::Sha512(Box::new(Sha512::from_fields(fields)?))))
        } else if let Some(fields) = text.strip_prefix(argon2id::PREFIX.as_bytes()) {
            Ok(Self(Inner::Argon2id(Box::new(Argon2id::from_fields(fields)?))))
        } else {
            Err(HashError::UnknownScheme)
        }
    }

    /// Hashes a new password with PBKDF2-HMAC-SHA512 and a random salt of 12 bytes, so that every C plugin
    /// can read the result. Takes about 0.5 ms for each 1000 iterations.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn create(password: &[u8], iterations: Iterations) -> Result<Self, RandomnessError> {
        Self::create_giving_way(password, iterations, || ())
    }

    /// [`Self::create`], which calls `give_way` each quarter of a millisecond, so that a thread can let others have
    /// its processor that must not wait as long as hashing takes.
    ///
    /// # Errors
    ///
    /// As in [`Self::create`].
    pub fn create_giving_way(
        password: &[u8],
        iterations: Iterations,
        give_way: fn(),
    ) -> Result<Self, RandomnessError> {
        let salt = salt::Salt::random()?;
        Ok(Pbkdf2Sha512::create(password, salt, iterations, give_way).into())
    }

    /// [`Self::create_giving_way`] for each of these passwords, several at once.
    ///
    /// # Errors
    ///
    /// As in [`Self::create`].
    pub fn create_each(
        passwords: &[&[u8]],
        iterations: Iterations,
        give_way: fn(),
    ) -> Result<Vec<Self>, RandomnessError> {
        let salts = passwords.iter().map(|_| salt::Salt::random()).collect::<Result<Vec<_>, _>>()?;
        let hashes = Pbkdf2Sha512::create_each(passwords, salts, iterations, give_way);
        Ok(hashes.into_iter().map(Self::from).collect())
    }

    /// The hash of no password, which takes as much work to compare with as a new one.
    #[must_use]
    pub fn of_none(iterations: Iterations) -> Self {
        Pbkdf2Sha512::of_none(iterations).into()
    }

    /// Whether this is the password that was hashed.
    ///
    /// Hashes are compared in constant time. How long the hashing takes is up to the stored parameters: a
    /// file may ask for 2147483647 iterations, as it may of the C plugin. Argon2id is also false when its
    /// memory cannot be had.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        self.verify_giving_way(password, || ())
    }

    /// [`Self::verify`], which calls `give_way` as [`Self::create_giving_way`] does; not with Argon2id.
    #[must_use]
    pub fn verify_giving_way(&self, password: &[u8], give_way: fn()) -> bool {
        match &self.0 {
            Inner::Pbkdf2Sha512(hash) => hash.verify(password, give_way),
            Inner::Sha512(hash) => hash.verify(password),
            Inner::Argon2id(hash) => hash.verify(password),
        }
    }

    /// [`Self::verify_giving_way`] for each of these hashes and passwords, several at once where all have the same
    /// iterations of PBKDF2.
    #[must_use]
    pub fn verify_each(tries: &[(&Self, &[u8])], give_way: fn()) -> Vec<bool> {
        let iterations = tries.first().and_then(|(hash, _)| hash.iterations());
        let alike = tries.iter().map(|(hash, password)| match &hash.0 {
            Inner::Pbkdf2Sha512(hash) if Some(hash.iterations()) == iterations => Some((hash, *password)),
            _ => None,
        });
        match alike.collect::<Option<Vec<_>>>() {
            Some(alike) => Pbkdf2Sha512::verify_each(&alike, iterations.unwrap_or_default(), give_way),
            None => tries.iter().map(|(hash, password)| hash.verify_giving_way(password, give_way)).collect(),
        }
    }

    /// The form for the policy file: the three members where they can say it, so that the C plugin of 2.0 can
    /// read the file, and `encoded_password` for everything else.
    #[must_use]
    pub fn stored(&self) -> Stored {
        match &self.0 {
            Inner::Pbkdf2Sha512(hash) => hash.stored(),
            Inner::Sha512(hash) => Stored::Encoded(hash.encoded()),
            Inner::Argon2id(hash) => Stored::Encoded(hash.encoded()),
        }
    }

    /// Whether the C plugin of 2.0 can verify it, once it is written as [`Self::stored`] says.
    #[must_use]
    pub fn is_read_by_2_0(&self) -> bool {
        match &self.0 {
            Inner::Pbkdf2Sha512(hash) => hash.has_short_salt(),
            Inner::Sha512(_) | Inner::Argon2id(_) => false,
        }
    }

    /// How the password was hashed.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match &self.0 {
            Inner::Pbkdf2Sha512(_) => Scheme::Pbkdf2Sha512,
            Inner::Sha512(_) => Scheme::Sha512,
            Inner::Argon2id(_) => Scheme::Argon2id,
        }
    }

    /// How much work it is to verify.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost(match &self.0 {
            Inner::Pbkdf2Sha512(hash) => CostOf::Pbkdf2Sha512 { iterations: hash.iterations() },
            Inner::Sha512(_) => CostOf::Sha512,
            Inner::Argon2id(hash) => {
                let (memory, time, lanes) = hash.costs();
                CostOf::Argon2id { memory, time, lanes }
            }
        })
    }

    /// The iterations of PBKDF2; none for the other schemes.
    #[must_use]
    pub fn iterations(&self) -> Option<u32> {
        match &self.0 {
            Inner::Pbkdf2Sha512(hash) => Some(hash.iterations()),
            Inner::Sha512(_) | Inner::Argon2id(_) => None,
        }
    }
}

impl From<Pbkdf2Sha512> for PasswordHash {
    fn from(hash: Pbkdf2Sha512) -> Self {
        Self(Inner::Pbkdf2Sha512(hash))
    }
}

// Neither hash nor salt: what is printed ends in a log or a test report.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("scheme", &self.scheme())
            .field("iterations", &self.iterations())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Members { iterations, .. } => {
                f.debug_struct("Members").field("iterations", iterations).finish_non_exhaustive()
            }
            Self::Encoded(_) => f.debug_struct("Encoded").finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod several_tests;
#[cfg(test)]
mod tests;
