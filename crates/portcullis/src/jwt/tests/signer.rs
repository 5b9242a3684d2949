//! Signs tokens, right ones and others.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use ring::{
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256,
    },
};
use serde_json::{Value, json};
use sha2::Sha256;

/// A private key, with the name of its algorithm.
pub(super) struct Signer {
    pub(super) id: &'static str,
    pub(super) algorithm: &'static str,
    key: Key,
}

enum Key {
    Rsa(Box<rsa::KeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

// ===== impl Signer =====

impl Signer {
    pub(super) fn rs256(id: &'static str) -> Self {
        let key = rsa::KeyPair::from_pkcs8(include_bytes!("data/rsa-2048.pk8")).unwrap();
        Self {
            id,
            algorithm: "RS256",
            key: Key::Rsa(Box::new(key)),
        }
    }

    pub(super) fn ps256(id: &'static str) -> Self {
        Self {
            algorithm: "PS256",
            ..Self::rs256(id)
        }
    }

    /// A fresh key each time.
    pub(super) fn es256(id: &'static str) -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self {
            id,
            algorithm: "ES256",
            key: Key::P256(key),
        }
    }

    /// A fresh key each time.
    pub(super) fn eddsa(id: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Self {
            id,
            algorithm: "EdDSA",
            key: Key::Ed25519(key),
        }
    }

    pub(super) fn hs256(id: &'static str, secret: &[u8]) -> Self {
        Self {
            id,
            algorithm: "HS256",
            key: Key::Secret(secret.to_vec()),
        }
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": self.algorithm, "typ": "JWT", "kid": self.id})
    }

    /// Signs with the usual header.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// Signs whatever it is given.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        self.sign_parts(&signed)
    }

    /// Signs what is encoded already.
    pub(super) fn sign_parts(&self, signed: &str) -> String {
        format!("{signed}.{}", encode(self.signature(signed.as_bytes())))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Rsa(key) => {
                let padding: &dyn ring::signature::RsaEncoding = match self.algorithm {
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Key::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Key::Secret(secret) => {
                let hmac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                hmac.chain_update(message).finalize().into_bytes().to_vec()
            }
        }
    }

    /// The public key, or the secret, as JWK.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Rsa(key) => {
                let public: rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({"kty": "RSA", "n": encode(public.n), "e": encode(public.e)})
            }
            Key::P256(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
            }
            Key::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key())})
            }
            Key::Secret(secret) => json!({"kty": "oct", "k": encode(secret)}),
        };
        jwk["kid"] = self.id.into();
        jwk["alg"] = self.algorithm.into();
        jwk["use"] = "sig".into();
        jwk
    }
}

/// A set with the keys of these.
pub(super) fn set<'s>(signers: impl IntoIterator<Item = &'s Signer>) -> String {
    let keys: Vec<_> = signers.into_iter().map(Signer::jwk).collect();
    json!({"keys": keys}).to_string()
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
