//! Authentication of webhooks by [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! # What happens
//!
//! A request must carry `webhook-id`, `webhook-timestamp` and `webhook-signature`, each once. The last has
//! up to 16 signatures, separated by spaces; one of those with the version `v1` must be the HMAC with
//! SHA-256 of the identifier, the timestamp and the body, under one of the guard's secrets. The handler
//! then finds the [`Principal`](crate::Principal) in [`Facts`](crate::Facts).
//!
//! The signature covers the body, so it is known to be right only when all of the body was read. **The
//! application is called before that**, and gets the last bytes of the body when they are right, or an
//! error in their place. Whatever it answers, the client sees no response but the 401 unless the
//! signature was right: an application that answers before it has read all of the body is refused too.
//! So act on a webhook when it is read: an extractor of the whole body, such as axum's `Bytes` or `Json`,
//! does. A body that is known to be empty is checked before the application is called. The timestamp is
//! judged with the head, and again with the last byte: a body that takes longer than its timestamp is good
//! is refused.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use portcullis::{
//!     Principal,
//!     body_limit::RequestBody,
//!     signature::{MemoryReplays, webhook::{WebhookGuard, WebhookLayer, WebhookSecret}},
//! };
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The sender's, in production: `WebhookSecret::parse(&text)?`.
//! let secret = WebhookSecret::from_bytes(rand::random::<[u8; 32]>())?;
//! let guard = WebhookGuard::new(secret, Principal::new("billing"))
//!     .single_use(MemoryReplays::new(10_000));
//! let handler = service_fn(|request: Request<RequestBody<Full<Bytes>>>| async {
//!     let status = if request.into_body().collect().await.is_ok() { 204 } else { 400 };
//!     Ok::<_, Infallible>(Response::builder().status(status).body(Full::<Bytes>::default()).unwrap_or_default())
//! });
//! let service = WebhookLayer::from(guard).layer(handler);
//!
//! let forged = Request::post("/")
//!     .header("webhook-id", "msg_1")
//!     .header("webhook-timestamp", "1674087231")
//!     .header("webhook-signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")
//!     .body(Full::<Bytes>::from("{}"))?;
//! assert_eq!(service.oneshot(forged).await?.status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below the body limit: a body is read to its end to be verified. One guard for each path that webhooks
//! come to.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`WebhookGuard::new`] | | one sender |
//! | [`WebhookSecret::parse`] | | `whsec_` and 24 to 64 random bytes in base64, as the sender tells them |
//! | [`WebhookGuard::secret`] | | the old secret, while the sender changes to a new one; at most 4 |
//! | [`WebhookGuard::tolerance`] | 300 s | as the specification's libraries have it, in both directions |
//! | [`WebhookGuard::single_use`] | off | a store is a decision |
//!
//! # Rejections
//!
//! [`Unauthenticated`](crate::RejectionKind::Unauthenticated), 401, always the same;
//! [`Unavailable`](crate::RejectionKind::Unavailable), 503, when the store failed or is full.
//!
//! # Security considerations
//!
//! A sender tries again with the same `webhook-id` and a new timestamp, when it got no answer. So with
//! [`WebhookGuard::single_use`] an identifier is used once with each timestamp: a copy that was recorded is
//! refused, and another attempt is not. Who must not act twice keeps the identifiers it has acted on.
//!
//! A signature is judged with the body. [`Lockout::around`](crate::lockout::Lockout::around) counts it then; of
//! processes that share failures each counts those by itself. Limit by address what forged webhooks cost.
//!
//! Trailers are not covered by the signature, and reach the application as they came: use none of them.
//!
//! The principal is a fact before it is known to be right: a limit by principal below counts forged webhooks
//! too. Limit by address above.
//!
//! An identifier has no full stop, or a part of a body could be taken for a timestamp. Signatures of
//! version `v1a` (ed25519) are passed over: they can be verified only with all of a body in memory.

mod check;
mod dates;
mod guard;
mod secret;
#[cfg(test)]
mod tests;

pub(super) use self::guard::fuzz;
pub use self::{
    guard::{WebhookGuard, WebhookLayer},
    secret::WebhookSecret,
};
