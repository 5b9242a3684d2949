//! JSON: the report as it is.

use super::Report;

// ===== impl Report =====

impl Report {
    /// The report as JSON. Its schema is [`Report::json_schema`].
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.unwrap_or_default() + "\n"
    }

    /// Reads [`Report::to_json`].
    ///
    /// # Errors
    ///
    /// One line that says what is wrong.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("not a report: {error}"))
    }

    /// The JSON schema of a report.
    #[must_use]
    pub fn json_schema() -> String {
        let text = serde_json::to_string_pretty(&schemars::schema_for!(Self));
        text.unwrap_or_default() + "\n"
    }
}
