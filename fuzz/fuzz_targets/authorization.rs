//! A request is admitted if the right credentials are in it, once, and not otherwise.

#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, request};
use libfuzzer_sys::fuzz_target;
use portcullis::{
    AnyOf, Facts, Guard, Principal, Rejection, RejectionKind, Reply, Verdict,
    api_key::{ApiKeyGuard, Keys},
    jwt::Jwt,
};
use portcullis_fuzz::{head, now, token_guards};

static KEYS: LazyLock<ApiKeyGuard> = LazyLock::new(|| {
    let keys = Keys::parse(&format!("alice={KEY} eve={REVOKED}")).unwrap();
    assert!(keys.revoke("eve1"));
    ApiKeyGuard::new(keys).with_clock(now())
});
static TOKENS: LazyLock<Jwt> = LazyLock::new(|| token_guards()[0].clone());
static BOTH: LazyLock<AnyOf> = LazyLock::new(|| AnyOf::new().or(KEYS.clone()).or(TOKENS.clone()));

fuzz_target!(|data: &[u8]| {
    let Some(mut head) = head(data) else {
        return;
    };
    let (has_key, has_token) = (has_key(&head.headers), has_token(&head.headers));
    assert_eq!(is_admitted(&*KEYS, &mut head.clone()), has_key);
    assert_eq!(is_admitted(&*TOKENS, &mut head.clone()), has_token);
    // A key beside the token is an error of keys; no key leaves it to tokens.
    let may_have_token = has_token && !head.headers.contains_key("x-api-key");
    assert_eq!(is_admitted(&*BOTH, &mut head), has_key || may_have_token);
});

fn is_admitted(guard: &impl Guard, head: &mut request::Parts) -> bool {
    match guard.admit(head, &mut Reply::default()) {
        Verdict::Admit => {
            let principal: Option<&Principal> = Facts::of(&head.extensions).get();
            assert_eq!(principal.unwrap().id(), "alice");
            let mut fields = head.headers.get_all("authorization").iter();
            assert!(fields.all(HeaderValue::is_sensitive));
            true
        }
        Verdict::Reject(rejection) => {
            assert!(is_one_of_credentials(&rejection), "{rejection:?}");
            false
        }
        verdict => panic!("{verdict:?}"),
    }
}

fn is_one_of_credentials(rejection: &Rejection) -> bool {
    let kinds = [RejectionKind::Unauthenticated, RejectionKind::Malformed];
    kinds.contains(&rejection.kind()) && rejection.detail().is_none() && rejection.cause().is_some()
}

/// Whether the key is in a request, once, and nothing else that could be one.
fn has_key(headers: &HeaderMap) -> bool {
    let fields: Vec<_> = headers.get_all("x-api-key").iter().collect();
    match (&fields[..], bearer(headers)) {
        ([key], _) => *key == KEY && !headers.contains_key("authorization"),
        ([], Some(token)) => token == KEY.as_bytes(),
        _ => false,
    }
}

fn has_token(headers: &HeaderMap) -> bool {
    bearer(headers) == Some(TOKEN.as_bytes())
}

/// `bearer`, one space or more, and what follows.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let fields: Vec<_> = headers.get_all("authorization").iter().collect();
    let [field] = fields[..] else {
        return None;
    };
    let (scheme, rest) = field.as_bytes().split_at_checked(6)?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    (scheme.eq_ignore_ascii_case(b"bearer") && spaces > 0).then(|| &rest[spaces..])
}

const KEY: &str = "pk_alice1_0123456789abcdefghijABCDEFGHIJ0123456789abc03YWxb";
const REVOKED: &str = "pk_eve1_zyxwvutsrqponmlkjihgfedcba0123456789ABCDEFG4gySei";
const TOKEN: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.",
    "eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJhcGkiLCJzdWIiOiJhbGljZSIsImV4cCI6MTcwMDAwMzYwMH0.",
    "sAyF8QWK9V0_dHAjO0x9iUvhcVtLVG5Oxmh_ti43WK8",
);
