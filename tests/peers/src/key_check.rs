//! A key check as a careful application writes it by hand, for want of a peer that does it.

use std::{collections::HashMap, env, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The hashes of the secrets, by the keys' ids.
pub(crate) type Keys = Arc<HashMap<String, [u8; 32]>>;

/// The one key in `API_KEYS`.
pub(crate) fn keys() -> Keys {
    let text = env::var("API_KEYS").unwrap_or_default();
    let key = split(&text).map(|(id, secret)| (id.to_owned(), Sha256::digest(secret).into()));
    Arc::new(key.into_iter().collect())
}

/// Lets a request with the key pass, answers any other with 401.
pub(crate) async fn check(State(keys): State<Keys>, request: Request, next: Next) -> Response {
    match is_known(&keys, request.headers()) {
        Some(true) => next.run(request).await,
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Whether the secret is the one that was issued with the id.
fn is_known(keys: &Keys, headers: &HeaderMap) -> Option<bool> {
    let (id, secret) = split(headers.get("x-api-key")?.to_str().ok()?)?;
    let hash = Sha256::digest(secret);
    Some(bool::from(hash[..].ct_eq(&keys.get(id)?[..])))
}

/// Splits `prefix_id_secret`.
fn split(key: &str) -> Option<(&str, &str)> {
    key.split_once('_')?.1.split_once('_')
}
