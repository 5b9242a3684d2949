//! CORS: which other sites' scripts may use the application (Fetch Standard, section 3.3).
//!
//! # What happens
//!
//! A **preflight** is `OPTIONS` with one `Origin` and an `Access-Control-Request-Method`. One that wants
//! what is allowed is answered with 204 and what is allowed; any other is refused, with no CORS
//! field. Every other `OPTIONS` request is passed on.
//!
//! Every other request passes. From an origin that is allowed, its response says so, whoever makes it: the
//! application, a 401, a 429, a 500. To any other origin it says nothing, and the browser keeps the response
//! from the script. So do two `Origin` lines.
//!
//! Origins are compared to the byte with what browsers send; `https://*.example.com` stands for one more
//! label, not for more. Methods are compared with regard to case, the names of fields without (Fetch
//! Standard, section 4.8).
//!
//! Every response has `Vary: origin`, also one to a request without an origin, so that no cache gives one
//! site what was meant for another. Only where all origins are allowed it has not: then every response
//! is the same, with `Access-Control-Allow-Origin: *`.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Method, Request, Response};
//! use http_body_util::Full;
//! use portcullis::cors::{Cors, CorsLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cors = Cors::builder(["https://app.example", "https://*.preview.example"])
//!     .methods(["GET", "PUT"])
//!     .request_headers(["authorization", "content-type"])
//!     .credentials(true)
//!     .build()?;
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = CorsLayer::from(cors).layer(hello);
//!
//! let preflight = Request::options("/")
//!     .header("origin", "https://app.example")
//!     .header("access-control-request-method", "PUT")
//!     .body(())?;
//! let response = service.clone().oneshot(preflight).await?;
//! assert_eq!(response.status(), 204);
//! assert_eq!(response.headers()["access-control-allow-methods"], "GET, PUT");
//!
//! let request = Request::get("/").header("origin", "https://evil.example").body(())?;
//! let response = service.oneshot(request).await?;
//! assert!(!response.headers().contains_key("access-control-allow-origin"));
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Above everything that refuses and that a script should be able to read. In an [`Edge`](crate::Edge)
//! preflights that are allowed are answered further down, in a [slot](crate::Slot::Preflights) of their own:
//! they carry no key, and spend quota as any request does. Alone, or added to an edge as a guard of one's
//! own, it answers them where it is.
//!
//! What is refused above it, such as a request that hygiene refuses, and a probe, has no CORS field but
//! `Vary`.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Cors::builder`], [`Cors::new`] | | `https://app.example`, `http://localhost:3000`, `https://*.example.com`, or `*` alone |
//! | [`CorsBuilder::methods`] | GET, HEAD, POST | a page of any site can send these without a preflight, too |
//! | [`CorsBuilder::request_headers`] | none | browsers send the harmless ones without a preflight; `content-type` must be here for JSON |
//! | [`CorsBuilder::exposed_headers`] | none | scripts always see the harmless ones |
//! | [`CorsBuilder::credentials`] | off | who sends keys by script needs none; cookies make every page of that origin act for its visitor |
//! | [`CorsBuilder::max_age`] | 10 minutes | a page sends a preflight once in a while, and what is taken from the list is gone soon. Chromium heeds at most two hours, Firefox a day |
//! | [`CorsBuilder::private_network`] | off | a page of the internet should not reach a server at home |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`Forbidden`](crate::RejectionKind::Forbidden) | 403 | a preflight for an origin, a method or a field that is not in the lists, or for a private network. Always the same |
//!
//! # Security considerations
//!
//! CORS keeps no request out: it lets browsers show responses to scripts. A form of any site can
//! still send a POST; [`cross_site`](crate::cross_site) refuses it. Who allows an origin trusts
//! every page of it; who allows `https://*.example.com` every name below, also those that somebody else
//! may take. `https://*.co.uk` is not noticed: there is no list of public suffixes here.
//!
//! The guard has the only word: fields of CORS that the application sets, or a layer inside it, are taken out
//! of its responses. A [`LayerGuard`](crate::edge::LayerGuard) around another CORS layer, in the same
//! edge, would still add its own: use one or the other.

mod builder;
mod guard;
mod policy;
mod preflight;
#[cfg(test)]
mod tests;

use portcullis_core::ConfigError;

pub use self::{
    builder::{CorsBuilder, DEFAULT_MAX_AGE},
    guard::Cors,
};
use crate::engine::{Alone, Plain};

/// Allows scripts of other sites to use the application. See the [module docs](self) for an example.
pub type CorsLayer = Alone<Cors, Plain>;

impl CorsLayer {
    /// Creates a layer that allows these origins, and for the rest has the defaults.
    ///
    /// # Errors
    ///
    /// As for [`Cors::new`].
    pub fn new(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        Cors::new(origins).map(Self::from)
    }
}
