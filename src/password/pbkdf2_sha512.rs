//! Hashes of PBKDF2-HMAC-SHA512 (RFC 8018 §5.2), in both of the file's forms. The package `pbkdf2-sha512` computes them.

use pbkdf2_sha512::{derive, derive_each};
use subtle::ConstantTimeEq as _;

use super::error::{Field, HashError};
use super::salt::Salt;
use super::{DIGEST_LEN, Iterations, Stored, base64};

/// What an `encoded_password` of this scheme begins with.
pub(super) const PREFIX: &str = "$7$";

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pbkdf2Sha512 {
    // INVARIANT: 1..=i32::MAX
    iterations: u32,
    salt: Salt,
    hash: [u8; DIGEST_LEN],
}

impl Pbkdf2Sha512 {
    pub(super) fn from_members(hash: &[u8], salt: &[u8], iterations: i64) -> Result<Self, HashError> {
        let iterations = i32::try_from(iterations).map_err(|_| HashError::Iterations)?;
        Self::new(iterations, salt, hash)
    }

    /// Reads `iterations$salt$hash`. As in C (`strtok_r`), empty fields do not count and further ones are
    /// ignored.
    pub(super) fn from_fields(text: &[u8]) -> Result<Self, HashError> {
        let mut fields = fields(text);
        let iterations = fields.next().ok_or(HashError::Missing(Field::Iterations))?;
        let salt = fields.next().ok_or(HashError::Missing(Field::Salt))?;
        let hash = fields.next().ok_or(HashError::Missing(Field::Hash))?;
        Self::new(atoi(iterations), salt, hash)
    }

    fn new(iterations: i32, salt: &[u8], hash: &[u8]) -> Result<Self, HashError> {
        let iterations = match u32::try_from(iterations) {
            Ok(iterations) if iterations > 0 => iterations,
            _ => return Err(HashError::Iterations),
        };
        Ok(Self { iterations, salt: Salt::from_base64(salt)?, hash: digest_from_base64(hash)? })
    }

    pub(super) fn create(password: &[u8], salt: Salt, iterations: Iterations, give_way: fn()) -> Self {
        let iterations = iterations.get();
        let hash = derive(password, salt.bytes(), iterations, give_way);
        Self { iterations, salt, hash }
    }

    /// Each password has the salt in its place.
    pub(super) fn create_each(
        passwords: &[&[u8]],
        salts: Vec<Salt>,
        iterations: Iterations,
        give_way: fn(),
    ) -> Vec<Self> {
        let iterations = iterations.get();
        let salted: Vec<_> =
            passwords.iter().zip(&salts).map(|(password, salt)| (*password, salt.bytes())).collect();
        let hashes = derive_each(&salted, iterations, give_way);
        salts.into_iter().zip(hashes).map(|(salt, hash)| Self { iterations, salt, hash }).collect()
    }

    pub(super) fn of_none(iterations: Iterations) -> Self {
        Self { iterations: iterations.get(), salt: Salt::ZERO, hash: [0; DIGEST_LEN] }
    }

    pub(super) fn verify(&self, password: &[u8], give_way: fn()) -> bool {
        derive(password, self.salt.bytes(), self.iterations, give_way).ct_eq(&self.hash).into()
    }

    /// [`Self::verify`] of each, where all have so many iterations.
    pub(super) fn verify_each(tries: &[(&Self, &[u8])], iterations: u32, give_way: fn()) -> Vec<bool> {
        let salted: Vec<_> = tries.iter().map(|(hash, password)| (*password, hash.salt.bytes())).collect();
        let derived = derive_each(&salted, iterations, give_way);
        tries.iter().zip(derived).map(|((hash, _), derived)| derived.ct_eq(&hash.hash).into()).collect()
    }

    pub(super) fn iterations(&self) -> u32 {
        self.iterations
    }

    pub(super) fn has_short_salt(&self) -> bool {
        matches!(self.salt, Salt::Short(_))
    }

    pub(super) fn stored(&self) -> Stored {
        let salt = self.salt.to_base64();
        let password = base64::encode(&self.hash);
        let iterations = self.iterations;
        match self.salt {
            Salt::Short(_) => Stored::Members { password, salt, iterations },
            // 2.0 drops a client that has three members with a salt of this length.
            Salt::Long(_) => Stored::Encoded(format!("{PREFIX}{iterations}${salt}${password}")),
        }
    }
}

/// The `$`-separated fields of an encoded hash, as C's `strtok_r` finds them.
pub(super) fn fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == 0)
        .next()
        .unwrap_or_default()
        .split(|&byte| byte == b'$')
        .filter(|field| !field.is_empty())
}

pub(super) fn digest_from_base64(text: &[u8]) -> Result<[u8; DIGEST_LEN], HashError> {
    if let Some(digest) = base64::decode_exactly(text) {
        return Ok(digest);
    }
    let bytes = base64::decode(text).ok_or(HashError::NotBase64(Field::Hash))?;
    let len = bytes.len();
    bytes.try_into().map_err(|_| HashError::HashLength(len))
}

/// The number that C's `atoi` reads, for 64-bit glibc: blanks, a sign, digits up to the first other
/// character; cut to its low 32 bits after having been held to 64.
fn atoi(text: &[u8]) -> i32 {
    let mut text = text;
    while let [b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r', rest @ ..] = text {
        text = rest;
    }
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    let number =
        digits.iter().map_while(|&byte| char::from(byte).to_digit(10)).fold(0_i64, |number, digit| {
            number.saturating_mul(10).saturating_add(i64::from(digit).saturating_mul(sign))
        });
    #[expect(clippy::cast_possible_truncation, reason = "C cuts it so")]
    let number = number as i32;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_read_as_atoi_reads_them() {
        let cases: &[(&[u8], i32)] = &[
            (b"1000", 1000),
            (b"0101", 101),
            (b" \t\n\x0b\x0c\r+101x", 101),
            (b"-5", -5),
            (b"1e3", 1),
            (b"1,000", 1),
            (b"", 0),
            (b"x", 0),
            (b"+-1", 0),
            (b"2147483647", i32::MAX),
            (b"2147483648", i32::MIN),
            (b"4294967297", 1),
            (b"99999999999999999999", -1),
            (b"-99999999999999999999", 0),
        ];
        for (text, number) in cases {
            assert_eq!(atoi(text), *number, "{}", text.escape_ascii());
        }
    }
}
