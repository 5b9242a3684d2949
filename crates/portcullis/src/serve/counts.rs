use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use http::StatusCode;
use portcullis_core::Count;
use tokio::time::Instant;

use super::{connection::Refused, due::Why, open::Open};
use crate::first_of_minute::FirstOfMinute;

/// What happened to connections.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) accepted: Counter,
    full: Counter,
    client_full: Counter,
    proxy: Counter,
    tls: Counter,
    head: Counter,
    idle: Counter,
    write: Counter,
    age: Counter,
    evicted: Counter,
    flood: Counter,
    protocol: Counter,
    blamed: FirstOfMinute,
    /// Requests that could not be parsed.
    unparsed: Counter,
    logged: FirstOfMinute,
    began: Began,
}

/// When the server was made.
#[derive(Debug)]
struct Began(Instant);

/// A number that grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

// ===== impl Tally =====

impl Tally {
    /// A connection never opened.
    pub(super) fn refused(&self, why: Refused) {
        match why {
            Refused::Full => self.full.add(),
            Refused::ClientFull => self.client_full.add(),
            Refused::NoProxyHeader => self.proxy.add(),
            Refused::NoTls => self.tls.add(),
            Refused::Late => self.head.add(),
            Refused::Evicted => self.evicted.add(),
            Refused::Gone => {}
        }
    }

    /// A limit closed a connection.
    pub(super) fn closed(&self, why: Why) {
        match why {
            Why::Head => self.head.add(),
            Why::Idle => self.idle.add(),
            Why::Write => self.write.add(),
            Why::Age => self.age.add(),
            Why::Evicted => self.evicted.add(),
            Why::Flood => self.flood.add(),
            Why::Protocol => self.protocol.add(),
        }
    }

    /// A client was told that it does wrong, and that the connection ends.
    pub(super) fn blamed(&self, why: Why, client: Option<IpAddr>) {
        self.closed(why);
        if let Some(others) = self.blamed.turn(self.now()) {
            let client = client.map(tracing::field::display);
            tracing::info!(target: "portcullis", reason = ?why, client, others, "connection ended");
        }
    }

    /// A request could not be parsed. Its client can't fill the log with it.
    pub(super) fn unparsed(&self, status: StatusCode) {
        self.unparsed.add();
        if let Some(others) = self.logged.turn(self.now()) {
            let status = status.as_u16();
            tracing::info!(target: "portcullis", status, others, "request not parsed");
        }
    }

    fn now(&self) -> u64 {
        self.began.0.elapsed().as_nanos() as u64
    }

    pub(super) fn counts(&self, open: &Open) -> Vec<Count> {
        let gauge = |name, help, count: usize| Count::gauge(name, help, count as u64);
        let total = |name, help, counter: &Counter| Count::total(name, help, counter.get());
        let mut counts = vec![
            gauge(
                "portcullis_connections_open",
                "Connections that are open",
                open.count(),
            ),
            gauge(
                "portcullis_connections_upgraded",
                "Connections that are open and no HTTP any more, such as those of WebSockets",
                open.upgraded(),
            ),
            total(
                "portcullis_connections_accepted",
                "Connections that were accepted",
                &self.accepted,
            ),
            total(
                "portcullis_requests_unparsed",
                "Requests of HTTP/1 that were refused because they could not be parsed",
                &self.unparsed,
            ),
        ];
        counts.extend(self.ended());
        counts
    }

    /// Returns how many connections ended against the will of their client, by reason.
    fn ended(&self) -> impl Iterator<Item = Count> {
        let refused = [
            ("full", &self.full),
            ("client_full", &self.client_full),
            ("proxy_header", &self.proxy),
            ("tls", &self.tls),
        ];
        let closed = [
            ("header_timeout", &self.head),
            ("idle_timeout", &self.idle),
            ("write_timeout", &self.write),
            ("max_age", &self.age),
            ("evicted", &self.evicted),
            ("flood", &self.flood),
            ("protocol_error", &self.protocol),
        ];
        let refused = refused.into_iter().map(|(reason, counter)| {
            let name = "portcullis_connections_refused";
            let help = "Connections that were closed unread";
            Count::total(name, help, counter.get()).label("reason", reason)
        });
        let closed = closed.into_iter().map(|(reason, counter)| {
            let name = "portcullis_connections_closed";
            let help = "Connections that a limit closed, or what the client did";
            Count::total(name, help, counter.get()).label("reason", reason)
        });
        refused.chain(closed)
    }
}

// ===== impl Began =====

impl Default for Began {
    fn default() -> Self {
        Self(Instant::now())
    }
}

// ===== impl Counter =====

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
