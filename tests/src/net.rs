//! Servers and clients on real sockets.

#![expect(clippy::expect_used, reason = "a test helper")]

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::{BoxError, serve, serve::Stopped};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use tower_service::Service;

/// A server on a free port of the loopback address. Ends with the runtime.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<Stopped>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as text.
    pub text: String,
}

/// One connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Client {
    /// HTTP/1.1.
    Http1(http1::SendRequest<Full<Bytes>>),
    /// HTTP/2, by prior knowledge.
    Http2(http2::SendRequest<Full<Bytes>>),
}

// ===== impl Server =====

impl Server {
    /// Serves a service with [`portcullis::serve()`], with short times.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    pub async fn start<S, B>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let server = serve(listener, service)
            .grace(Duration::ZERO)
            .drain(Duration::from_millis(500))
            .shutdown_on(async {
                // Without its handle a server serves until the test ends.
                if stopped.await.is_err() {
                    std::future::pending().await
                }
            });
        let task = tokio::spawn(server.into_future());
        Self {
            address,
            stop,
            task,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it, and waits until it has.
    ///
    /// # Panics
    ///
    /// Panics if it fails.
    pub async fn stop(self) -> Stopped {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("it ends").expect("no error")
    }
}

// ===== impl Client =====

impl Client {
    /// Connects and speaks HTTP/1.1.
    ///
    /// # Panics
    ///
    /// Panics if that fails.
    pub async fn http1(address: SocketAddr) -> Self {
        let io = TcpStream::connect(address).await.expect("connects");
        Self::http1_on(io).await
    }

    /// Connects from a loopback address and speaks HTTP/1.1.
    ///
    /// # Panics
    ///
    /// Panics if that fails.
    pub async fn http1_from(source: [u8; 4], address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("is bound");
        let io = socket.connect(address).await.expect("connects");
        Self::http1_on(io).await
    }

    async fn http1_on(io: TcpStream) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.expect("h1");
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    /// Connects and speaks HTTP/2.
    ///
    /// # Panics
    ///
    /// Panics if that fails.
    pub async fn http2(address: SocketAddr) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.expect("connects"));
        let handshake = http2::handshake(TokioExecutor::new(), io).await;
        let (sender, connection) = handshake.expect("h2");
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    /// Sends a request, and returns the answer, whose body is not read.
    ///
    /// # Errors
    ///
    /// As hyper gives them.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Sends a request, and reads the whole answer.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub async fn ask(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.send(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.into()).expect("text"),
        }
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(request(path, &[])).await
    }
}

// ===== impl Answer =====

impl Answer {
    /// A header's text; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }
}

/// A GET request with headers.
///
/// # Panics
///
/// Panics if they are no headers.
#[must_use]
pub fn request(path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = Request::get(format!("http://localhost{path}")).header("host", "localhost");
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    let request = headers.iter().fold(request, add);
    request.body(Full::default()).expect("a request")
}

/// Writes bytes on a connection of their own, and reads until the server closes it, or for a
/// second after the last byte.
///
/// # Panics
///
/// Panics if the connection is reset.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut io = TcpStream::connect(address).await.expect("connects");
    io.write_all(bytes).await.expect("is written");
    read(&mut io).await
}

/// Reads until the server closes the connection, or for a second after the last byte.
///
/// # Panics
///
/// Panics if the connection is reset.
pub async fn read(io: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let pause = Duration::from_secs(1);
    while let Ok(read) = timeout(pause, io.read_buf(&mut seen)).await {
        if read.expect("the connection is whole") == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}
