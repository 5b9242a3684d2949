//! Secrets in what a client sends, before it is logged or exported.

mod names;
mod shapes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use percent_encoding::percent_decode;

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
    redacted_list(query, '&', QUERY)
}

/// Returns `true` for a parameter's or a header's name that a secret has, as in a
/// [query](redacted_query): `Authorization`, `set-cookie`, `x-api-key`.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    names::is_secret(&decoded(name))
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
    redacted_list(path, '/', PATH)
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
    let Some(mut found) = shapes::find(text.as_bytes()) else {
        return text.into();
    };
    let (mut redacted, mut rest) = (String::new(), text);
    loop {
        // Their ends are between characters.
        let (before, after) = (rest.get(..found.start), rest.get(found.end..));
        redacted.push_str(before.unwrap_or_default());
        redacted.push_str(REDACTED);
        rest = after.unwrap_or_default();
        match shapes::find(rest.as_bytes()) {
            Some(next) => found = next,
            None => break,
        }
    }
    redacted.push_str(rest);
    redacted.into()
}

/// Redacts the parts of a list, each by itself.
fn redacted_list<'t>(text: &'t str, separator: char, signs: &[u8]) -> Cow<'t, str> {
    let mut redacted = None;
    let mut at = 0;
    for part in text.split(separator) {
        let new = redacted_part(part, signs);
        if redacted.is_none() && matches!(new, Cow::Owned(_)) {
            redacted = Some(text[..at].to_owned());
        } else if let Some(redacted) = &mut redacted
            && at > 0
        {
            redacted.push(separator);
        }
        if let Some(redacted) = &mut redacted {
            redacted.push_str(&new);
        }
        at += part.len() + separator.len_utf8();
    }
    redacted.map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Redacts a part, which `;` may separate into several. A server that knows no `;` takes what comes after
/// one for more of the secret.
fn redacted_part<'t>(part: &'t str, signs: &[u8]) -> Cow<'t, str> {
    if !may_be_secret(part.as_bytes()) {
        return part.into();
    }
    let mut redacted = String::new();
    for (at, pair) in part.split(';').enumerate() {
        redacted.push_str(if at > 0 { ";" } else { "" });
        match pair.split_once('=') {
            Some((name, _)) if names::is_secret(&decoded(name)) => {
                redacted.push_str(shown(name, signs));
                redacted.push('=');
                redacted.push_str(REDACTED);
                return redacted.into();
            }
            Some((name, value)) => {
                redacted.push_str(shown(name, signs));
                redacted.push('=');
                redacted.push_str(shown(value, signs));
            }
            None => redacted.push_str(shown(pair, signs)),
        }
    }
    if redacted == part {
        part.into()
    } else {
        redacted.into()
    }
}

/// What is short, and has no name, is no secret that could be found.
fn may_be_secret(part: &[u8]) -> bool {
    let is_sign = |byte: &u8| matches!(byte, b'=' | b':' | b'%' | b'@');
    part.len() >= shapes::SHORTEST || part.iter().any(is_sign)
}

/// Returns a text, unless it is a secret or has one in it.
fn shown<'t>(text: &'t str, signs: &[u8]) -> &'t str {
    let plain = decoded(text);
    // Of a path a URL in it has become segments.
    let is_user = signs == PATH && plain.contains(&b'@') && is_with_password(&plain);
    let is_secret = shapes::find(&plain).is_some() || is_nested(&plain, signs) || is_user;
    if is_secret { REDACTED } else { text }
}

/// Returns `true` for what has a name of a secret in it, with a value, or a user's password.
fn is_nested(text: &[u8], signs: &[u8]) -> bool {
    let mut named = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| signs.contains(byte));
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
    named.any(|(at, _)| is_secret(at)) || has_password(text)
}

fn has_password(text: &[u8]) -> bool {
    let mut starts = text.windows(3).enumerate();
    starts.any(|(at, three)| three == b"://" && is_with_password(&text[at + 3..]))
}

/// Whether a text that begins with an authority has a password in it, or is cut where one may be.
fn is_with_password(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| b"/?#".contains(byte));
    let authority = &text[..end.unwrap_or(text.len())];
    let at = authority.iter().rposition(|byte| *byte == b'@');
    match (at, end) {
        (Some(at), _) => authority[..at].contains(&b':'),
        // An `@` may have been cut off; a port has digits only.
        (None, None) => {
            let colon = authority.iter().rposition(|byte| *byte == b':');
            let is_port = |port: &[u8]| {
                port.iter()
                    .all(|byte| byte.is_ascii_digit() || *byte == b']')
            };
            colon.is_some_and(|colon| {
                !is_port(&authority[colon + 1..]) && !authority.contains(&b']')
            })
        }
        (None, Some(_)) => false,
    }
}

/// Splits a URL before and after the user in it, if there is one.
fn userinfo(url: &str) -> Option<(&str, Option<&str>, &str)> {
    let start = match url.strip_prefix("//") {
        Some(_) => 2,
        None => url.find("://")? + 3,
    };
    let end = url[start..].find('/').map_or(url.len(), |end| start + end);
    if is_with_password(url.as_bytes().get(start..)?) && !url[start..end].contains('@') {
        // It is cut off where an `@` would be.
        return Some((&url[..start], Some(&url[start..end]), &url[end..]));
    }
    let at = start + url[start..end].rfind('@')?;
    Some((&url[..start], Some(&url[start..at]), &url[at..]))
}

fn split(text: &str, sign: char) -> (&str, Option<&str>) {
    match text.split_once(sign) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Percent-decodes a text so often that whoever reads it can't find more. A plus is a space.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    let mut plain = Cow::Borrowed(text.as_bytes());
    for _ in 0..ROUNDS {
        if !plain.contains(&b'%') {
            break;
        }
        plain = Cow::Owned(percent_decode(&plain).collect());
    }
    if plain.contains(&b'+') {
        let spaces = plain
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte });
        plain = Cow::Owned(spaces.collect());
    }
    plain
}

const REDACTED: &str = "REDACTED";

/// Servers, proxies and applications decode, each once.
const ROUNDS: usize = 3;

/// What stands between a name and its value.
const QUERY: &[u8] = b"=:";
const PATH: &[u8] = b"=";
