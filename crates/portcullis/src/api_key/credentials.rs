//! Finding the key in a request.

use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use portcullis_core::Reason;

use crate::credentials::{self, Found};

/// Returns the key that a request carries: exactly one, in one of the two headers.
///
/// A bearer token without the form of a key may be one of somebody else.
#[inline]
pub(super) fn find(headers: &HeaderMap) -> Result<&[u8], Reason> {
    match credentials::only(headers, &X_API_KEY) {
        Found::One(key) if !headers.contains_key(AUTHORIZATION) => Ok(key.as_bytes()),
        Found::One(_) | Found::Several => Err(Reason::SeveralCredentials),
        Found::Nothing => match credentials::bearer(headers) {
            Found::One(token) if is_ours(token) => Ok(token),
            Found::One(_) | Found::Nothing => Err(Reason::NoCredentials),
            Found::Several => Err(Reason::SeveralCredentials),
        },
    }
}

/// Two underscores, and no dot, which a signed token has.
fn is_ours(token: &[u8]) -> bool {
    let underscores = token.iter().filter(|byte| **byte == b'_').take(2);
    underscores.count() == 2 && !token.contains(&b'.')
}

/// Keeps whatever may be a key from being printed with the other headers.
pub(super) fn hide(headers: &mut HeaderMap) {
    credentials::hide(headers, &[X_API_KEY, AUTHORIZATION]);
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
