use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use portcullis_core::{CspNonce, Facts, Guard, Scheme};
use portcullis_test::{Body, OwnBody, Test, contract, echo, request, send, service, text};
use tower::{Layer, service_fn};

use super::{Csp, PermissionsPolicy, STRIPPED, SecureHeaders, SecureHeadersLayer};

contract!(
    SecureHeadersLayer::api(),
    SecureHeadersLayer::page(),
    SecureHeadersLayer::strict(),
    SecureHeadersLayer::from(SecureHeaders::strict().report_only(Csp::api()).by_type()),
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
    headers.keys().map(HeaderName::as_str).collect()
}

#[tokio::test]
async fn an_api_gets_the_exact_values() {
    let headers = headers(SecureHeadersLayer::api(), None).await;

    let expected = [
        ("cache-control", "no-store"),
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
async fn a_strict_page_gets_the_exact_values() {
    let headers = headers(SecureHeadersLayer::strict(), Some(Scheme::Https)).await;

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
    assert_eq!(features.collect::<HashSet<_>>().len(), 27);
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
async fn a_page_gets_the_exact_values() {
    let headers = headers(SecureHeadersLayer::page(), None).await;

    let expected = [
        ("cache-control", "no-store"),
        (
            "content-security-policy",
            "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
        ),
        ("cross-origin-opener-policy", "same-origin-allow-popups"),
        ("cross-origin-resource-policy", "same-site"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "sameorigin"),
        ("x-permitted-cross-domain-policies", "none"),
    ];
    for (name, value) in expected {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers.len(), expected.len() + 1);
    let features = headers["permissions-policy"].to_str().unwrap().split(", ");
    assert_eq!(
        features.filter(|feature| feature.ends_with("=()")).count(),
        9
    );
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
    let page = headers(SecureHeadersLayer::strict(), None).await;
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
    for layer in [SecureHeadersLayer::api(), SecureHeadersLayer::strict()] {
        let response = send(layer.layer(own), request("/")).await;
        let policies: Vec<_> = response
            .headers()
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .collect();
        assert_eq!(policies, ["default-src https:"]);
    }
}

/// A service whose responses have these fields.
fn with(fields: &'static [(&str, &str)]) -> impl Test<Body> {
    service_fn(move |_| async move {
        let mut response = Response::new(Body::default());
        for (name, value) in fields {
            let value = HeaderValue::from_static(value);
            response.headers_mut().append(*name, value);
        }
        Ok(response)
    })
}

async fn completed(guard: SecureHeaders, fields: &'static [(&str, &str)]) -> HeaderMap {
    let layer = SecureHeadersLayer::from(guard);
    let response = send(layer.layer(with(fields)), request("/")).await;
    response.into_parts().0.headers
}

#[tokio::test]
async fn what_tells_too_much_goes() {
    const CHATTY: &[(&str, &str)] = &[
        ("server", "hyper"),
        ("x-runtime", "0.1"),
        ("x-shard", "7"),
        ("x-shard", "8"),
        ("via", "1.1 a"),
        ("set-cookie", "a=b"),
    ];
    let guard = SecureHeaders::api().strip(HeaderName::from_static("x-shard"));
    let headers = completed(guard, CHATTY).await;
    for name in ["server", "x-runtime", "x-shard"] {
        assert!(!headers.contains_key(name), "{name}");
    }
    assert!(headers.contains_key("via") && headers.contains_key("set-cookie"));

    let guard = SecureHeaders::api().keep(header::SERVER);
    let headers = completed(guard, CHATTY).await;
    assert_eq!(
        (&headers["server"], headers["x-shard"].len()),
        (&"hyper".parse().unwrap(), 1)
    );
    assert!(!headers.contains_key("x-runtime"));
}

#[test]
fn what_goes_is_a_list_of_names() {
    assert!(STRIPPED.is_sorted());
    let strips = SecureHeaders::api().strips();
    assert_eq!(strips, STRIPPED.map(HeaderName::from_static));
}

#[tokio::test]
async fn what_can_be_validated_is_left_to_caches() {
    let api = SecureHeaders::api;
    let cache_control = async |guard, fields| {
        let headers = completed(guard, fields).await;
        headers.get(header::CACHE_CONTROL).cloned()
    };
    let no_store = Some(HeaderValue::from_static("no-store"));

    assert_eq!(cache_control(api(), &[]).await, no_store);
    assert_eq!(cache_control(api(), &[("etag", "\"1\"")]).await, None);
    assert_eq!(
        cache_control(api(), &[("last-modified", "now")]).await,
        None
    );
    let expires = &[("expires", "Wed, 21 Oct 2065 07:28:00 GMT")];
    assert_eq!(cache_control(api(), expires).await, None);
    let own = &[("etag", "\"1\""), ("cache-control", "no-store")];
    assert_eq!(
        cache_control(api(), own).await,
        no_store,
        "the handler's own"
    );
    let one = HeaderValue::from_static("max-age=1");
    let with = api().with(header::CACHE_CONTROL, one.clone());
    assert_eq!(cache_control(with, &[("etag", "\"1\"")]).await, Some(one));
}

#[tokio::test]
async fn a_page_with_a_nonce_is_not_stored() {
    const PAGE: &[(&str, &str)] = &[
        ("etag", "\"1\""),
        ("content-type", "text/HTML; charset=utf-8"),
    ];
    const ICON: &[(&str, &str)] = &[("etag", "\"1\""), ("content-type", "image/svg+xml")];
    let stores = async |guard, fields| {
        let headers = completed(guard, fields).await;
        !headers.contains_key(header::CACHE_CONTROL)
    };
    let reported = || SecureHeaders::page().report_only(Csp::strict());

    assert!(!stores(SecureHeaders::strict(), PAGE).await);
    assert!(!stores(reported(), PAGE).await);
    assert!(!stores(reported().by_type(), PAGE).await);
    assert!(stores(SecureHeaders::page(), PAGE).await, "has no nonce");
    let own: Csp = "default-src 'self'".parse().unwrap();
    assert!(stores(SecureHeaders::strict().csp(own), PAGE).await);
    let expires = &[("expires", "0"), ("content-type", "text/html")];
    assert!(!stores(SecureHeaders::strict(), expires).await);
    assert!(stores(SecureHeaders::strict(), ICON).await);
}

#[tokio::test]
async fn a_reported_policy_has_the_nonce_of_the_enforced_one() {
    let layer = SecureHeadersLayer::from(SecureHeaders::strict().report_only(Csp::strict()));
    let page = service(|request| {
        let nonce: &CspNonce = Facts::of(request.extensions()).get().unwrap();
        nonce.to_string()
    });
    let response = send(layer.layer(page), request("/")).await;
    let (head, body) = response.into_parts();
    let nonce = text(Response::new(body)).await;

    for name in [
        "content-security-policy",
        "content-security-policy-report-only",
    ] {
        let policy = head.headers[name].to_str().unwrap();
        assert_eq!(
            policy.matches(&format!("'nonce-{nonce}'")).count(),
            2,
            "{policy}"
        );
    }
    let headers = headers(
        SecureHeaders::page().report_only(Csp::strict()).into(),
        Some(Scheme::Https),
    );
    let headers = headers.await;
    let reported = headers["content-security-policy-report-only"]
        .to_str()
        .unwrap();
    assert!(
        reported.contains("'nonce-") && !reported.contains("upgrade"),
        "{reported}"
    );
    assert_eq!(headers["content-security-policy"], Csp::page().to_string());
}

#[tokio::test]
async fn a_response_gets_what_fits_its_type() {
    let get = async |guard: SecureHeaders, kind: &'static [(&str, &str)]| {
        let headers = completed(guard.by_type(), kind).await;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        let csp = headers.get("content-security-policy");
        let csp = csp.map(|csp| csp.to_str().unwrap().to_owned());
        (csp.unwrap_or_default(), headers)
    };
    let page = async |kind| get(SecureHeaders::page(), kind).await;

    let (csp, headers) = page(&[("content-type", "application/xhtml+xml")]).await;
    assert_eq!(csp, Csp::page().to_string());
    assert!(headers.contains_key("permissions-policy"));
    for data in [
        &[("content-type", "application/problem+json")][..],
        &[("content-type", "Application/JSON;charset=utf-8")],
        &[],
    ] {
        let (csp, headers) = page(data).await;
        assert_eq!(csp, Csp::api().to_string(), "{data:?}");
        assert!(!headers.contains_key("permissions-policy"));
    }
    for file in [
        &[("content-type", "image/svg+xml")][..],
        &[
            ("content-type", "text/html"),
            ("content-disposition", "attachment; filename=a"),
        ],
    ] {
        let (csp, headers) = page(file).await;
        assert!(csp.ends_with("; sandbox"), "{file:?}: {csp}");
        assert_eq!(headers["cross-origin-resource-policy"], "same-site");
    }
    let script = &[("content-type", "text/javascript")];
    let (csp, headers) = page(script).await;
    assert!(csp.is_empty() && !headers.contains_key("cross-origin-embedder-policy"));
    let (_, headers) = get(SecureHeaders::strict(), script).await;
    assert_eq!(headers["cross-origin-embedder-policy"], "require-corp");
    let inline = &[
        ("content-type", "text/html"),
        ("content-disposition", "Inline"),
    ];
    let (csp, _) = get(SecureHeaders::strict(), inline).await;
    assert!(csp.contains("'nonce-"), "{csp}");
}

#[tokio::test]
async fn a_script_gets_no_policy_whatever_javascript_is_called() {
    const SCRIPTS: [&[(&str, &str)]; 5] = [
        &[("content-type", "application/ecmascript")],
        &[("content-type", "text/x-javascript")],
        &[("content-type", "Text/ECMAScript; charset=utf-8")],
        &[("content-type", "text/javascript1.5")],
        &[("content-type", "text/jscript")],
    ];
    for script in SCRIPTS {
        let headers = completed(SecureHeaders::page().by_type(), script).await;
        assert!(
            !headers.contains_key("content-security-policy"),
            "{script:?}"
        );
    }
}

#[tokio::test]
async fn a_policy_with_nothing_in_it_is_not_sent() {
    let csp: Csp = "upgrade-insecure-requests".parse().unwrap();
    let layer = || SecureHeadersLayer::from(SecureHeaders::page().csp(csp.clone()));
    let http = headers(layer(), None).await;
    let https = headers(layer(), Some(Scheme::Https)).await;

    assert!(!http.contains_key("content-security-policy"));
    assert_eq!(https["content-security-policy"], csp.to_string());
}

#[tokio::test]
async fn a_304_leaves_the_stored_page_as_it_is() {
    let service = service_fn(async |_: Request<Body>| {
        let response = Response::builder().status(304).header("etag", "\"1\"");
        Ok::<_, std::convert::Infallible>(response.body(OwnBody::default()).unwrap())
    });
    for guard in [SecureHeaders::page(), SecureHeaders::strict()] {
        let layer = SecureHeadersLayer::from(guard.by_type());
        let response = send(layer.layer(service), request("/")).await;

        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        for name in [
            "content-security-policy",
            "cross-origin-resource-policy",
            "x-frame-options",
            "permissions-policy",
        ] {
            assert!(!headers.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn the_handlers_own_header_wins_by_type_too() {
    const OWN: &[(&str, &str)] = &[
        ("content-type", "text/html"),
        ("content-security-policy", "default-src https:"),
        ("x-frame-options", "deny"),
    ];
    for guard in [SecureHeaders::page(), SecureHeaders::strict()] {
        let headers = completed(guard.by_type(), OWN).await;

        assert_eq!(headers["content-security-policy"], "default-src https:");
        assert_eq!(headers["x-frame-options"], "deny");
        assert_eq!(headers.get_all("content-security-policy").iter().count(), 1);
    }
    let own = HeaderValue::from_static("default-src 'self'");
    let guard = SecureHeaders::strict().with(header::CONTENT_SECURITY_POLICY, own.clone());
    let headers = completed(guard.by_type(), &[("content-type", "text/html")]).await;
    assert_eq!(headers["content-security-policy"], own);
}

#[tokio::test]
async fn policies_of_ones_own_take_the_place_of_the_profiles() {
    let csp: Csp = "default-src 'self'; script-src 'nonce'".parse().unwrap();
    let permissions: PermissionsPolicy = "camera=*".parse().unwrap();
    let guard = SecureHeaders::page().csp(csp).permissions(permissions);
    let weak = "weak: base-uri: missing: an injected <base> redirects scripts, \
                form-action: missing: an injected form sends anywhere, \
                frame-ancestors: missing: any site may frame the page, \
                camera: any origin may use it";
    assert_eq!(guard.describe(), format!("page profile; {weak}"));

    let headers = completed(guard, &[]).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'self'; script-src 'nonce-"),
        "{policy}"
    );
    assert_eq!(headers["permissions-policy"], "camera=(*)");
}

#[tokio::test]
async fn every_page_has_a_nonce_of_its_own_that_the_handler_can_read() {
    let page = service(|request| {
        let nonce: &CspNonce = Facts::of(request.extensions()).get().unwrap();
        nonce.to_string()
    });
    let page = SecureHeadersLayer::strict().layer(page);
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
    let layer = SecureHeaders::strict()
        .without(&header::CONTENT_SECURITY_POLICY)
        .without(&header::STRICT_TRANSPORT_SECURITY);
    let headers = headers(layer.into(), Some(Scheme::Https)).await;

    assert!(!headers.contains_key(header::CONTENT_SECURITY_POLICY));
    assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    assert_eq!(headers["x-content-type-options"], "nosniff");
}
