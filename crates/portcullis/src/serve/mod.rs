//! A server that knows how to stop.
//!
//! # What happens
//!
//! [`serve()`] accepts connections and serves HTTP/1 and HTTP/2 on them, with upgrades. Each
//! request carries its [`PeerAddr`](crate::PeerAddr), and over TLS the certificate that its client showed, as a
//! [`PeerCert`](crate::PeerCert). What no layer can close is closed here: a
//! client that sends no whole head, in any version and from its first byte on, one that asks
//! nothing, one that doesn't read, one that floods with control frames.
//!
//! | a client that | is closed |
//! |---|---|
//! | sends nothing, a part of a head, of HTTP/2's preface, of a HEADERS | after the [header timeout](Server::header_timeout), from the connection on, or from the first byte of a later request |
//! | has not finished the TLS handshake | after the [handshake timeout](Server::handshake_timeout) |
//! | asks nothing, whatever it pings | after the [idle timeout](Server::idle_timeout), with GOAWAY |
//! | reads less than 256 bytes a second, as far as it is seen | after the [write timeout](Server::write_timeout), with a reset: the system keeps nothing for it |
//! | takes less than a frame of one stream, 16 KiB, as of a window of 0 | the same, but only the stream: RST_STREAM. Once the application has given all of the response, the stream lasts as long as others of its connection are served |
//! | floods with PING, SETTINGS, RST_STREAM, WINDOW_UPDATE, PRIORITY, empty DATA | at once, with GOAWAY `ENHANCE_YOUR_CALM` where no frame is half written: 1000 at once and 100 a second are free (but h2 ends it at 20 streams that are reset before they are served, and at some hundred empty DATA), 20 for each request, 12 for each piece of a response, and one for each 512 bytes it was sent; a PING or SETTINGS counts as 10 |
//! | is one too many in all | at once, where something is in flight on all others; else one of those that wait makes room, of 64 that are looked at the one that waits longest |
//! | has one too many | at once |
//!
//! A request that hyper can't parse is answered with 400, 414 or 431, counted, and logged once a minute; with
//! [`Server::edge`] as that edge answers. So is one of HTTP/1 with a line end of a bare LF in its head,
//! or with both `Content-Length` and `Transfer-Encoding` (RFC 9112, sections 2.2 and 6.1), which hyper
//! takes: servers in a row find its end in different places. The lines of a chunked body are looked at in
//! the same way: reading the body fails. Behind a request that asks for an upgrade
//! nothing is looked at. What the
//! body of a request may take is for [`timeout`](crate::timeout) and
//! [`body_limit`](crate::body_limit): they answer.
//!
//! # Listeners
//!
//! TCP and Unix sockets, several at once ([`Server::listen`]), TLS with or without certificates of clients
//! (`Server::listen_tls`, feature `tls`), what systemd or a process before this one hands over ([`inherited`]), anything that
//! implements [`Listener`], or an accept loop of one's own ([`Server::accept_loop`],
//! [`Connections::serve_connection`]). A listener of TCP lets 4096 connections wait, as far as the
//! system allows. Where accepting fails, as without a file descriptor, a connection that waits makes
//! room, that is logged once a minute, and tried again after 5 ms to 1 s. Where accepting panics the
//! server stops as on a signal, and returns an error. The peer of a Unix socket is `127.0.0.1:0`.
//!
//! Proxies that speak the PROXY protocol, version 1 or 2, are declared with
//! [`Server::proxy_protocol`]. Each connection from them must begin with a header, and its requests
//! carry the address in it; without one it is closed. From others such a header is garbage: 400.
//!
//! # Stopping
//!
//! On SIGTERM or SIGINT, when the future given to [`Server::shutdown_on`] is ready, or on
//! [`Shutdown::begin`]:
//!
//! 1. `/ready` turns 503; everything is still served for the [grace period](Server::grace), so that
//!    load balancers notice. Responses of HTTP/1 carry `connection: close`.
//! 2. Nothing new is accepted, after what waits already (but for accept loops of one's own). Handlers learn of it:
//!    [`Shutdown::draining`]. Connections end after the response that is under way (GOAWAY on HTTP/2),
//!    idle ones a second later, so that a request is answered that is on its way.
//!    All have at most the [drain time](Server::drain), upgraded ones too.
//! 3. What is left is cut. What the observers of [`Server::edge`] have is written, such as lines of an access
//!    log, [`Server::flush`] runs, and [`Stopped`] says how it went; it has an
//!    [exit code](Stopped::exit_code).
//!
//! A second signal skips to the third step, and so does [`Shutdown::skip`].
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
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
//! | [`Server::header_timeout`] | 10 s | a head is a few packets |
//! | [`Server::handshake_timeout`] | 10 s | the same |
//! | [`Server::idle_timeout`] | 75 s | above the 60 s of load balancers: who closes first must be the client |
//! | [`Server::write_timeout`] | 5 min | what is read is seen in steps: a client's system keeps megabytes for it (6 MB on Linux), and says so when a large part is free again |
//! | [`Server::max_age`] | none | what closes it is the client, or a limit above |
//! | [`Server::max_connections`] | 10,000 | an idle one takes some 10 KiB, and a descriptor |
//! | [`Server::max_client_connections`] | half of all | one client alone keeps nobody out; behind a proxy all clients are one |
//! | [`Server::max_streams`] | 100 | Envoy's for an edge; the windows are too: 64 KiB, and 1 MiB for a connection |
//! | [`Server::http1_only`], [`Server::http2_only`] | both | the first bytes tell |
//! | [`Server::edge`] | none | what the parser refuses is a bare status, and no access log is waited for |
//! | [`Server::proxy_protocol`] | nobody | whoever may send a PROXY header chooses its address |
//! | [`Server::scheme`] | `https` over TLS, else unknown | plain connections may come from a proxy with TLS |
//! | [`Server::leave_peer`] | nowhere but in `PeerAddr` | an allocation a request |
//! | [`Server::admin`], [`AdminPages`] | none | health, metrics, what is not for the public |
//! | [`Server::health`] | none | what turns 503 first |
//! | [`Server::grace`] | 5 s with health, else 0 | the time in which Kubernetes takes a pod out of its endpoints |
//! | [`Server::drain`] | 20 s | with the grace period, below Kubernetes' 30 s |
//! | [`Server::shutdown_on`], [`Server::shutdown`] | SIGTERM, SIGINT | |
//! | [`Server::flush`] | nothing | for at most 5 s each |
//!
//! A head of HTTP/1 has at most 100 fields, and one of either version about 64 KiB, as hyper's buffer grows
//! in steps. [Hygiene](crate::hygiene) has limits to the byte.
//!
//! An upgraded connection (WebSocket, CONNECT) has no limit of time but the drain: its handler knows what
//! it is for. It counts as a connection, and makes room for none. What is cut is cut when its handler next
//! reads or writes.

mod accept;
mod activity;
mod admin;
mod admin_pages;
mod any_io;
mod begun;
mod bodies;
mod budget;
#[cfg(feature = "tls")]
mod client_roots;
mod connection;
mod counts;
mod due;
mod evict;
mod frames;
mod framing;
mod inherited;
mod limits;
mod listener;
mod open;
mod proxy;
mod refusal;
mod run;
mod server;
mod serving;
mod settings;
mod shutdown;
mod signal;
mod stopped;
mod streams;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod unparsed;
mod upgraded;
mod version;
mod watchdog;
mod wire;

#[cfg(feature = "tls")]
pub use self::tls::Tls;
pub use self::{
    admin_pages::AdminPages,
    any_io::Io,
    inherited::{Inherited, bind_reuse_port, inherited},
    listener::Listener,
    server::{Connections, IsResponse, Server, serve},
    shutdown::Shutdown,
    stopped::Stopped,
};
