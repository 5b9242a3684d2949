//! Cross-site request forgery: what a browser sends for another site, and would change something.
//!
//! # What happens
//!
//! Browsers say for which site they send a request. One with another method than GET, HEAD and OPTIONS
//! passes if
//!
//! 1. its path is [exempt](CrossSite::exempt),
//! 2. or its `Origin` is [trusted](CrossSite::trust),
//! 3. or `Sec-Fetch-Site` is `same-origin` or `none`, which is a person who typed an address,
//! 4. or there is no `Sec-Fetch-Site`, and the `Origin` is at the host that the request is for,
//! 5. or there is neither: no browser sent it.
//!
//! All others are refused, a sibling's too (`same-site`): who has a name below yours is not yet you.
//! The host is that of a trusted proxy, or else that of the request. A page that was not encrypted is
//! another origin than the server that is, where that is known.
//!
//! No token, no cookie, no state: it is the algorithm of Go's `CrossOriginProtection`. tower-http's
//! `csrf` has it too, but no way to call it without a copy of the request; a test compares both.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::cross_site::{CrossSite, CrossSiteLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let guard = CrossSite::new().trust(["https://app.example"])?;
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = CrossSiteLayer::from(guard).layer(hello);
//!
//! let forged = Request::post("/").header("sec-fetch-site", "cross-site").body(())?;
//! assert_eq!(service.clone().oneshot(forged).await?.status(), 403);
//! let trusted = Request::post("/")
//!     .header("sec-fetch-site", "cross-site")
//!     .header("origin", "https://app.example")
//!     .body(())?;
//! assert_eq!(service.oneshot(trusted).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below [`cors`](crate::cors), so that a script of an allowed origin can read the refusal; above
//! everything that spends something. Below [`client_ip`](crate::client_ip), which knows the host and the
//! scheme that a proxy took.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`CrossSite::trust`] | no origin | |
//! | [`CrossSite::trust_cors`] | no origin | who may read responses is not yet who may act: say so |
//! | [`CrossSite::exempt`] | no path | what was forgotten must be closed |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`Forbidden`](crate::RejectionKind::Forbidden) | 403 | always the same |
//!
//! # Security considerations
//!
//! It protects who is known by what a browser adds by itself: a cookie, a client certificate, an address.
//! A request with an API key in a header can't be forged.
//!
//! GET and HEAD must change nothing (RFC 9110, section 9.2.1). A WebSocket begins with a GET: check its
//! `Origin` where it is accepted. A proxy that changes `Host`, and is not [trusted](crate::client_ip) to say
//! what it was, leaves `Sec-Fetch-Site` alone to decide, which browsers send since 2023, and to secure pages
//! only. An [exempt](CrossSite::exempt) path needs a protection of its own, such as a signature.

mod guard;
#[cfg(test)]
mod tests;

pub use self::guard::CrossSite;
use crate::engine::{Alone, Plain};

/// Refuses what a browser sends for another site. See the [module docs](self) for an example.
pub type CrossSiteLayer = Alone<CrossSite, Plain>;
