//! Where credentials are in a request.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

/// What a request has in a field that may be there once.
pub(crate) enum Found<T> {
    Nothing,
    One(T),
    Several,
}

/// Returns the one value of a field.
#[inline]
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Found<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Found::Nothing,
        (Some(value), None) => Found::One(value),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// Returns the bearer token of a request; nothing if its one `Authorization` is of another scheme.
#[inline]
pub(crate) fn bearer(headers: &HeaderMap) -> Found<&[u8]> {
    match only(headers, &AUTHORIZATION) {
        Found::Nothing => Found::Nothing,
        Found::One(value) => token(value.as_bytes()).map_or(Found::Nothing, Found::One),
        Found::Several => Found::Several,
    }
}

/// Keeps what may be a secret from being printed with the other fields.
pub(crate) fn hide(headers: &mut HeaderMap, names: &[HeaderName]) {
    for (name, value) in headers.iter_mut() {
        if names.contains(name) {
            value.set_sensitive(true);
        }
    }
}

/// The scheme is compared without regard to case (RFC 9110, section 11.1).
fn token(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(SCHEME.len())?;
    let token = token.strip_prefix(b" ")?;
    let is_space = |byte: &u8| *byte == b' ';
    let start = token.iter().position(|byte| !is_space(byte));
    scheme
        .eq_ignore_ascii_case(SCHEME)
        .then_some(&token[start.unwrap_or(token.len())..])
}

const SCHEME: &[u8] = b"bearer";
