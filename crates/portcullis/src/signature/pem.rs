//! Keys in PEM (RFC 7468).

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::Algorithm;

/// Returns what a text has between the lines of a label.
pub(super) fn decode(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let (_, rest) = text.split_once(&begin)?;
    let (body, _) = rest.split_once(&end)?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// Returns the public key of a `SubjectPublicKeyInfo` (RFC 5480, RFC 8410).
pub(super) fn public(der: &[u8]) -> Option<(Algorithm, &[u8])> {
    let ed25519 = der.strip_prefix(ED25519).filter(|key| key.len() == 32);
    let p256 = der.strip_prefix(P256).filter(|key| is_point(key));
    let ed25519 = ed25519.map(|key| (Algorithm::Ed25519, key));
    ed25519.or(p256.map(|key| (Algorithm::EcdsaP256Sha256, key)))
}

/// Returns `true` for a point of P-256 that is not compressed.
pub(super) fn is_point(key: &[u8]) -> bool {
    key.len() == 65 && key[0] == 4
}

/// What comes before the 32 bytes of a key.
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// What comes before the 65 bytes of a key.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
