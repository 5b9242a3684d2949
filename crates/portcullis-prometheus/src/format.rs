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
        let quality = |media_type, version: &str| {
            accepted_quality(headers, media_type, |parameter| is_ours(parameter, version))
        };
        let openmetrics = quality("application/openmetrics-text", "1.0.0");
        if openmetrics > quality("text/plain", "0.0.4") {
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

/// Whether a parameter is one that our text of this version has. Names have any case, and values may be
/// in quotes (RFC 9110, section 5.6.6).
fn is_ours(parameter: &[u8], version: &str) -> bool {
    let text = String::from_utf8_lossy(parameter);
    let Some((name, value)) = text.split_once('=') else {
        return false;
    };
    let value = value.trim_matches('"');
    match name.to_ascii_lowercase().as_str() {
        "version" => value == version,
        "charset" => value.eq_ignore_ascii_case("utf-8"),
        // Names of ours need no escaping, so that any is right.
        "escaping" => true,
        _ => false,
    }
}
