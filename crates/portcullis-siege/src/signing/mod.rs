//! Tokens and signatures that the siege makes itself: right ones, and what is wrong with one thing.

mod draft;
mod forge;
mod key;
mod pem;

pub(crate) use self::{
    draft::{DIGEST, Draft, digest_of, quoted},
    forge::{Forge, Object, encoded, now, sealed, text, with},
    key::PrivateKey,
};
use crate::{Error, profile::Profile};

/// What makes tokens and signatures, as far as the profile has it.
#[derive(Debug, Default)]
pub(crate) struct Signing {
    pub(crate) tokens: Option<Forge>,
    pub(crate) signatures: Option<PrivateKey>,
    /// What must be in no report, in every form.
    pub(crate) secrets: Vec<String>,
}

// ===== impl Signing =====

impl Signing {
    /// Reads the keys of a profile.
    pub(crate) fn of(profile: &Profile) -> Result<Self, Error> {
        let mut signing = Self::default();
        if let Some(tokens) = &profile.tokens {
            let names = ["tokens.hs256", "tokens.key", "tokens.key_file"];
            let key = PrivateKey::read(names, &tokens.hs256, &tokens.key, &tokens.key_file)?;
            signing.secrets.extend(key.forms());
            signing.tokens = Some(Forge::new(tokens.clone(), key));
        }
        if let Some(signatures) = &profile.signatures {
            let names = [
                "signatures.hmac_sha256",
                "signatures.key",
                "signatures.key_file",
            ];
            let (secret, pem, file) = (
                &signatures.hmac_sha256,
                &signatures.key,
                &signatures.key_file,
            );
            let key = PrivateKey::read(names, secret, pem, file)?;
            if key.signature_algorithm().is_none() {
                return Err(Error::profile("signatures: a key of RSA can't sign here"));
            }
            signing.secrets.extend(key.forms());
            signing.signatures = Some(key);
        }
        Ok(signing)
    }
}
