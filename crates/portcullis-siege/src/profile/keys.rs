//! Keys of clients, in a profile or in variables.

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
        Ok(Self {
            header: self.header.to_ascii_lowercase(),
            valid: value(&self.valid)?,
            revoked: value(&self.revoked)?,
            expired: value(&self.expired)?,
            unscoped: value(&self.unscoped)?,
            other: value(&self.other)?,
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
