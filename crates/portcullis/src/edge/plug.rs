//! What users plug into an edge: authentication and a limit.

use portcullis_core::Guard;
#[cfg(not(feature = "rate-limit"))]
use portcullis_core::Off;

use super::Edge;
#[cfg(feature = "auth")]
use crate::api_key::{ApiKeyGuard, IntoKeyStore};
#[cfg(feature = "rate-limit")]
use crate::{Quota, rate_limit::RateLimit};

/// The limit that an [`Edge`] has unless a guard of one's own takes its place.
#[cfg(feature = "rate-limit")]
pub(super) type DefaultLimit = RateLimit;
#[cfg(not(feature = "rate-limit"))]
pub(super) type DefaultLimit = Off;

impl<A, L, O, R, W> Edge<A, L, O, R, W> {
    /// Admits only requests with an API key that the store knows.
    #[cfg(feature = "auth")]
    pub fn api_keys<K: crate::api_key::KeyStore, Kind>(
        self,
        store: impl IntoKeyStore<Kind, Store = K>,
    ) -> Edge<ApiKeyGuard<K>, L, O, R, W> {
        self.auth(Some(ApiKeyGuard::new(store)))
    }

    /// Admits only requests that a guard of your own admits. `None` turns authentication off.
    pub fn auth<G: Guard>(self, auth: Option<G>) -> Edge<G, L, O, R, W> {
        Edge {
            auth,
            limit: self.limit,
            observer: self.observer,
            respond: self.respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }

    /// Gives each client address a quota. `None` turns the limit off.
    #[cfg(feature = "rate-limit")]
    pub fn rate_limit(self, quota: impl Into<Option<Quota>>) -> Edge<A, RateLimit, O, R, W> {
        self.limit(quota.into().map(RateLimit::new))
    }

    /// Limits requests with a guard of your own. `None` turns the limit off.
    pub fn limit<G: Guard>(self, limit: Option<G>) -> Edge<A, G, O, R, W> {
        Edge {
            auth: self.auth,
            limit,
            observer: self.observer,
            respond: self.respond,
            unwrap: self.unwrap,
            settings: self.settings,
        }
    }
}
