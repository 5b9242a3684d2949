//! Who reads too slowly is reset, and nothing is kept for it, in the server or in the system.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{future::IntoFuture, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use portcullis::serve::{Server, Tls};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore},
};

/// Listens, plain and over TLS.
async fn start() -> (SocketAddr, SocketAddr, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let secured = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, secured_at) = (plain.local_addr().unwrap(), secured.local_addr().unwrap());
    let app = Router::new().route("/", get(async || vec![b'x'; 8 << 20]));
    let server = Server::new(app).listen(plain).listen_tls(secured, &tls);
    let server = server.write_timeout(Duration::from_millis(500));
    tokio::spawn(server.into_future());
    (at, secured_at, connector)
}

/// The system keeps little for it.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks, and reads the first bytes.
async fn ask(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    io.write_all(request).await.unwrap();
    io.read_exact(&mut [0; 16]).await.unwrap();
}

/// Waits for a reset that the client hears of without a read, behind which nothing more may come.
async fn is_reset(io: &TcpStream) -> bool {
    let reset = async {
        while io.take_error().unwrap().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), reset).await.is_ok()
}

#[tokio::test]
async fn who_does_not_read_is_reset() {
    let (plain, ..) = start().await;
    let mut io = connect(plain).await;
    ask(&mut io).await;

    assert!(is_reset(&io).await);
}

#[tokio::test]
async fn who_does_not_read_over_tls_is_reset() {
    let (_, secured, connector) = start().await;
    let io = connect(secured).await;
    let name = "localhost".try_into().unwrap();
    let mut io = connector.connect(name, io).await.unwrap();
    ask(&mut io).await;

    assert!(is_reset(io.get_ref().0).await);
}
