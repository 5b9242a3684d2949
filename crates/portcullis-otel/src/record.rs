use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};

use http::{HeaderValue, Method, Uri, Version, header, request};
use opentelemetry::{SpanId, trace::SpanContext};
use portcullis_core::{ClientIp, Exchange, Facts, PeerAddr, RequestId, Scheme};

/// The pieces of a sampled exchange, as they are: attributes are made of them elsewhere.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) context: SpanContext,
    pub(crate) parent: Option<SpanId>,
    pub(crate) started: SystemTime,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) host: Option<HeaderValue>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) route: Option<Box<str>>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) scheme: Scheme,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) duration: Duration,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<Error>,
}

/// `error.type`: one of a small set, or a 5xx status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    Named(&'static str),
    Status,
}

// ===== impl Record =====

impl Record {
    pub(crate) fn new(
        context: SpanContext,
        parent: Option<SpanId>,
        head: &request::Parts,
        route: Option<&str>,
    ) -> Self {
        let facts = Facts::of(&head.extensions);
        Self {
            context,
            parent,
            started: SystemTime::now(),
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            host: head.headers.get(header::HOST).cloned(),
            user_agent: head.headers.get(header::USER_AGENT).cloned(),
            route: route.map(Into::into),
            client: facts.get().map(|ClientIp(ip)| *ip),
            peer: facts.get().map(|PeerAddr(peer)| *peer),
            scheme: facts.get().copied().unwrap_or(Scheme::Http),
            request_id: facts.get().cloned(),
            duration: Duration::ZERO,
            status: None,
            error: None,
        }
    }

    pub(crate) fn end(&mut self, exchange: &Exchange<'_>) {
        self.duration = exchange.duration();
        self.status = exchange.status().map(|status| status.as_u16());
        self.error = exchange.error_type().map(Error::new);
    }
}

// ===== impl Error =====

impl Error {
    fn new(error: &str) -> Self {
        let named = NAMED.into_iter().find(|name| *name == error);
        named.map_or(Self::Status, Self::Named)
    }
}

const NAMED: [&str; 5] = [
    "panic",
    "timeout",
    "client_disconnect",
    "service_error",
    "body_error",
];
