use std::{fmt, marker::PhantomData, net::SocketAddr, sync::Arc};

use http::Extensions;
use portcullis_core::{ConfigError, Guard, Observer, ProblemOrPage, Respond, facts::OriginalUri};

use super::{
    DEFAULT_BODY_LIMIT, DEFAULT_TIMEOUT, Slot,
    setting::{Around, Bytes, Limits, Setting},
    ways::Ways,
};
use crate::{
    Health,
    body_limit::BodyLimit,
    client_ip::ResolveClientIp,
    cors::Cors,
    cross_site::CrossSite,
    engine::{PeerFrom, RouteFrom, Wrapped},
    hygiene::Hygiene,
    load_shed::LoadShed,
    reports::Reports,
    request_id::SetRequestId,
    require::Require,
    secure_headers::SecureHeaders,
    timeout::Timeout,
};

/// Sets up an edge. See the [module docs](super) for the order and an example.
///
/// Without further calls: client address from the socket, request IDs, the API profile of secure
/// headers, hygiene for any host, panic recovery, a deadline of 30 seconds, bodies of at most 1 MiB. No limits, no
/// authentication, no probes, no reports, no observers.
///
/// `M` says what becomes of bodies; it is always inferred.
#[must_use = "an edge does nothing until it is built and layered on a service"]
pub struct Edge<M = Wrapped> {
    pub(super) client_ip: Option<ResolveClientIp>,
    pub(super) peer_from: Option<PeerFrom>,
    pub(super) request_id: Option<SetRequestId>,
    pub(super) secure_headers: Option<SecureHeaders>,
    pub(super) hygiene: Option<Hygiene>,
    pub(super) health: Option<Health>,
    pub(super) load_shed: Option<LoadShed>,
    pub(super) cors: Option<Cors>,
    pub(super) cross_site: Option<CrossSite>,
    pub(super) reports: Option<Reports>,
    pub(super) limits_probes: bool,
    pub(super) catches_panics: bool,
    pub(super) timeout: Option<Timeout>,
    pub(super) is_gateway: bool,
    pub(super) body_limit: Option<BodyLimit>,
    pub(super) public: Vec<String>,
    pub(super) closed: Vec<String>,
    /// A way in was turned off on purpose, so public paths contradict nothing.
    pub(super) is_open: bool,
    /// What is put around authentication.
    pub(super) around: Option<Around>,
    /// Of setters, one for each slot but authentication.
    pub(super) own: Vec<(Slot, Arc<dyn Guard>)>,
    pub(super) ways: Ways,
    /// Wanted of whatever is not public.
    pub(super) required: Vec<Require>,
    /// In the order in which they were added.
    pub(super) guards: Vec<(Slot, Arc<dyn Guard>)>,
    pub(super) observers: Vec<Arc<dyn Observer>>,
    pub(super) route_from: Option<RouteFrom>,
    pub(super) uri_from: Option<OriginalUri>,
    pub(super) respond: Arc<dyn Respond>,
    pub(super) problems: Vec<String>,
    pub(super) bodies: PhantomData<M>,
}

// ===== impl Edge =====

impl Edge {
    /// Creates an edge with safe defaults.
    pub fn new() -> Self {
        Self::with_bodies()
    }
}

impl<M> Edge<M> {
    /// Creates an edge with safe defaults, for a framework that has bodies of its own.
    pub fn with_bodies() -> Self {
        Self {
            client_ip: Some(ResolveClientIp::new()),
            peer_from: None,
            request_id: Some(SetRequestId::new()),
            secure_headers: Some(SecureHeaders::api()),
            hygiene: Some(Hygiene::new()),
            health: None,
            load_shed: None,
            cors: None,
            cross_site: None,
            reports: None,
            limits_probes: false,
            catches_panics: true,
            timeout: Some(Timeout::new(DEFAULT_TIMEOUT)),
            is_gateway: false,
            body_limit: Some(BodyLimit::new(DEFAULT_BODY_LIMIT)),
            public: Vec::new(),
            closed: Vec::new(),
            is_open: false,
            around: None,
            own: Vec::new(),
            ways: Ways::default(),
            required: Vec::new(),
            guards: Vec::new(),
            observers: Vec::new(),
            route_from: None,
            uri_from: None,
            respond: Arc::new(ProblemOrPage::new()),
            problems: Vec::new(),
            bodies: PhantomData,
        }
    }

    /// Sets how the client's address is found.
    pub fn client_ip(mut self, guard: impl Into<Setting<ResolveClientIp>>) -> Self {
        let guard = guard.into().into_value();
        self.client_ip = guard.map(|guard| guard.or_peer_from(self.peer_from));
        self
    }

    /// Trusts the forwarding headers of proxies in a comma-separated list of addresses and CIDR
    /// ranges. What is wrong with it is an error of [`build`](Self::build).
    pub fn trust_proxies(mut self, list: &str) -> Self {
        let guard = self.client_ip.clone().unwrap_or_default();
        match guard.or_peer_from(self.peer_from).trust_list(list) {
            Ok(guard) => self.client_ip = Some(guard),
            Err(error) => self.add_problems(&error),
        }
        self
    }

    /// Sets where the server leaves the peer, unless that is [`serve()`](crate::serve()).
    pub fn peer_from(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.peer_from = Some(peer);
        self.client_ip = self.client_ip.map(|guard| guard.peer_from(peer));
        self
    }

    /// Sets where the framework leaves the template of the route that will serve a request.
    pub fn route_from(mut self, route: fn(&Extensions) -> Option<&str>) -> Self {
        self.route_from = Some(route);
        self
    }

    /// Sets where a router that is nested leaves the URI that the client asked for, so that paths
    /// are compared with that.
    pub fn uri_from(mut self, uri: OriginalUri) -> Self {
        self.uri_from = Some(uri);
        self
    }

    /// Sets how requests get their IDs.
    pub fn request_id(mut self, guard: impl Into<Setting<SetRequestId>>) -> Self {
        self.request_id = guard.into().into_value();
        self
    }

    /// Sets which requests are refused as malformed, and which [hosts](Hygiene::hosts) and methods are
    /// served. `None` turns all of it off.
    pub fn hygiene(mut self, guard: impl Into<Setting<Hygiene>>) -> Self {
        self.hygiene = guard.into().into_value();
        self
    }

    /// Answers `/health`, `/ready` and `/live`, or the [paths](Health::paths) that are set, in place of
    /// the application. `None` leaves these paths to the application. While a guard of
    /// [`load_shed`](Self::load_shed) refuses more than half of the requests,
    /// [`/ready`](crate::health) is 503.
    pub fn health<'h>(mut self, health: impl Into<Setting<&'h Health>>) -> Self {
        self.health = health.into().into_value().cloned();
        self
    }

    /// Lets probes spend quota as any request does. Off by default: probes alone could use a
    /// quota up.
    pub const fn limit_probes(mut self, limited: bool) -> Self {
        self.limits_probes = limited;
        self
    }

    /// Turns panic recovery on or off.
    pub const fn catch_panic(mut self, on: bool) -> Self {
        self.catches_panics = on;
        self
    }

    /// Sets how long the application may take to respond: a `Duration`, an `Option` of one, or a
    /// [`Timeout`], which has limits for slow clients too. `None` turns all of them off; it does not
    /// stand for [`DEFAULT_TIMEOUT`].
    pub fn timeout(mut self, limits: impl Into<Limits>) -> Self {
        self.timeout = limits.into().0;
        self
    }

    /// Turns a late response into a 504, not a 503: the application is a gateway.
    pub const fn gateway(mut self) -> Self {
        self.is_gateway = true;
        self
    }

    /// Sets the largest request body in bytes: any unsigned integer, an `Option<u64>`, or a
    /// [`BodyLimit`], which may have more to say of bodies. `None` turns the limit off; it does not stand for [`DEFAULT_BODY_LIMIT`].
    pub fn body_limit(mut self, bytes: impl Into<Bytes>) -> Self {
        match bytes.into() {
            Bytes(Ok(limit)) => self.body_limit = limit,
            Bytes(Err(negative)) => {
                self.problems
                    .push(format!("body limit: {negative} is negative"));
            }
        }
        self
    }

    /// Declares what needs no authentication: `GET /`, `/assets/*`. Only what surely is one of these
    /// is public. See [`Paths`](crate::Paths) for how they are written and compared.
    pub fn public(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let paths = paths.into_iter().map(|path| path.as_ref().to_owned());
        self.public.extend(paths);
        self
    }

    /// Declares what alone needs authentication: `/admin/*`, `POST /users`. What could be one of these
    /// is closed, and everything else is public.
    pub fn closed(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let paths = paths.into_iter().map(|path| path.as_ref().to_owned());
        self.closed.extend(paths);
        self
    }

    /// Adds a guard, below what setters put into its slot and below those that were added before. A guard that is off, such as `None`,
    /// is left out.
    pub fn guard(mut self, slot: Slot, guard: impl Guard) -> Self {
        self.guards.push((slot, Arc::new(guard)));
        self
    }

    /// Adds an observer. Those added first are outermost. An observer that is off, such as `None`,
    /// is left out.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        if observer.is_on() {
            self.observers.push(Arc::new(observer));
        }
        self
    }

    /// Replaces the way rejections are rendered: [`ProblemOrPage`] unless told otherwise. Takes a
    /// function of the [`Rejection`](crate::Rejection), [`ProblemJson`](crate::ProblemJson) for
    /// problems only, or a [`ByFormat`](crate::ByFormat) that looks at what the client reads.
    pub fn respond_with(mut self, respond: impl Respond) -> Self {
        self.respond = Arc::new(respond);
        self
    }

    fn add_problems(&mut self, error: &ConfigError) {
        self.problems
            .extend(error.problems().map(ToOwned::to_owned));
    }

    /// Replaces what an earlier call of the same setter put into a slot. Guards that were added are
    /// left alone.
    pub(super) fn set(mut self, slot: Slot, guard: Option<Arc<dyn Guard>>) -> Self {
        self.own.retain(|(other, _)| *other != slot);
        self.own.extend(guard.map(|guard| (slot, guard)));
        self
    }
}

impl<M> Default for Edge<M> {
    fn default() -> Self {
        Self::with_bodies()
    }
}

impl<M> Clone for Edge<M> {
    fn clone(&self) -> Self {
        Self {
            client_ip: self.client_ip.clone(),
            request_id: self.request_id.clone(),
            secure_headers: self.secure_headers.clone(),
            hygiene: self.hygiene.clone(),
            health: self.health.clone(),
            load_shed: self.load_shed.clone(),
            cors: self.cors.clone(),
            cross_site: self.cross_site.clone(),
            reports: self.reports.clone(),
            body_limit: self.body_limit.clone(),
            public: self.public.clone(),
            closed: self.closed.clone(),
            around: self.around.clone(),
            own: self.own.clone(),
            ways: self.ways.clone(),
            required: self.required.clone(),
            guards: self.guards.clone(),
            observers: self.observers.clone(),
            respond: Arc::clone(&self.respond),
            problems: self.problems.clone(),
            ..*self
        }
    }
}

impl<M> fmt::Debug for Edge<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}
