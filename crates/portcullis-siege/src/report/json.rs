//! JSON: the report as it is.

use super::Report;
use crate::ReportError;

// ===== impl Report =====

impl Report {
    /// Returns the report as JSON. Its schema is [`Report::json_schema`].
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
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        serde_json::from_str(text).map_err(ReportError)
    }

    /// Returns the JSON schema of a report.
    #[must_use]
    pub fn json_schema() -> String {
        let text = serde_json::to_string_pretty(&schemars::schema_for!(Self));
        text.unwrap_or_default() + "\n"
    }
}
