//! A verifier of signed requests by hand, right in all but the fault. One signature, written in one way.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::{
    faults::Fault,
    message::Head,
    signatures::{KEY_ID, SECRET},
};

/// A signature, and what it tells of itself.
#[derive(Debug)]
pub(crate) struct Seal {
    fault: Fault,
    /// The identifiers, with their quotes.
    components: Vec<String>,
    params: Vec<(String, String)>,
    /// What the base has as `@signature-params`.
    input: String,
    signature: Vec<u8>,
}

// ===== impl Seal =====

impl Seal {
    pub(crate) fn new(fault: Fault, head: &Head) -> Option<Self> {
        let one = |name: &str| match &head.all(name)[..] {
            [field] => Some(field.clone()),
            _ => None,
        };
        let (inputs, signatures) = (one("signature-input")?, one("signature")?);
        let (inputs, signatures) = if fault == Fault::FirstLabel {
            (first(&inputs), first(&signatures))
        } else {
            (inputs.as_str(), signatures.as_str())
        };
        let (label, input) = inputs.split_once('=')?;
        let (other, signature) = signatures.split_once('=')?;
        let is_label = label.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_label || label != other || label != "sig1" && fault == Fault::LabelFixed {
            return None;
        }
        let signature = signature.strip_prefix(':')?.strip_suffix(':')?;
        let (list, params) = input.strip_prefix('(')?.split_once(')')?;
        let components: Vec<_> = list.split(' ').map(str::to_owned).collect();
        let mut read: Vec<(String, String)> = Vec::new();
        for param in params.split(';').skip(1) {
            let (name, value) = param.split_once('=')?;
            if read.iter().any(|(known, _)| known == name) {
                return None;
            }
            read.push((name.to_owned(), value.to_owned()));
        }
        Some(Self {
            fault,
            components,
            params: read,
            input: input.to_owned(),
            signature: STANDARD.decode(signature).ok()?,
        })
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The text of a parameter; empty if there is none.
    fn text(&self, name: &str) -> Option<&str> {
        let Some((_, value)) = self.params.iter().find(|(known, _)| known == name) else {
            return Some("");
        };
        let inner = value.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.contains(['"', '\\']) && inner.len() <= 256).then_some(inner)
    }

    fn date(&self, name: &str) -> Option<u64> {
        let (_, value) = self.params.iter().find(|(known, _)| known == name)?;
        value.parse().ok().filter(|date| *date < 1 << 40)
    }

    pub(crate) fn nonce(&self) -> &str {
        self.text("nonce").unwrap_or("")
    }

    pub(crate) fn is_good(&self, head: &Head) -> bool {
        self.are_components_good(head)
            && self.are_params_good()
            && self.are_dates_good()
            && self.is_signed(head)
    }

    fn are_components_good(&self, head: &Head) -> bool {
        let all = &self.components;
        let required = ["@method", "@authority", "@path", "@query"];
        let covers = |name: &str| all.iter().any(|known| known.trim_matches('"') == name);
        let is_twice = (1..all.len()).any(|at| all[..at].contains(&all[at]));
        required.iter().all(|name| covers(name))
            && (covers("content-digest")
                || self.has(Fault::DigestUncovered)
                || self.has(Fault::DigestMissing) && !head.has("content-digest"))
            && (!is_twice || self.has(Fault::ComponentTwice))
            && all.iter().all(|identifier| self.is_identifier(identifier))
    }

    fn is_identifier(&self, identifier: &str) -> bool {
        let inner = identifier
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let is_fine = |byte: u8| {
            matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'@')
                || self.has(Fault::ComponentCase) && byte.is_ascii_uppercase()
        };
        inner.is_some_and(|name| name.bytes().all(is_fine))
    }

    fn are_params_good(&self) -> bool {
        let known = ["created", "expires", "keyid", "alg", "nonce", "tag"];
        let are_known = self
            .params
            .iter()
            .all(|(name, _)| known.contains(&name.as_str()));
        let algorithm = self.text("alg");
        let has_alg = self.params.iter().any(|(name, _)| name == "alg");
        let is_alg = algorithm == Some("hmac-sha256") || !has_alg || self.has(Fault::SealAlgUnread);
        let is_key = self.text("keyid") == Some(KEY_ID) || self.has(Fault::KeyIdUnread);
        are_known && is_alg && is_key && self.text("nonce").is_some()
    }

    fn are_dates_good(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let Some(created) = self.date("created") else {
            return false;
        };
        let has_expiry = self.params.iter().any(|(name, _)| name == "expires");
        let expires = self.date("expires").filter(|expires| *expires >= created);
        let is_old = created + 330 < now && !self.has(Fault::CreatedUnread);
        let is_over = has_expiry && expires.is_none_or(|expires| expires + 30 < now);
        !is_old && created <= now + 30 && (!is_over || self.has(Fault::ExpiresUnread))
    }

    fn is_signed(&self, head: &Head) -> bool {
        let mut base = String::new();
        for identifier in &self.components {
            let Some(value) = self.value(identifier.trim_matches('"'), head) else {
                return false;
            };
            base.push_str(&format!("{identifier}: {value}\n"));
        }
        base.push_str(&format!("\"@signature-params\": {}", self.input));
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        hmac::verify(&key, base.as_bytes(), &self.signature).is_ok()
    }

    fn value(&self, name: &str, head: &Head) -> Option<String> {
        let value = match name {
            "@method" => head.method.clone(),
            "@authority" => head.host.clone()?.to_ascii_lowercase(),
            "@path" => head.path.clone(),
            "@query" if self.has(Fault::QueryUnread) => "?".to_owned(),
            "@query" => format!("?{}", head.query),
            name => {
                let lines = head.all(&name.to_ascii_lowercase());
                let count = if self.has(Fault::FirstLineOnly) {
                    1
                } else {
                    lines.len()
                };
                if lines.is_empty() {
                    return None;
                }
                lines[..count].join(", ")
            }
        };
        value.is_ascii().then_some(value)
    }

    /// Whether the body is the one that the digest is of.
    pub(crate) fn is_body_good(&self, head: &Head, body: &[u8]) -> bool {
        let is_chunked = head.has("transfer-encoding");
        let is_unread = self.has(Fault::BodyUnread) && !is_chunked
            || self.has(Fault::ChunksUnread) && is_chunked;
        let digest = head.one("content-digest");
        let bytes = digest
            .strip_prefix("sha-256=:")
            .and_then(|rest| rest.strip_suffix(':'));
        let bytes = bytes.and_then(|text| STANDARD.decode(text).ok());
        match bytes {
            None => self.has(Fault::DigestMissing) && digest.is_empty(),
            Some(bytes) if is_unread => bytes.len() == 32,
            Some(bytes) => bytes == Sha256::digest(body)[..],
        }
    }
}

/// The first of several members.
fn first(field: &str) -> &str {
    field.split(", ").next().unwrap_or(field)
}
