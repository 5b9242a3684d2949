//! Adds security headers to every response, and removes what tells too much.
//!
//! # What happens
//!
//! Each header of the profile is added unless the handler set it itself. `Server` and
//! `X-Powered-By` are removed. The values are those of the OWASP Secure Headers Project
//! (`ci/headers_add.json`, 2026-07-19).
//!
//! | header | [`api`](SecureHeaders::api), the default | [`html`](SecureHeaders::html) |
//! |---|---|---|
//! | `cache-control` | `no-store, max-age=0` | the same |
//! | `content-security-policy` | `default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'` | `default-src 'self'; script-src 'self' 'nonce-…'; style-src 'self' 'nonce-…'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests` |
//! | `cross-origin-embedder-policy` | | `require-corp` |
//! | `cross-origin-opener-policy` | | `same-origin` |
//! | `cross-origin-resource-policy` | `same-origin` | `same-origin` |
//! | `permissions-policy` | | 29 features, all off |
//! | `referrer-policy` | `no-referrer` | `no-referrer` |
//! | `strict-transport-security` | over https: `max-age=63072000; includeSubDomains` | the same |
//! | `x-content-type-options` | `nosniff` | `nosniff` |
//! | `x-dns-prefetch-control` | | `off` |
//! | `x-frame-options` | `deny` | `deny` |
//! | `x-permitted-cross-domain-policies` | `none` | `none` |
//!
//! The headers that the API profile leaves out act on documents only.
//!
//! `strict-transport-security`, and `upgrade-insecure-requests` in the HTML policy, are there only
//! when the trusted [`Scheme`](crate::Scheme) is https: the connection or a trusted proxy says so,
//! never the request. RFC 6797, section 7.2, forbids the first over plain HTTP; the second would
//! break a page that is served over it.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::secure_headers::SecureHeadersLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let response = SecureHeadersLayer::api().layer(hello).oneshot(Request::default()).await?;
//!
//! assert_eq!(response.headers()["x-content-type-options"], "nosniff");
//! # Ok(())
//! # }
//! ```
//!
//! # The nonce
//!
//! In the HTML profile every request gets a fresh [`CspNonce`](crate::CspNonce): 128 random bits.
//! The policy allows it, and the handler finds it in [`Facts`](crate::Facts) to write it into
//! `<script nonce="..">`. A page with a nonce must not be cached, and is not by default.
//!
//! # Order
//!
//! Above everything that answers: a 401 and a 500 carry the headers too.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`SecureHeaders::api`], [`html`](SecureHeaders::html) | API | most services serve no pages |
//! | [`SecureHeaders::with`], [`without`](SecureHeaders::without) | | a value or a header of one's own |

mod guard;
mod nonce;
mod profile;
#[cfg(test)]
mod tests;

pub use self::guard::SecureHeaders;
use crate::engine::{Alone, Plain};

/// Adds security headers to every response. See the [module docs](self) for an example.
pub type SecureHeadersLayer = Alone<SecureHeaders, Plain>;

impl SecureHeadersLayer {
    /// Creates a layer with the headers that fit an API.
    #[must_use]
    pub fn api() -> Self {
        SecureHeaders::api().into()
    }

    /// Creates a layer with the headers that fit pages, with a nonce for each request.
    #[must_use]
    pub fn html() -> Self {
        SecureHeaders::html().into()
    }
}
