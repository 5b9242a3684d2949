//! Finding the key in a request.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

/// The key that a request carries: exactly one, in one of the two headers.
#[inline]
pub(super) fn find(headers: &HeaderMap) -> Option<&[u8]> {
    let own = only(headers, &X_API_KEY)?;
    let bearer = only(headers, &AUTHORIZATION)?;
    match (own, bearer) {
        (Some(key), None) => Some(key.as_bytes()),
        (None, Some(value)) => bearer_token(value.as_bytes()),
        _ => None,
    }
}

/// Keeps whatever may be a key from being printed with the other headers.
pub(super) fn hide(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if [&X_API_KEY, &AUTHORIZATION].contains(&name) {
            value.set_sensitive(true);
        }
    }
}

/// `Some(None)` without the header, `None` with more than one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    values.next().is_none().then_some(first)
}

/// The scheme is compared without regard to case (RFC 9110, section 11.1).
fn bearer_token(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(SCHEME.len())?;
    let token = token.strip_prefix(b" ")?;
    let start = token
        .iter()
        .position(|byte| *byte != b' ')
        .unwrap_or(token.len());
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then_some(&token[start..])
}

const SCHEME: &[u8] = b"bearer";
static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
