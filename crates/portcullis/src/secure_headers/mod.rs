//! Adds security headers to every response, and removes what tells too much.
//!
//! # What happens
//!
//! Each header of the profile is added unless the handler set it itself. Fields that tell what a
//! response was made by and where, such as `Server` and `X-Powered-By`, are removed: see
//! [`STRIPPED`]. The values of [`api`](SecureHeaders::api) and [`strict`](SecureHeaders::strict) are
//! those of the OWASP Secure Headers Project (`ci/headers_add.json`, 2026-07-19), but for features
//! that browsers don't know.
//!
//! | header | [`api`](SecureHeaders::api), the default | [`page`](SecureHeaders::page) | [`strict`](SecureHeaders::strict) |
//! |---|---|---|---|
//! | `cache-control` | `no-store`, see [below](#caches) | the same | the same |
//! | `content-security-policy` | `default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'` | `object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'` | `default-src 'self'; script-src 'self' 'nonce-…'; style-src 'self' 'nonce-…'; form-action 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'none'; upgrade-insecure-requests` |
//! | `cross-origin-embedder-policy` | | | `require-corp` |
//! | `cross-origin-opener-policy` | | `same-origin-allow-popups` | `same-origin` |
//! | `cross-origin-resource-policy` | `same-origin` | `same-site` | `same-origin` |
//! | `permissions-policy` | | 9 features off, 4 for the page alone | 26 features off, `sync-xhr` for the page alone |
//! | `referrer-policy` | `no-referrer` | `strict-origin-when-cross-origin` | `no-referrer` |
//! | `strict-transport-security` | over https: `max-age=63072000; includeSubDomains` | the same | the same |
//! | `x-content-type-options` | `nosniff` | `nosniff` | `nosniff` |
//! | `x-dns-prefetch-control` | | | `off` |
//! | `x-frame-options` | `deny` | `sameorigin` | `deny` |
//! | `x-permitted-cross-domain-policies` | `none` | `none` | `none` |
//!
//! The headers that the API profile leaves out act on documents only.
//!
//! `strict-transport-security`, and `upgrade-insecure-requests` in the strict policy, are there only
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
//! # One after the other
//!
//! A page that was not written for `strict` begins with `page`, hears what `strict` would stop, and
//! changes until nothing is reported:
//!
//! ```
//! use portcullis::secure_headers::{Csp, SecureHeaders};
//!
//! let headers = SecureHeaders::page().report_only(Csp::strict());
//! # let _ = headers;
//! ```
//!
//! [`reports`](crate::reports) counts what browsers report.
//!
//! # What each profile costs
//!
//! `api`: no page works. A browser loads nothing for such a response and runs nothing of it.
//!
//! `page`: scripts of any origin run, so an injected one does too. What stops:
//!
//! - plugins (`<object>`, `<embed>`), a `<base>` of another origin, frames of this page on other sites,
//! - a form that is sent to another origin, or redirected there: `form-action` of your own,
//! - images and scripts of this server on pages of other sites: `cross-origin-resource-policy`,
//! - in frames of other origins: camera, geolocation, microphone and payment; everywhere: screens,
//!   USB, serial and MIDI devices, HID, idle detection, gyroscopes, magnetometers and XR.
//!
//! `strict`: what stops, by the directive that a browser names in its report:
//!
//! | directive | what stops | instead |
//! |---|---|---|
//! | `base-uri` | a `<base>` of another origin | whole URLs |
//! | `connect-src` | `fetch` and WebSockets to other origins | name them in `connect-src` |
//! | `font-src` | fonts of other origins and of `data:` | serve them, or name them |
//! | `form-action` | forms to other origins | name them in `form-action` |
//! | `frame-src` | frames of other origins | name them in `frame-src` |
//! | `img-src` | images of other origins and of `data:` | name them in `img-src`; leave COEP out |
//! | `media-src` | sound and video of other origins | name them in `media-src`; leave COEP out |
//! | `object-src` | plugins | |
//! | `script-src` | `eval` | `JSON.parse`, functions |
//! | `script-src-attr` | inline handlers: `onclick=".."` | `addEventListener` |
//! | `script-src-elem` | inline scripts without the nonce, scripts of other origins | the [nonce](#the-nonce) |
//! | `style-src-attr` | `style=".."` | a class |
//! | `style-src-elem` | inline styles without the nonce, style sheets of other origins | the nonce |
//! | `worker-src` | workers of `blob:` and `data:` | a file |
//!
//! And, without a report: COEP stops what other origins send without CORP or CORS; COOP cuts off
//! windows that the page opens; the permissions policy stops copy buttons (`clipboard-write`), full
//! screen, autoplay and passkeys; nobody frames the page; and with `no-referrer` a form of the page
//! is sent with `Origin: null` (Fetch, section 3.1), which a check of origins refuses.
//!
//! # By type
//!
//! [`SecureHeaders::by_type`] looks at the type of each response:
//!
//! | response | gets |
//! |---|---|
//! | `text/html`, `application/xhtml+xml` | the profile that it was called on |
//! | JSON, plain text, event streams, no type | the API profile |
//! | JavaScript, WebAssembly | `nosniff`, `cross-origin-resource-policy: same-site`, the page's COEP. A policy would be that of a worker |
//! | `Content-Disposition: attachment`, everything else | `nosniff`, `cross-origin-resource-policy: same-site`, `no-referrer`, a policy that loads and runs nothing, with `sandbox` |
//!
//! A 304 has no type, and gets nothing but what all responses get: a cache puts its fields over those
//! of the response that it has stored (RFC 9111, section 3.2).
//!
//! What the sandbox stops: an SVG or PDF file that is opened by itself has no scripts, and Chromium
//! does not show the PDF.
//!
//! # Caches
//!
//! `cache-control: no-store` is added to a response that says nothing of caches, neither with
//! `Cache-Control` nor with `Expires`, and has no validator, neither `ETag` nor `Last-Modified`: those
//! of a static asset are left to caches (RFC 9111, section 4.2.2). A page gets it also if it has
//! `Expires` or a validator where a policy has a nonce, as a stored page has the nonce of another
//! request: its scripts would not run, and who reads a shared cache would know it. Where a handler sets
//! `Cache-Control` that counts, for a page with a nonce too. Refusals and probes are never stored,
//! whatever a guard adds. A page that is not stored is asked for again when a person goes back to it.
//!
//! # The nonce
//!
//! Where a policy has one, every request gets a fresh [`CspNonce`](crate::CspNonce): 128 random bits.
//! Policies allow it, the enforced and the reported one the same, and the handler finds it in
//! [`Facts`](crate::Facts) to write it into `<script nonce="..">`.
//!
//! # Order
//!
//! Above everything that answers: a 401 and a 500 carry the headers too.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`SecureHeaders::api`], [`page`](SecureHeaders::page), [`strict`](SecureHeaders::strict) | API | most services serve no pages |
//! | [`SecureHeaders::by_type`] | off | costs a look at each response |
//! | [`SecureHeaders::csp`], [`permissions`](SecureHeaders::permissions) | the profile's | a policy of one's own, checked |
//! | [`SecureHeaders::report_only`] | none | what a policy would break, before it does |
//! | [`SecureHeaders::strip`], [`keep`](SecureHeaders::keep) | [`STRIPPED`] | names of the inside |
//! | [`SecureHeaders::with`], [`without`](SecureHeaders::without) | | a value or a header of one's own |
//!
//! # Security considerations
//!
//! An edge's [explanation](crate::EdgeLayer::explain) lists what a policy lets through. That of `page`
//! has no `script-src`: it does not stop injected scripts, escaping does.

mod csp;
mod guard;
mod kind;
mod nonce;
mod permissions;
mod prepared;
mod profile;
mod strip;
#[cfg(test)]
mod tests;

pub use self::{
    csp::{Csp, CspBuilder, Weakness},
    guard::SecureHeaders,
    permissions::{PermissionsPolicy, PermissionsPolicyBuilder},
    strip::STRIPPED,
};
use crate::engine::{Alone, Plain};

/// Adds security headers to every response. See the [module docs](self) for an example.
pub type SecureHeadersLayer = Alone<SecureHeaders, Plain>;

impl SecureHeadersLayer {
    /// Creates a layer with the headers that fit an API.
    #[must_use]
    pub fn api() -> Self {
        SecureHeaders::api().into()
    }

    /// Creates a layer with the headers that an ordinary page does not notice.
    #[must_use]
    pub fn page() -> Self {
        SecureHeaders::page().into()
    }

    /// Creates a layer with the headers for pages that were written for them, with a nonce for each
    /// request.
    #[must_use]
    pub fn strict() -> Self {
        SecureHeaders::strict().into()
    }
}
