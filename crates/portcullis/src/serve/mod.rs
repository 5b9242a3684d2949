//! A server that knows how to stop.
//!
//! # What happens
//!
//! [`serve()`] accepts connections and serves HTTP/1 and HTTP/2 on them, with upgrades. Each
//! request carries its [`PeerAddr`](crate::PeerAddr). A connection that sends no byte, or no whole
//! request head, within the [header timeout](Serve::header_timeout) is closed: hyper's own limit
//! does nothing unless it is given a timer, and does not cover the first byte.
//!
//! Proxies that speak the PROXY protocol, version 1 or 2, are declared with
//! [`Serve::proxy_protocol`]. Each connection from them must begin with a header, and its requests
//! carry the address in it; without one it is closed. From others such a header is garbage: 400.
//!
//! On SIGTERM or SIGINT, or when the future given to [`Serve::shutdown_on`] is ready:
//!
//! 1. `/ready` turns 503; everything is still served for the [grace period](Serve::grace), so that
//!    load balancers notice.
//! 2. Nothing new is accepted. Idle connections are closed, the others end after the answer that
//!    is under way (`connection: close`, or GOAWAY), for at most the [drain time](Serve::drain).
//! 3. What is left is cut. [`Stopped`] says how it went.
//!
//! A second signal skips to the third step.
//!
//! # Example
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use hyper::body::Incoming;
//! use portcullis::serve;
//! use tokio::net::TcpListener;
//! use tower::service_fn;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let hello = service_fn(|_: Request<Incoming>| async {
//!     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let stopped = serve(listener, hello)
//!     .grace(Duration::ZERO)
//!     .shutdown_on(async {})
//!     .await?;
//!
//! assert_eq!(stopped.cut(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Serve::health`] | none | what turns 503 first |
//! | [`Serve::grace`] | 5 s | the time in which Kubernetes takes a pod out of its endpoints |
//! | [`Serve::drain`] | 20 s | with the grace period, below Kubernetes' 30 s |
//! | [`Serve::leave_peer`] | nowhere but in `PeerAddr` | an allocation a request |
//! | [`Serve::header_timeout`] | 10 s | a head is a few packets |
//! | [`Serve::proxy_protocol`] | nobody | whoever may send a PROXY header chooses its address |
//! | [`Serve::shutdown_on`] | SIGTERM, SIGINT | |
//!
//! HTTP/2 allows 100 streams at once on a connection, and pings every 20 s.

mod builder;
mod connection;
mod proxy;
mod run;
mod signal;
mod stopped;

pub use self::{
    builder::{IsResponse, Serve, serve},
    stopped::Stopped,
};
