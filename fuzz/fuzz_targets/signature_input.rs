//! No request is admitted for a signature or a webhook that nobody made, and nothing in these fields breaks
//! what reads them.

#![no_main]

use std::sync::LazyLock;

use http::request;
use libfuzzer_sys::fuzz_target;
use portcullis::{
    Guard, Principal, RejectionKind, Reply, Verdict,
    signature::{
        ContentDigest, SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey, fuzz,
    },
};
use portcullis_fuzz::{SECRET, head, now};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::hmac_sha256(SECRET).unwrap());
static GUARD: LazyLock<SignatureGuard> = LazyLock::new(|| {
    let keys = SignatureKeys::new().and("k1", KEY.verifying_key(Principal::new("alice")));
    let policy = SignaturePolicy::new().clock(now());
    SignatureGuard::try_new(keys, policy).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Some(mut head) = head(data) else {
        return;
    };
    let _ = fuzz(&head);
    let _ = ContentDigest::new().admit(&mut head.clone(), &mut Reply::default());
    match GUARD.admit(&mut head.clone(), &mut Reply::default()) {
        Verdict::Reject(rejection) => {
            assert_eq!(rejection.kind(), RejectionKind::Unauthenticated);
        }
        verdict => panic!("{verdict:?}"),
    }
    is_admitted_once_it_is_signed(&mut head);
});

/// What signs and what verifies read any request alike.
fn is_admitted_once_it_is_signed(head: &mut request::Parts) {
    for name in ["signature", "signature-input"] {
        head.headers.remove(name);
    }
    let signer = Signer::try_new("k1", KEY.clone()).unwrap().clock(now());
    if signer.sign(head, Some(b"")).is_ok() {
        let verdict = GUARD.admit(head, &mut Reply::default());
        assert!(verdict.is_admit(), "{verdict:?} {head:?}");
    }
}
