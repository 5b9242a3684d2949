//! Preflights: K08 of the siege.

use portcullis_core::{Reason, Rejection, RejectionKind};

use super::*;

const METHOD: &str = "access-control-request-method";
const HEADERS: &str = "access-control-request-headers";
const NETWORK: &str = "access-control-request-private-network";

async fn preflight(cors: &Cors, more: &[(&'static str, &str)]) -> Response<Body> {
    let fields = [&[("origin", GOOD)], more].concat();
    answer(cors, with(Method::OPTIONS, &fields)).await
}

fn assert_refused(response: &Response<Body>) {
    assert_eq!(response.status(), 403);
    assert!(fields(response.headers()).is_empty(), "{response:?}");
    assert!(vary(response.headers()).ends_with("origin"));
    let rejection: &Rejection = response.extensions().get().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Forbidden);
    let reason = rejection.cause().unwrap().reason();
    assert_eq!(reason, Reason::OriginNotAllowed);
}

#[tokio::test]
async fn one_that_wants_what_is_allowed_is_answered() {
    let response = preflight(&cors(), &[(METHOD, "PUT"), (HEADERS, "content-type,x-one")]).await;

    let headers = response.headers();
    assert_eq!(response.status(), 204);
    assert_eq!(headers["access-control-allow-origin"], GOOD);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    assert_eq!(headers["access-control-allow-methods"], "GET, PUT");
    assert_eq!(
        headers["access-control-allow-headers"],
        "x-one, content-type"
    );
    assert_eq!(headers["access-control-max-age"], "600");
    assert_eq!(fields(headers).len(), 5);
    assert_eq!(
        vary(headers),
        "access-control-request-method, access-control-request-headers, origin"
    );
}

#[tokio::test]
async fn any_other_origin_is_refused() {
    for other in OTHERS {
        let fields = [("origin", other), (METHOD, "GET")];
        assert_refused(&answer(&cors(), with(Method::OPTIONS, &fields)).await);
    }
}

#[tokio::test]
async fn methods_are_compared_with_regard_to_case() {
    for method in ["put", "Put", "DELETE", "POST", "*", "", "GET, PUT", " "] {
        assert_refused(&preflight(&cors(), &[(METHOD, method)]).await);
    }
    assert_refused(&preflight(&cors(), &[(METHOD, "GET"), (METHOD, "PUT")]).await);
}

#[tokio::test]
async fn fields_are_compared_without() {
    for names in ["X-ONE", "x-one, ,Content-Type", "", ","] {
        let response = preflight(&cors(), &[(METHOD, "GET"), (HEADERS, names)]).await;
        assert_eq!(response.status(), 204, "{names}");
    }
    for names in [
        "x-two",
        "x-one,x-two",
        "*",
        "x-one content-type",
        "x-on",
        "cookie",
    ] {
        assert_refused(&preflight(&cors(), &[(METHOD, "GET"), (HEADERS, names)]).await);
    }
    let two_lines = [(METHOD, "GET"), (HEADERS, "x-one"), (HEADERS, "x-two")];
    assert_refused(&preflight(&cors(), &two_lines).await);
}

#[tokio::test]
async fn more_fields_than_anybody_sends_are_refused() {
    let many = "x-one,".repeat(60_000 / 6);
    assert_refused(&preflight(&cors(), &[(METHOD, "GET"), (HEADERS, &many)]).await);
}

#[tokio::test]
async fn a_private_network_is_closed_unless_it_is_opened() {
    let wants = [(METHOD, "GET"), (NETWORK, "true")];
    assert_refused(&preflight(&cors(), &wants).await);

    let open = Cors::builder([GOOD]).private_network(true).build().unwrap();
    let response = preflight(&open, &wants).await;
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-private-network"], "true");
    assert!(vary(headers).contains("request-private-network"));
    let response = preflight(&open, &wants[..1]).await;
    let headers = response.headers();
    assert!(!headers.contains_key("access-control-allow-private-network"));
}

#[tokio::test]
async fn what_is_no_preflight_goes_through() {
    for (method, fields) in [
        (Method::OPTIONS, &[][..]),
        (Method::OPTIONS, &[("origin", GOOD)]),
        (Method::OPTIONS, &[(METHOD, "PUT")]),
        (Method::GET, &[("origin", GOOD), (METHOD, "PUT")]),
        (
            Method::PUT,
            &[("origin", "https://evil.com"), (METHOD, "X")],
        ),
    ] {
        let response = answer(&cors(), with(method, fields)).await;
        assert_eq!(response.status(), 200, "{fields:?}");
        let headers = response.headers();
        assert!(!headers.contains_key("access-control-allow-methods"));
    }
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte() {
    let refused = [
        with(Method::OPTIONS, &[("origin", "null"), (METHOD, "GET")]),
        with(Method::OPTIONS, &[("origin", GOOD), (METHOD, "X")]),
        with(
            Method::OPTIONS,
            &[("origin", GOOD), (METHOD, "GET"), (HEADERS, "x")],
        ),
    ];
    let mut seen = Vec::new();
    for request in refused {
        let (head, body) = answer(&cors(), request).await.into_parts();
        seen.push((
            head.headers,
            portcullis_test::text(Response::new(body)).await,
        ));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}
