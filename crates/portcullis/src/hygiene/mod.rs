//! Refuses requests that two servers could read differently.
//!
//! # What happens
//!
//! A request that a proxy and a server read differently passes checks at one that it would not pass at
//! the other: smuggled requests, poisoned caches, links to another host, paths around an access list.
//! Where the standard says what is malformed, that is refused; where servers differ, the one reading
//! that all share is left.
//!
//! | what | the answer |
//! |---|---|
//! | HTTP/1.1 without `Host`; more than one; HTTP/2 with neither `:authority` nor `Host` (RFC 9112, section 3.2; RFC 9113, section 8.3.1) | 400 |
//! | a host that is not a name or an address with a port or without: spaces, slashes, user names, commas, percent signs | 400 |
//! | a target (HTTP/1) or `:authority` (HTTP/2) that names another host or port than `Host` | 400 |
//! | a host that is not in the [list](Hygiene::hosts), if there is one (RFC 9110, section 15.5.20) | 421 |
//! | `Transfer-Encoding` other than one `chunked`, or with `Content-Length`, or not on HTTP/1.1 (RFC 9112, section 6.1) | 400, and HTTP/1 closes the connection |
//! | a `Content-Length` that is not digits, or two that differ (RFC 9112, section 6.3) | 400, and HTTP/1 closes the connection |
//! | a method that is not in the [list](Hygiene::methods), such as TRACE and CONNECT | 405, with `Allow` |
//! | an encoded control character in the path, such as `%00` and `%0d` | 400 |
//! | where [asked](Hygiene::strict_paths), a path with dot segments, empty segments, backslashes, encoded slashes, or percent signs that encode nothing | 400 |
//! | a target of more than 8 KiB (RFC 9110, section 15.5.15) | 414 |
//! | fields of more than 32 KiB, or more than 100, all of `Cookie` being one (RFC 6585, section 5) | 431 |
//! | a field with an underscore in its name | the field is removed |
//! | `X-HTTP-Method-Override`, `X-HTTP-Method`, `X-Method-Override`, `X-Original-Method`, `X-Original-URI`, `X-Original-URL`, `X-Override-URL`, `X-Rewrite-URI`, `X-Rewrite-URL` | the field is removed |
//!
//! HTTP/1.0 needs no `Host`. An empty one is right where the target has no authority (RFC 9112, section
//! 3.2), and is no host of a list. Hosts are compared in any case. Target and `Host` agree where one
//! leaves out the port of the scheme; a list that names a port wants it written. A dot at the end is ignored in the list, and is a difference between target and `Host`.
//!
//! A name of a host has letters, digits and `-._~`, and no empty label: less than RFC 3986, section
//! 3.2.2, allows. Names in other scripts are sent in that form too (RFC 5890).
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::hygiene::{Hygiene, HygieneLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hygiene = Hygiene::new().hosts(["example.com", "*.example.com"])?;
//! let service = HygieneLayer::from(hygiene).layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! }));
//!
//! for (host, status) in [("www.example.com:8080", 200), ("evil.example", 421), ("a@b", 400)] {
//!     let request = Request::get("/").header("host", host).body(())?;
//!     assert_eq!(service.clone().oneshot(request).await?.status(), status);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! With axum: `Router::new().layer(HygieneLayer::new())`, or [`Edge`](crate::Edge), which has it unless
//! it is turned off: `edge.hygiene(None::<Hygiene>)`. A test that asks a service without a connection
//! must give a `Host`, as a client does.
//!
//! # Order
//!
//! Above everything that looks at path, method or host, and below what every response gets: a refusal
//! has an ID, secure headers, and is counted.
//!
//! Probes are below it. Load balancers and the kubelet send the address of the server as `Host`, which
//! the syntax allows and a list does not: an edge serves the paths of its [probes](crate::health) for
//! any host. They say nothing of the host, and are the same for each. For probes that the application
//! answers there is [`exempt_paths`](Hygiene::exempt_paths). A probe over HTTP/1.1 without `Host`, as
//! HAProxy sends it if so configured, is answered with 400.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Hygiene::hosts`] | all | only the application knows its names; give them: links, redirects and caches are made of them |
//! | [`Hygiene::exempt_paths`] | none; in an edge its probes | they send addresses |
//! | [`Hygiene::methods`] | GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS | those that applications serve; TRACE shows secrets to scripts, CONNECT is for proxies |
//! | [`Hygiene::underscores`] | [`Fields::Removed`] | `X_Api_Key` is `X-Api-Key` to CGI, WSGI and PHP, and to no proxy; nginx and Envoy remove them too |
//! | [`Hygiene::overrides`] | [`Fields::Removed`] | frameworks serve the other path or method, and nothing above it checked that |
//! | [`Hygiene::max_uri`] | 8 KiB | RFC 9112, section 3, asks servers to take 8000 bytes |
//! | [`Hygiene::max_headers`] | 32 KiB, 100 fields | half of what the server reads: what is between gets an answer with headers and an ID |
//! | [`Hygiene::strict_paths`] | off | a router that compares paths as they are gets none of them wrong, and names in object stores have `%2F` and `//`; turn it on before what resolves paths |
//!
//! Control characters of ASCII are refused always: no name has them, C ends at NUL, and logs and headers at line
//! ends.
//!
//! A WebSocket over HTTP/2 is a CONNECT with a protocol (RFC 8441). [`serve`](crate::serve()) does not
//! offer it; for a server that does, put CONNECT into the list.
//!
//! # Rejections
//!
//! [`Malformed`](crate::RejectionKind::Malformed), status 400 (RFC 9110, section 15.5.1), with what is
//! wrong as detail; [`UriTooLong`](crate::RejectionKind::UriTooLong), 414;
//! [`HeadersTooLarge`](crate::RejectionKind::HeadersTooLarge), 431;
//! [`MethodNotAllowed`](crate::RejectionKind::MethodNotAllowed), 405 with `Allow`
//! (section 15.5.6); [`Misdirected`](crate::RejectionKind::Misdirected), 421 (section 15.5.20). Nothing
//! that the client sent is repeated.
//!
//! A method that nobody knows is answered with 405, not 501 (RFC 9110, section 9.1, says SHOULD): it is
//! a list that refuses it, whether the application knows it or not, and anybody could send 5xx answers
//! into error rates and make load balancers take a server out.
//!
//! # Telemetry
//!
//! A debug event for each field that is removed, target `portcullis::hygiene`, with its name. As
//! [`Counts`](crate::Counts): `portcullis_hygiene_removed_total`, requests of which fields were removed.
//! Refusals are counted as all are.
//!
//! # Security considerations
//!
//! It sees what the parser below left. Of HTTP/1 over hyper:
//!
//! - `Content-Length` beside `Transfer-Encoding` is gone, whichever comes first: hyper reads the chunks
//!   and closes the connection after the answer, as RFC 9112, section 6.3, demands; the application
//!   answers. [`serve`](crate::serve()) looks below hyper, and refuses it with 400. So are repeated
//!   lengths gone that are the same.
//! - Line ends of a bare LF leave no trace; [`serve`](crate::serve()) refuses them too. Nor does what
//!   stands after a `#` in a target.
//! - A request whose last coding is not `chunked`, an encoding on HTTP/1.0, lengths that differ, white
//!   space before a colon, folded lines and control characters are answered with 400 before any guard.
//!
//! Escapes are undone once: `%252e` is `%2e`, and what decodes twice must check again. Without a list
//! of hosts the application should not make links of `Host`.

mod flaw;
mod guard;
mod host;
mod hosts;
mod methods;
mod path;
mod scan;
mod seen;
mod sizes;
#[cfg(test)]
mod tests;

pub use self::guard::{Fields, Hygiene};
use crate::engine::{Alone, Plain};

/// Refuses ambiguous requests. See the [module docs](self) for an example.
pub type HygieneLayer = Alone<Hygiene, Plain>;

impl HygieneLayer {
    /// Creates a layer with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Hygiene::new().into()
    }
}

impl Default for HygieneLayer {
    fn default() -> Self {
        Self::new()
    }
}
