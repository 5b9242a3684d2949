//! What an attack is, as data.

use std::{fmt, pin::Pin};

use serde::{Deserialize, Serialize};

use super::{Level, Severity};
use crate::{context::Context, verdict::Finding};

/// One attack: a row of the catalogue and a function.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Attack {
    /// Its stable name, such as `A01`. The letter is its group's.
    pub id: &'static str,
    /// How much a server must hold it.
    pub level: Level,
    /// What it costs if the server does not.
    pub severity: Severity,
    /// What is sent.
    pub title: &'static str,
    /// What a hardened server does.
    pub expects: &'static str,
    /// The lines of the checklist that it tests; see [`Line`](crate::Line).
    pub lines: &'static [&'static str],
    /// The rows of the OWASP API Security Top 10 (2023).
    pub owasp: &'static [&'static str],
    /// The requirements of OWASP ASVS 5.0.
    pub asvs: &'static [&'static str],
    /// Where the expected result comes from.
    pub reference: &'static str,
    /// The fix.
    pub fix: &'static str,
    /// What it needs to know or have. Without it, it is not tested.
    pub needs: &'static [Need],
    pub(crate) pace: Pace,
    pub(crate) run: Run,
}

/// Starts an attack.
pub(crate) type Run = for<'a> fn(&'a Context) -> Pin<Box<dyn Future<Output = Finding> + Send + 'a>>;

/// What an attack is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Group {
    /// A: HTTP/1 framing and request hygiene.
    Framing,
    /// B: slowness and exhaustion of connections.
    Connections,
    /// C: HTTP/2.
    Http2,
    /// D: the client's address and proxies.
    ClientIp,
    /// E: API keys.
    ApiKeys,
    /// F: tokens.
    Tokens,
    /// G: signed requests.
    Signatures,
    /// H: rate limits.
    RateLimits,
    /// I: request IDs, logs, traces, metrics.
    Telemetry,
    /// J: panics, timeouts, bodies, errors.
    Failures,
    /// K: response headers, CORS, CSP, caching.
    Headers,
    /// L: overload, health, shutdown.
    Overload,
    /// M: TLS.
    Tls,
}

/// What an attack needs to know or have.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Need {
    /// A valid key.
    Key,
    /// A key that was valid once, or is valid for something else.
    DeadKey,
    /// The valid key of another client.
    OtherKey,
    /// A route that belongs to the client of the valid key.
    Own,
    /// A route that the valid key may not use.
    Admin,
    /// A route that needs a key.
    Protected,
    /// A route that takes a body and reads it, and a body that it takes.
    Body,
    /// A route that takes a body, whatever it answers.
    AnyBody,
    /// A route whose answers are limited for each client.
    Limited,
    /// A route whose answer takes as long as the request says.
    Slow,
    /// A route whose handler panics.
    Panic,
    /// A route whose body panics after its first bytes.
    PanicBody,
    /// A route whose answer has a megabyte or more.
    Large,
    /// A page with a nonce in its content security policy.
    Page,
    /// The route of the metrics.
    Metrics,
    /// The route of readiness.
    Ready,
    /// The route of liveness.
    Health,
    /// The origins that may read answers.
    Origins,
    /// A server that promises to refuse what other sites make browsers send.
    SameSite,
    /// A server that promises to lock out who guesses.
    Lockout,
    /// What tokens are made with.
    Tokens,
    /// What requests are signed with.
    Signatures,
    /// An address of ours that the server trusts as a proxy.
    TrustedPeer,
    /// Real proxies in front of the server.
    Fronts,
    /// The file of the server's log.
    Log,
    /// The file of the audit log and the command that verifies it.
    Audit,
    /// The command that starts a server of our own.
    Launch,
    /// HTTP/2 by prior knowledge.
    Http2,
    /// More than one address to come from.
    Sources,
    /// The switch of the key store.
    KeyStoreSwitch,
    /// The switch of a dependency.
    DependencySwitch,
    /// A server that does the connections itself, not one that we put in front of a service.
    OwnServer,
}

/// When an attack may run beside others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pace {
    /// One after the other.
    Quick,
    /// It mostly waits: beside all others that wait.
    Patient,
    /// It loads the whole machine: last, alone.
    Heavy,
}

// ===== impl Attack =====

impl Attack {
    /// Returns its group.
    #[must_use]
    pub fn group(&self) -> Group {
        Group::from_id(self.id)
    }
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.title)
    }
}

// ===== impl Group =====

impl Group {
    /// All groups, in the order of their letters.
    pub const ALL: [Self; 13] = [
        Self::Framing,
        Self::Connections,
        Self::Http2,
        Self::ClientIp,
        Self::ApiKeys,
        Self::Tokens,
        Self::Signatures,
        Self::RateLimits,
        Self::Telemetry,
        Self::Failures,
        Self::Headers,
        Self::Overload,
        Self::Tls,
    ];

    fn from_id(id: &str) -> Self {
        let letter = id.bytes().next().unwrap_or(b'A');
        Self::ALL[usize::from(letter - b'A').min(12)]
    }

    /// Returns its letter.
    #[must_use]
    pub fn letter(self) -> char {
        let place = Self::ALL.iter().position(|group| *group == self);
        char::from(b'A' + place.unwrap_or(0) as u8)
    }

    /// Returns its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Framing => "HTTP/1 framing and request hygiene",
            Self::Connections => "Slowness and exhaustion of connections",
            Self::Http2 => "HTTP/2",
            Self::ClientIp => "The client's address and proxies",
            Self::ApiKeys => "API keys",
            Self::Tokens => "Tokens",
            Self::Signatures => "Signed requests",
            Self::RateLimits => "Rate limits",
            Self::Telemetry => "Request IDs, logs, traces, metrics",
            Self::Failures => "Panics, timeouts, bodies, errors",
            Self::Headers => "Response headers, CORS, CSP, caching",
            Self::Overload => "Overload, health, shutdown",
            Self::Tls => "TLS",
        }
    }
}

// ===== impl Need =====

impl Need {
    /// Returns why an attack is not tested when this is missing.
    #[must_use]
    pub const fn missing(self) -> &'static str {
        match self {
            Self::Key => "no valid key is given (keys.valid)",
            Self::DeadKey => "no revoked, expired or unscoped key is given (keys.revoked, ..)",
            Self::OtherKey | Self::Own => "no two clients are given (keys.other, routes.own)",
            Self::Admin => "no route that the key may not use is given (routes.admin)",
            Self::Protected => "no route that needs a key is known (routes.protected)",
            Self::Body | Self::AnyBody => {
                "no route that reads a body is known, or it needs a key (routes.body, keys.valid)"
            }
            Self::Limited => {
                "no route with a rate limit is known, or it needs a key (routes.limited, keys.valid)"
            }
            Self::Slow => {
                "no route that takes its time is known, or it needs a key (routes.slow, keys.valid)"
            }
            Self::Panic => {
                "no route that panics is known, or it needs a key (routes.panic, keys.valid)"
            }
            Self::PanicBody => {
                "no route whose body panics is known, or it needs a key (routes.panic_body, keys.valid)"
            }
            Self::Large => {
                "no route with a large answer is known, or it needs a key (routes.large, keys.valid)"
            }
            Self::Page => "no page with a nonce is known (routes.page)",
            Self::Metrics => "no route of metrics is known (routes.metrics)",
            Self::Ready => "no route of readiness is known (routes.ready)",
            Self::Health => "no route of liveness is known (routes.health)",
            Self::Origins => "no allowed origin is given (cors.origins)",
            Self::SameSite => "no promise about other sites is given (cors.refuses_cross_site)",
            Self::Lockout => "no lockout is promised (lockout.after)",
            Self::Tokens => "no way to make a token is given ([tokens]; see docs/siege.md)",
            Self::Signatures => {
                "no way to sign a request is given ([signatures]; see docs/siege.md)"
            }
            Self::TrustedPeer => "no trusted proxy's address is given (proxy.trusted)",
            Self::Fronts => "no proxy in front of the server is given (proxy.fronts)",
            Self::Log => "the server's log is not given (sinks.log)",
            Self::Audit => "the audit log is not given (sinks.audit, sinks.verify)",
            Self::Launch => "no command that starts the server is given (launch.command)",
            Self::Http2 => "the server does not speak HTTP/2 without TLS",
            Self::Sources => "this machine has only one address to come from",
            Self::KeyStoreSwitch => "no switch of the key store is given (switches.key_store_down)",
            Self::DependencySwitch => {
                "no way to make a dependency fail is given (switches.dependency_down)"
            }
            Self::OwnServer => {
                "the service was served by the harness; attack your own server for this"
            }
        }
    }
}
