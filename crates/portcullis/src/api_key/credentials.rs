//! Finding the key in a request.

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use portcullis_core::Reason;

use crate::credentials::{self, Found};

/// Returns the key that a request carries: exactly one, in one of the two headers.
///
/// A bearer token with a dot is no key, but may be a token of somebody else.
#[inline]
pub(super) fn find(headers: &HeaderMap) -> Result<&[u8], Reason> {
    match credentials::only(headers, &X_API_KEY) {
        Found::One(key) if !headers.contains_key(AUTHORIZATION) => Ok(key.as_bytes()),
        Found::One(_) | Found::Several => Err(Reason::SeveralCredentials),
        Found::Nothing => match credentials::bearer(headers) {
            Found::One(token) if !token.contains(&b'.') => Ok(token),
            Found::One(_) | Found::Nothing => Err(Reason::NoCredentials),
            Found::Several => Err(Reason::SeveralCredentials),
        },
    }
}

/// Keeps whatever may be a key from being printed with the other headers.
pub(super) fn hide(headers: &mut HeaderMap) {
    credentials::hide(headers, &[X_API_KEY, AUTHORIZATION]);
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
