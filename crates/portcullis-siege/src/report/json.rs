//! JSON: the report as it is.

use super::Report;
use crate::{Error, error::ErrorKind};

// ===== impl Report =====

impl Report {
    /// Returns the report as JSON. With the feature `schema`, `json_schema` returns its schema.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.unwrap_or_default() + "\n"
    }

    /// Reads [`Report::to_json`].
    ///
    /// # Errors
    ///
    /// Fails if the text is not a report.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Report, "not a report").because(error))
    }

    /// Returns the JSON schema of a report.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn json_schema() -> String {
        let text = serde_json::to_string_pretty(&schemars::schema_for!(Self));
        text.unwrap_or_default() + "\n"
    }
}
