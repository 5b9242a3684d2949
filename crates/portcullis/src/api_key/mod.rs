//! Authentication by API key.
//!
//! # What happens
//!
//! A request must carry a key that the [`KeyStore`] knows, as `X-API-Key: KEY` or
//! `Authorization: Bearer KEY`, exactly once. The handler then finds the
//! [`Principal`](crate::Principal) in [`Facts`](crate::Facts). What is not declared public with
//! [`ApiKeyLayer::public`] is closed.
//!
//! Everything else is answered with a 401 [rejection](crate::Rejection) that carries
//! `WWW-Authenticate: Bearer` and is the same for every cause, but for the request ID: no key, two
//! keys, one that is unknown, wrong, damaged, expired or revoked. When an asynchronous store fails, the
//! answer is 503: a store that is down opens no door. A bearer token that has not the form of a key is no
//! key, so that another guard of an [`AnyOf`](crate::AnyOf) may look at it.
//!
//! # Keys
//!
//! A key reads `prefix_keyid_secret`, like `pk_4fzq0m8c1x7d_` and 49 more letters and digits: a
//! secret with 256 random bits, and a CRC-32 of all before it. The checksum lets a scanner find leaked
//! keys, and spares the store typing mistakes. The id selects what the store keeps: a store never
//! sees a secret, only its digest, by SHA-256 or with a pepper ([`KeyHasher`]).
//!
//! A key has up to four [secrets](KeySecret), each of which opens from a date to a date, and may be
//! revoked. So it is rotated without a gap: the new one opens before the old one expires.
//!
//! | store | for |
//! |---|---|
//! | [`Keys`] | keys in memory, which change while requests are served |
//! | [`KeyFile`] | a TOML file with digests, read again when it changes; a bad one is refused whole |
//! | [`CachedKeys`] | a database, behind a cache that goes on while it is down |
//! | a closure, or a [`KeyStore`] of your own | everything else |
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::api_key::{ApiKey, ApiKeyLayer, Keys};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = ApiKey::generate("pk")?;
//! let keys = Keys::parse(&format!("alice={}", key.expose()))?;
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = ApiKeyLayer::new(keys).layer(hello);
//!
//! let request = Request::get("/").header("x-api-key", key.expose()).body(())?;
//! assert_eq!(service.clone().oneshot(request).await?.status(), 200);
//! assert_eq!(service.oneshot(Request::default()).await?.status(), 401);
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below the per-address rate limit, which is what slows a guesser down.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`ApiKeyLayer::new`] | | a store of those above |
//! | [`ApiKeyGuard::with_clock`] | the system's clock | a test has its own date |
//! | [`ApiKeyLayer::public`] | nothing | what was forgotten must be closed |
//! | [`ApiKeyLayer::off`] | on | |
//!
//! # Rejections
//!
//! | kind | status | when |
//! |---|---|---|
//! | [`Unauthenticated`](crate::RejectionKind::Unauthenticated) | 401 | always the same (RFC 9110, section 15.5.2) |
//! | [`Unavailable`](crate::RejectionKind::Unavailable) | 503 | the store failed |
//!
//! # Security considerations
//!
//! A wrong key takes the same instructions whatever is wrong with it, for the stores of this module:
//! `docs/performance.md` has the counts, and times compared as dudect does. Which record of many is in the
//! processor's cache can still be seen by time; ids are no secrets.
//!
//! Guessing must cost: see `lockout`, and the rate limit above.
//!
//! The header is marked sensitive, of public requests too, so that it is not printed with the others.
//! The key itself is in no log, span, `Debug` output or response. The text that [`Keys`] are read from is wiped from
//! memory once it is parsed.

mod cached;
mod changes;
mod credentials;
mod digest;
mod document;
mod entries;
mod file;
mod guard;
mod key;
mod keys;
mod known;
mod record;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod value;

use portcullis_core::{ConfigError, Paths, Public, UnlessPublic};

pub use self::{
    cached::CachedKeys,
    digest::{KeyDigest, KeyHasher},
    file::{KeyChange, KeyFile},
    guard::ApiKeyGuard,
    key::{ApiKey, InvalidApiKey},
    keys::Keys,
    record::{KeyRecord, KeySecret},
    store::{KeyStore, Lookup, Waiting},
};
use crate::engine::{Alone, Plain};

/// Admits requests that carry a known API key. See the [module docs](self) for an example.
pub type ApiKeyLayer = Alone<UnlessPublic<ApiKeyGuard>, Plain>;

impl ApiKeyLayer {
    /// Creates a layer that looks keys up in a store.
    pub fn new(store: impl KeyStore) -> Self {
        UnlessPublic::new(Public::default(), ApiKeyGuard::new(store)).into()
    }

    /// Declares what needs no key: what surely is one of these. See [`Paths`] for how they are
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

    /// Declares what alone needs a key: what could be one of these. See [`Paths`] for how they are
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
