use std::sync::Arc;

use http::{HeaderValue, Request, Response};
use portcullis_core::{ClientCert, Facts, PeerAddr, PeerCert, Principal, Reason, Rejection};
use portcullis_test::{Body, contract, request, send, text};
use proptest::prelude::*;
use tower::Layer;

use super::{ClientCertGuard, ClientCertLayer, cert, fuzz, xfcc};
use crate::{
    Edge,
    client_ip::{ClientIpLayer, ResolveClientIp},
};

contract!(
    ClientCertLayer::new(ClientCertGuard::by_uri()),
    ClientCertLayer::off(),
    ClientCertLayer::new(ClientCertGuard::tls_by_uri()),
);

const PROXY: [u8; 4] = [10, 0, 0, 1];
const ANYBODY: [u8; 4] = [192, 0, 2, 1];

/// The SHA-256 of the certificate of RFC 9440, appendix A.
const FINGERPRINT: &str = "bfaf1f7e070f9fa8dd62905f158da73f84a1136624fbafcc9393c8f7287a69eb";

fn with(peer: [u8; 4], fields: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = request("/");
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    Facts::of_mut(request.extensions_mut()).set(PeerAddr((peer, 4711).into()));
    request
}

/// Sends a request through both layers. The handler answers with the principal, and the fields that it sees.
async fn ask(guard: ClientCertGuard, request: Request<Body>) -> Response<Body> {
    let whoami = portcullis_test::service(|request: &Request<Body>| {
        let principal: Option<&Principal> = Facts::of(request.extensions()).get();
        let seen = request
            .headers()
            .keys()
            .filter(|name| name.as_str().contains("cert"));
        let seen: Vec<_> = seen.map(ToString::to_string).collect();
        let id = principal.map_or("nobody", Principal::id);
        format!("{id} {}", seen.join(" "))
    });
    let proxies = ClientIpLayer::from(ResolveClientIp::new().trust_list("10.0.0.0/8").unwrap());
    let layer = ClientCertLayer::new(guard).public(["/public"]).unwrap();
    send(proxies.layer(layer.layer(whoami)), request).await
}

fn reason(response: &Response<Body>) -> Option<Reason> {
    let rejection = response.extensions().get::<Rejection>()?;
    Some(rejection.cause()?.reason())
}

fn by_fingerprint() -> ClientCertGuard {
    ClientCertGuard::from_client_cert(|cert| {
        (cert.fingerprint() == Some(FINGERPRINT)).then(|| Principal::new("alice"))
    })
}

#[tokio::test]
async fn a_trusted_proxy_tells_of_a_certificate() {
    let response = ask(
        by_fingerprint(),
        with(PROXY, &[("client-cert", CLIENT_CERT)]),
    )
    .await;
    assert_eq!(text(response).await, "alice client-cert");

    let response = ask(ClientCertGuard::by_uri(), with(PROXY, &[(XFCC, FULL)])).await;
    assert_eq!(
        text(response).await,
        "spiffe://example.com/billing x-forwarded-client-cert"
    );
    let response = ask(ClientCertGuard::by_dns(), with(PROXY, &[(XFCC, FULL)])).await;
    assert_eq!(
        text(response).await,
        "billing.example.com x-forwarded-client-cert"
    );
}

#[tokio::test]
async fn nobody_else_does() {
    for (guard, name, value) in [
        (by_fingerprint(), "client-cert", CLIENT_CERT),
        (ClientCertGuard::by_uri(), XFCC, FULL),
    ] {
        let response = ask(guard, with(ANYBODY, &[(name, value)])).await;
        assert_eq!(response.status(), 401);
        assert_eq!(reason(&response), Some(Reason::NoCredentials));
    }
}

#[tokio::test]
async fn what_is_not_believed_reaches_no_application() {
    let all = [
        ("client-cert", CLIENT_CERT),
        ("client-cert-chain", CLIENT_CERT),
        (XFCC, FULL),
    ];
    let public = |peer| {
        let mut request = with(peer, &all);
        *request.uri_mut() = "/public".parse().unwrap();
        request
    };

    let forged = ask(by_fingerprint(), public(ANYBODY)).await;
    assert_eq!(text(forged).await, "nobody ");
    let told = ask(by_fingerprint(), public(PROXY)).await;
    assert_eq!(text(told).await, "nobody client-cert client-cert-chain");
    let told = ask(ClientCertGuard::by_uri(), with(PROXY, &all)).await;
    assert_eq!(
        text(told).await,
        "spiffe://example.com/billing x-forwarded-client-cert"
    );
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte() {
    let other = format!(":{}:", "MAA=");
    let long = format!(":{}:", "A".repeat(16 * 1024));
    let certs: &[(&[(&str, &str)], Reason)] = &[
        (&[], Reason::NoCredentials),
        (
            &[("client-cert", CLIENT_CERT), ("client-cert", CLIENT_CERT)],
            Reason::SeveralCredentials,
        ),
        (&[("client-cert", &other)], Reason::UnknownKey),
        (&[("client-cert", "")], Reason::Malformed),
        (&[("client-cert", "::")], Reason::Malformed),
        (&[("client-cert", "MAA=")], Reason::Malformed),
        (&[("client-cert", ":MAA=:;a=1")], Reason::Malformed),
        (&[("client-cert", &long)], Reason::Malformed),
        (&[(XFCC, FULL)], Reason::NoCredentials),
    ];
    let mut seen = Vec::new();
    for (fields, expected) in certs {
        let response = ask(by_fingerprint(), with(PROXY, fields)).await;
        assert_eq!(reason(&response), Some(*expected), "{fields:?}");
        let (head, body) = response.into_parts();
        seen.push((head.headers, text(Response::new(body)).await));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        seen[0].0["www-authenticate"],
        "ClientCertificate realm=\"api\""
    );
}

fn over_tls(peer: [u8; 4], cert: ClientCert) -> Request<Body> {
    let fields = [
        ("client-cert", CLIENT_CERT),
        ("client-cert-chain", CLIENT_CERT),
        (XFCC, FULL),
    ];
    let mut request = with(peer, &fields);
    Facts::of_mut(request.extensions_mut()).set(PeerCert(Arc::new(cert)));
    request
}

fn of_alice() -> ClientCert {
    ClientCert::new()
        .with_fingerprint(FINGERPRINT)
        .with_uri("spiffe://example.com/alice")
        .with_dns("alice.example.com")
}

#[tokio::test]
async fn the_connection_tells_of_a_certificate_and_no_field_does() {
    let by_fingerprint = ClientCertGuard::from_tls(|cert| {
        (cert.fingerprint() == Some(FINGERPRINT)).then(|| Principal::new("alice"))
    });
    for (guard, expected) in [
        (by_fingerprint.clone(), "alice "),
        (ClientCertGuard::tls_by_uri(), "spiffe://example.com/alice "),
        (ClientCertGuard::tls_by_dns(), "alice.example.com "),
    ] {
        for peer in [PROXY, ANYBODY] {
            let known = ask(guard.clone(), over_tls(peer, of_alice())).await;
            assert_eq!(text(known).await, expected);
            let fields = [("client-cert", CLIENT_CERT), (XFCC, FULL)];
            let without = ask(guard.clone(), with(peer, &fields)).await;
            assert_eq!(reason(&without), Some(Reason::NoCredentials));
        }
    }
    let nobodys = over_tls(PROXY, of_alice().with_fingerprint("00"));
    let refused = ask(by_fingerprint, nobodys).await;
    assert_eq!(reason(&refused), Some(Reason::UnknownKey));
}

#[tokio::test]
async fn a_field_of_a_proxy_is_no_certificate_of_the_connection_nor_the_other_way_round() {
    let mut request = over_tls(ANYBODY, of_alice());
    let refused = ask(ClientCertGuard::by_uri(), request).await;
    assert_eq!(reason(&refused), Some(Reason::NoCredentials));

    request = over_tls(ANYBODY, of_alice());
    *request.uri_mut() = "/public".parse().unwrap();
    let public = ask(ClientCertGuard::tls_by_uri(), request).await;
    assert_eq!(text(public).await, "nobody ");
}

#[tokio::test]
async fn two_names_or_one_that_no_log_should_have_are_nobodys() {
    for cert in [
        ClientCert::new(),
        of_alice().with_uri("spiffe://example.com/bob"),
        ClientCert::new().with_uri("spiffe://example.com/a\nb"),
        ClientCert::new().with_uri("spiffe://example.com/\u{202e}a"),
    ] {
        let request = over_tls(ANYBODY, cert);
        let refused = ask(ClientCertGuard::tls_by_uri(), request).await;
        assert_eq!(reason(&refused), Some(Reason::UnknownKey));
    }
}

#[tokio::test]
async fn the_principal_has_its_scheme_and_the_fingerprint_of_its_certificate() {
    let told = portcullis_test::service(|request: &Request<Body>| {
        let principal: &Principal = Facts::of(request.extensions()).get().unwrap();
        format!("{:?} {:?}", principal.scheme(), principal.key_id())
    });
    let layer = ClientCertLayer::new(ClientCertGuard::tls_by_uri());
    let response = send(layer.layer(told), over_tls(ANYBODY, of_alice())).await;
    let expected = format!("ClientCertificate Some({FINGERPRINT:?})");
    assert_eq!(text(response).await, expected);
}

#[test]
fn an_edge_with_the_certificates_of_its_own_server_needs_no_address() {
    let edge = |guard: ClientCertGuard| {
        let edge = Edge::new().client_ip(None::<ResolveClientIp>);
        edge.client_certs(guard).build()
    };
    assert!(edge(ClientCertGuard::by_uri()).is_err());
    let built = edge(ClientCertGuard::tls_by_uri()).unwrap();
    let explained = built.explain().to_string();
    let expected = "client certificate of the connection";
    assert!(explained.contains(expected), "{explained}");
}

#[test]
fn an_element_is_read_with_its_quotes_and_escapes() {
    let cert = xfcc::last(FULL).unwrap();
    assert_eq!(cert.fingerprint(), Some(&*"ab".repeat(32)));
    assert_eq!(cert.subject(), Some("CN=\"a, b\";O=x"));
    assert_eq!(
        cert.uris().collect::<Vec<_>>(),
        ["spiffe://example.com/billing"]
    );
    assert_eq!(cert.dns().collect::<Vec<_>>(), ["billing.example.com"]);
    assert_eq!(cert.der(), None);

    for (text, expected) in [
        ("URI=a", Some(vec!["a"])),
        ("uri=a;URI=b", Some(vec!["a", "b"])),
        ("URI=;By=x", Some(vec![])),
        ("URI=\"a,URI=b;c\"", Some(vec!["a,URI=b;c"])),
        ("URI=\"a\\\",URI=b\"", Some(vec!["a\",URI=b"])),
        (" URI=a ; DNS=x", Some(vec!["a"])),
        ("Cert=\"x\";URI=a", Some(vec!["a"])),
        ("URI=a=b", Some(vec!["a=b"])),
        ("", None),
        ("URI", None),
        ("=a", None),
        ("URI=a,", None),
        ("URI=a;", None),
        ("URI=\"a", None),
        ("URI=\"a\"b", None),
        ("URI=\"a\\", None),
        ("URI=a\"b\"", None),
        ("U RI=a", None),
        ("Hash=12", None),
        ("Subject=a;Subject=b", None),
    ] {
        let cert = xfcc::last(text);
        let uris = cert.as_ref().map(|cert| cert.uris().collect());
        assert_eq!(uris, expected, "{text}");
    }
    let many = |count: usize| vec!["URI=a"; count].join(";");
    assert!(xfcc::last(&many(32)).is_some() && xfcc::last(&many(33)).is_none());
}

#[tokio::test]
async fn the_last_element_is_the_nearest_proxys() {
    let forged = "URI=spiffe://example.com/admin,URI=spiffe://example.com/billing";
    for fields in [
        &[(XFCC, forged)][..],
        &[
            (XFCC, "URI=spiffe://example.com/admin"),
            (XFCC, "URI=spiffe://example.com/billing"),
        ],
    ] {
        let response = ask(ClientCertGuard::by_uri(), with(PROXY, fields)).await;
        assert!(
            text(response)
                .await
                .starts_with("spiffe://example.com/billing ")
        );
    }
    let two = "URI=spiffe://example.com/a;URI=spiffe://example.com/b";
    let response = ask(ClientCertGuard::by_uri(), with(PROXY, &[(XFCC, two)])).await;
    assert_eq!(reason(&response), Some(Reason::UnknownKey));
}

#[tokio::test]
async fn an_edge_finds_out_which_peers_are_trusted_or_is_not_built() {
    let edge = || Edge::new().client_certs(ClientCertGuard::by_uri());
    let off = edge().client_ip(None::<ResolveClientIp>).build();
    assert!(off.is_err());

    let edge = edge().trust_proxies("10.0.0.0/8").build().unwrap();
    for (peer, expected) in [(PROXY, 200), (ANYBODY, 401)] {
        let service = edge.layer(portcullis_test::ok());
        let response = send(service, with(peer, &[(XFCC, FULL)])).await;
        assert_eq!(response.status(), expected);
    }
}

proptest! {
    #[test]
    fn no_text_panics(text: String, like in "((URI|Hash|Subject|DNS)=(\"([a-z,;=]|\\\\.)*\"|[a-z=]*)[,;]?){0,4}") {
        let _ = (fuzz(&text), fuzz(&like));
    }

    /// What is written with quotes and escapes is read as it was.
    #[test]
    fn a_quoted_value_is_read_as_it_was(value in "[ -~]{1,20}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let cert = xfcc::last(&format!("By=x;URI=\"{escaped}\";DNS=y")).unwrap();
        prop_assert_eq!(cert.uris().collect::<Vec<_>>(), [&*value]);
    }

    #[test]
    fn every_certificate_has_a_fingerprint(rest: Vec<u8>) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let der: Vec<u8> = [0x30].into_iter().chain(rest).collect();
        let cert = cert::from_byte_sequence(&format!(":{}:", STANDARD.encode(&der))).unwrap();
        prop_assert_eq!(cert.fingerprint().map(str::len), Some(64));
        prop_assert_eq!(cert.der(), Some(&*der));
    }
}

const XFCC: &str = "x-forwarded-client-cert";
const FULL: &str = "By=spiffe://example.com/edge;Hash=ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB;\
    Subject=\"CN=\\\"a, b\\\";O=x\";URI=spiffe://example.com/billing;DNS=billing.example.com";

/// RFC 9440, appendix A.
const CLIENT_CERT: &str = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";
