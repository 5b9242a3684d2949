//! TLS by the server itself.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use portcullis::{
    Facts, Scheme,
    serve::{Server, Tls},
};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, pause},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer},
};

fn made() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn pem(made: &CertifiedKey<KeyPair>) -> (String, String) {
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn connect(
    address: std::net::SocketAddr,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots);
    let mut client = client.with_no_client_auth();
    client.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let io = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(client));
    connector.connect("localhost".try_into().unwrap(), io).await
}

async fn ask(mut io: TlsStream<TcpStream>) -> String {
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    io.write_all(request).await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    answer
}

fn app() -> Router {
    let scheme = |request: axum::extract::Request| async move {
        match Facts::of(request.extensions()).get::<Scheme>() {
            Some(scheme) => scheme.as_str(),
            None => "unknown",
        }
    };
    Router::new().route("/", get(scheme))
}

async fn serve(tls: &Tls) -> std::net::SocketAddr {
    let edge = portcullis_axum::edge().build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(app().layer(edge))
        .handshake_timeout(Duration::from_secs(2))
        .listen_tls(listener, tls);
    tokio::spawn(server.into_future());
    address
}

#[tokio::test]
async fn the_scheme_is_known_so_hsts_is_sent_and_both_versions_are_offered() {
    let made = made();
    let (certificate, key) = pem(&made);
    let address = serve(&Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()).await;
    let answer = ask(connect(address, made.cert.der(), &["http/1.1"])
        .await
        .unwrap())
    .await;
    let two = connect(address, made.cert.der(), &["h2", "http/1.1"])
        .await
        .unwrap();

    assert!(answer.contains("strict-transport-security: "), "{answer}");
    assert!(answer.ends_with("https"), "{answer}");
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn a_certificate_is_reloaded_and_a_bad_one_leaves_the_old() {
    let directory = std::env::temp_dir().join(format!("portcullis-tls-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (certificate_file, key_file) = (directory.join("cert.pem"), directory.join("key.pem"));
    let write = |made: &CertifiedKey<KeyPair>| {
        let (certificate, key) = pem(made);
        std::fs::write(&certificate_file, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
    };
    let (old, new) = (made(), made());
    write(&old);
    let tls = Tls::from_pem_files(&certificate_file, &key_file).unwrap();
    let address = serve(&tls).await;
    let kept = connect(address, old.cert.der(), &[]).await.unwrap();

    std::fs::write(&key_file, pem(&new).1).unwrap();
    let error = tls.reload().unwrap_err().to_string();
    assert!(
        error.starts_with("TLS: ") && !error.contains('\n'),
        "{error}"
    );
    assert!(connect(address, old.cert.der(), &[]).await.is_ok());

    write(&new);
    tls.reload().unwrap();
    assert!(connect(address, old.cert.der(), &[]).await.is_err());
    let renewed = connect(address, new.cert.der(), &[]).await.unwrap();
    assert!(ask(renewed).await.ends_with("https"));
    assert!(
        ask(kept).await.ends_with("https"),
        "an open connection goes on"
    );
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn what_is_no_certificate_is_one_line_with_all_that_is_wrong() {
    let error = Tls::from_pem(b"", b"no key").unwrap_err();
    assert_eq!(error.problems().count(), 2, "{error}");
    let error = Tls::from_pem_files("/no/cert.pem", "/no/key.pem").unwrap_err();
    assert!(error.to_string().contains("/no/cert.pem"), "{error}");
    assert_eq!(error.problems().count(), 2, "{error}");
}

#[tokio::test]
async fn half_a_handshake_and_plain_http_are_closed() {
    let (certificate, key) = pem(&made());
    let address = serve(&Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()).await;
    pause();
    let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc][..], &[7; 40]].concat();
    for bytes in [&b""[..], &hello, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let began = Instant::now();
        let mut io = TcpStream::connect(address).await.unwrap();
        io.write_all(bytes).await.unwrap();
        let mut seen = Vec::new();
        let _ = io.read_to_end(&mut seen).await;

        assert!(!seen.starts_with(b"HTTP"), "{seen:?}");
        assert!(began.elapsed() <= Duration::from_millis(2010), "{bytes:?}");
    }
}
