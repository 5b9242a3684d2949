use std::{net::SocketAddr, time::Duration};

use http::Extensions;
use portcullis_core::{ConfigError, Off, ProblemJson};

use super::plug::{DefaultLimit, InFlightGuard};
use crate::{
    Health, body_limit::KeepWrapped, client_ip::ClientIpLayer, request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer, timeout::TimeoutLayer,
};

/// Sets up the stack. See the [module docs](super) for the order and an example.
///
/// Without further calls: client address from the socket, request IDs, the API profile of secure
/// headers, panic recovery, a deadline of 30 seconds, bodies of at most 1 MiB. No limits, no
/// authentication, no probes, no observers.
#[derive(Clone, Debug)]
#[must_use = "an edge does nothing until it is built and layered on a service"]
pub struct Edge<
    A = Off,
    L = DefaultLimit,
    O = (),
    R = ProblemJson,
    W = KeepWrapped,
    P = DefaultLimit,
> {
    pub(super) auth: Option<A>,
    pub(super) limit: Option<L>,
    pub(super) principal_limit: Option<P>,
    pub(super) observer: O,
    pub(super) respond: R,
    pub(super) unwrap: W,
    pub(super) settings: Settings,
}

/// What has no type parameter.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) client_ip: ClientIpLayer,
    pub(super) route_from: Option<fn(&Extensions) -> Option<&str>>,
    pub(super) request_id: RequestIdLayer,
    pub(super) secure_headers: SecureHeadersLayer,
    pub(super) health: Option<Health>,
    pub(super) probes_limited: bool,
    pub(super) catches_panics: bool,
    pub(super) timeout: TimeoutLayer,
    pub(super) in_flight: InFlightGuard,
    pub(super) body_limit: Option<u64>,
    pub(super) public: Vec<String>,
    pub(super) problems: Vec<String>,
}

// ===== impl Edge =====

impl Edge {
    /// Creates an edge with safe defaults.
    pub fn new() -> Self {
        Self {
            auth: None,
            limit: None,
            principal_limit: None,
            observer: (),
            respond: ProblemJson::new(),
            unwrap: KeepWrapped,
            settings: Settings::new(),
        }
    }
}

impl Default for Edge {
    fn default() -> Self {
        Self::new()
    }
}

impl<A, L, O, R, W, P> Edge<A, L, O, R, W, P> {
    /// Sets how the client's address is found.
    pub fn client_ip(mut self, layer: ClientIpLayer) -> Self {
        self.settings.client_ip = layer;
        self
    }

    /// Trusts the forwarding headers of proxies in a comma-separated list of addresses and CIDR
    /// ranges. What is wrong with it is said by [`build`](Self::build).
    pub fn trust_proxies(mut self, list: &str) -> Self {
        match self.settings.client_ip.clone().trust_list(list) {
            Ok(layer) => self.settings.client_ip = layer,
            Err(error) => self.settings.add_problems(&error),
        }
        self
    }

    /// Reads the socket's other end from where the server leaves it, unless that is
    /// [`serve()`](crate::serve()).
    pub fn peer_from(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.settings.client_ip = self.settings.client_ip.peer_from(peer);
        self
    }

    /// Tells observers the route that will serve a request, as the framework knows it.
    pub fn route_from(mut self, route: fn(&Extensions) -> Option<&str>) -> Self {
        self.settings.route_from = Some(route);
        self
    }

    /// Sets how requests are named.
    pub fn request_id(mut self, layer: RequestIdLayer) -> Self {
        self.settings.request_id = layer;
        self
    }

    /// Sets the headers that every response gets.
    pub fn secure_headers(mut self, layer: SecureHeadersLayer) -> Self {
        self.settings.secure_headers = layer;
        self
    }

    /// Answers `/health` and `/ready`.
    pub fn health(mut self, health: &Health) -> Self {
        self.settings.health = Some(health.clone());
        self
    }

    /// Makes probes spend quota as any request does. Off by default: probes alone could use a
    /// quota up.
    pub const fn limit_probes(mut self, limited: bool) -> Self {
        self.settings.probes_limited = limited;
        self
    }

    /// Turns panic recovery on or off.
    pub const fn catch_panic(mut self, on: bool) -> Self {
        self.settings.catches_panics = on;
        self
    }

    /// Sets how long the application may take to answer. `None` turns the deadline off.
    pub fn timeout(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.settings.timeout = match after.into() {
            Some(after) => TimeoutLayer::new(after),
            None => TimeoutLayer::off(),
        };
        self
    }

    /// Says that the application is a gateway: a late answer is a 504, not a 503.
    pub fn gateway(mut self) -> Self {
        self.settings.timeout = self.settings.timeout.gateway();
        self
    }

    /// Sets the largest request body in bytes. `None` turns the limit off.
    pub fn body_limit(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.body_limit = bytes.into();
        self
    }

    /// Declares paths that need no key: exact ones, and prefixes that end in `/*`.
    pub fn public<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        let paths = paths.into_iter().map(ToOwned::to_owned);
        self.settings.public.extend(paths);
        self
    }

    /// Adds an observer. Those added first are outermost.
    pub fn observe<T>(self, observer: T) -> Edge<A, L, (O, T), R, W, P> {
        Edge {
            auth: self.auth,
            limit: self.limit,
            principal_limit: self.principal_limit,
            observer: (self.observer, observer),
            respond: self.respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }

    /// Replaces the way rejections are answered.
    pub fn respond_with<T>(self, respond: T) -> Edge<A, L, O, T, W, P> {
        Edge {
            auth: self.auth,
            limit: self.limit,
            principal_limit: self.principal_limit,
            observer: self.observer,
            respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }

    /// Replaces the request body that the inner service takes: see [`UnwrapBody`](crate::body_limit::UnwrapBody).
    pub fn unwrap_bodies<T>(self, unwrap: T) -> Edge<A, L, O, R, T, P> {
        Edge {
            auth: self.auth,
            limit: self.limit,
            principal_limit: self.principal_limit,
            observer: self.observer,
            respond: self.respond,
            unwrap,
            settings: self.settings,
        }
    }
}

// ===== impl Settings =====

impl Settings {
    fn new() -> Self {
        Self {
            client_ip: ClientIpLayer::new(),
            route_from: None,
            request_id: RequestIdLayer::new(),
            secure_headers: SecureHeadersLayer::api(),
            health: None,
            probes_limited: false,
            catches_panics: true,
            timeout: TimeoutLayer::new(Duration::from_secs(30)),
            in_flight: InFlightGuard::default(),
            body_limit: Some(1 << 20),
            public: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn add_problems(&mut self, error: &ConfigError) {
        self.problems
            .extend(error.problems().map(ToOwned::to_owned));
    }
}
