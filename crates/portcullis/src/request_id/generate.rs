use portcullis_core::RequestId;

/// A fresh UUIDv4 (RFC 9562, section 5.4): 122 random bits.
///
/// They come from a cryptographic generator that each thread keeps, so that an ID costs no system
/// call. There is no time in them: an ID tells nobody when it was made.
#[must_use]
pub fn generate() -> RequestId {
    let random: u128 = rand::random();
    RequestId::from_bytes((random & !FIXED_MASK | FIXED).to_be_bytes())
}

/// The four bits of the version and the two of the variant.
const FIXED_MASK: u128 = (0xF << 76) | (0b11 << 62);
/// Version 4, variant 10.
const FIXED: u128 = (0x4 << 76) | (0b10 << 62);
