//! `$6$`: one round of SHA-512 over the password and the salt, as `mosquitto_passwd` made it before 2.0.
//!
//! Read and verified because 2.1 does; never created.

use sha2::Digest as _;
use subtle::ConstantTimeEq as _;

use super::error::{Field, HashError};
use super::pbkdf2_sha512::{digest_from_base64, fields};
use super::salt::Salt;
use super::{DIGEST_LEN, base64};

/// What an `encoded_password` of this scheme begins with.
pub(super) const PREFIX: &str = "$6$";

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sha512 {
    salt: Salt,
    hash: [u8; DIGEST_LEN],
}

impl Sha512 {
    /// Reads `salt$hash`, with the leniency of `Pbkdf2Sha512::from_fields`.
    pub(super) fn from_fields(text: &[u8]) -> Result<Self, HashError> {
        let mut fields = fields(text);
        let salt = fields.next().ok_or(HashError::Missing(Field::Salt))?;
        let hash = fields.next().ok_or(HashError::Missing(Field::Hash))?;
        Ok(Self { salt: Salt::from_base64(salt)?, hash: digest_from_base64(hash)? })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let digest: [u8; DIGEST_LEN] =
            sha2::Sha512::new().chain_update(password).chain_update(self.salt.bytes()).finalize().into();
        digest.ct_eq(&self.hash).into()
    }

    pub(super) fn encoded(&self) -> String {
        format!("{PREFIX}{}${}", self.salt.to_base64(), base64::encode(&self.hash))
    }
}
