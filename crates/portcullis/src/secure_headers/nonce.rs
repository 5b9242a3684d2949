use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis_core::CspNonce;

/// 128 random bits from the thread's cryptographic generator.
pub(super) fn generate() -> CspNonce {
    let random: [u8; 16] = rand::random();
    CspNonce::new(URL_SAFE_NO_PAD.encode(random))
}
