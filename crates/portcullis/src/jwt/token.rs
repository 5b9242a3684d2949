//! Taking a token apart (RFC 7515, section 3.1), up to its signature.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use portcullis_core::Reason;

use super::{Algorithm, json::Object, rules::Rules, text};

/// A token in its parts. Nothing of it is verified.
#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) wanted: Wanted,
    /// The header and the claims, as they were signed.
    pub(super) signed: &'t [u8],
    claims: &'t [u8],
    pub(super) signature: Vec<u8>,
}

/// The key that a token says it is signed with.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) key: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
}

// ===== impl Token =====

impl<'t> Token<'t> {
    /// Takes a token apart, if its header is right.
    pub(super) fn parse(token: &'t [u8], rules: &Rules) -> Result<Self, Reason> {
        if token.len() > rules.max_bytes {
            return Err(Reason::Malformed);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::Malformed);
        };
        let wanted = read_header(&decode(header)?, rules)?;
        Ok(Self {
            wanted,
            signed: &token[..header.len() + 1 + claims.len()],
            claims,
            signature: decode(signature)?,
        })
    }

    /// Returns the claims, which are worth reading if the signature is right.
    pub(super) fn claims(&self) -> Result<Vec<u8>, Reason> {
        decode(self.claims)
    }
}

/// Returns which key to verify with. Never takes one from the header itself.
fn read_header(header: &[u8], rules: &Rules) -> Result<Wanted, Reason> {
    let header = Object::parse(header).map_err(|_| Reason::Malformed)?;
    if REFUSED.iter().any(|name| header.has(name)) {
        return Err(Reason::NotAllowed);
    }
    let text = |name| header.text(name).map_err(|_| Reason::Malformed);
    let kind = text("typ")?;
    if !rules.allows_type(kind.as_deref()) {
        return Err(Reason::NotAllowed);
    }
    let algorithm = text("alg")?.ok_or(Reason::Incomplete)?;
    let algorithm = Algorithm::from_name(&algorithm).ok_or(Reason::NotAllowed)?;
    let key = text("kid")?.map(|id| Box::from(&*id));
    if key.as_deref().is_some_and(|id| !text::is_id(id)) {
        return Err(Reason::Malformed);
    }
    Ok(Wanted { key, algorithm })
}

/// In its one right form: without padding, and with no bit left over.
fn decode(part: &[u8]) -> Result<Vec<u8>, Reason> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part);
    bytes.map_err(|_| Reason::Malformed)
}

/// Parameters that bring a key along, tell where to fetch one, or change what is signed.
const REFUSED: [&str; 6] = ["crit", "jku", "jwk", "x5u", "x5c", "b64"];
