use std::fmt;

use portcullis_core::ConfigError;
use rand::RngExt;
use zeroize::Zeroizing;

use super::KeyDigest;

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
    pub(super) secret: &'a str,
}

// ===== impl ApiKey =====

impl ApiKey {
    /// Makes a key with 256 random bits.
    ///
    /// # Errors
    ///
    /// Says so unless `prefix` is 1 to 16 lowercase letters and digits.
    pub fn generate(prefix: &str) -> Result<Self, ConfigError> {
        if !is_part(prefix, 1..=LONGEST_PREFIX) {
            let problem = "a key's prefix is 1 to 16 lowercase letters and digits";
            return Err(ConfigError::new(problem));
        }
        let id = random(&BASE62[..36], ID);
        Ok(Self::with_id(prefix, &id))
    }

    /// Makes a key with that id.
    pub(super) fn with_id(prefix: &str, id: &str) -> Self {
        let secret = random(BASE62, SECRET);
        let mut text = Zeroizing::new(format!("{prefix}_{id}_{}", *secret));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { text }
    }

    /// Reads a key.
    ///
    /// # Errors
    ///
    /// Returns an error when the form or the checksum is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        split(text)?;
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// The key itself. Show it once, to whom it belongs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What selects the key in a store.
    #[must_use]
    pub fn id(&self) -> &str {
        self.parts().id
    }

    /// What a store keeps of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.parts().secret)
    }

    fn parts(&self) -> Parts<'_> {
        // The text was made or parsed here.
        split(&self.text).unwrap_or(Parts { id: "", secret: "" })
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

/// Takes a key apart, if its form and its checksum are right.
pub(super) fn split(text: &str) -> Result<Parts<'_>, InvalidApiKey> {
    let (head, tail) = text.rsplit_once('_').ok_or(InvalidApiKey)?;
    let (prefix, id) = head.split_once('_').ok_or(InvalidApiKey)?;
    let is_tail = tail.len() == SECRET + CHECKSUM && tail.is_ascii();
    if !(is_part(prefix, 1..=LONGEST_PREFIX) && is_part(id, 1..=LONGEST_ID) && is_tail) {
        return Err(InvalidApiKey);
    }
    let (body, found) = text.split_at(text.len() - CHECKSUM);
    let secret = &tail[..SECRET];
    match checksum(body) == *found {
        true => Ok(Parts { id, secret }),
        false => Err(InvalidApiKey),
    }
}

fn is_part(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    length.contains(&text.len()) && text.bytes().all(allowed)
}

fn random(alphabet: &[u8], length: usize) -> Zeroizing<String> {
    let mut rng = rand::rng();
    let letter = |_| char::from(alphabet[rng.random_range(0..alphabet.len())]);
    Zeroizing::new((0..length).map(letter).collect())
}

/// The CRC-32 of a text in base 62, six digits, most significant first.
fn checksum(text: &str) -> Checksum {
    let mut left = crc32fast::hash(text.as_bytes());
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[left as usize % BASE62.len()];
        left /= BASE62.len() as u32;
    }
    Checksum(digits)
}

/// Six base 62 digits.
struct Checksum([u8; CHECKSUM]);

impl std::ops::Deref for Checksum {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl PartialEq<str> for Checksum {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CHECKSUM: usize = 6;
const ID: usize = 12;
const LONGEST_ID: usize = 32;
const LONGEST_PREFIX: usize = 16;
/// 43 base 62 digits hold 256 bits.
const SECRET: usize = 43;

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
        assert_eq!(&*checksum(known), "4iBoSt");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = split(&text);
        }

        #[test]
        fn every_change_of_one_letter_is_found(at in 0..65_usize, letter in "[a-zA-Z0-9_]") {
            let key = ApiKey::generate("pk").unwrap();
            let mut text = key.expose().to_owned();
            prop_assume!(at < text.len() && text[at..=at] != letter);
            text.replace_range(at..=at, &letter);
            prop_assert!(split(&text).is_err());
        }
    }
}
