use std::fmt;

use crate::ConfigError;

/// What a caller may do: a set of scope tokens (RFC 6749, section 3.3), compared to the byte. At most 64, of
/// at most 128 bytes each.
///
/// Printed in their order, separated by spaces.
///
/// ```
/// use portcullis_core::Scopes;
///
/// # fn main() -> Result<(), portcullis_core::ConfigError> {
/// let scopes = Scopes::parse("write read")?;
/// assert!(scopes.contains("read") && !scopes.contains("READ"));
/// assert_eq!(scopes.to_string(), "read write");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Box<[Box<str>]>);

// ===== impl Scopes =====

impl Scopes {
    /// Parses tokens that are separated by spaces. No token is no scope.
    ///
    /// # Errors
    ///
    /// Returns an error for a token with a character that none may have (RFC 6749, section 3.3) or with more
    /// than 128 bytes, or for more than 64 tokens.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::try_new(text.split(' ').filter(|token| !token.is_empty()))
    }

    /// Creates a set of tokens.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse), and for an empty token.
    pub fn try_new(tokens: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let tokens = tokens.into_iter().map(|token| Box::from(token.as_ref()));
        let mut tokens: Vec<Box<str>> = tokens.take(MOST + 1).collect();
        let wrong = tokens.iter().filter(|token| !is_token(token));
        let mut problems: Vec<_> = wrong
            .map(|token| format!("{token:?} is not a scope"))
            .collect();
        if tokens.len() > MOST {
            problems.push(format!("there are more than {MOST} scopes"));
        }
        ConfigError::check(problems)?;
        tokens.sort_unstable();
        tokens.dedup();
        Ok(Self(tokens.into()))
    }

    /// Returns `true` if the set has this token.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0
            .binary_search_by(|own| own.as_ref().cmp(token))
            .is_ok()
    }

    /// Returns `true` if the set has every token of another.
    #[must_use]
    pub fn contains_all(&self, others: &Self) -> bool {
        others.iter().all(|token| self.contains(token))
    }

    /// Returns the tokens, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns `true` if there is no token.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`: safe inside a quoted string.
fn is_token(token: &str) -> bool {
    let is_allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !token.is_empty() && token.len() <= LONGEST && token.bytes().all(is_allowed)
}

const MOST: usize = 64;
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_what_was_named_once() {
        let scopes = Scopes::parse("  b a b ").unwrap();

        assert_eq!(scopes.iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(scopes.contains_all(&Scopes::parse("a").unwrap()));
        assert!(!scopes.contains_all(&Scopes::parse("a c").unwrap()));
        assert!(scopes.contains_all(&Scopes::default()));
        assert!(Scopes::parse("").unwrap().is_empty());
    }

    #[test]
    fn every_token_that_is_none_is_named() {
        let error = Scopes::try_new(["a\"b", "", "ok", "c\\d", "\u{e9}"]).unwrap_err();

        assert_eq!(error.problems().count(), 4, "{error}");
        let many = (0..65).map(|number| number.to_string());
        let error = Scopes::try_new(many).unwrap_err();
        assert_eq!(error.to_string(), "there are more than 64 scopes");
    }
}
