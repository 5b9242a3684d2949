//! Keys as text for an environment variable.

use std::collections::HashSet;

use portcullis_core::{ConfigError, Principal};

use super::{
    ApiKey, KeyDigest, KeyHasher, KeyRecord, key,
    value::{A_NAME, is_name},
};

/// Reads entries. Returns what is wrong with each, by its number: an entry is never printed.
pub(super) fn parse(
    text: &str,
    hasher: &KeyHasher,
) -> Result<Vec<(Box<str>, KeyRecord)>, ConfigError> {
    let (mut keys, mut ids) = (Vec::new(), HashSet::new());
    let mut problems = Vec::new();
    for (at, entry) in entries(text).enumerate() {
        match parse_entry(entry, hasher) {
            Ok((id, _)) if !ids.insert(id.clone()) => {
                problems.push(format!("API keys: entry {}: duplicate id {id}", at + 1));
            }
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(format!("API keys: entry {}: {problem}", at + 1)),
        }
    }
    if keys.is_empty() && problems.is_empty() {
        problems.push("API keys: no key".to_owned());
    }
    ConfigError::check(problems)?;
    Ok(keys)
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(without_comment);
    let separators = |c: char| c == ',' || c.is_whitespace();
    lines.flat_map(move |line| line.split(separators).filter(|entry| !entry.is_empty()))
}

fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(kept, _)| kept)
}

fn parse_entry(entry: &str, hasher: &KeyHasher) -> Result<(Box<str>, KeyRecord), String> {
    let (name, key) = match entry.split_once('=') {
        Some((name, key)) => (Some(name), key),
        None => (None, entry),
    };
    let (id, digest) = if key.starts_with("sha256:") || key.starts_with("hmac-sha256:") {
        parse_digest(key, hasher)?
    } else {
        parse_key(key, hasher)?
    };
    let name = name.filter(|name| !name.is_empty()).unwrap_or(&id);
    if !is_name(name) {
        return Err(format!("a principal is {A_NAME}"));
    }
    let principal = Principal::new(name).with_key(&*id);
    Ok((id, KeyRecord::new(digest, principal)))
}

fn parse_key(key: &str, hasher: &KeyHasher) -> Result<(Box<str>, KeyDigest), String> {
    let key = ApiKey::parse(key).map_err(|error| error.to_string())?;
    Ok((key.id().into(), key.digest_by(hasher)))
}

/// `sha256:ID:HEX`.
fn parse_digest(stored: &str, hasher: &KeyHasher) -> Result<(Box<str>, KeyDigest), String> {
    let mut parts = stored.splitn(3, ':');
    let (Some(algorithm), Some(id), Some(hex)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("a digest reads {}:ID:HEX", hasher.name()));
    };
    let digest = hasher.parse(&format!("{algorithm}:{hex}"))?;
    key::check_id(id).map_err(|error| error.to_string())?;
    Ok((id.into(), digest))
}
