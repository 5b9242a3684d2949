//! Authentication by signed token (JWT).
//!
//! # What happens
//!
//! A request must carry a token as `Authorization: Bearer TOKEN`, once: a JWT (RFC 7519) that one issuer
//! signed, that is for one of the audiences, and that has not expired. The handler then finds the
//! [`Principal`](crate::Principal) in [`Facts`](crate::Facts): its id is `sub`, its scopes are those of
//! `scope` and `scp`. What is not declared public with [`JwtLayer::public`] is closed.
//!
//! A bearer token without a dot is none of ours: an API key may be in the same header. In an
//! [`AnyOf`](crate::AnyOf), `AnyOf::new().or(api_keys).or(jwt)`, whichever the credentials are for decides.
//!
//! # What is verified
//!
//! In this order; what comes later is not read where something before is wrong.
//!
//! | | must be |
//! |---|---|
//! | the token | at most 8 KiB, three parts, base64url in its one right form |
//! | header and claims | JSON objects without a member twice |
//! | `crit`, `jku`, `x5u`, `jwk`, `x5c`, `b64` | not there: a token brings no key along, and nothing is fetched that one names |
//! | `typ` | `JWT`, `at+jwt` or not there, or what [`types`](JwtBuilder::types) says (RFC 8725, section 3.11) |
//! | `alg` | that of the key: never chosen by the token (RFC 8725, section 3.1) |
//! | `kid` | that of a key, at most 128 bytes; without one, exactly one key is for the `alg` |
//! | the signature | right: RS256, PS256, ES256, EdDSA with Ed25519, HS256 |
//! | `sub` | there: text of at most 255 bytes without control characters |
//! | `iss` | the issuer, to the byte |
//! | `aud` | one of the audiences, or an array of texts with one |
//! | `exp` | there, and later than now less the leeway |
//! | `nbf`, `iat` | if there, not later than now and the leeway |
//! | claims that become scopes, roles, the tenant, labels | if there, of the right type |
//!
//! Dates are digits, with or without a fraction (RFC 7519, section 2): no sign, no exponent, nothing after
//! the year 9999. A claim of a wrong type is never as good as none.
//!
//! Scopes and roles are text with spaces, or an array with one in each string. At most 64 of each, of at
//! most 128 bytes in ASCII, or the token is refused; but a string of an array that can't be one, such as a
//! group with a space in its name, is left out, and grants no part of it.
//!
//! # Keys
//!
//! A [`JwtKey`] is parsed from a JWK or made of a secret, [`Jwks`] from a JWK Set; a
//! [`Live`](crate::Live) set can be replaced while requests are served. With the feature `jwks`,
//! `RemoteKeys` fetches them from the issuer, and again in the background: see `jwks` for what an
//! issuer can and can't do to the edge.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use portcullis::jwt::{Jwt, JwtKey, JwtLayer};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = JwtKey::from_jwk(
//!     r#"{"kty": "EC", "crv": "P-256", "kid": "2026", "alg": "ES256",
//!         "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
//!         "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#,
//! )?;
//! let jwt = Jwt::new("https://issuer.example", ["api"], key)?;
//! let hello = service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello")))
//! });
//! let service = JwtLayer::new(jwt).layer(hello);
//!
//! let refused = service.clone().oneshot(Request::default()).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"api\"");
//! let wrong = Request::get("/").header("authorization", "Bearer a.b.c").body(())?;
//! let refused = service.oneshot(wrong).await?;
//! assert_eq!(
//!     refused.headers()["www-authenticate"],
//!     "Bearer realm=\"api\", error=\"invalid_token\""
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # Order
//!
//! Below the per-address rate limit: a signature costs 20 to 100 µs to verify, whoever sent it.
//!
//! # Configuration
//!
//! | method | default | why |
//! |---|---|---|
//! | [`Jwt::new`], [`Jwt::builder`] | | issuer, audiences and keys have no default: any token of anybody would do |
//! | [`leeway`](JwtBuilder::leeway) | 30 s, at most 5 min | more than clocks set by NTP differ, and short beside the life of a token |
//! | [`types`](JwtBuilder::types) | `JWT`, `at+jwt`, none | many issuers send none; what says that it is something else is refused |
//! | [`max_bytes`](JwtBuilder::max_bytes) | 8 KiB | what servers let a field have |
//! | [`max_age`](JwtBuilder::max_age) | none | `exp` is always there |
//! | [`scope_claims`](JwtBuilder::scope_claims) | `scope`, `scp` | RFC 8693, and what some issuers send |
//! | [`roles_claim`](JwtBuilder::roles_claim), [`tenant_claim`](JwtBuilder::tenant_claim), [`label_claim`](JwtBuilder::label_claim) | none | issuers differ |
//! | [`realm`](JwtBuilder::realm) | `api` | |
//! | [`clock`](JwtBuilder::clock) | the system's | |
//! | [`JwtLayer::public`] | nothing | what was forgotten must be closed |
//! | [`JwtLayer::off`] | on | |
//!
//! # Rejections
//!
//! With the challenge `Bearer realm="api"` (RFC 6750, section 3):
//!
//! | kind | status | `error` | when |
//! |---|---|---|---|
//! | [`Unauthenticated`](crate::RejectionKind::Unauthenticated) | 401 | | there is no token |
//! | [`Unauthenticated`](crate::RejectionKind::Unauthenticated) | 401 | `invalid_token` | there is one, and it is wrong: always the same |
//! | [`Malformed`](crate::RejectionKind::Malformed) | 400 | `invalid_request` | there is more than one `Authorization` |
//! | [`Unavailable`](crate::RejectionKind::Unavailable) | 503 | no challenge | keys are fetched, and there are none, or only those that are too old |
//!
//! Beside API keys, in an [`AnyOf`](crate::AnyOf) or an edge, the first guard decides of two `Authorization`
//! fields: where that is the one of API keys, they are 401 like any wrong key.
//!
//! Why a token was refused is in the [cause](crate::Rejection::cause), for whoever runs the server, with
//! the `kid`, or with the `sub` if the signature is right.
//!
//! # Telemetry
//!
//! Of keys that are fetched, with the label `issuer`: `portcullis_jwks_fetches`,
//! `portcullis_jwks_failures`, `portcullis_jwks_age_seconds`.
//!
//! # Security considerations
//!
//! - `Authorization` is made sensitive, of public requests too, so that it is not printed with the
//!   others. The token is in no log, span, `Debug` output or response; secrets are wiped from memory.
//! - A token is good until it expires: there is no list of revoked ones. Keep them short-lived, or look
//!   at a label in a guard of your own.
//! - A token that somebody else got hold of is as good as in the right hands (RFC 6750, section 5.3).
//! - Only the form of a signature is fixed, not the signature: of ECDSA there are two for one text. Don't
//!   take a token's text for its identity.
//! - `kid` is the issuer's key, and the same for many callers: it does not become the principal's
//!   [key](crate::Principal::key_id), which limits count by.
//! - Whoever can verify HS256 can sign. Prefer keys that are public.

mod algorithm;
mod builder;
mod claims;
mod date;
mod guard;
mod json;
mod jwk;
#[cfg(feature = "jwks")]
pub mod jwks;
mod key;
mod keys;
mod refusal;
mod rules;
mod set;
#[cfg(test)]
mod tests;
mod text;
mod token;

use portcullis_core::{ConfigError, Paths, Public, UnlessPublic};

#[cfg(feature = "jwks")]
pub use self::jwks::{RemoteKeys, RemoteKeysBuilder};
pub use self::{
    algorithm::Algorithm, builder::JwtBuilder, guard::Jwt, key::JwtKey, keys::JwtKeys, set::Jwks,
};
use crate::engine::{Alone, Plain};

/// Admits requests that carry a token of one issuer. See the [module docs](self) for an example.
pub type JwtLayer = Alone<UnlessPublic<Jwt>, Plain>;

impl JwtLayer {
    /// Creates a layer from a guard.
    #[must_use]
    pub fn new(jwt: Jwt) -> Self {
        UnlessPublic::new(Public::default(), jwt).into()
    }

    /// Declares what needs no token: what surely is one of these. See [`Paths`] for how they are
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

    /// Declares what alone needs a token: what could be one of these. See [`Paths`] for how they are
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
