//! A password in clear, on its way to its hash.

use std::fmt;

use super::RandomnessError;

/// What random passwords are made of: what needs no quoting in a shell or a configuration file.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The length of a random password, which makes 142 bits of it.
const LENGTH: usize = 24;

/// A password in clear. What is printed of it for debugging does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Takes the bytes as they are.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// A random one: 24 letters and digits.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<Self, RandomnessError> {
        let mut password = Vec::with_capacity(LENGTH);
        while password.len() < LENGTH {
            let mut random = [0_u8; LENGTH];
            getrandom::fill(&mut random).map_err(RandomnessError)?;
            // Numbers beyond the alphabet are passed over, so that all characters are equally likely.
            let characters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
            password.extend(characters.take(LENGTH.saturating_sub(password.len())));
        }
        Ok(Self(password))
    }

    /// The password.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plaintext").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn random_passwords_are_long_and_use_the_whole_alphabet() {
        let mut seen = HashSet::new();
        let mut characters = HashSet::new();
        for _ in 0..200 {
            let password = Plaintext::random().unwrap();
            assert_eq!(password.as_bytes().len(), LENGTH);
            characters.extend(password.as_bytes().to_vec());
            assert!(seen.insert(password.as_bytes().to_vec()));
        }
        assert_eq!(characters, ALPHABET.iter().copied().collect());
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", Plaintext::new(b"secret")), "Plaintext { .. }");
    }
}
