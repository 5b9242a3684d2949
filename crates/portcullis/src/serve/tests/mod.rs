//! A server on pipes, with a paused clock: time runs on to the next timer when nothing else happens.

mod caps;
mod floods;
mod hostile;
mod stopping;
mod unparsed;
mod upgrades;

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};
use tower::{Service, service_fn};

use super::{Connections, Server};
use crate::{BoxError, Counts};

/// Answers `/large` with 1 MiB, `/fifteen` with 15,000 bytes, `/endless` never, `/slow` after a minute, and echoes bodies.
pub(super) fn app() -> impl Service<
    Request<Incoming>,
    Response = Response<BoxBody<Bytes, BoxError>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(|req: Request<Incoming>| async move {
        let path = req.uri().path().to_owned();
        let body = match path.as_str() {
            "/fifteen" => Bytes::from(vec![b'x'; 15_000]),
            "/large" => Bytes::from(vec![b'x'; 1 << 20]),
            "/slow" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                "slow".into()
            }
            "/endless" => std::future::pending().await,
            _ => match req.into_body().collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => Bytes::from_static(b"cut"),
            },
        };
        let body = if body.is_empty() {
            Bytes::from_static(b"ok")
        } else {
            body
        };
        let body = Full::new(body).map_err(|never| match never {});
        Ok(Response::new(body.boxed()))
    })
}

pub(super) type App = Connections<AppService>;
type AppService = tower::util::BoxCloneSyncService<
    Request<Incoming>,
    Response<BoxBody<Bytes, BoxError>>,
    Infallible,
>;

pub(super) fn server() -> Server<AppService> {
    Server::new(tower::util::BoxCloneSyncService::new(app()))
}

/// A client's end of a connection that is served.
pub(super) struct Client {
    pub(super) io: DuplexStream,
    pub(super) served: JoinHandle<()>,
    began: Instant,
}

impl Client {
    pub(super) fn new(connections: &App) -> Self {
        Self::from("192.0.2.1:4711", connections)
    }

    pub(super) fn from(peer: &str, connections: &App) -> Self {
        let (io, theirs) = duplex(64 << 10);
        let peer: SocketAddr = peer.parse().unwrap();
        Self {
            io,
            served: tokio::spawn(connections.serve_connection(theirs, peer)),
            began: Instant::now(),
        }
    }

    pub(super) async fn sending(connections: &App, bytes: &[u8]) -> Self {
        let mut client = Self::new(connections);
        client.io.write_all(bytes).await.unwrap();
        client
    }

    /// Reads to the end. Returns what came, and after how long the end.
    pub(super) async fn read_to_end(mut self) -> (Vec<u8>, Duration) {
        let mut seen = Vec::new();
        // A reset is an end.
        let _ = self.io.read_to_end(&mut seen).await;
        (seen, self.began.elapsed())
    }

    /// Reads until some bytes came.
    pub(super) async fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut seen = Vec::new();
        while !seen.windows(end.len()).any(|window| window == end) {
            let mut bytes = [0; 1024];
            let read = self.io.read(&mut bytes).await.unwrap();
            assert!(read > 0, "ended: {:?}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&bytes[..read]);
        }
        seen
    }

    /// Waits until the connection is closed. Returns after how long.
    pub(super) async fn closed(self) -> Duration {
        let Self { io, served, began } = self;
        served.await.unwrap();
        drop(io);
        began.elapsed()
    }
}

/// A frame of HTTP/2.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head[..], payload].concat()
}

/// A preface with empty SETTINGS.
pub(super) fn hello() -> Vec<u8> {
    [&super::wire::PREFACE[..], &frame(4, 0, 0, b"")].concat()
}

/// HEADERS of `GET path`, not Huffman-coded (RFC 7541).
pub(super) fn get(stream: u32, path: &str) -> Vec<u8> {
    // :method GET, :scheme http, :path and :authority as literals.
    let mut block = vec![0x82, 0x86, 0x04, path.len() as u8];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(&[0x01, 4]);
    block.extend_from_slice(b"host");
    frame(1, 0x5, stream, &block)
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// What a timer may be late by.
pub(super) const TICK: Duration = Duration::from_millis(3);

/// Whether something took as long as it should.
#[track_caller]
pub(super) fn assert_took(took: Duration, expected: Duration) {
    assert!(
        (expected..=expected + TICK).contains(&took),
        "took {took:?}, not {expected:?}"
    );
}
