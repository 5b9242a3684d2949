//! Keys of clients, in a profile or in variables.

use http::HeaderName;
use serde::Deserialize;

use crate::Error;

/// Keys of clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Keys {
    /// The header that carries the key.
    pub header: String,
    /// A key that opens `routes.protected`. `env:NAME` reads a variable.
    pub valid: Option<String>,
    /// A key that was revoked: 401.
    pub revoked: Option<String>,
    /// A key that has expired: 401.
    pub expired: Option<String>,
    /// A valid key that may not use `routes.protected`: 403.
    pub unscoped: Option<String>,
    /// The valid key of another client: it must not read `routes.own`.
    pub other: Option<String>,
}

// ===== impl Keys =====

impl Keys {
    /// Returns the keys, with what stands in variables.
    pub(crate) fn resolve(&self) -> Result<Self, Error> {
        if HeaderName::from_bytes(self.header.as_bytes()).is_err() {
            let problem = format!("keys.header: {:?} is no name of a header", self.header);
            return Err(Error::profile(problem));
        }
        Ok(Self {
            header: self.header.to_ascii_lowercase(),
            valid: key("valid", &self.valid)?,
            revoked: key("revoked", &self.revoked)?,
            expired: key("expired", &self.expired)?,
            unscoped: key("unscoped", &self.unscoped)?,
            other: key("other", &self.other)?,
        })
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            header: "x-api-key".to_owned(),
            valid: None,
            revoked: None,
            expired: None,
            unscoped: None,
            other: None,
        }
    }
}

/// Returns a key. One that no header can carry is a mistake.
fn key(name: &str, text: &Option<String>) -> Result<Option<String>, Error> {
    let key = value(text)?;
    let wrong = |why: &str| Err(Error::profile(format!("keys.{name}: {why}")));
    match key.as_deref() {
        Some("") => wrong("it is empty"),
        Some(key) if key.trim() != key => wrong("a space or a line break at its beginning or end"),
        Some(key) if key.contains(char::is_control) => {
            wrong("a line break or another control character is in it")
        }
        _ => Ok(key),
    }
}

/// Returns the text, or what the variable after `env:` holds.
pub(crate) fn value(text: &Option<String>) -> Result<Option<String>, Error> {
    let Some(name) = text.as_deref().and_then(|text| text.strip_prefix("env:")) else {
        return Ok(text.clone());
    };
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Error::profile(format!("env:{name}")).because(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_header_can_carry_is_one_line_without_the_key() {
        for (header, valid, why) in [
            ("x-api-key", "pk_secret\nx", "keys.valid: a line break"),
            (
                "x-api-key",
                "pk_secret\n",
                "keys.valid: a space or a line break",
            ),
            (
                "x-api-key",
                "pk_secret\u{1}x",
                "keys.valid: a line break or another control",
            ),
            ("x-api-key", "", "keys.valid: it is empty"),
            (
                "x api key",
                "pk_secret",
                "keys.header: \"x api key\" is no name",
            ),
        ] {
            let keys = Keys {
                header: header.to_owned(),
                valid: Some(valid.to_owned()),
                ..Keys::default()
            };
            let problem = keys.resolve().unwrap_err().to_string();
            assert!(problem.starts_with(why), "{problem}");
            assert!(
                !problem.contains('\n') && !problem.contains("secret"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let keys = Keys {
            valid: Some("env:NO_SUCH_VARIABLE_HERE".to_owned()),
            ..Keys::default()
        };

        assert!(
            keys.resolve()
                .unwrap_err()
                .to_string()
                .contains("NO_SUCH_VARIABLE_HERE")
        );
    }
}
