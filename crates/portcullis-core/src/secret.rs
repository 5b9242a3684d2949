use std::{collections::HashSet, env, fmt};

use zeroize::Zeroizing;

use crate::ConfigError;

/// Bytes that nobody else may know: what signs, or peppers digests. Wiped from memory when the last clone
/// is dropped, and not printed. It can't be compared.
///
/// At least 32 bytes, which should be random: `openssl rand -hex 32`. What people put into examples
/// is refused.
///
/// ```
/// use portcullis_core::Secret;
///
/// let error = Secret::try_new("changeme").unwrap_err();
///
/// assert_eq!(error.to_string(), "a secret has at least 32 bytes, this has 8; a secret is random, this is a default of examples (changeme)");
/// ```
#[derive(Clone)]
pub struct Secret(std::sync::Arc<Zeroizing<Vec<u8>>>);

// ===== impl Secret =====

impl Secret {
    /// Creates a secret.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong: fewer than 32 bytes, fewer than 8 different ones, or words of
    /// examples in it, such as `changeme`. The bytes are not in the error.
    pub fn try_new(bytes: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let bytes = bytes.as_ref();
        ConfigError::check(problems(bytes))?;
        Ok(Self(Zeroizing::new(bytes.to_vec()).into()))
    }

    /// Checks bytes that would be a secret.
    ///
    /// # Errors
    ///
    /// As for [`try_new`](Self::try_new).
    pub fn check(bytes: &[u8]) -> Result<(), ConfigError> {
        ConfigError::check(problems(bytes))
    }

    /// Reads a secret from an environment variable: the bytes of its text.
    ///
    /// # Errors
    ///
    /// As for [`try_new`](Self::try_new), with the variable's name, and when it is not set.
    pub fn from_env(name: &str) -> Result<Self, ConfigError> {
        let value = env::var_os(name).map(|value| Zeroizing::new(value.into_encoded_bytes()));
        let value = value.ok_or_else(|| ConfigError::new(format!("{name}: is not set")))?;
        Self::try_new(&*value).map_err(|error| error.of(name))
    }

    /// Returns the bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn problems(bytes: &[u8]) -> Vec<String> {
    let mut problems = Vec::new();
    if bytes.len() < SHORTEST {
        let length = bytes.len();
        problems.push(format!(
            "a secret has at least {SHORTEST} bytes, this has {length}"
        ));
    }
    let different = bytes.iter().collect::<HashSet<_>>().len();
    if bytes.len() >= SHORTEST && different < LEAST_DIFFERENT {
        problems.push(format!(
            "a secret is random, this has {different} different bytes"
        ));
    }
    let text = Zeroizing::new(bytes.to_ascii_lowercase());
    let is_in = |word: &&&str| text.windows(word.len()).any(|part| part == word.as_bytes());
    if let Some(word) = WORDS.iter().find(is_in) {
        problems.push(format!(
            "a secret is random, this is a default of examples ({word})"
        ));
    }
    problems
}

const SHORTEST: usize = 32;
const LEAST_DIFFERENT: usize = 8;
/// Random text of such a length has one of them once in ten million.
const WORDS: [&str; 14] = [
    "changeme",
    "change-me",
    "change_me",
    "change-this",
    "change_this",
    "change-in-prod",
    "default-",
    "default_",
    "development",
    "example",
    "insecure",
    "password",
    "secret",
    "0123456789",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_random_is_a_secret() {
        for text in [
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2",
        ] {
            assert_eq!(Secret::try_new(text).unwrap().expose(), text.as_bytes());
        }
    }

    #[test]
    fn defaults_and_short_texts_are_refused_and_not_printed() {
        for (text, problem) in [
            (
                "q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc",
                "at least 32 bytes, this has 31",
            ),
            ("abababababababababababababababababab", "2 different bytes"),
            ("your-super-secret-key-change-me-in-production", "change-me"),
            ("DJANGO-INSECURE-q8Jm2Zr5Tn0Wv7Lx4Bd1", "insecure"),
        ] {
            let error = Secret::try_new(text).unwrap_err().to_string();

            assert!(error.contains(problem), "{error}");
            assert!(!error.contains(text), "{error}");
        }
        assert_eq!(
            Secret::from_env("PORTCULLIS_NOT_SET")
                .unwrap_err()
                .to_string(),
            "PORTCULLIS_NOT_SET: is not set"
        );
    }
}
