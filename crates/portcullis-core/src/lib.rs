//! The vocabulary shared by every portcullis crate.
//!
//! Applications use the `portcullis` crate. Depend on this one to write a guard, an observer, a
//! key store or a responder of your own: it has no server and no framework in its public API, so
//! it changes rarely.
//!
//! - A [`Guard`] decides from the head of a request whether it may pass; [`Gate`] does the rest.
//! - An [`Observer`] watches an exchange from its head to its last byte; [`Observe`] does the rest.
//! - What a layer refuses is a [`Rejection`]; a [`Respond`] renders it.
//! - What layers find out about a request are its [`Facts`].

pub mod body;
pub mod facts;
pub mod gate;
pub mod observe;
pub mod rejection;
pub mod store;

mod config_error;
mod counters;
mod live;
mod paths;
mod quota;
mod respond;

pub use self::{
    body::{BodyLayer, ResponseBody},
    config_error::ConfigError,
    counters::{Count, Counts},
    facts::{
        ClientIp, CspNonce, Deadline, Facts, Held, Host, PeerAddr, Principal, Received, RequestId,
        Scheme,
    },
    gate::{Gate, GateLayer, Guard, Off, Permit, PublicPaths, UnlessPublic, Verdict},
    live::{Live, Loaded},
    observe::{Exchange, Observe, ObserveLayer, ObservedBody, Observer, Outcome, Watch},
    paths::Paths,
    quota::Quota,
    rejection::{Rejection, RejectionKind},
    respond::{ProblemJson, Respond, refuse},
    store::{Charge, QuotaStore, Standing},
};

/// Alias for a type-erased error type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
