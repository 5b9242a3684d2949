use http::HeaderMap;
use portcullis_core::accepted_quality;

/// A text format of metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextFormat {
    /// Prometheus' own, version 0.0.4. What nobody says otherwise gets: every tool reads it.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0.0, which has exemplars.
    OpenMetrics,
}

// ===== impl TextFormat =====

impl TextFormat {
    /// Returns what `Accept` asks for: OpenMetrics where it gives that version a higher quality than
    /// the other (RFC 9110, section 12.5.1). Who accepts neither gets Prometheus' format.
    #[must_use]
    pub fn preferred(headers: &HeaderMap) -> Self {
        let is_other = |parameter: &[u8]| {
            // Names of ours need no escaping, so that any is right.
            parameter.eq_ignore_ascii_case(b"charset=utf-8") || parameter.starts_with(b"escaping=")
        };
        let quality = |media_type, version: &[u8]| {
            accepted_quality(headers, media_type, |parameter| {
                parameter == version || is_other(parameter)
            })
        };
        let openmetrics = quality("application/openmetrics-text", b"version=1.0.0");
        if openmetrics > quality("text/plain", b"version=0.0.4") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// Returns the value of `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}
