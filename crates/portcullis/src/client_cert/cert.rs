use base64::{Engine, engine::general_purpose::STANDARD};
use portcullis_core::ClientCert;
use sha2::{Digest, Sha256};

/// Reads `:BASE64:`, a byte sequence without parameters (RFC 9440, section 2.2).
pub(super) fn from_byte_sequence(text: &str) -> Option<ClientCert> {
    let text = text.trim_matches(' ');
    let base64 = text.strip_prefix(':')?.strip_suffix(':')?;
    let der = STANDARD.decode(base64).ok()?;
    // A SEQUENCE, as every certificate is.
    if der.first() != Some(&0x30) {
        return None;
    }
    let digest = Sha256::digest(&der);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(ClientCert::new().with_fingerprint(hex).with_der(der))
}
