//! Reading Envoy's `X-Forwarded-Client-Cert`.
//!
//! Elements are separated by commas, and have pairs of a key and a value, separated by semicolons. A value
//! with one of these, or an equals sign, is in quotes, in which a backslash escapes what follows it.

use super::ClientCert;

/// Returns the last element of a field, if all of it can be read.
pub(super) fn last(text: &str) -> Option<ClientCert> {
    let mut rest = text;
    loop {
        let mut cert = ClientCert::default();
        let mut has_key = false;
        let end = loop {
            let (key, value, end, after) = pair(rest)?;
            rest = after;
            has_key |= !key.is_empty();
            add(&mut cert, key, value)?;
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
fn add(cert: &mut ClientCert, key: &str, value: String) -> Option<()> {
    let is = |known: &str| key.eq_ignore_ascii_case(known);
    if value.is_empty() {
        return Some(());
    }
    if is("Hash") {
        let is_hex = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_new = cert.fingerprint.is_none();
        cert.fingerprint = Some(value.to_ascii_lowercase());
        return (is_hex && is_new).then_some(());
    }
    if is("Subject") {
        return cert.subject.replace(value).is_none().then_some(());
    }
    let names = if is("URI") {
        &mut cert.uris
    } else if is("DNS") {
        &mut cert.dns
    } else {
        return Some(());
    };
    names.push(value);
    (names.len() <= MOST).then_some(())
}

const MOST: usize = 32;
