//! Several ways in: whichever a request has credentials of decides.

use std::sync::Arc;

use http::{Request, Response};
use portcullis_core::{AuthScheme, ClientCert, Facts, PeerCert, Principal};
use portcullis_test::{Body, OwnBody, send, text};
use tower::{Layer, service_fn};

use super::tokens::{jwt, token};
use crate::{
    Edge, Slot,
    api_key::{ApiKey, Keys},
    body_limit::RequestBody,
    client_cert::ClientCertGuard,
    signature::{SignatureGuard, SignatureKeys, SignaturePolicy, Signer, SigningKey},
};

fn signing() -> SigningKey {
    SigningKey::hmac_sha256("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2").unwrap()
}

fn signatures() -> SignatureGuard {
    let keys =
        SignatureKeys::new().and("carol-1", signing().verifying_key(Principal::new("carol")));
    SignatureGuard::try_new(keys, SignaturePolicy::new()).unwrap()
}

/// Knows the certificate of dave.
fn certs() -> ClientCertGuard {
    ClientCertGuard::from_tls(|cert| {
        let is_daves = cert.dns().eq(["dave.example.com"]);
        is_daves.then(|| Principal::new("dave"))
    })
}

fn get(change: impl FnOnce(&mut Request<Body>)) -> Request<Body> {
    let mut request = portcullis_test::request("https://api.example/");
    request
        .headers_mut()
        .insert("host", "api.example".parse().unwrap());
    change(&mut request);
    request
}

fn with_field(name: &'static str, value: &str) -> Request<Body> {
    get(|request| {
        request.headers_mut().insert(name, value.parse().unwrap());
    })
}

fn certified(mut request: Request<Body>, name: &str) -> Request<Body> {
    let cert = ClientCert::new().with_dns(name);
    Facts::of_mut(request.extensions_mut()).set(PeerCert(Arc::new(cert)));
    request
}

fn signed(name: &str) -> Request<Body> {
    let (mut head, body) = get(|_| {}).into_parts();
    let signer = Signer::try_new(name, signing()).unwrap();
    signer.sign(&mut head, None).unwrap();
    Request::from_parts(head, body)
}

/// Who an edge thinks sent a request, and whether it was told of certificates; or the schemes of the challenges.
async fn whoami(edge: Edge, request: Request<Body>) -> String {
    let app = service_fn(|request: Request<RequestBody<Body>>| async move {
        let who: Option<&Principal> = Facts::of(request.extensions()).get();
        let scheme = who.map_or(AuthScheme::Other, Principal::scheme);
        let is_told = request.headers().contains_key("client-cert");
        let id = who.map_or("nobody", Principal::id);
        let told = format!("{id} {scheme:?} {is_told}");
        Ok::<_, std::convert::Infallible>(Response::new(OwnBody::from(told)))
    });
    let response = send(edge.build().unwrap().layer(app), request).await;
    if response.status() == 200 {
        return text(response).await;
    }
    let challenges = response.headers().get_all("www-authenticate");
    let schemes = challenges.iter().map(|challenge| {
        let challenge = challenge.to_str().unwrap();
        challenge.split(' ').next().unwrap().to_owned()
    });
    // That of the wrong credentials comes first.
    let mut schemes: Vec<_> = schemes.collect();
    schemes.sort();
    format!("{} {}", response.status().as_u16(), schemes.join(" "))
}

#[tokio::test]
async fn each_way_alone_opens_an_edge() {
    let by_signature = || Edge::new().signatures(signatures());
    let by_cert = || Edge::new().client_certs(certs());
    let nothing = || get(|_| {});

    let known = whoami(by_signature(), signed("carol-1")).await;
    assert_eq!(known, "carol Signature false");
    assert_eq!(whoami(by_signature(), nothing()).await, "401 Signature");
    let known = whoami(by_cert(), certified(nothing(), "dave.example.com")).await;
    assert_eq!(known, "dave ClientCertificate false");
    assert_eq!(whoami(by_cert(), nothing()).await, "401 ClientCertificate");
    for edge in [by_signature(), by_cert()] {
        let public = whoami(edge.public(["/"]), nothing()).await;
        assert_eq!(public, "nobody Other false");
    }
}

#[tokio::test]
async fn of_all_ways_whichever_a_request_has_decides_in_whatever_order_they_were_set() {
    let key = ApiKey::generate("pk").unwrap();
    let keys = || Keys::default().and("bob", &key);
    let bearer = format!("Bearer {}", token());
    let keyed = || with_field("x-api-key", key.expose());
    let all = "401 Bearer ClientCertificate Signature";
    for edge in [
        Edge::new()
            .client_certs(certs())
            .api_keys(keys())
            .jwt(jwt())
            .signatures(signatures()),
        Edge::new()
            .signatures(signatures())
            .jwt(jwt())
            .api_keys(keys())
            .client_certs(certs()),
    ] {
        for (request, expected) in [
            (keyed(), "bob ApiKey false"),
            (with_field("authorization", &bearer), "alice Token false"),
            (signed("carol-1"), "carol Signature false"),
            (signed("unknown"), all),
            (get(|_| {}), all),
            (
                certified(keyed(), "dave.example.com"),
                "dave ClientCertificate false",
            ),
            // A certificate of nobody is final, as any wrong credentials are.
            (certified(keyed(), "nobody.example.com"), all),
        ] {
            let seen = format!("{request:?}");
            assert_eq!(whoami(edge.clone(), request).await, expected, "{seen}");
        }
    }
}

#[tokio::test]
async fn a_forged_field_is_taken_out_whoever_admits_the_request() {
    let key = ApiKey::generate("pk").unwrap();
    let keys = Keys::default().and("bob", &key);
    let edge = Edge::new().api_keys(keys).client_certs(certs());
    let mut request = with_field("x-api-key", key.expose());
    let forged = "client-cert".parse::<http::HeaderName>().unwrap();
    request
        .headers_mut()
        .insert(forged, ":MAA=:".parse().unwrap());

    assert_eq!(whoami(edge, request).await, "bob ApiKey false");
}

#[test]
fn each_way_can_be_turned_off_and_the_last_call_counts() {
    let slots = |edge: Edge| {
        let explained = edge.build().unwrap().explain().to_string();
        explained.matches(Slot::Authentication.name()).count()
    };
    let no_certs = None::<ClientCertGuard>;
    let no_signatures = None::<SignatureGuard>;

    let all = || Edge::new().client_certs(certs()).signatures(signatures());
    assert_eq!(slots(all()), 1);
    let off = all().client_certs(no_certs.clone());
    assert_eq!(slots(off.clone()), 1);
    assert_eq!(slots(off.signatures(no_signatures.clone())), 0);
    let open = |edge: Edge| slots(edge.public(["/"]));
    assert_eq!(open(Edge::new().client_certs(no_certs)), 0);
    assert_eq!(open(Edge::new().signatures(no_signatures)), 0);
}
