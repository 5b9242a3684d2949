use std::collections::HashSet;

use http::{HeaderMap, HeaderValue, Response, header};
use portcullis_core::{CspNonce, Facts, Scheme};
use portcullis_test::{Body, contract, echo, request, send, service, text};
use tower::{Layer, service_fn};

use super::{SecureHeaders, SecureHeadersLayer};

contract!(
    SecureHeadersLayer::api(),
    SecureHeadersLayer::html(),
    SecureHeadersLayer::off(),
);

async fn headers(layer: SecureHeadersLayer, scheme: Option<Scheme>) -> HeaderMap {
    let mut request = request("/");
    if let Some(scheme) = scheme {
        Facts::of_mut(request.extensions_mut()).set(scheme);
    }
    let response = send(layer.layer(echo()), request).await;
    response.into_parts().0.headers
}

fn names(headers: &HeaderMap) -> HashSet<&str> {
    headers.keys().map(header::HeaderName::as_str).collect()
}

#[tokio::test]
async fn an_api_gets_the_exact_values() {
    let headers = headers(SecureHeadersLayer::api(), None).await;

    let expected = [
        ("cache-control", "no-store, max-age=0"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "deny"),
        ("x-permitted-cross-domain-policies", "none"),
    ];
    assert_eq!(
        names(&headers),
        expected.iter().map(|(name, _)| *name).collect()
    );
    for (name, value) in expected {
        assert_eq!(headers[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_page_gets_the_exact_values() {
    let headers = headers(SecureHeadersLayer::html(), Some(Scheme::Https)).await;

    let expected = [
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-dns-prefetch-control", "off"),
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
    ];
    for (name, value) in expected {
        assert_eq!(headers[name], value, "{name}");
    }
    let features = headers["permissions-policy"].to_str().unwrap().split(", ");
    assert_eq!(features.collect::<HashSet<_>>().len(), 29);
    let policy = headers["content-security-policy"].to_str().unwrap();
    let fixed = "form-action 'self'; base-uri 'self'; object-src 'none'; \
                 frame-ancestors 'none'; upgrade-insecure-requests";
    assert!(
        policy.starts_with("default-src 'self'; script-src 'self' 'nonce-"),
        "{policy}"
    );
    assert!(policy.ends_with(fixed), "{policy}");
}

#[tokio::test]
async fn https_is_what_a_trusted_party_says() {
    for (scheme, expected) in [
        (None, false),
        (Some(Scheme::Http), false),
        (Some(Scheme::Https), true),
    ] {
        let headers = headers(SecureHeadersLayer::api(), scheme).await;

        assert_eq!(
            headers.contains_key(header::STRICT_TRANSPORT_SECURITY),
            expected
        );
    }
    let page = headers(SecureHeadersLayer::html(), None).await;
    let policy = page["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("upgrade-insecure-requests"));
}

#[tokio::test]
async fn the_handlers_own_header_wins() {
    let own = service_fn(|_| async {
        let mut response = Response::new(Body::default());
        let own = HeaderValue::from_static("default-src https:");
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, own);
        Ok(response)
    });
    for layer in [SecureHeadersLayer::api(), SecureHeadersLayer::html()] {
        let response = send(layer.layer(own), request("/")).await;
        let policies: Vec<_> = response
            .headers()
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .collect();
        assert_eq!(policies, ["default-src https:"]);
    }
}

#[tokio::test]
async fn what_tells_too_much_goes() {
    let chatty = service_fn(|_| async {
        let mut response = Response::new(Body::default());
        for name in ["server", "x-powered-by"] {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static("hyper"));
        }
        Ok(response)
    });
    let response = send(SecureHeadersLayer::api().layer(chatty), request("/")).await;

    assert!(!response.headers().contains_key("server"));
    assert!(!response.headers().contains_key("x-powered-by"));
}

#[tokio::test]
async fn every_page_has_a_nonce_of_its_own_that_the_handler_can_read() {
    let page = service(|request| {
        let nonce: &CspNonce = Facts::of(request.extensions()).get().unwrap();
        nonce.to_string()
    });
    let page = SecureHeadersLayer::html().layer(page);
    let mut seen = HashSet::new();
    for _ in 0..10_000 {
        let response = send(page.clone(), request("/")).await;
        let policy = response.headers()["content-security-policy"].clone();
        let nonce = text(response).await;
        assert_eq!(
            policy
                .to_str()
                .unwrap()
                .matches(&format!("'nonce-{nonce}'"))
                .count(),
            2
        );
        assert_eq!(nonce.len(), 22, "128 bits in base64url");
        assert!(seen.insert(nonce));
    }
}

#[tokio::test]
async fn headers_can_be_changed_and_left_out() {
    let guard = SecureHeaders::api().without(&header::CACHE_CONTROL).with(
        header::X_FRAME_OPTIONS,
        HeaderValue::from_static("sameorigin"),
    );
    let headers = headers(guard.into(), None).await;

    assert_eq!(headers["x-frame-options"], "sameorigin");
    assert!(!headers.contains_key(header::CACHE_CONTROL));
}

#[tokio::test]
async fn off_is_identity() {
    assert!(
        headers(SecureHeadersLayer::off(), Some(Scheme::Https))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_left_out_is_not_there() {
    let layer = SecureHeaders::html()
        .without(&header::CONTENT_SECURITY_POLICY)
        .without(&header::STRICT_TRANSPORT_SECURITY);
    let headers = headers(layer.into(), Some(Scheme::Https)).await;

    assert!(!headers.contains_key(header::CONTENT_SECURITY_POLICY));
    assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    assert_eq!(headers["x-content-type-options"], "nosniff");
}
