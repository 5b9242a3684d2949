//! Finding the key in a request.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

/// The header that a key came in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    XApiKey,
    Authorization,
}

/// The key that a request carries: exactly one, in one of the two headers.
pub(super) fn find(headers: &HeaderMap) -> Option<(Source, &str)> {
    let own = only(headers, &X_API_KEY)?;
    let bearer = only(headers, &AUTHORIZATION)?;
    match (own, bearer) {
        (Some(key), None) => Some((Source::XApiKey, key.to_str().ok()?)),
        (None, Some(value)) => Some((Source::Authorization, bearer_token(value.to_str().ok()?)?)),
        _ => None,
    }
}

/// Keeps the key from being printed with the other headers.
pub(super) fn hide(headers: &mut HeaderMap, source: Source) {
    let name = match source {
        Source::XApiKey => &X_API_KEY,
        Source::Authorization => &AUTHORIZATION,
    };
    if let Some(value) = headers.get_mut(name) {
        value.set_sensitive(true);
    }
}

/// `Some(None)` without the header, `None` with more than one.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    values.next().is_none().then_some(first)
}

/// The scheme is compared without regard to case (RFC 9110, section 11.1).
fn bearer_token(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start_matches(' '))
}

static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
