//! Tower layers that turn a hyper or axum app into a production HTTP edge.
//!
//! [`Edge`] is all of them, in the one right order. Each also works alone, in any hyper or axum
//! app; its module says what happens, what the client sees, and what is not covered.
//!
//! | slot | module | a refusal is |
//! |---|---|---|
//! | client address | [`client_ip`] | |
//! | request ID | [`request_id`] | |
//! | secure headers | [`secure_headers`] | |
//! | hygiene | [`hygiene`] | 400, 405, 421 |
//! | health | [`health`] | 503 |
//! | cross-origin | [`cors`], [`cross_site`] | 403 |
//! | load shed | [`load_shed`] | 503 |
//! | rate limit | [`rate_limit`] | 429 |
//! | in flight | [`rate_limit`] | 429 |
//! | limited health | [`health`] | 503 |
//! | preflights | [`cors`] | |
//! | reports | [`reports`] | |
//! | body limit | [`body_limit`] | 413, 415, 417 |
//! | authentication | [`api_key`], `jwt`, `signature`, [`client_cert`], `lockout` | 401, 429 |
//! | authorization | [`require`], [`rate_limit`] | 401, 403, 429 |
//!
//! Slots without a module are for guards of your own. Around all of them are observers
//! ([`observe`]), panic recovery ([`catch_panic`]: 500) and the deadline ([`timeout`]: 503, or 504
//! for a gateway).
//!
//! Every refusal but a probe's 503, which has a report of its own, is a [`Rejection`], rendered with the
//! request ID by [`ProblemOrPage`], as a problem (RFC 9457) or, for a person at a browser, as a page; or
//! by a [`Respond`] of your own.
//!
//! # Quick start
//!
//! ```
//! # #[cfg(all(feature = "auth", feature = "rate-limit"))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use portcullis::{
//!     Edge, Quota,
//!     api_key::{ApiKey, Keys},
//! };
//!
//! let key = ApiKey::generate("pk")?;
//! let edge = Edge::new()
//!     .api_keys(Keys::from(&key))
//!     .rate_limit(Quota::per_second(10).burst(20))
//!     .build()?;
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(edge);
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "auth", feature = "rate-limit")))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! | feature | default | what for |
//! |---|---|---|
//! | `audit` | off | `audit`: audit events, and a file of them that shows what was changed |
//! | `auth` | on | [`api_key`], [`client_cert`] |
//! | `decompression` | off | compressed request bodies, on tower-http |
//! | `jwks` | off | keys of tokens that are fetched from their issuer, by hyper and rustls |
//! | `jwt` | off | `jwt`: signed tokens, on ring |
//! | `outbound` | off | `outbound`: breakers, retries and time limits for outgoing calls |
//! | `rate-limit` | on | [`rate_limit`] |
//! | `server` | on | [`serve()`], on hyper |
//! | `signatures` | off | `signature`: HTTP message signatures, digests of bodies, Standard Webhooks |
//! | `tls` | off | listeners with TLS, by rustls |
//!
//! A feature adds; it never changes what the others do.

pub mod access_log;
#[cfg(feature = "auth")]
pub mod api_key;
#[cfg(feature = "audit")]
pub mod audit;
pub mod body_limit;
pub mod catch_panic;
#[cfg(feature = "auth")]
pub mod client_cert;
pub mod client_ip;
pub mod cors;
#[cfg(feature = "auth")]
mod credentials;
pub mod cross_site;
pub mod edge;
mod engine;
pub mod error_report;
mod first_of_minute;
pub mod health;
pub mod hygiene;
mod json_line;
#[cfg(feature = "jwt")]
pub mod jwt;
mod lazy_timer;
pub mod load_shed;
#[cfg(feature = "rate-limit")]
pub mod lockout;
mod memory;
mod networks;
pub mod observe;
mod origins;
#[cfg(feature = "outbound")]
pub mod outbound;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
pub mod reports;
pub mod request_id;
pub mod require;
pub mod secure_headers;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "signatures")]
pub mod signature;
pub mod timeout;

pub use portcullis_core::{
    AnyOf, AuthScheme, BodyCheck, BodyReader, BoxError, ByFormat, Cause, Charge, ClientIp, Codec,
    ConfigError, Cost, Count, Counts, CspNonce, Deadline, Deferred, Ended, Exchange, Facts,
    Failing, Failure, FailureStore, Format, Guard, Host, Live, Loaded, Lock, LockoutRule,
    ManualClock, Need, Noted, Observer, Outcome, Paths, PeerAddr, PeerCert, Principal, ProblemJson,
    ProblemOrPage, Public, Quota, QuotaStore, Reason, Received, Rejection, RejectionKind,
    ReplayNote, ReplayStore, Reply, RequestId, RequestPath, Respond, Route, Scheme, Scope, Scopes,
    Secret, Standing, UnlessPublic, Verdict, WallClock, facts, guard, refuse, rejection, store,
};

#[cfg(feature = "server")]
pub use self::serve::serve;
pub use self::{
    edge::{Edge, EdgeLayer, EdgeService, Slot},
    health::Health,
    observe::ObserveLayer,
};
