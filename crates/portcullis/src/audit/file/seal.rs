use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use portcullis_core::ConfigError;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a line ends with: a sum that everybody can make, or one that only who has a key can.
#[derive(Clone, Default)]
pub(super) struct Seal(Option<Hmac<Sha256>>);

// ===== impl Seal =====

impl Seal {
    /// Reads a key.
    pub(super) fn keyed(key: &[u8]) -> Result<Self, ConfigError> {
        if key.len() < SHORTEST {
            let problem = format!("audit: a key has at least {SHORTEST} bytes");
            return Err(ConfigError::new(problem));
        }
        let keyed = Hmac::new_from_slice(key);
        let keyed = keyed.map_err(|_| ConfigError::new("audit: the key can't be used"))?;
        Ok(Self(Some(keyed)))
    }

    /// Returns the name of the field that has the seal.
    pub(super) const fn name(&self) -> &'static str {
        match self.0 {
            None => "sum",
            Some(_) => "mac",
        }
    }

    /// Seals the bytes of a line.
    pub(super) fn of(&self, bytes: &[u8]) -> [u8; 32] {
        match &self.0 {
            None => sha256(bytes),
            Some(keyed) => keyed
                .clone()
                .chain_update(bytes)
                .finalize()
                .into_bytes()
                .into(),
        }
    }

    /// Returns `true` if a seal is that of these bytes.
    pub(super) fn is_of(&self, seal: &[u8; 32], bytes: &[u8]) -> bool {
        self.of(bytes).ct_eq(seal).into()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.name())
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Of a key, in bytes: as long as what comes out (RFC 2104, section 3).
const SHORTEST: usize = 32;
