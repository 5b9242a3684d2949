//! Authentication by HTTP message signatures (RFC 9421), with digests of bodies (RFC 9530).
//!
//! # What happens
//!
//! A request must carry exactly one signature of a known key, in `Signature-Input` and `Signature`. The
//! handler then finds the [`Principal`](crate::Principal) of the key in [`Facts`](crate::Facts). The
//! signature must cover what the [`SignaturePolicy`] requires: a valid signature of too little is refused
//! like any other. It must tell when it was created (`created`) and by which key (`keyid`), and be young
//! enough. What a signature covers is read from the request that the client sent: the path before a router
//! took its prefix off, the host and the scheme as a [trusted proxy](crate::client_ip) tells them.
//!
//! A signature covers the head. So where there is a body, its `Content-Digest` must be covered too, and
//! the digest is computed while the application reads: the last bytes of a body are held until they are
//! right, and if they are wrong the application sees an error in their place and the client a 401. A body
//! whose length is not known ends with that error. A digest is of what was sent, before any content coding
//! is undone.
//!
//! Every refusal is the same 401 for every cause, but for the request ID. [`webhook`] is the same for
//! Standard Webhooks, [`ContentDigest`] checks digests that nobody signed, and [`Signer`] signs requests
//! that go out.
//!
//! # Profile
//!
//! What RFC 9421, section 1.4, leaves to an application:
//!
//! | | |
//! |---|---|
//! | algorithms | `hmac-sha256`, `ed25519`, `ecdsa-p256-sha256`: a key has one, and `alg` must agree with it |
//! | components | all fields, and those derived from a request; `@query-param` with `name`. No other parameter of a component (`sf`, `key`, `bs`, `req`, `tr`): what is not known is refused |
//! | parameters | `created`, `expires`, `keyid`, `alg`, `nonce`, `tag`: another one is refused |
//! | several signatures | the one with the policy's tag; without a tag there must be one alone |
//! | form | both fields as a serializer writes them (RFC 9651, section 4.1), so that what is verified is what was received |
//! | bounds | 3 labels, 32 components, 4 KiB for each field, 256 bytes for each parameter |
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::{
//!     Principal,
//!     body_limit::RequestBody,
//!     signature::{
//!         MemoryReplays, SignatureKeys, SignatureLayer, SignaturePolicy, Signer, SigningKey,
//!     },
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = SigningKey::hmac_sha256("q8Jm2Zr5Tn0Wv7Lx4Bd1Gf6Hs3Kp9Yc2")?;
//! let keys = SignatureKeys::new().and("key-1", key.verifying_key(Principal::new("alice")));
//! let policy = SignaturePolicy::new().single_use(MemoryReplays::new(100_000));
//! let hello = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = SignatureLayer::try_new(keys, policy)?.layer(hello);
//!
//! let request = Request::get("https://example.com/").body(Full::<Bytes>::default())?;
//! let (mut head, body) = request.into_parts();
//! Signer::try_new("key-1", key)?.nonce(true).sign(&mut head, None)?;
//! let signed = Request::from_parts(head, body);
//!
//! assert_eq!(service.clone().oneshot(signed.clone()).await?.status(), 200);
//! assert_eq!(service.oneshot(signed).await?.status(), 401, "a nonce is used once");
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below the per-address rate limit, which is what slows a guesser down: a signature of ed25519 or P-256
//! takes 60 to 70 µs to verify, one of `hmac-sha256` less than 1 µs. Above a limit by principal. In an edge:
//! [`Edge::signatures`](crate::Edge::signatures) with `SignatureGuard::try_new(keys, policy)?`, and
//! [`Edge::public`](crate::Edge::public) for what needs none.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`SignatureGuard::try_new`], [`SignatureLayer::try_new`] | | [`SignatureKeys`] for keys known at start; a closure or a [`SignatureKeyStore`] for others |
//! | [`SignaturePolicy::require`] | `@method`, `@authority`, `@path`, `@query` | what a request does is in these |
//! | [`SignaturePolicy::dangerous_unsigned_bodies`] | `content-digest` is required where there may be a body | a signature alone does not bind it (RFC 9421, section 7.2.8) |
//! | [`SignaturePolicy::max_age`] | 300 s | a clock may be late, a request is not |
//! | [`SignaturePolicy::clock_skew`] | 30 s | with it in the future, or past `expires` |
//! | [`SignaturePolicy::single_use`] | off: `nonce` may be missing | a store is a decision: [`MemoryReplays`] for one process, Redis for several |
//! | [`SignaturePolicy::tag`] | any, or none | only the application knows its own |
//! | [`SignaturePolicy::default_scheme`] | unknown | `@scheme` and `@target-uri` have no value then, and a port of `@authority` stays |
//! | [`SignatureLayer::public`], [`SignatureLayer::closed`] | nothing is public | what was forgotten must be closed |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`Unauthenticated`](crate::RejectionKind::Unauthenticated) | 401 | always the same: `WWW-Authenticate: Signature` and, of what must be signed, `Accept-Signature` (RFC 9421, section 5.1) |
//! | [`Unavailable`](crate::RejectionKind::Unavailable) | 503 | the store of nonces failed, or is full |
//! | [`Misconfigured`](crate::RejectionKind::Misconfigured) | 500 | a layer that leaves bodies as they are, and a body to check |
//!
//! # Telemetry
//!
//! The [`Cause`](crate::Cause) of a refusal tells its [`Reason`](crate::Reason) and the `keyid`. A store of
//! nonces that is full, or fails, is logged.
//!
//! # Security considerations
//!
//! Secrets have 32 bytes at least, are compared in constant time, wiped from memory when they are dropped,
//! and printed nowhere. An unknown `keyid` costs the work of an HMAC; ids are no secrets.
//!
//! Without [`single_use`](SignaturePolicy::single_use), whoever sees a request can send it again as long as
//! its signature is good. A nonce is noted only when its signature is right, so who has no key fills no
//! store; one key can: limit the rate of principals. A store that is full refuses what comes, since a nonce
//! that is forgotten is a replay let in.
//!
//! A nonce is used when the head is judged, before the body is read. So who changes a body on the way makes
//! the true request, sent again with the same signature, a replay that is refused: the sender must sign it
//! anew, with another nonce.
//!
//! Neither a signature nor a digest covers trailers: they reach the application as they came, unsigned. Use
//! none of them.
//!
//! A handler that acts before it has read all of a body acts on what may be wrong. One that does not read
//! a body at all answers as it likes: nothing was believed of that.

mod algorithm;
mod component;
mod digest;
mod fields;
mod guard;
mod key;
mod keys;
mod message;
mod pem;
mod policy;
mod replays;
mod signer;
mod signing_key;
#[cfg(test)]
mod tests;
pub mod webhook;

use portcullis_core::{ConfigError, Paths, Public, UnlessPublic};

pub use self::{
    algorithm::Algorithm,
    digest::{ContentDigest, ContentDigestLayer},
    guard::SignatureGuard,
    key::SignatureKey,
    keys::{SignatureKeyStore, SignatureKeys},
    policy::SignaturePolicy,
    replays::MemoryReplays,
    signer::{SignError, Signer},
    signing_key::SigningKey,
};
use crate::engine::Alone;

/// Admits requests with a signature of a known key. See the [module docs](self) for an example.
pub type SignatureLayer = Alone<UnlessPublic<SignatureGuard>>;

impl SignatureLayer {
    /// Creates a layer that finds keys in a store.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the policy.
    pub fn try_new(
        keys: impl SignatureKeyStore,
        policy: SignaturePolicy,
    ) -> Result<Self, ConfigError> {
        let guard = SignatureGuard::try_new(keys, policy)?;
        Ok(UnlessPublic::new(Public::default(), guard).into())
    }

    /// Declares what needs no signature: what surely is one of these. See [`Paths`] for how they are
    /// written and compared.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns.
    pub fn public(
        self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let public = Public::only(Paths::parse(paths)?);
        Ok(self.map(|guard| guard.with_public(public)))
    }

    /// Declares what alone needs a signature: what could be one of these. See [`Paths`] for how they are
    /// written and compared.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong with the patterns.
    pub fn closed(
        self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let public = Public::all_but(Paths::parse(paths)?);
        Ok(self.map(|guard| guard.with_public(public)))
    }
}

/// Reads what a request has of signatures and digests, for whoever looks for a text that breaks the
/// parsers. Returns `true` if there is a signature that can be read.
#[doc(hidden)]
#[must_use]
pub fn fuzz(head: &http::request::Parts) -> bool {
    let _ = digest::Digests::of(&head.headers);
    let _ = webhook::fuzz(&head.headers);
    let signed = fields::Signed::find(&head.headers, None);
    signed.is_ok_and(|signed| {
        let message = message::Message::incoming(head, None);
        message.base(&signed.components, &signed.input).is_ok()
    })
}
