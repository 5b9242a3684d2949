//! F13, F14: where a token is in a request, and what is answered without one.

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use portcullis_core::{AnyOf, Guard, Principal, Reason, Rejection, RejectionKind};
use portcullis_test::{Body, logged, request, send, service, text};
use tower::Layer;

use super::{
    bearer, get,
    issuer::{builder, claims, jwt, signer, with},
    reason,
    signer::{Signer, encode},
    whoami,
};
use crate::{
    api_key::{ApiKey, ApiKeyGuard, Keys},
    edge::GuardLayer,
    jwt::JwtLayer,
};

fn with_fields(values: &[&str]) -> Request<Body> {
    let mut request = request("/");
    for value in values {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(AUTHORIZATION, value);
    }
    request
}

async fn sent(values: &[&str]) -> Response<Body> {
    let layer = JwtLayer::new(jwt());
    send(layer.layer(whoami()), with_fields(values)).await
}

fn challenge(response: &Response<Body>) -> &str {
    response.headers()["www-authenticate"].to_str().unwrap()
}

#[tokio::test]
async fn f13_the_scheme_has_no_case() {
    let token = signer().token(&claims());
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let response = sent(&[&format!("{scheme} {token}")]).await;
        assert_eq!(text(response).await, "alice", "{scheme}");
    }
    for other in ["Basic", "Bearer:", "JWT", "Token"] {
        let response = sent(&[&format!("{other} {token}")]).await;
        assert_eq!(reason(&response), Some(Reason::NoCredentials), "{other}");
        assert_eq!(response.status(), 401);
    }
    let bare = sent(&[&token]).await;
    assert_eq!(reason(&bare), Some(Reason::NoCredentials));
}

#[tokio::test]
async fn f13_more_than_one_is_a_bad_request() {
    let token = format!("Bearer {}", signer().token(&claims()));
    for fields in [
        [&*token, &*token],
        [&*token, "Basic x"],
        ["Basic x", &*token],
    ] {
        let response = sent(&fields).await;
        assert_eq!(response.status(), 400, "{fields:?}");
        assert_eq!(
            challenge(&response),
            "Bearer realm=\"api\", error=\"invalid_request\""
        );
        assert_eq!(reason(&response), Some(Reason::SeveralCredentials));
    }
    let list = sent(&[&format!("{token}, {token}")]).await;
    assert_eq!(list.status(), 401);
    assert_eq!(sent(&[&token]).await.status(), 200);
}

#[tokio::test]
async fn f13_beside_keys_the_first_guard_decides_of_more_than_one() {
    let token = format!("Bearer {}", signer().token(&claims()));
    let both = |keys_first: bool| {
        let keys = ApiKeyGuard::new(Keys::default());
        let chain = if keys_first {
            AnyOf::new().or(keys).or(jwt())
        } else {
            AnyOf::new().or(jwt()).or(keys)
        };
        GuardLayer::from(chain).layer(portcullis_test::ok())
    };

    let response = send(both(true), with_fields(&[&token, &token])).await;
    assert_eq!(response.status(), 401);
    let response = send(both(false), with_fields(&[&token, &token])).await;
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn f14_without_credentials_no_error_is_named() {
    for fields in [
        &[][..],
        &["Basic YTpi"],
        &["Bearer"],
        &["Bearer "],
        &["Bearer nodot"],
    ] {
        let response = sent(fields).await;
        assert_eq!(response.status(), 401, "{fields:?}");
        assert_eq!(challenge(&response), "Bearer realm=\"api\"");
        assert_eq!(reason(&response), Some(Reason::NoCredentials));
    }
    let wrong = sent(&["Bearer a.b.c"]).await;
    assert_eq!(
        challenge(&wrong),
        "Bearer realm=\"api\", error=\"invalid_token\""
    );
}

#[tokio::test]
async fn f14_every_token_that_is_refused_is_refused_the_same_to_the_byte() {
    let layer = JwtLayer::new(jwt());
    let mut unknown = signer().header();
    unknown["kid"] = "unknown".into();
    let refused = [
        ("a.b.c".to_owned(), Reason::Malformed),
        (format!("{}.", signer().token(&claims())), Reason::Malformed),
        (
            signer().sign(&unknown.to_string(), &claims().to_string()),
            Reason::UnknownKey,
        ),
        (Signer::es256("es").token(&claims()), Reason::BadSignature),
        (Signer::es256("rs").token(&claims()), Reason::NotAllowed),
        (signer().token(&with("exp", 0.into())), Reason::Expired),
        (
            signer().token(&with("nbf", 9_999_999_999_u64.into())),
            Reason::NotYetValid,
        ),
        (
            signer().token(&with("iss", "x".into())),
            Reason::WrongIssuer,
        ),
        (
            signer().token(&with("aud", "x".into())),
            Reason::WrongAudience,
        ),
        (
            signer().token(&serde_json::json!({"sub": "alice"})),
            Reason::Incomplete,
        ),
        ("x.".repeat(100_000), Reason::Malformed),
    ];
    let mut seen = Vec::new();
    for (token, expected) in &refused {
        let response = get(&layer, token).await;
        assert_eq!(response.status(), 401);
        assert_eq!(reason(&response), Some(*expected));
        let (head, body) = response.into_parts();
        assert_eq!(head.headers["cache-control"], "no-store");
        seen.push((head.headers, text(Response::new(body)).await));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn whose_token_was_refused_is_told_to_whoever_runs_the_server() {
    let layer = JwtLayer::new(jwt());
    let subject = |response: &Response<Body>| {
        let rejection = response.extensions().get::<Rejection>().unwrap();
        rejection.cause().unwrap().subject().map(str::to_owned)
    };

    let forged = get(&layer, &Signer::es256("es").token(&claims())).await;
    assert_eq!(
        subject(&forged).as_deref(),
        Some("es"),
        "nothing but the key's id is worth telling"
    );
    let expired = get(&layer, &signer().token(&with("exp", 0.into()))).await;
    assert_eq!(subject(&expired).as_deref(), Some("alice"));
    assert_eq!(subject(&get(&layer, "a.b.c").await), None);
}

#[tokio::test]
async fn a_realm_can_be_named() {
    let layer = JwtLayer::new(builder().realm("the shop").build().unwrap());
    let response = get(&layer, "a.b.c").await;

    assert_eq!(
        challenge(&response),
        "Bearer realm=\"the shop\", error=\"invalid_token\""
    );
}

#[tokio::test]
async fn what_is_public_needs_no_token_and_what_is_not_does() {
    let public = JwtLayer::new(jwt()).public(["/"]).unwrap();
    assert_eq!(
        send(public.layer(whoami()), request("/")).await.status(),
        200
    );
    assert_eq!(
        send(public.layer(whoami()), request("/x")).await.status(),
        401
    );
    let closed = JwtLayer::new(jwt()).closed(["/admin/*"]).unwrap();
    assert_eq!(
        send(closed.layer(whoami()), request("/")).await.status(),
        200
    );
    assert_eq!(
        send(closed.layer(whoami()), request("/admin/x"))
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn off_is_not_there() {
    let response = send(JwtLayer::off().layer(whoami()), request("/")).await;

    assert_eq!(text(response).await, "nobody");
}

#[tokio::test]
async fn the_token_is_nowhere_to_be_seen() {
    let token = signer().token(&claims());
    let signature = token.rsplit_once('.').unwrap().1.to_owned();
    let wrong = Signer::es256("es").token(&claims());
    let prints = || {
        service(|request| {
            tracing::info!(headers = ?request.headers(), extensions = ?request.extensions());
            format!("{:?}", request.headers())
        })
    };
    let layers = [
        JwtLayer::new(jwt()),
        JwtLayer::new(jwt()).public(["/"]).unwrap(),
    ];
    for layer in layers {
        let (lines, responses) = logged(async {
            [
                send(layer.layer(prints()), bearer(&token)).await,
                send(layer.layer(prints()), bearer(&wrong)).await,
            ]
        })
        .await;
        for seen in [lines, format!("{responses:?}{layer:?}")] {
            assert!(
                !seen.contains(&signature) && !seen.contains("eyJ"),
                "{seen}"
            );
        }
    }
}

#[tokio::test]
async fn keys_and_tokens_share_a_header() {
    let key = ApiKey::generate("pk").unwrap();
    let chain = AnyOf::new()
        .or(ApiKeyGuard::new(Keys::default().and("bob", &key)))
        .or(jwt());
    let layer = GuardLayer::from(chain);
    let sent = async |value: String| {
        let inner = service(|request: &Request<_>| {
            let principal: Option<&Principal> =
                portcullis_core::Facts::of(request.extensions()).get();
            principal.map_or("nobody", Principal::id).to_owned()
        });
        send(layer.layer(inner), with_fields(&[&value])).await
    };

    let by_key = sent(format!("Bearer {}", key.expose())).await;
    let by_token = sent(format!("Bearer {}", signer().token(&claims()))).await;
    assert_eq!(text(by_key).await, "bob");
    assert_eq!(text(by_token).await, "alice");
    let rejection = |response: &Response<_>| {
        let rejection = response.extensions().get::<Rejection>().unwrap().clone();
        (rejection.cause().unwrap().scheme().name(), rejection.kind())
    };
    let wrong_key = sent("Bearer pk_wrong".to_owned()).await;
    let refused = RejectionKind::Unauthenticated;
    assert_eq!(rejection(&wrong_key), ("api_key", refused));
    let wrong_token = sent(format!("Bearer a.{}.c", encode("x"))).await;
    assert_eq!(
        rejection(&wrong_token),
        ("token", refused),
        "what is a token's is final"
    );
}

#[test]
fn a_guard_says_what_is_in_force() {
    assert_eq!(
        jwt().describe(),
        "tokens of https://issuer.example for api; 5 keys"
    );
}
