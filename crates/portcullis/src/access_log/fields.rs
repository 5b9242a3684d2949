//! What is in a line, whatever it looks like.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use portcullis_core::{
    Exchange, Outcome, Rejection,
    observe::{redacted_path, redacted_query, redacted_text, redacted_url},
};
use tracing::Level;

/// What a client chose of a request, without secrets.
pub(super) struct Sent<'e> {
    pub(super) path: Option<Cow<'e, str>>,
    pub(super) query: Option<Cow<'e, str>>,
    pub(super) user_agent: Option<Cow<'e, str>>,
    pub(super) referrer: Option<Cow<'e, str>>,
}

// ===== impl Sent =====

impl<'e> Sent<'e> {
    pub(super) fn new(exchange: &'e Exchange) -> Self {
        Self {
            path: exchange.path().map(redacted_path),
            query: exchange.query().map(redacted_query),
            user_agent: exchange.user_agent().map(redacted_text),
            referrer: exchange.referrer().map(redacted_url),
        }
    }
}

/// Returns `ERROR` for what the server did wrong, `WARN` for what a layer refused or ended, else `INFO`.
pub(super) fn level(exchange: &Exchange) -> Level {
    let status = exchange.nominal_status();
    match exchange.outcome() {
        _ if exchange.is_probe() => Level::INFO,
        Outcome::Panicked | Outcome::ServiceError | Outcome::BodyError => Level::ERROR,
        _ if status.is_some_and(|status| status.is_server_error()) => Level::ERROR,
        Outcome::Refused(_) | Outcome::TimedOut => Level::WARN,
        _ => Level::INFO,
    }
}

/// Returns the client's address, or else the peer's.
pub(super) fn client(exchange: &Exchange) -> Option<IpAddr> {
    let peer = exchange.peer().map(|peer| peer.ip().to_canonical());
    exchange.client().or(peer)
}

/// Returns the policies that were violated, joined.
pub(super) fn policies(rejection: &Rejection) -> Option<Cow<'_, str>> {
    match rejection.violated_policies() {
        [] => None,
        [one] => Some(Cow::Borrowed(one)),
        several => Some(several.join(", ").into()),
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Of a method, in bytes. Clients may invent some.
pub(super) const LONGEST_METHOD: usize = 32;

/// Of every other text, in bytes.
pub(super) const LONGEST_TEXT: usize = 1024;
