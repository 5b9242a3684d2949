//! Group F of the catalogue of attacks, case by case, and what the guard does besides.

mod claims;
mod forged;
mod issuer;
mod keys;
mod malformed;
mod requests;
mod signer;

#[cfg(feature = "jwks")]
mod remote;
#[cfg(feature = "jwks")]
mod remote_http;
#[cfg(feature = "jwks")]
mod server;

use http::{Request, Response, header::AUTHORIZATION};
use portcullis_core::{Facts, Principal, Reason, Rejection};
use portcullis_test::{Body, contract, request, send, service};
use tower::Layer;

use super::JwtLayer;

contract!(JwtLayer::new(issuer::jwt()), JwtLayer::off());

/// A request with a bearer token.
fn bearer(token: &str) -> Request<Body> {
    let mut request = request("/");
    let value = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

fn whoami() -> impl portcullis_test::Test {
    service(|request| {
        let principal: Option<&Principal> = Facts::of(request.extensions()).get();
        principal.map_or("nobody", Principal::id).to_owned()
    })
}

async fn get(layer: &JwtLayer, token: &str) -> Response<Body> {
    send(layer.layer(whoami()), bearer(token)).await
}

/// Why a response was refused, or nothing if it was not.
fn reason(response: &Response<Body>) -> Option<Reason> {
    let rejection = response.extensions().get::<Rejection>()?;
    Some(rejection.cause()?.reason())
}
