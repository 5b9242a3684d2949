//! Keys, of each algorithm, and what is known of them.

use http::Request;
use portcullis_core::{Principal, Reason, WallClock};
use portcullis_test::{logged, send};
use tower::Layer;

use super::{CLOCK, NOW, TestBody, ask, judged, layer, policy, signed, signer};
use crate::signature::{
    Algorithm, SignatureGuard, SignatureKey, SignatureKeys, Signer, SigningKey,
};

fn guard_of(key: SignatureKey) -> SignatureGuard {
    let keys = SignatureKeys::new().and("key-1", key);
    SignatureGuard::try_new(keys, policy()).unwrap()
}

fn signed_by(key: SigningKey) -> Request<TestBody> {
    let signer = Signer::try_new("key-1", key).unwrap();
    signed(&signer.clock(WallClock::from(&*CLOCK)), "{}")
}

#[test]
fn each_algorithm_verifies_its_own_signatures_and_no_others() {
    let keys = [
        SigningKey::hmac_sha256("m2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2q8J").unwrap(),
        SigningKey::from_pem(ED25519).unwrap(),
        SigningKey::from_pem(P256).unwrap(),
    ];
    let names = ["hmac-sha256", "ed25519", "ecdsa-p256-sha256"];
    for (at, signing) in keys.iter().enumerate() {
        assert_eq!(signing.algorithm().name(), names[at]);
        for (other, verifying) in keys.iter().enumerate() {
            let guard = guard_of(verifying.verifying_key(Principal::new("alice")));
            let is_same = at == other;
            assert_eq!(judged(&guard, signed_by(signing.clone())).is_ok(), is_same);
        }
    }
}

/// A public key is no secret: who signs with it as one must not pass.
#[test]
fn a_public_key_is_not_a_secret_of_hmac() {
    let public = SigningKey::from_pem(ED25519)
        .unwrap()
        .verifying_key(Principal::new("alice"));
    let bytes = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs",
    );
    let forged = SigningKey::hmac_sha256(bytes.unwrap()).unwrap();
    let request = |alg| {
        let signer = Signer::try_new("key-1", forged.clone()).unwrap().alg(alg);
        signed(&signer.clock(WallClock::from(&*CLOCK)), "{}")
    };

    assert_eq!(
        judged(&guard_of(public.clone()), request(true)),
        Err(Reason::NotAllowed)
    );
    assert_eq!(
        judged(&guard_of(public), request(false)),
        Err(Reason::BadSignature)
    );
}

#[test]
fn a_key_is_good_from_and_until() {
    let key = || super::key().verifying_key(Principal::new("alice"));
    for (key, expected) in [
        (key(), Ok(())),
        (key().not_before(NOW), Ok(())),
        (key().not_before(NOW + 1), Err(Reason::Expired)),
        (key().expires_at(NOW + 1), Ok(())),
        (key().expires_at(NOW), Err(Reason::Expired)),
    ] {
        assert_eq!(judged(&guard_of(key), signed(&signer(), "{}")), expected);
    }
}

#[test]
fn closures_are_stores() {
    let key = super::key().verifying_key(Principal::new("bob"));
    let store = move |id: &str| (id == "key-1").then(|| key.clone());
    let guard = SignatureGuard::try_new(store, policy()).unwrap();

    assert_eq!(judged(&guard, signed(&signer(), "{}")), Ok(()));
    let nobody = SignatureGuard::try_new(|_: &str| None, policy()).unwrap();
    assert_eq!(
        judged(&nobody, signed(&signer(), "{}")),
        Err(Reason::UnknownKey)
    );
}

#[test]
fn what_is_no_key_is_an_error_in_one_line() {
    let alice = || Principal::new("alice");
    let errors = [
        SignatureKey::hmac_sha256([0; 31], alice()).unwrap_err(),
        SignatureKey::ed25519([0; 31], alice()).unwrap_err(),
        SignatureKey::ecdsa_p256([0; 65], alice()).unwrap_err(),
        SignatureKey::from_public_pem(ED25519, alice()).unwrap_err(),
        SigningKey::hmac_sha256([0; 31]).unwrap_err(),
        SigningKey::from_pem("secret").unwrap_err(),
    ];
    let printed: Vec<_> = errors.iter().map(ToString::to_string).collect();

    assert_eq!(
        printed,
        [
            "hmac-sha256: a secret has at least 32 bytes, this has 31",
            "a public key of ed25519 has 32 bytes",
            "a public key of P-256 has 65 bytes, the first of which is 4",
            "not a public key of ed25519 or P-256 in PEM",
            "hmac-sha256: a secret has at least 32 bytes, this has 31",
            "not a private key of ed25519 or P-256 in PEM",
        ]
    );
}

#[test]
fn public_keys_are_read_from_pem() {
    for (pem, private, algorithm) in [
        (ED25519_PUBLIC, ED25519, Algorithm::Ed25519),
        (P256_PUBLIC, P256, Algorithm::EcdsaP256Sha256),
    ] {
        let key = SignatureKey::from_public_pem(pem, Principal::new("alice")).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        let request = signed_by(SigningKey::from_pem(private).unwrap());
        assert_eq!(judged(&guard_of(key), request), Ok(()));
    }
}

#[tokio::test]
async fn a_secret_is_nowhere_to_be_seen() {
    let (lines, response) =
        logged(async { ask(&layer(policy()), signed(&signer(), "{}")).await }).await;
    let headers =
        portcullis_test::service(|request: &Request<_>| format!("{:?}", request.headers()));
    let printed = send(layer(policy()).layer(headers), signed(&signer(), "{}")).await;
    let printed = portcullis_test::text(printed).await;
    let signature = signed(&signer(), "{}").headers()["signature"].clone();
    let key = super::key();

    let debug = format!(
        "{key:?}{:?}{:?}",
        super::keys(),
        key.verifying_key(Principal::new("alice"))
    );
    for seen in [lines, format!("{response:?}"), debug, printed] {
        assert!(
            !seen.contains("7, 7, 7") && !seen.contains("070707"),
            "{seen}"
        );
        assert!(!seen.contains(signature.to_str().unwrap()), "{seen}");
    }
}

/// RFC 9421, appendix B.1.4.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
";

const ED25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
";

/// Made for these tests.
const P256: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQge/FIfB7b/HWPV1PD
lxN7KyVCg1uTIYWLwDL4NofxZuehRANCAAQWtdRPHSWt+TES+iprDXyAY7nFfjdZ
xXhz5GMnGmfQADp6GBQD3HCV9jxYCpOS6lhdN8MRYADpmnnB6pqN1UM6
-----END PRIVATE KEY-----
";

const P256_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFrXUTx0lrfkxEvoqaw18gGO5xX43
WcV4c+RjJxpn0AA6ehgUA9xwlfY8WAqTkupYXTfDEWAA6Zp5weqajdVDOg==
-----END PUBLIC KEY-----
";
