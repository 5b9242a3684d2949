//! The vocabulary shared by every portcullis crate.
//!
//! Applications use the `portcullis` crate. Depend on this one to write a guard, an observer, a
//! key store or a responder of your own: it has no server and no framework in its public API, so
//! it changes rarely.
//!
//! - A [`Guard`] decides from the head of a request whether it may pass.
//! - An [`Observer`] watches an [`Exchange`] from its head to its last byte.
//! - What a guard refuses is a [`Rejection`]; a [`Respond`] renders it.
//! - What guards find out about a request are its [`Facts`].

pub mod facts;
pub mod guard;
pub mod observe;
pub mod rejection;
pub mod store;

mod config_error;
mod counters;
mod failures;
mod live;
mod paths;
mod process;
mod public;
mod quota;
mod respond;
mod secret;
mod wall_clock;

pub use self::{
    config_error::ConfigError,
    counters::{Count, CountFamily, CountSources, Counts},
    facts::{
        AuthScheme, ClientCert, ClientIp, CspNonce, Deadline, Facts, Host, PeerAddr, PeerCert,
        Principal, Received, RequestId, RouteSlot, Scheme, Scopes,
    },
    failures::{Failing, Failure, FailureStore, Lock, LockoutRule},
    guard::{
        AnyOf, BodyCheck, BodyReader, Cost, Deferred, Ended, Guard, Need, OnEnd, Reply, Verdict,
    },
    live::{Live, Loaded},
    observe::{Enter, Exchange, Observer, Outcome, Route, Scope, TraceContext, TraceLink},
    paths::{Paths, RequestPath},
    process::ProcessStats,
    public::{Public, UnlessPublic},
    quota::Quota,
    rejection::{Cause, Reason, Rejection, RejectionKind},
    respond::{
        ByFormat, Codec, Format, ProblemJson, ProblemOrPage, Respond, accepted_quality, refuse,
    },
    secret::Secret,
    store::{Charge, Noted, QuotaStore, ReplayNote, ReplayStore, Standing},
    wall_clock::{ManualClock, WallClock},
};

/// Alias for a type-erased error type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
