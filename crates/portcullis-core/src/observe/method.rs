use http::Method;

/// The method by the name that OpenTelemetry's HTTP conventions know it by; `None` for others.
///
/// A client may invent methods. Spans are named and metrics labelled by known ones only; the rest
/// is `_OTHER`.
#[must_use]
pub fn known_method(method: &Method) -> Option<&'static str> {
    let known = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY",
    ];
    known.into_iter().find(|name| *name == method.as_str())
}
