//! `$argon2id$[v=19$]m=…,t=…,p=…$salt$hash`: Argon2id (RFC 9106) in the PHC string format, as libargon2 reads
//! it.
//!
//! Read by hand: the PHC crate refuses salts as long as the C plugin's, which has 64 bytes.

use std::fmt::Write as _;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::error::{Field, HashError};

/// What an `encoded_password` of this scheme begins with.
pub(super) const PREFIX: &str = "$argon2id$";

/// The most memory that one login may use: 1 GiB. The C plugin's own hashes use 46 MiB.
pub(super) const MAX_MEMORY_KIB: u32 = 1024 * 1024;

const MIN_SALT_LEN: usize = 8;
const MIN_HASH_LEN: usize = 4;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Argon2id {
    /// Absent in strings of before version 19, which mean 16; kept so that the string is written as it was
    /// read.
    version: Option<Version>,
    params: Params,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

impl Argon2id {
    /// Reads what follows [`PREFIX`].
    pub(super) fn from_fields(text: &[u8]) -> Result<Self, HashError> {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        let text = str::from_utf8(text).map_err(|_| HashError::Argon2Parameters)?;
        let mut fields = text.split('$').peekable();

        let version = match fields.next_if(|field| field.starts_with("v=")) {
            None => None,
            Some(field) => {
                let number = number(field, "v=").ok_or(HashError::Argon2Parameters)?;
                Some(Version::try_from(number).map_err(|_| HashError::Argon2Version(number))?)
            }
        };
        let costs = fields.next().ok_or(HashError::Missing(Field::Parameters))?;
        let salt = from_base64(fields.next(), Field::Salt)?;
        let hash = from_base64(fields.next(), Field::Hash)?;
        if fields.next().is_some() {
            return Err(HashError::NotBase64(Field::Hash));
        }
        if salt.len() < MIN_SALT_LEN {
            return Err(HashError::Argon2SaltLength(salt.len()));
        }
        if hash.len() < MIN_HASH_LEN {
            return Err(HashError::Argon2HashLength(hash.len()));
        }
        Ok(Self { version, params: params(costs, hash.len())?, salt, hash })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        // Reserved by ourselves: the library would abort the broker where the memory cannot be had.
        let mut memory = Vec::new();
        if memory.try_reserve_exact(self.params.block_count()).is_err() {
            return false;
        }
        memory.resize(self.params.block_count(), Block::default());
        let mut hash = vec![0; self.hash.len()];
        let version = self.version.unwrap_or(Version::V0x10);
        Argon2::new(Algorithm::Argon2id, version, self.params.clone())
            .hash_password_into_with_memory(password, &self.salt, &mut hash, &mut memory)
            .is_ok()
            && hash.ct_eq(&self.hash).into()
    }

    /// Memory in KiB, passes, lanes.
    pub(super) fn costs(&self) -> (u32, u32, u32) {
        (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
    }

    pub(super) fn encoded(&self) -> String {
        let mut text = String::from(PREFIX);
        if let Some(version) = self.version {
            // INVARIANT: writing to a String cannot fail.
            let _ = write!(text, "v={}$", u32::from(version));
        }
        let _ =
            write!(text, "m={},t={},p={}$", self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        STANDARD_NO_PAD.encode_string(&self.salt, &mut text);
        text.push('$');
        STANDARD_NO_PAD.encode_string(&self.hash, &mut text);
        text
    }
}

fn params(text: &str, hash_len: usize) -> Result<Params, HashError> {
    let mut parts = text.split(',');
    let mut cost = |name| parts.next().and_then(|part| number(part, name)).ok_or(HashError::Argon2Parameters);
    let memory = cost("m=")?;
    let time = cost("t=")?;
    let lanes = cost("p=")?;
    if parts.next().is_some() {
        return Err(HashError::Argon2Parameters);
    }
    if memory > MAX_MEMORY_KIB {
        return Err(HashError::Argon2Memory(memory));
    }
    Params::new(memory, time, lanes, Some(hash_len)).map_err(|_| HashError::Argon2Parameters)
}

/// `m=47104` → 47104. As in libargon2, no sign and no zeros in front.
fn number(part: &str, name: &str) -> Option<u32> {
    let digits = part.strip_prefix(name)?;
    let canonical =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

fn from_base64(text: Option<&str>, field: Field) -> Result<Box<[u8]>, HashError> {
    let text = text.ok_or(HashError::Missing(field))?;
    STANDARD_NO_PAD.decode(text).map(Vec::into_boxed_slice).map_err(|_| HashError::NotBase64(field))
}
