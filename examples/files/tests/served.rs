//! The example does what it says.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivateKeyDer},
};

#[tokio::test]
async fn a_file_is_served_over_tls_with_the_headers_of_the_edge() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let directory = env!("CARGO_MANIFEST_DIR");
    tokio::spawn(async move {
        let tls = TlsAcceptor::from(Arc::new(server));
        files::serve_files(listener, tls, directory).await.unwrap();
    });

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(client.with_no_client_auth()));
    let io = TcpStream::connect(address).await.unwrap();
    let mut io = connector
        .connect("localhost".try_into().unwrap(), io)
        .await
        .unwrap();
    io.write_all(b"GET /Cargo.toml HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: "), "{answer}");
    assert!(answer.contains("name = \"files\""), "{answer}");
}

#[test]
fn the_edge_takes_at_most_ten_lines_of_its_own() {
    let source = include_str!("../src/lib.rs");
    let (_, rest) = source.split_once("// From here\n").unwrap();
    let (part, _) = rest.split_once("// to here").unwrap();
    // What an accept loop has anyhow.
    let theirs = [
        "while let",
        "let (tls",
        "tokio::spawn",
        "if let Ok",
        "}",
        "});",
    ];
    let is_theirs = |line: &&str| theirs.iter().any(|start| line.trim().starts_with(start));
    let ours: Vec<_> = part.lines().filter(|line| !is_theirs(line)).collect();

    assert!(ours.len() <= 10, "{ours:#?}");
}
