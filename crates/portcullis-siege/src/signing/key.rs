//! Keys that sign.

use std::{fmt, fs, path::PathBuf};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Value, json};

use super::pem;
use crate::{Error, profile::value};

/// A key that signs tokens and requests. Not printed.
pub(crate) struct PrivateKey {
    kind: Kind,
    /// The secret's bytes.
    secret: Vec<u8>,
}

enum Kind {
    Hmac,
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

// ===== impl PrivateKey =====

impl PrivateKey {
    /// Reads the one of a secret, a text and a file that is there. `names` are theirs.
    pub(super) fn read(
        names: [&'static str; 3],
        secret: &Option<String>,
        text: &Option<String>,
        file: &Option<PathBuf>,
    ) -> Result<Self, Error> {
        let [secret_name, text_name, file_name] = names;
        if let Some(secret) = value(secret)? {
            return if secret.is_empty() {
                Err(Error::profile(format!("{secret_name} is empty")))
            } else {
                Ok(Self::from_secret(secret.as_bytes()))
            };
        }
        if let Some(path) = file {
            let text = fs::read_to_string(path);
            let unread = format!("{file_name}: {}", path.display());
            let text = text.map_err(|error| Error::profile(unread).because(error))?;
            return Self::from_pem(&text).ok_or_else(|| no_key(file_name));
        }
        let text = value(text)?.unwrap_or_default();
        Self::from_pem(&text).ok_or_else(|| no_key(text_name))
    }

    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        Self {
            kind: Kind::Hmac,
            secret: secret.to_vec(),
        }
    }

    fn from_pem(text: &str) -> Option<Self> {
        Self::from_pkcs8(&pem::decode(text)?)
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Kind::Ed25519);
        let p256 = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random);
        let kind = p256.map(Kind::P256).or_else(|_| ed25519());
        let kind = kind.or_else(|_| RsaKeyPair::from_pkcs8(der).map(Kind::Rsa));
        Some(Self {
            kind: kind.ok()?,
            secret: der.to_vec(),
        })
    }

    /// A fresh key that nobody knows: of P-256, or of Ed25519 where that is the algorithm.
    pub(crate) fn foreign(&self) -> Option<Self> {
        let random = SystemRandom::new();
        let made = match self.kind {
            Kind::Ed25519(_) => Ed25519KeyPair::generate_pkcs8(&random),
            _ => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        };
        Self::from_pkcs8(made.ok()?.as_ref())
    }

    /// Returns the name of its algorithm in tokens.
    pub(crate) const fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::Hmac => "HS256",
            Kind::P256(_) => "ES256",
            Kind::Ed25519(_) => "EdDSA",
            Kind::Rsa(_) => "RS256",
        }
    }

    /// Returns the name of its algorithm in signatures of requests, if it is for these.
    pub(crate) const fn signature_algorithm(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Hmac => Some("hmac-sha256"),
            Kind::P256(_) => Some("ecdsa-p256-sha256"),
            Kind::Ed25519(_) => Some("ed25519"),
            Kind::Rsa(_) => None,
        }
    }

    pub(crate) const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Hmac)
    }

    /// Returns a signature; an empty one if the system has no random numbers.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(self.algorithm(), message).unwrap_or_default()
    }

    /// Returns a signature by one of the key's other algorithms; nothing if it has no such.
    pub(crate) fn sign_as(&self, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
        match (&self.kind, algorithm) {
            (Kind::Hmac, "HS256") => Some(self.hmac(hmac::HMAC_SHA256, message)),
            (Kind::Hmac, "HS384") => Some(self.hmac(hmac::HMAC_SHA384, message)),
            (Kind::Hmac, "HS512") => Some(self.hmac(hmac::HMAC_SHA512, message)),
            (Kind::P256(pair), "ES256") => {
                let signature = pair.sign(&SystemRandom::new(), message).ok()?;
                Some(signature.as_ref().to_vec())
            }
            (Kind::Ed25519(pair), "EdDSA") => Some(pair.sign(message).as_ref().to_vec()),
            (Kind::Rsa(pair), "RS256") => rsa(pair, &RSA_PKCS1_SHA256, message),
            (Kind::Rsa(pair), "RS384") => rsa(pair, &RSA_PKCS1_SHA384, message),
            (Kind::Rsa(pair), "RS512") => rsa(pair, &RSA_PKCS1_SHA512, message),
            (Kind::Rsa(pair), "PS256") => rsa(pair, &RSA_PSS_SHA256, message),
            _ => None,
        }
    }

    fn hmac(&self, algorithm: hmac::Algorithm, message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(algorithm, &self.secret);
        hmac::sign(&key, message).as_ref().to_vec()
    }

    /// Returns the public half in the forms that programs keep it in, which may be taken for a secret.
    /// None of an HMAC.
    pub(crate) fn public_forms(&self) -> Vec<Vec<u8>> {
        let (bits, algorithm): (_, &[u8]) = match &self.kind {
            Kind::Hmac => return Vec::new(),
            Kind::P256(pair) => (pair.public_key().as_ref(), P256),
            Kind::Ed25519(pair) => (pair.public_key().as_ref(), ED25519),
            Kind::Rsa(pair) => (pair.public_key().as_ref(), RSA),
        };
        let info = pem::public_key_info(algorithm, bits);
        let text = pem::encode("PUBLIC KEY", &info);
        let mut forms = vec![bits.to_vec(), text.trim_end().into(), text.into(), info];
        if matches!(self.kind, Kind::Rsa(_)) {
            let text = pem::encode("RSA PUBLIC KEY", bits);
            forms.extend([text.trim_end().into(), text.into()]);
        }
        let jwk = self.public_jwk();
        forms.extend(jwk.map(|jwk| jwk.to_string().into_bytes()));
        forms
    }

    /// Returns the public half as a JWK (RFC 7517), if it is of P-256 or Ed25519.
    pub(crate) fn public_jwk(&self) -> Option<Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.kind {
            Kind::P256(pair) => {
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                Some(json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) }))
            }
            Kind::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))
            }
            Kind::Hmac | Kind::Rsa(_) => None,
        }
    }

    /// Returns the secret in every form that a server may print it in.
    pub(super) fn forms(&self) -> Vec<String> {
        let secret = &self.secret;
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut forms = vec![
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            hex,
        ];
        if self.is_secret() {
            forms.extend(String::from_utf8(secret.clone()));
        }
        forms
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, ..)", self.algorithm())
    }
}

fn rsa(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Option<Vec<u8>> {
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = SystemRandom::new();
    let signed = pair.sign(encoding, &random, message, &mut signature);
    signed.ok().map(|()| signature)
}

/// Identifiers of algorithms, as `SubjectPublicKeyInfo` has them (RFC 5480, RFC 8410, RFC 3279).
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
    0xce, 0x3d, 0x03, 0x01, 0x07,
];
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const RSA: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

fn no_key(name: &str) -> Error {
    Error::profile(format!(
        "{name}: not a private key of P-256, Ed25519 or RSA in PEM (PKCS #8)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `openssl pkey -in KEY -pubout` of the same key.
    #[test]
    fn the_public_half_is_written_as_others_write_it() {
        let key = PrivateKey::from_pem(P256_PEM).unwrap();

        let forms = key.public_forms();

        assert_eq!(key.algorithm(), "ES256");
        assert!(forms.contains(&P256_PUBLIC.as_bytes().to_vec()));
        assert!(forms.contains(&P256_PUBLIC.trim_end().as_bytes().to_vec()));
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "-----BEGIN PRIVATE KEY-----", P256_PUBLIC] {
            assert!(PrivateKey::from_pem(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = PrivateKey::from_pem(P256_PEM).unwrap();

        assert_eq!(format!("{key:?}"), "PrivateKey(ES256, ..)");
    }

    #[test]
    fn a_foreign_key_is_of_the_same_kind() {
        let key = PrivateKey::from_pem(P256_PEM).unwrap();
        let foreign = key.foreign().unwrap();

        assert_eq!(foreign.algorithm(), "ES256");
        assert_ne!(foreign.public_jwk(), key.public_jwk());
    }

    const P256_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV1IOzkdyd4gwJRm5\n\
        kvWhHalzmEt8UafLRtcppIAGwduhRANCAASh2FPG8wiL/+U5rAjeGC4O4fRemQMf\n\
        OFJFDmkXMGG3C66juffRgNv1cDwSS6M0ueBBpZFn2BvM/kln1BeZLYRc\n\
        -----END PRIVATE KEY-----\n";
    const P256_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEodhTxvMIi//lOawI3hguDuH0XpkD\n\
        HzhSRQ5pFzBhtwuuo7n30YDb9XA8EkujNLngQaWRZ9gbzP5JZ9QXmS2EXA==\n\
        -----END PUBLIC KEY-----\n";
}
