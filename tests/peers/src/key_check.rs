//! A key check as a careful application writes it by hand, for want of a peer that does it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The hashes of the secrets, by key id.
pub type Keys = Arc<HashMap<String, [u8; 32]>>;

/// Who the key belongs to, left in the extensions for the handler.
#[derive(Clone, Debug)]
struct Principal(#[expect(dead_code, reason = "no route reads it")] Arc<str>);

/// Returns one key (`prefix_id_secret`) and so many others that nobody has. A text that is no key adds
/// none.
#[must_use]
pub fn keys(key: &str, others: u8) -> Keys {
    let others = (0..others).map(|n| (format!("k{n:03}"), [n; 32]));
    let ours = split(key).map(|(id, secret)| (id.to_owned(), Sha256::digest(secret).into()));
    Arc::new(others.chain(ours).collect())
}

/// Lets a request with a known key pass, answers any other with 401.
pub async fn check(State(keys): State<Keys>, mut request: Request, next: Next) -> Response {
    let Some(id) = known(&keys, request.headers()) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let principal = Principal(Arc::from(id));
    request.extensions_mut().insert(principal);
    next.run(request).await
}

/// Returns the id of the key that came, if the secret is the one that was issued with it.
fn known<'a>(keys: &Keys, headers: &'a HeaderMap) -> Option<&'a str> {
    let (id, secret) = split(headers.get("x-api-key")?.to_str().ok()?)?;
    let hash = Sha256::digest(secret);
    let issued = keys.get(id)?;
    bool::from(hash[..].ct_eq(&issued[..])).then_some(id)
}

/// Splits `prefix_id_secret`.
fn split(key: &str) -> Option<(&str, &str)> {
    let (_prefix, rest) = key.split_once('_')?;
    rest.split_once('_')
}
