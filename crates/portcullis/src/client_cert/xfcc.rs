//! Reading Envoy's `X-Forwarded-Client-Cert`.
//!
//! Elements are separated by commas, and have pairs of a key and a value, separated by semicolons. A value
//! with one of these, or an equals sign, is in quotes, in which a backslash escapes what follows it.

use portcullis_core::ClientCert;

/// Returns the last element of a field, if all of it can be read.
pub(super) fn last(text: &str) -> Option<ClientCert> {
    let mut rest = text;
    loop {
        let mut cert = ClientCert::new();
        let mut has_key = false;
        let end = loop {
            let (key, value, end, after) = pair(rest)?;
            rest = after;
            has_key |= !key.is_empty();
            cert = add(cert, key, value)?;
            if end != Some(';') {
                break end;
            }
        };
        if !has_key {
            return None;
        }
        if end.is_none() {
            return Some(cert);
        }
    }
}

/// A key, its value, what ended it, and what follows.
type Pair<'a> = (&'a str, String, Option<char>, &'a str);

fn pair(text: &str) -> Option<Pair<'_>> {
    let text = text.trim_start_matches([' ', '\t']);
    let (key, rest) = text.split_once('=')?;
    let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted_value(quoted)?,
        None => {
            let end = rest.find([',', ';', '"']).unwrap_or(rest.len());
            (
                rest[..end].trim_end_matches([' ', '\t']).to_owned(),
                &rest[end..],
            )
        }
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    let end = rest.chars().next();
    let is_end = matches!(end, None | Some(',' | ';'));
    let after = rest.get(1..).unwrap_or_default();
    (is_key && is_end).then_some((key, value, end, after))
}

/// Returns what is in quotes, and what follows them.
fn quoted_value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

/// Adds what a pair tells. Keys are compared without regard to case; what is not known is left out.
fn add(cert: ClientCert, key: &str, value: String) -> Option<ClientCert> {
    let is = |known: &str| key.eq_ignore_ascii_case(known);
    if value.is_empty() {
        return Some(cert);
    }
    if is("Hash") {
        let is_hex = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_new = cert.fingerprint().is_none();
        return (is_hex && is_new).then(|| cert.with_fingerprint(value.to_ascii_lowercase()));
    }
    if is("Subject") {
        let is_new = cert.subject().is_none();
        return is_new.then(|| cert.with_subject(value));
    }
    let cert = if is("URI") {
        cert.with_uri(value)
    } else if is("DNS") {
        cert.with_dns(value)
    } else {
        cert
    };
    (cert.uris().len() <= MOST && cert.dns().len() <= MOST).then_some(cert)
}

const MOST: usize = 32;
