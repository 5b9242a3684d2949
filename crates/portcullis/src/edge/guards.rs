//! Setters of guards that are off by default.

use std::sync::Arc;

#[cfg(feature = "rate-limit")]
use super::setting::Around;
use super::{Edge, Setting, Slot};
#[cfg(feature = "auth")]
use crate::api_key::{ApiKeyGuard, KeyStore};
#[cfg(feature = "auth")]
use crate::client_cert::ClientCertGuard;
#[cfg(feature = "jwt")]
use crate::jwt::Jwt;
#[cfg(feature = "signatures")]
use crate::signature::SignatureGuard;
#[cfg(feature = "rate-limit")]
use crate::{
    Quota,
    lockout::Lockout,
    rate_limit::{InFlight, RateLimit, SharedRateLimit},
};
use crate::{
    access_log::AccessLog, cors::Cors, cross_site::CrossSite, error_report::ErrorReports,
    load_shed::LoadShed, require::Require,
};

impl<M> Edge<M> {
    /// Writes one line for each exchange: [observes](Self::observe) with an access log, or with none. Which
    /// observers come before it does not matter: a line is written when all is known.
    pub fn access_log(self, log: impl Into<Option<AccessLog>>) -> Self {
        self.observe(log.into())
    }

    /// Reports panics and 5xx responses: [observes](Self::observe) with it, or with nothing.
    pub fn report_errors(self, reports: impl Into<Option<ErrorReports>>) -> Self {
        self.observe(reports.into())
    }

    /// Allows scripts of other sites to use the application. Preflights need no key, and spend
    /// [quota](Self::rate_limit). Off by default; `None::<Cors>` turns it off.
    pub fn cors(mut self, cors: impl Into<Setting<Cors>>) -> Self {
        self.cors = cors.into().into_value();
        self
    }

    /// Refuses requests that change something and that a browser sends for another site. Off by
    /// default; `None::<CrossSite>` turns it off. [Reports](Self::reports) of browsers pass.
    pub fn cross_site(mut self, guard: impl Into<Setting<CrossSite>>) -> Self {
        self.cross_site = guard.into().into_value();
        self
    }

    /// Admits only what the application can serve, and answers the rest at once. Off by default: what
    /// an application can do at the same time is its own. Takes a [`LoadShed`], or a number for
    /// [a fixed limit](LoadShed::fixed); `None::<LoadShed>` turns it off. [Probes](Self::health) are above it.
    pub fn load_shed(mut self, guard: impl Into<Setting<LoadShed>>) -> Self {
        let guard = guard.into().into_value();
        if guard.as_ref().is_some_and(LoadShed::refuses_all) {
            let problem = "load shed: 0 refuses everything; turn it off instead";
            self.problems.push(problem.to_owned());
        }
        self.load_shed.clone_from(&guard);
        self.set(Slot::LoadShed, shared(guard))
    }
}

impl<M> Edge<M> {
    /// Admits only callers with certain scopes or roles: on all paths but [public](Self::public) ones, or
    /// [on](Require::on) some, public or not. Each call adds to what is wanted.
    pub fn require(mut self, guard: Require) -> Self {
        if guard.is_everywhere() {
            self.required.push(guard);
            self
        } else {
            self.guard(Slot::Authorization, guard)
        }
    }
}

#[cfg(feature = "auth")]
impl<M> Edge<M> {
    /// Admits only requests with an API key that a store knows. With another way in too, such as
    /// [certificates](Self::client_certs), the first decides that a request has credentials of: a
    /// certificate, a key, a token, a signature, in this order. `None` of a store's `Option` turns it
    /// off, and then [public paths](Edge::public) are no contradiction.
    pub fn api_keys(mut self, store: impl Into<Setting<ApiKeyGuard>>) -> Self {
        let guard = store.into().into_value();
        self.is_open |= guard.is_none();
        self.ways.keys = shared(guard);
        self
    }

    /// Admits only clients with a certificate, as the server's own TLS or a trusted proxy tells. With another
    /// way in too, the first decides that a request has credentials of, as with [API keys](Self::api_keys).
    /// `None::<ClientCertGuard>` turns it off, and then [public paths](Edge::public) are no contradiction.
    pub fn client_certs(mut self, guard: impl Into<Setting<ClientCertGuard>>) -> Self {
        let guard = guard.into().into_value();
        self.is_open |= guard.is_none();
        self.ways.certs = shared(guard);
        self
    }
}

#[cfg(feature = "jwt")]
impl<M> Edge<M> {
    /// Admits only requests with a token that is right. With another way in too, the first decides that a
    /// request has credentials of, as with [API keys](Edge::api_keys). `None::<Jwt>` turns it off, and
    /// then [public paths](Edge::public) are no contradiction.
    pub fn jwt(mut self, guard: impl Into<Setting<Jwt>>) -> Self {
        let guard = guard.into().into_value();
        self.is_open |= guard.is_none();
        self.ways.tokens = shared(guard);
        self
    }
}

#[cfg(feature = "signatures")]
impl<M> Edge<M> {
    /// Admits only requests that are signed (RFC 9421). With another way in too, the first decides that a
    /// request has credentials of, as with [API keys](Edge::api_keys). `None::<SignatureGuard>` turns it off,
    /// and then [public paths](Edge::public) are no contradiction.
    pub fn signatures(mut self, guard: impl Into<Setting<SignatureGuard>>) -> Self {
        let guard = guard.into().into_value();
        self.is_open |= guard.is_none();
        self.ways.signatures = shared(guard);
        self
    }
}

#[cfg(feature = "rate-limit")]
impl<M> Edge<M> {
    /// Sets a quota for each client address, or counts by a limit of your own. `None::<Quota>`
    /// turns it off.
    pub fn rate_limit(self, limit: impl Into<Setting<Limit>>) -> Self {
        self.set(
            Slot::RateLimit,
            limit.into().into_value().map(|limit| limit.0),
        )
    }

    /// Locks clients out that fail to authenticate too often. `None::<Lockout>` turns it off.
    pub fn lockout(mut self, lockout: impl Into<Setting<Lockout>>) -> Self {
        let lockout = lockout.into().into_value();
        self.around = lockout
            .map(|lockout| -> Around { Arc::new(move |guard| Arc::new(lockout.around(guard))) });
        self
    }

    /// Admits so many requests of each client address at the same time. `None::<u32>` turns it off.
    pub fn in_flight(mut self, most: impl Into<Setting<InFlight>>) -> Self {
        let guard = most.into().into_value();
        if guard.as_ref().is_some_and(|guard| guard.most() == 0) {
            let problem = "requests in flight: 0 refuses everything; turn it off instead";
            self.problems.push(problem.to_owned());
        }
        self.set(Slot::InFlight, shared(guard))
    }

    /// Sets a quota for each principal, besides what its address has, or counts by a limit of your own,
    /// below authentication. Requests without a principal, as on a [public path](Edge::public), are
    /// counted by address: a policy with [`paths`](crate::rate_limit::Policy::paths) leaves them out.
    /// `None::<Quota>` turns it off.
    pub fn principal_limit(self, limit: impl Into<Setting<PrincipalLimit>>) -> Self {
        self.set(
            Slot::Authorization,
            limit.into().into_value().map(|limit| limit.0),
        )
    }
}

fn shared(guard: Option<impl crate::Guard>) -> Option<Arc<dyn crate::Guard>> {
    Some(Arc::new(guard?))
}

// ===== impl Setting =====

impl From<u32> for Setting<LoadShed> {
    fn from(most: u32) -> Self {
        Self::new(LoadShed::fixed(most))
    }
}

#[cfg(feature = "auth")]
impl<K: KeyStore> From<K> for Setting<ApiKeyGuard> {
    fn from(store: K) -> Self {
        Self::new(ApiKeyGuard::new(store))
    }
}

#[cfg(feature = "auth")]
impl<K: KeyStore> From<Option<K>> for Setting<ApiKeyGuard> {
    fn from(store: Option<K>) -> Self {
        Self::new(store.map(ApiKeyGuard::new))
    }
}

#[cfg(feature = "rate-limit")]
impl From<u32> for Setting<InFlight> {
    fn from(most: u32) -> Self {
        Self::new(InFlight::new(most))
    }
}

#[cfg(feature = "rate-limit")]
impl From<Option<u32>> for Setting<InFlight> {
    fn from(most: Option<u32>) -> Self {
        Self::new(most.map(InFlight::new))
    }
}

/// What [`Edge::rate_limit`] takes: a [`Quota`], a [`RateLimit`] or a [`SharedRateLimit`].
#[cfg(feature = "rate-limit")]
pub struct Limit(Arc<dyn crate::Guard>);

/// What [`Edge::principal_limit`] takes: a [`Quota`], a [`RateLimit`] or a [`SharedRateLimit`].
#[cfg(feature = "rate-limit")]
pub struct PrincipalLimit(Arc<dyn crate::Guard>);

#[cfg(feature = "rate-limit")]
mod limits {
    use std::{fmt, sync::Arc};

    use super::{Limit, PrincipalLimit, Quota, RateLimit, Setting, SharedRateLimit};
    use crate::QuotaStore;

    impl From<Quota> for Limit {
        fn from(quota: Quota) -> Self {
            RateLimit::new(quota).into()
        }
    }

    impl From<Quota> for PrincipalLimit {
        fn from(quota: Quota) -> Self {
            RateLimit::by_principal(quota).into()
        }
    }

    macro_rules! limits {
        ($($limit:ident),+) => {$(
            impl From<RateLimit> for $limit {
                fn from(limit: RateLimit) -> Self {
                    Self(Arc::new(limit))
                }
            }

            impl<Q: QuotaStore> From<SharedRateLimit<Q>> for $limit {
                fn from(limit: SharedRateLimit<Q>) -> Self {
                    Self(Arc::new(limit))
                }
            }

            impl From<Quota> for Setting<$limit> {
                fn from(quota: Quota) -> Self {
                    Self::new($limit::from(quota))
                }
            }

            impl From<Option<Quota>> for Setting<$limit> {
                fn from(quota: Option<Quota>) -> Self {
                    Self::new(quota.map($limit::from))
                }
            }

            impl From<RateLimit> for Setting<$limit> {
                fn from(limit: RateLimit) -> Self {
                    Self::new($limit::from(limit))
                }
            }

            impl From<Option<RateLimit>> for Setting<$limit> {
                fn from(limit: Option<RateLimit>) -> Self {
                    Self::new(limit.map($limit::from))
                }
            }

            impl<Q: QuotaStore> From<SharedRateLimit<Q>> for Setting<$limit> {
                fn from(limit: SharedRateLimit<Q>) -> Self {
                    Self::new($limit::from(limit))
                }
            }

            impl<Q: QuotaStore> From<Option<SharedRateLimit<Q>>> for Setting<$limit> {
                fn from(limit: Option<SharedRateLimit<Q>>) -> Self {
                    Self::new(limit.map($limit::from))
                }
            }

            impl fmt::Debug for $limit {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0.describe())
                }
            }
        )+};
    }

    limits!(Limit, PrincipalLimit);
}
