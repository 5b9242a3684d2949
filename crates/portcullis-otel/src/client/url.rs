//! What spans say of a URL.

use http::{Uri, header, request};
use portcullis_core::observe::{redacted_path, redacted_query};

/// Returns the host of a call, without brackets, and its port.
pub(super) fn server(head: &request::Parts) -> Option<(String, Option<u16>)> {
    let host = || head.headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    let authority = head.uri.authority().cloned().or_else(host)?;
    let default = match head.uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    let port = authority.port_u16().or(default);
    let name = authority.host().trim_matches(['[', ']']);
    Some((cut(name).to_owned(), port))
}

/// Returns a URL for `url.full`: what a user's name and password are, and the secrets of its query,
/// is `REDACTED`.
pub(super) fn full(uri: &Uri) -> String {
    let mut url = String::new();
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
        let authority = authority.as_str();
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let user = if user.is_empty() { "" } else { REDACTED };
        url.extend([scheme, "://", user, host]);
    }
    url.push_str(&redacted_path(uri.path()));
    if let Some(query) = uri.query() {
        url.extend(["?", &redacted_query(query)]);
    }
    url.truncate(cut(&url).len());
    url
}

/// The start of a text, without half a character at its end.
fn cut(text: &str) -> &str {
    let longest = text.len().min(LONGEST);
    let end = (0..=longest).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// For both, as the conventions have it.
const REDACTED: &str = "REDACTED:REDACTED@";

/// Of a URL, in bytes.
const LONGEST: usize = 2048;
