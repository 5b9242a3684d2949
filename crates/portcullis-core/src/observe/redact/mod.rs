//! Secrets in what a client sends, before it is logged or exported.

mod names;
mod shapes;
#[cfg(test)]
mod tests;
mod urls;

use std::{borrow::Cow, ops::Range};

use percent_encoding::percent_decode;

use self::urls::{has_password, is_with_password, split, userinfo};

/// A text with its secrets replaced, from its start to its end.
struct Redacted<'t> {
    text: &'t str,
    /// Up to where.
    done: usize,
    /// The text up to there, if something was replaced.
    out: String,
}

/// Where a list of names and values stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Query,
    Path,
}

// ===== impl Redacted =====

impl<'t> Redacted<'t> {
    const fn new(text: &'t str) -> Self {
        Self {
            text,
            done: 0,
            out: String::new(),
        }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text.as_bytes()[self.done..]
    }

    /// Replaces a part that stands behind those before.
    fn hide(&mut self, part: Range<usize>) {
        // Shapes are ASCII, and so is what separates names and values.
        let before = self.text.get(self.done..part.start);
        self.out.push_str(before.unwrap_or_default());
        self.out.push_str(REDACTED);
        self.done = part.end;
    }

    fn hide_if_secret(&mut self, part: Range<usize>, place: Place) {
        if is_secret(&self.text.as_bytes()[part.clone()], place) {
            self.hide(part);
        }
    }

    fn end(mut self) -> Cow<'t, str> {
        if self.out.is_empty() {
            return self.text.into();
        }
        self.out
            .push_str(self.text.get(self.done..).unwrap_or_default());
        self.out.into()
    }
}

// ===== impl Place =====

impl Place {
    /// Returns `true` for what stands between a name and its value.
    const fn has_sign(self, byte: u8) -> bool {
        byte == b'=' || byte == b':' && matches!(self, Self::Query)
    }
}

/// Returns a query with its secrets replaced by `REDACTED`. Separators, names and everything else stay
/// as they are; a query without secrets is borrowed.
///
/// Replaced is the value of a parameter whose name is one of a secret, and every value, or name, that
/// has something in it that looks like one:
///
/// | what | for example |
/// |---|---|
/// | the seven names of OpenTelemetry's conventions for `url.query` | `AWSAccessKeyId`, `Signature`, `sig`, `X-Amz-Credential`, `X-Amz-Security-Token`, `X-Amz-Signature`, `X-Goog-Signature` |
/// | names with `password`, `secret`, `apikey`, `credential`, `jwt` and the like in them | `client_secret`, `api-key`, `PASSWORD2` |
/// | names that end with `token`, `signature`, `cookie`, `sessionid` and the like | `id_token`, `csrftoken` |
/// | some names as a whole | `code`, `key`, `pin`, `sid`, `auth` |
/// | an API key of this project in a value or a name, also one that is cut off | `pk_4fzq0m8c1x7d_0123..` |
/// | a JSON Web Token or another object in base64 | `eyJhbGci..` |
/// | what follows the name of a header with credentials | `Authorization: Token abc` |
/// | credentials of the schemes `Bearer` and `Basic`, the ID of an AWS key, tokens such as `ghp_..` | `Bearer+abcd1234` |
/// | a secret in a value that is a URL, a query or JSON itself | `next=%2Fx%3Ftoken%3D1`, `f={"key":1}` |
/// | a user's password in a URL | `next=https://user:pass@host` |
///
/// Of a name the last 128 bytes are looked at. Names are compared without case and punctuation, each part of `user[password]` and `api.key` by itself
/// too, and both names and values are percent-decoded three times before. Parameters are separated by `&`
/// or `;`; a secret's value lasts to the next `&`.
///
/// Not found is a secret that has a name nobody knows and a form nobody knows.
///
/// ```
/// use portcullis_core::observe::redacted_query;
///
/// assert_eq!(redacted_query("page=2&Api-Key=abc"), "page=2&Api-Key=REDACTED");
/// ```
#[must_use]
pub fn redacted_query(query: &str) -> Cow<'_, str> {
    redacted_list(query, b'&', Place::Query)
}

/// Returns `true` for a parameter's or a header's name that a secret has, as in a
/// [query](redacted_query): `Authorization`, `set-cookie`, `x-api-key`.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    names::is_secret(&decoded(name.as_bytes()))
}

/// Returns a path with its secrets replaced by `REDACTED`: what looks like one in a segment, as in a
/// [query](redacted_query), and matrix parameters with the name of one (`;jsessionid=..`).
///
/// Not found is a secret without a form of its own, such as the last segment of `/reset/abc123`.
#[must_use]
pub fn redacted_path(path: &str) -> Cow<'_, str> {
    let is_plain = |byte: &u8| !matches!(byte, b'%' | b'=' | b'@');
    if path.as_bytes().iter().all(is_plain) {
        return redacted_text(path);
    }
    redacted_list(path, b'/', Place::Path)
}

/// Returns a URL with the secrets of its path, its query and its fragment replaced by `REDACTED`, and
/// without the user in it.
#[must_use]
pub fn redacted_url(url: &str) -> Cow<'_, str> {
    let (rest, fragment) = split(url, '#');
    let (rest, query) = split(rest, '?');
    let (before, user, path) = userinfo(rest).unwrap_or(("", None, rest));
    let path = redacted_path(path);
    let parts = [(query, '?'), (fragment, '#')];
    let parts = parts.map(|(part, sign)| part.map(|part| (redacted_query(part), sign)));
    let is_changed = |part: &Cow<'_, str>| matches!(part, Cow::Owned(_));
    let mut others = parts.iter().flatten();
    if user.is_none() && !is_changed(&path) && !others.any(|(part, _)| is_changed(part)) {
        return url.into();
    }
    let mut redacted = before.to_owned();
    redacted.push_str(user.map_or("", |_| REDACTED));
    redacted.push_str(&path);
    for (part, sign) in parts.into_iter().flatten() {
        redacted.push(sign);
        redacted.push_str(&part);
    }
    redacted.into()
}

/// Returns a text, such as a user agent, with what looks like a secret replaced by `REDACTED`: API keys,
/// tokens, credentials with their scheme, as in a [query](redacted_query), and what follows the name
/// `Authorization`, `Proxy-Authorization`, `Cookie`, `Set-Cookie` or `X-Api-Key` and `:` or `=`, to the end of
/// its line. Nothing is decoded, and no other names are looked for.
#[must_use]
pub fn redacted_text(text: &str) -> Cow<'_, str> {
    let mut redacted = Redacted::new(text);
    while let Some(found) = shapes::find(redacted.rest()) {
        let at = redacted.done;
        redacted.hide(at + found.start..at + found.end);
    }
    redacted.end()
}

/// Redacts the parts of a list, each by itself.
fn redacted_list(text: &str, separator: u8, place: Place) -> Cow<'_, str> {
    let mut redacted = Redacted::new(text);
    let mut at = 0;
    for part in text.as_bytes().split(|byte| *byte == separator) {
        let end = at + part.len();
        if may_be_secret(part) {
            redact_part(&mut redacted, at..end, place);
        }
        at = end + 1;
    }
    redacted.end()
}

/// Redacts a part, which `;` may separate into several. A server that knows no `;` takes what comes after
/// one for more of the secret.
fn redact_part(redacted: &mut Redacted<'_>, part: Range<usize>, place: Place) {
    let text = &redacted.text.as_bytes()[part.clone()];
    let mut at = part.start;
    for pair in text.split(|byte| *byte == b';') {
        let end = at + pair.len();
        if let Some(equals) = pair.iter().position(|byte| *byte == b'=') {
            let (name, value) = (at..at + equals, at + equals + 1);
            redacted.hide_if_secret(name, place);
            if names::is_secret(&decoded(&pair[..equals])) {
                return redacted.hide(value..part.end);
            }
            at = value;
        }
        redacted.hide_if_secret(at..end, place);
        at = end + 1;
    }
}

/// What is short, and has no name, is no secret that could be found.
fn may_be_secret(part: &[u8]) -> bool {
    let is_sign = |byte: &u8| matches!(byte, b'=' | b':' | b'%' | b'@');
    part.len() >= shapes::SHORTEST || part.iter().any(is_sign)
}

/// Returns `true` for a text that is a secret or has one in it.
fn is_secret(text: &[u8], place: Place) -> bool {
    if !may_be_secret(text) {
        return false;
    }
    let plain = decoded(text);
    // Of a path a URL in it has become segments.
    let is_user = || place == Place::Path && plain.contains(&b'@') && is_with_password(&plain);
    let is_sign = |byte: &u8| matches!(byte, b'=' | b':' | b'@');
    let has_parts = || plain.iter().any(is_sign);
    let has_secret = || is_nested(&plain, place) || has_password(&plain) || is_user();
    shapes::find(&plain).is_some() || has_parts() && has_secret()
}

/// Returns `true` for what has a name of a secret in it, with a value.
fn is_nested(text: &[u8], place: Place) -> bool {
    let is_secret = |at: usize| {
        let before = text[..at].trim_ascii_end();
        // In JSON, perhaps of a text in JSON.
        let is_quote = |byte: &u8| !b"\"'\\".contains(byte);
        let end = before.iter().rposition(is_quote).map_or(0, |end| end + 1);
        let before = &before[..end];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(byte);
        let start = before.iter().rposition(|byte| !is_part(byte));
        let start = start.map_or(0, |start| start + 1);
        at + 1 < text.len() && names::is_secret(&before[start..])
    };
    let mut bytes = text.iter().enumerate();
    bytes.any(|(at, byte)| place.has_sign(*byte) && is_secret(at))
}

/// Percent-decodes a text so often that whoever reads it can't find more. A plus is a space.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return text.into();
    }
    let mut plain: Vec<u8> = percent_decode(text).collect();
    for _ in 1..ROUNDS {
        if plain.contains(&b'%') {
            plain = percent_decode(&plain).collect();
        }
    }
    for byte in &mut plain {
        *byte = if *byte == b'+' { b' ' } else { *byte };
    }
    plain.into()
}

const REDACTED: &str = "REDACTED";

/// Servers, proxies and applications decode, each once.
const ROUNDS: usize = 3;
