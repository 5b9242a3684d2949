use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_core::RequestId;

/// A fresh UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix time in milliseconds, 74 random bits.
///
/// The random bits come from a cryptographic generator that each thread keeps, so that an ID costs
/// no system call.
#[must_use]
pub fn generate() -> RequestId {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since_epoch.map_or(0, |elapsed| elapsed.as_millis());
    let random: u128 = rand::random();
    let bits = (millis << 80) | (random >> 48);
    RequestId::from_bytes((bits & !FIXED_MASK | FIXED).to_be_bytes())
}

/// The four bits of the version and the two of the variant.
const FIXED_MASK: u128 = (0xF << 76) | (0b11 << 62);
/// Version 7, variant 10.
const FIXED: u128 = (0x7 << 76) | (0b10 << 62);
