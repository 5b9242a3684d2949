use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use portcullis_core::CspNonce;

/// 128 random bits from the thread's cryptographic generator.
pub(super) fn generate() -> CspNonce {
    let random: [u8; 16] = rand::random();
    CspNonce::new(URL_SAFE_NO_PAD.encode(random))
}

/// The policy of a page whose scripts and styles carry the nonce.
pub(super) fn policy(nonce: &CspNonce, is_https: bool) -> Option<HeaderValue> {
    let upgrade = if is_https {
        "; upgrade-insecure-requests"
    } else {
        ""
    };
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; \
         form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'{upgrade}"
    );
    HeaderValue::from_maybe_shared(bytes::Bytes::from(policy)).ok()
}
