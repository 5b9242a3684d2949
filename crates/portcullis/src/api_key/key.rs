use std::fmt;

use portcullis_core::ConfigError;
use rand::RngExt;
use zeroize::Zeroizing;

use super::{KeyDigest, KeyHasher};

/// An API key in plain text. Wiped from memory when dropped, and not printed.
#[derive(Clone)]
pub struct ApiKey {
    text: Zeroizing<String>,
}

/// A text is not an API key: its form or its checksum is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidApiKey;

/// The parts of a key that was presented.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a [u8],
}

// ===== impl ApiKey =====

impl ApiKey {
    /// Creates a key with 256 random bits.
    ///
    /// # Errors
    ///
    /// Returns an error unless `prefix` is 1 to 16 lowercase letters and digits.
    pub fn generate(prefix: &str) -> Result<Self, ConfigError> {
        if !is_part(prefix.as_bytes(), LONGEST_PREFIX) {
            let problem = "a key's prefix is 1 to 16 lowercase letters and digits";
            return Err(ConfigError::new(problem));
        }
        let id = random(&BASE62[..36], ID);
        Ok(Self::with_id(prefix, &id))
    }

    /// Creates a key with that id and 256 random bits: the next one of a key that is rotated, or one
    /// whose id tells people whose it is.
    ///
    /// # Errors
    ///
    /// Returns an error for each that is wrong: `prefix` must be 1 to 16 lowercase letters and digits, `id` 1
    /// to 32.
    pub fn generate_with_id(prefix: &str, id: &str) -> Result<Self, ConfigError> {
        let parts = [("prefix", prefix, LONGEST_PREFIX), ("id", id, LONGEST_ID)];
        let wrong = parts
            .into_iter()
            .filter(|(_, part, most)| !is_part(part.as_bytes(), *most));
        let problem =
            |(name, _, most)| format!("a key's {name} is 1 to {most} lowercase letters and digits");
        ConfigError::check(wrong.map(problem).collect())?;
        Ok(Self::with_id(prefix, id))
    }

    /// Creates a key with that id.
    pub(super) fn with_id(prefix: &str, id: &str) -> Self {
        let secret = random(BASE62, SECRET);
        let mut text = Zeroizing::new(format!("{prefix}_{id}_{}", *secret));
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.map(char::from));
        Self { text }
    }

    /// Parses a key.
    ///
    /// # Errors
    ///
    /// Returns an error when the form or the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let secret = split(text.as_bytes())?.secret;
        if !secret.iter().all(u8::is_ascii_alphanumeric) {
            return Err(InvalidApiKey);
        }
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// Returns the key itself. Show it once, to whom it belongs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns what selects the key in a store.
    #[must_use]
    pub fn id(&self) -> &str {
        self.parts().id
    }

    /// Returns what a store without a pepper keeps of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::from_secret(self.parts().secret)
    }

    /// Returns what a store keeps of it whose digests are made like this.
    #[must_use]
    pub fn digest_by(&self, hasher: &KeyHasher) -> KeyDigest {
        hasher.digest(self.parts().secret)
    }

    fn parts(&self) -> Parts<'_> {
        // The text was made or parsed here.
        split(self.text.as_bytes()).unwrap_or(Parts {
            id: "",
            secret: b"",
        })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

// ===== impl InvalidApiKey =====

impl fmt::Display for InvalidApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an API key, or one with a wrong checksum")
    }
}

impl std::error::Error for InvalidApiKey {}

/// Returns an error for an id that no key can have.
pub(super) fn check_id(id: &str) -> Result<(), ConfigError> {
    if is_part(id.as_bytes(), LONGEST_ID) {
        Ok(())
    } else {
        let problem = "a key's id is 1 to 32 lowercase letters and digits";
        Err(ConfigError::new(problem))
    }
}

/// Takes a key apart, if its form and its checksum are right.
///
/// What comes after the id has a fixed length, so that one look from the front finds all parts.
#[inline]
pub(super) fn split(text: &[u8]) -> Result<Parts<'_>, InvalidApiKey> {
    let (head, tail) = text
        .len()
        .checked_sub(TAIL + 1)
        .map(|length| text.split_at(length))
        .ok_or(InvalidApiKey)?;
    let tail = tail.strip_prefix(b"_").ok_or(InvalidApiKey)?;
    let at = head
        .iter()
        .position(|byte| *byte == b'_')
        .ok_or(InvalidApiKey)?;
    let (prefix, id) = (&head[..at], &head[at + 1..]);
    let is_right = is_part(prefix, LONGEST_PREFIX) && is_part(id, LONGEST_ID);
    let (body, found) = text.split_at(text.len() - CHECKSUM);
    if is_right && checksum(body) == found {
        let id = std::str::from_utf8(id).map_err(|_| InvalidApiKey)?;
        let secret = &tail[..SECRET];
        Ok(Parts { id, secret })
    } else {
        Err(InvalidApiKey)
    }
}

fn is_part(text: &[u8], longest: usize) -> bool {
    let is_allowed = |byte: &u8| IS_ALLOWED[usize::from(*byte)];
    (1..=longest).contains(&text.len()) && text.iter().all(is_allowed)
}

fn random(alphabet: &[u8], length: usize) -> Zeroizing<String> {
    let mut rng = rand::rng();
    let letter = |_| char::from(alphabet[rng.random_range(0..alphabet.len())]);
    Zeroizing::new((0..length).map(letter).collect())
}

/// The CRC-32 of a text in base 62, six digits, most significant first.
fn checksum(text: &[u8]) -> [u8; CHECKSUM] {
    let mut left = crc32fast::hash(text);
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[left as usize % BASE62.len()];
        left /= BASE62.len() as u32;
    }
    digits
}

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Whether a byte is a lowercase letter or a digit.
const IS_ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut at = 0;
    while at < 36 {
        allowed[BASE62[at] as usize] = true;
        at += 1;
    }
    allowed
};
const CHECKSUM: usize = 6;
const ID: usize = 12;
pub(super) const LONGEST_ID: usize = 32;
const LONGEST_PREFIX: usize = 16;
/// 43 base 62 digits hold 256 bits.
const SECRET: usize = 43;
const TAIL: usize = SECRET + CHECKSUM;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fresh_key_reads_as_one() {
        let key = ApiKey::generate("pk").unwrap();
        let parts: Vec<_> = key.expose().split('_').collect();

        assert!(ApiKey::parse(key.expose()).is_ok());
        assert_eq!((parts[0], parts[1], parts[2].len()), ("pk", key.id(), 49));
        assert_ne!(key.expose(), ApiKey::generate("pk").unwrap().expose());
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
    }

    #[test]
    fn a_prefix_is_lowercase_letters_and_digits() {
        for prefix in ["", "PK", "p_k", "p k", "abcdefghijklmnopq"] {
            assert!(ApiKey::generate(prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn the_checksum_never_changes() {
        let known = "pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ0123456789abc";
        assert_eq!(checksum(known.as_bytes()), *b"4iBoSt");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = split(text.as_bytes());
        }

        #[test]
        fn every_change_of_one_letter_is_found(at in 0..65_usize, letter in "[a-zA-Z0-9_]") {
            let key = ApiKey::generate("pk").unwrap();
            let mut text = key.expose().to_owned();
            prop_assume!(at < text.len() && text[at..=at] != letter);
            text.replace_range(at..=at, &letter);
            prop_assert!(split(text.as_bytes()).is_err());
        }
    }
}
