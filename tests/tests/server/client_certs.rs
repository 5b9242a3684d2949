//! Certificates of clients, over TLS by the server itself.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::{
    Facts, PeerCert, Principal,
    client_cert::ClientCertGuard,
    serve::{Server, Tls},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType, date_time_ymd,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
        server::WebPkiClientVerifier,
        sign::{CertifiedKey, SingleCertAndKey},
        version::{TLS12, TLS13},
    },
};

/// What issues certificates.
type Authority = CertifiedIssuer<'static, KeyPair>;

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

const BILLING: &str = "spiffe://example.com/billing";

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Two of one name: only the signature tells them apart.
    params
        .distinguished_name
        .push(DnType::CommonName, "authority");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issue(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::new(["billing.example.com".to_owned()]).unwrap();
    let uri = SanType::URI(BILLING.try_into().unwrap());
    params.subject_alt_names.push(uri);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, authority).unwrap();
    (
        cert.der().clone(),
        PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    )
}

fn client(authority: &Authority) -> Identity {
    issue(authority, |_| {})
}

/// A certificate of the server's own, and its key, in PEM text.
fn of_server() -> (CertificateDer<'static>, [String; 2]) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = [made.cert.pem(), made.signing_key.serialize_pem()];
    (made.cert.der().clone(), pem)
}

fn tls([cert, key]: &[String; 2]) -> Tls {
    Tls::from_pem(cert.as_bytes(), key.as_bytes()).unwrap()
}

fn app(guard: ClientCertGuard) -> Router {
    let edge = portcullis_axum::edge().client_certs(guard);
    let whoami = |request: axum::extract::Request| async move {
        let who: Option<&Principal> = Facts::of(request.extensions()).get();
        let told = request.headers().keys();
        let told = told.filter(|name| name.as_str().contains("client-cert"));
        format!("{} {}", who.map_or("nobody", Principal::id), told.count())
    };
    let edge = edge.public(["/public"]).build().unwrap();
    Router::new()
        .route("/", get(whoami))
        .route("/public", get(whoami))
        .layer(edge)
}

async fn serve(tls: &Tls) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(app(ClientCertGuard::tls_by_uri())).listen_tls(listener, tls);
    tokio::spawn(server.into_future());
    address
}

/// A client that trusts a server, and keeps its sessions.
fn config(
    server: &CertificateDer<'static>,
    identity: Option<&Identity>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(server.clone()).unwrap();
    let client = ClientConfig::builder_with_protocol_versions(versions);
    let client = client.with_root_certificates(roots);
    match identity {
        // Not compared here: a certificate may come with another's key.
        Some((cert, key)) => {
            let key = ring::sign::any_supported_type(key).unwrap();
            let identity = CertifiedKey::new(vec![cert.clone()], key);
            client.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => client.with_no_client_auth(),
    }
}

async fn connect(address: SocketAddr, client: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let io = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(client));
    connector.connect("localhost".try_into().unwrap(), io).await
}

/// The status and the body that a client gets, or nothing where it gets no connection.
async fn ask(address: SocketAddr, client: ClientConfig, request: &str) -> Option<String> {
    let mut io = connect(address, client).await.ok()?;
    tell(&mut io, request).await
}

async fn tell(io: &mut TlsStream<TcpStream>, request: &str) -> Option<String> {
    let request = format!("GET {request}host: localhost\r\nconnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    // In TLS 1.3 a client learns only now that it is refused.
    io.read_to_string(&mut answer).await.ok()?;
    let status = answer.split(' ').nth(1)?.to_owned();
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(if status == "200" {
        format!("{status} {body}")
    } else {
        status
    })
}

const GET: &str = "/ HTTP/1.1\r\n";
const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

#[tokio::test]
async fn who_has_a_certificate_from_a_root_is_let_in_as_its_principal_and_nobody_else() {
    let (ours, other) = (authority(), authority());
    let expired = issue(&ours, |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = issue(&ours, |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    let of_a_server = issue(&ours, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    // The certificate of another, without its key.
    let stolen = (client(&ours).0, client(&ours).1);
    let refused = [expired, early, of_a_server, client(&other), stolen];
    let (cert, pem) = of_server();
    let required = tls(&pem).client_roots(ours.pem().as_bytes()).unwrap();
    let optional = tls(&pem).optional_client_roots(ours.pem().as_bytes());
    for (tls, without) in [(required, None), (optional.unwrap(), Some("401"))] {
        let address = serve(&tls).await;
        for version in [&[&TLS12][..], &[&TLS13]] {
            let get =
                |identity: Option<&Identity>| ask(address, config(&cert, identity, version), GET);
            let let_in = get(Some(&client(&ours))).await;

            assert_eq!(let_in.unwrap(), format!("200 {BILLING} 0"));
            assert_eq!(get(None).await.as_deref(), without, "{version:?}");
            for (at, identity) in refused.iter().enumerate() {
                assert_eq!(get(Some(identity)).await, None, "{at} {version:?}");
            }
        }
    }
}

#[tokio::test]
async fn where_no_certificate_is_wanted_there_is_none() {
    let (cert, pem) = of_server();
    let address = serve(&tls(&pem)).await;
    let identity = client(&authority());

    let answer = ask(address, config(&cert, Some(&identity), BOTH), GET).await;
    assert_eq!(answer.as_deref(), Some("401"));
}

#[tokio::test]
async fn each_request_of_http_2_has_the_certificate() {
    let ours = authority();
    let (cert, pem) = of_server();
    let address = serve(&tls(&pem).client_roots(ours.pem().as_bytes()).unwrap()).await;
    let mut client = config(&cert, Some(&client(&ours)), BOTH);
    client.alpn_protocols = vec![b"h2".to_vec()];
    let io = TokioIo::new(connect(address, client).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);

    for _ in 0..3 {
        let request = http::Request::get("https://localhost/");
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, format!("{BILLING} 0"));
    }
}

#[tokio::test]
async fn forged_fields_say_nothing() {
    let ours = authority();
    let (cert, pem) = of_server();
    let tls = tls(&pem).optional_client_roots(ours.pem().as_bytes());
    let address = serve(&tls.unwrap()).await;
    let forged = "client-cert: :MAA=:\r\nclient-cert-chain: :MAA=:\r\n\
                  x-forwarded-client-cert: URI=spiffe://example.com/admin\r\n";
    let request = |path| format!("{path} HTTP/1.1\r\n{forged}");

    let without = || config(&cert, None, BOTH);
    let refused = ask(address, without(), &request("/")).await;
    assert_eq!(refused.as_deref(), Some("401"));
    let public = ask(address, without(), &request("/public")).await;
    assert_eq!(public.as_deref(), Some("200 nobody 0"));
    let known = config(&cert, Some(&client(&ours)), BOTH);
    let known = ask(address, known, &request("/")).await.unwrap();
    assert_eq!(known, format!("200 {BILLING} 0"));
}

#[tokio::test]
async fn who_comes_again_is_verified_again_and_is_the_same() {
    let ours = authority();
    let (cert, pem) = of_server();
    let plain = serve(&tls(&pem)).await;
    let tls = tls(&pem).client_roots(ours.pem().as_bytes()).unwrap();
    let address = serve(&tls).await;
    for version in [&[&TLS12][..], &[&TLS13]] {
        let client = config(&cert, Some(&client(&ours)), version);
        let again = async |address, expected| {
            let mut io = connect(address, client.clone()).await.unwrap();
            assert_eq!(tell(&mut io, GET).await.unwrap(), expected);
            io.get_ref().1.handshake_kind()
        };

        let known = format!("200 {BILLING} 0");
        for _ in 0..3 {
            assert_eq!(again(address, &*known).await, Some(HandshakeKind::Full));
        }
        // The client does resume, where it may.
        again(plain, "401").await;
        assert_eq!(again(plain, "401").await, Some(HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn a_session_without_a_certificate_opens_nothing_that_demands_one() {
    let ours = authority();
    let (cert, pem) = of_server();
    let plain = tls(&pem);
    let demanding = plain.clone().client_roots(ours.pem().as_bytes()).unwrap();
    let (plain, demanding) = (serve(&plain).await, serve(&demanding).await);
    let client = config(&cert, None, BOTH);
    let before = ask(plain, client.clone(), GET).await;
    assert_eq!(before.as_deref(), Some("401"));

    assert_eq!(ask(demanding, client, GET).await, None);
}

#[tokio::test]
async fn roots_stay_when_the_certificate_of_the_server_is_changed() {
    let (ours, other) = (authority(), authority());
    let ((_, old), (cert, [new, key])) = (of_server(), of_server());
    let tls = tls(&old).client_roots(ours.pem().as_bytes()).unwrap();
    let address = serve(&tls).await;
    tls.set_pem(new.as_bytes(), key.as_bytes()).unwrap();

    let get = |identity: Option<&Identity>| ask(address, config(&cert, identity, BOTH), GET);
    let known = get(Some(&client(&ours))).await.unwrap();
    assert_eq!(known, format!("200 {BILLING} 0"));
    assert_eq!(get(Some(&client(&other))).await, None);
    assert_eq!(get(None).await, None);
}

#[tokio::test]
async fn an_accept_loop_of_ones_own_has_certificates_too_and_of_resumed_sessions() {
    let ours = authority();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ours.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config_of_server = ServerConfig::builder()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config_of_server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(app(ClientCertGuard::tls_by_uri()));
    let server = server.accept_loop(move |connections| async move {
        loop {
            let (io, peer) = listener.accept().await.unwrap();
            let io = acceptor.accept(io).await.unwrap();
            tokio::spawn(connections.serve_connection(io, peer));
        }
    });
    tokio::spawn(server.into_future());

    let client = config(made.cert.der(), Some(&client(&ours)), BOTH);
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut io = connect(address, client.clone()).await.unwrap();
        let answer = tell(&mut io, GET).await.unwrap();
        assert_eq!(answer, format!("200 {BILLING} 0"));
        assert_eq!(io.get_ref().1.handshake_kind(), Some(expected));
    }
}

#[tokio::test]
async fn a_certificate_tells_its_fingerprint_its_names_and_itself() {
    let ours = authority();
    let identity = client(&ours);
    let (cert, pem) = of_server();
    let tls = tls(&pem).client_roots(ours.pem().as_bytes()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let der = identity.0.clone();
    let told = move |request: axum::extract::Request| async move {
        let PeerCert(cert) = Facts::of(request.extensions()).get().unwrap();
        assert_eq!(cert.der(), Some(&*der));
        let (uris, dns): (Vec<_>, Vec<_>) = (cert.uris().collect(), cert.dns().collect());
        format!("{} {uris:?} {dns:?}", cert.fingerprint().unwrap())
    };
    let server = Server::new(Router::new().route("/", get(told))).listen_tls(listener, &tls);
    tokio::spawn(server.into_future());

    let answer = ask(address, config(&cert, Some(&identity), BOTH), GET).await;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&identity.0);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = format!("200 {hex} [{BILLING:?}] [\"billing.example.com\"]");
    assert_eq!(answer.unwrap(), expected);
}

#[test]
fn what_are_no_roots_is_one_line_for_each() {
    let (_, pem) = of_server();
    let good = authority().pem();
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let cut = &good[..good.len() / 2];
    for (roots, problems) in [
        (String::new(), 1),
        ("no roots".to_owned(), 1),
        (cut.to_owned(), 1),
        (format!("{broken}{good}{broken}"), 2),
        (pem[1].clone(), 1),
    ] {
        for made in [
            tls(&pem).client_roots(roots.as_bytes()),
            tls(&pem).optional_client_roots(roots.as_bytes()),
        ] {
            let error = made.unwrap_err();
            assert_eq!(error.problems().count(), problems, "{error}");
            for problem in error.problems() {
                assert!(problem.starts_with("TLS: client roots: "), "{problem}");
                assert!(!problem.contains('\n'), "{problem}");
            }
        }
    }
}
