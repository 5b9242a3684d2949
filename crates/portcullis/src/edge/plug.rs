//! What users plug into an edge: authentication and a limit.

use portcullis_core::Guard;
#[cfg(not(feature = "rate-limit"))]
use portcullis_core::Off;

use super::Edge;
#[cfg(feature = "auth")]
use crate::api_key::{ApiKeyGuard, IntoKeyStore};
#[cfg(feature = "rate-limit")]
use crate::{
    Quota,
    rate_limit::{InFlight, KeyBy, Policy, RateLimit},
};

/// The limit that an [`Edge`] has unless a guard of one's own takes its place.
#[cfg(feature = "rate-limit")]
pub(super) type DefaultLimit = RateLimit;
#[cfg(not(feature = "rate-limit"))]
pub(super) type DefaultLimit = Off;

/// The cap of requests in flight, as far as it is built in.
#[cfg(feature = "rate-limit")]
pub(super) type InFlightGuard = Option<InFlight>;
#[cfg(not(feature = "rate-limit"))]
pub(super) type InFlightGuard = Option<Off>;

impl<A, L, O, R, W, P> Edge<A, L, O, R, W, P> {
    /// Admits only requests with an API key that the store knows.
    #[cfg(feature = "auth")]
    pub fn api_keys<K: crate::api_key::KeyStore, Kind>(
        self,
        store: impl IntoKeyStore<Kind, Store = K>,
    ) -> Edge<ApiKeyGuard<K>, L, O, R, W, P> {
        self.auth(Some(ApiKeyGuard::new(store)))
    }

    /// Admits only requests that a guard of your own admits. `None` turns authentication off.
    pub fn auth<G: Guard>(self, auth: Option<G>) -> Edge<G, L, O, R, W, P> {
        Edge {
            auth,
            limit: self.limit,
            principal_limit: self.principal_limit,
            observer: self.observer,
            respond: self.respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }

    /// Gives each client address a quota. `None` turns the limit off.
    #[cfg(feature = "rate-limit")]
    pub fn rate_limit(self, quota: impl Into<Option<Quota>>) -> Edge<A, RateLimit, O, R, W, P> {
        self.limit(quota.into().map(RateLimit::new))
    }

    /// Limits requests with a guard of your own. `None` turns the limit off.
    pub fn limit<G: Guard>(self, limit: Option<G>) -> Edge<A, G, O, R, W, P> {
        Edge {
            auth: self.auth,
            limit,
            principal_limit: self.principal_limit,
            observer: self.observer,
            respond: self.respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }

    /// Admits so many requests of each client address at the same time. `None` turns the cap off.
    #[cfg(feature = "rate-limit")]
    pub fn in_flight(mut self, most: impl Into<Option<u32>>) -> Self {
        self.settings.in_flight = most.into().map(InFlight::new);
        self
    }

    /// Gives each principal a quota, besides what its address has. `None` turns the limit off.
    #[cfg(feature = "rate-limit")]
    pub fn principal_quota(
        self,
        quota: impl Into<Option<Quota>>,
    ) -> Edge<A, L, O, R, W, RateLimit> {
        let policy = |quota| Policy::new("principal", quota).by(KeyBy::principal());
        let limit = quota.into().map(|quota| RateLimit::of([policy(quota)]));
        // One policy of a good name is always right.
        self.principal_limit(limit.and_then(Result::ok))
    }

    /// Limits known callers with a guard of your own, below authentication. `None` turns it off.
    pub fn principal_limit<G: Guard>(self, limit: Option<G>) -> Edge<A, L, O, R, W, G> {
        Edge {
            auth: self.auth,
            limit: self.limit,
            principal_limit: limit,
            observer: self.observer,
            respond: self.respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }
}
