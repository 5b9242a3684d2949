//! Connections that become something else, watched by an edge.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tower::{Layer, service_fn};

use super::Server;
use crate::{
    Edge,
    body_limit::RequestBody,
    observe::{Exchange, Observer, Outcome},
};

/// How many exchanges have begun, and have ended completely after a second.
#[derive(Clone, Default)]
struct Seen(Arc<[AtomicUsize; 2]>);

impl Observer for Seen {
    fn begin(&self, _: &mut Exchange, _: &http::request::Parts) -> Option<portcullis_core::Scope> {
        self.0[0].fetch_add(1, SeqCst);
        None
    }

    fn end(&self, exchange: &Exchange) {
        assert_eq!(exchange.outcome(), Outcome::Complete);
        assert!(exchange.is_upgraded() && exchange.duration() >= Duration::from_secs(1));
        self.0[1].fetch_add(1, SeqCst);
    }
}

impl Seen {
    fn counts(&self) -> (usize, usize) {
        (self.0[0].load(SeqCst), self.0[1].load(SeqCst))
    }
}

/// Echoes what comes on an upgraded connection, until its client has said all.
async fn echo(
    mut req: Request<RequestBody<RequestBody<Incoming>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(&mut req).await.unwrap();
        let mut io = hyper_util::rt::TokioIo::new(upgraded);
        let mut bytes = [0; 16];
        while let Ok(read @ 1..) = io.read(&mut bytes).await {
            io.write_all(&bytes[..read]).await.unwrap();
        }
    });
    let response = Response::builder().status(101).header("upgrade", "echo");
    let response = response.header("connection", "upgrade");
    Ok(response.body(Full::default()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_exchange_lasts_as_long_as_what_it_was_upgraded_to() {
    let (seen, outer) = (Seen::default(), Seen::default());
    let edge = Edge::new().observe(seen.clone()).build().unwrap();
    let around = Edge::new().observe(outer.clone()).build().unwrap();
    let server = Server::new(around.layer(edge.layer(service_fn(echo))));
    let (mut io, theirs) = duplex(1024);
    let peer = ([192, 0, 2, 1], 1).into();
    let served = tokio::spawn(server.connections().serve_connection(theirs, peer));

    let request = b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n";
    io.write_all(request).await.unwrap();
    let mut head = [0; 1024];
    let read = io.read(&mut head).await.unwrap();
    assert!(head[..read].starts_with(b"HTTP/1.1 101"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    io.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    io.read_exact(&mut hello).await.unwrap();
    assert_eq!((seen.counts(), outer.counts()), ((1, 0), (1, 0)));

    drop(io);
    tokio::time::sleep(Duration::from_millis(1)).await;
    served.await.unwrap();
    assert_eq!((seen.counts(), outer.counts()), ((1, 1), (1, 1)));
}
