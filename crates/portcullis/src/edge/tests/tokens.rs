//! Tokens in an edge, alone and beside API keys.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use portcullis_core::{Facts, Principal};
use portcullis_test::{OwnBody, send, text};
use sha2::Sha256;
use tower::{Layer, service_fn};

use crate::{
    Edge, Slot,
    api_key::{ApiKey, Keys},
    body_limit::RequestBody,
    jwt::{Jwt, JwtKey},
};

const SECRET: &[u8] = b"32 bytes, and a few more of them";

pub(super) fn jwt() -> Jwt {
    let key = JwtKey::hs256("hs", SECRET).unwrap();
    Jwt::new("issuer", ["api"], key).unwrap()
}

/// A token of alice, good until the year 9999.
pub(super) fn token() -> String {
    let claims = r#"{"iss":"issuer","aud":"api","sub":"alice","exp":253402300000}"#;
    let [header, claims] =
        [r#"{"alg":"HS256"}"#, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let hmac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    let signed = format!("{header}.{claims}");
    let signature = hmac.chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// Who an edge thinks sent a request with these fields, or the status and how many challenges there are.
async fn whoami(edge: Edge, fields: &[(&str, &str)]) -> String {
    let app = service_fn(
        |request: Request<RequestBody<portcullis_test::Body>>| async move {
            let principal: Option<&Principal> = Facts::of(request.extensions()).get();
            let id = principal.map_or("nobody", Principal::id).to_owned();
            Ok::<_, std::convert::Infallible>(http::Response::new(OwnBody::from(id)))
        },
    );
    let mut request = portcullis_test::request("/");
    for (name, value) in fields {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let response = send(edge.build().unwrap().layer(app), request).await;
    let challenges = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .count();
    match response.status().as_u16() {
        200 => text(response).await,
        status => format!("{status}, {challenges} challenges"),
    }
}

#[tokio::test]
async fn a_token_opens_an_edge() {
    let bearer = format!("Bearer {}", token());
    let edge = || Edge::new().jwt(jwt());

    assert_eq!(whoami(edge(), &[("authorization", &bearer)]).await, "alice");
    assert_eq!(whoami(edge(), &[]).await, "401, 1 challenges");
    let public = edge().public(["/"]);
    assert_eq!(whoami(public, &[]).await, "nobody");
}

#[tokio::test]
async fn of_keys_and_tokens_whichever_a_request_has_decides() {
    let key = ApiKey::generate("pk").unwrap();
    let keys = || Keys::default().and("bob", &key);
    let [token, bearer_key] = [&*token(), key.expose()].map(|text| format!("Bearer {text}"));
    let wrong = format!("{token}x");
    for edge in [
        Edge::new().api_keys(keys()).jwt(jwt()),
        Edge::new().jwt(jwt()).api_keys(keys()),
    ] {
        for (fields, expected) in [
            (&[("authorization", &*token)][..], "alice"),
            (&[("authorization", &bearer_key)], "bob"),
            (&[("x-api-key", key.expose())], "bob"),
            (&[], "401, 1 challenges"),
            (&[("authorization", &wrong)], "401, 1 challenges"),
            (&[("authorization", "Bearer pk_wrong")], "401, 1 challenges"),
            (
                &[("authorization", &*token), ("x-api-key", key.expose())],
                "401, 1 challenges",
            ),
        ] {
            assert_eq!(whoami(edge.clone(), fields).await, expected, "{fields:?}");
        }
    }
}

#[test]
fn tokens_can_be_turned_off() {
    let slots = |edge: Edge| {
        let explained = edge.build().unwrap().explain().to_string();
        explained.matches(Slot::Authentication.name()).count()
    };

    assert_eq!(slots(Edge::new().jwt(jwt())), 1);
    assert_eq!(slots(Edge::new().jwt(jwt()).jwt(None::<Jwt>)), 0);
    assert_eq!(slots(Edge::new().jwt(None::<Jwt>).public(["/"])), 0);
    assert_eq!(
        slots(Edge::new().jwt(None::<Jwt>).api_keys(Keys::default())),
        1
    );
    let both = Edge::new().api_keys(Keys::default()).jwt(jwt());
    let explained = both.build().unwrap().explain().to_string();
    let expected = "API key or tokens of issuer for api; 1 key";
    assert!(explained.contains(expected), "{explained}");
    assert!(Edge::new().public(["/"]).build().is_err());
}
