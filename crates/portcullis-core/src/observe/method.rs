use http::Method;

/// The method by the name that OpenTelemetry's HTTP conventions know it by; `None` for others.
///
/// A client may invent methods. Spans are named and metrics labelled by known ones only; the rest
/// is `_OTHER`.
#[must_use]
pub fn known_method(method: &Method) -> Option<&'static str> {
    KNOWN.into_iter().find(|name| *name == method.as_str())
}

/// Of RFC 9110, PATCH (RFC 5789) and QUERY.
pub(super) const KNOWN: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
];
