use std::fmt;

use portcullis_core::ConfigError;

use crate::client_ip::{ClientIpLayer, Strategy};
#[cfg(feature = "rate-limit")]
use crate::rate_limit::{Policy, RateLimit};

/// Changes an edge while it serves. Got from [`EdgeLayer::handle`](super::EdgeLayer::handle).
///
/// ```
/// use portcullis::{Edge, Quota, rate_limit::Policy};
///
/// # fn main() -> Result<(), portcullis::ConfigError> {
/// let edge = Edge::new().rate_limit(Quota::per_second(10)).build()?;
/// let handle = edge.handle();
///
/// handle
///     .change()
///     .policies([Policy::new("default", Quota::per_second(50))])
///     .trust_proxies("10.0.0.0/8")
///     .apply()?;
///
/// let wrong = handle.change().trust_proxies("10.0.0.0/99").policies([
///     Policy::new("login", Quota::per_minute(5)).paths(["login"]),
/// ]);
/// assert_eq!(
///     wrong.apply().unwrap_err().to_string(),
///     "trusted proxies: \"10.0.0.0/99\" is neither an address nor a CIDR range; \
///      policy \"login\": path \"login\": it starts without a slash"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle {
    client_ip: ClientIpLayer,
    #[cfg(feature = "rate-limit")]
    limits: [Option<RateLimit>; 2],
}

/// What is to change, all of it or nothing.
#[must_use = "nothing changes until it is applied"]
pub struct Change<'h> {
    handle: &'h Handle,
    strategy: Option<Strategy>,
    #[cfg(feature = "rate-limit")]
    policies: [Option<Vec<Policy>>; 2],
    problems: Vec<String>,
}

/// Limits that a [`Handle`] can change: [`RateLimit`], alone or shared.
#[cfg(feature = "rate-limit")]
pub trait Changeable {
    /// The limit whose policies change.
    fn rate_limit(&self) -> Option<RateLimit>;
}

// ===== impl Handle =====

impl Handle {
    #[cfg(feature = "rate-limit")]
    pub(super) const fn new(client_ip: ClientIpLayer, limits: [Option<RateLimit>; 2]) -> Self {
        Self { client_ip, limits }
    }

    #[cfg(not(feature = "rate-limit"))]
    pub(super) const fn new(client_ip: ClientIpLayer) -> Self {
        Self { client_ip }
    }

    /// Begins a change.
    pub const fn change(&self) -> Change<'_> {
        Change {
            handle: self,
            strategy: None,
            #[cfg(feature = "rate-limit")]
            policies: [None, None],
            problems: Vec::new(),
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

// ===== impl Change =====

impl Change<'_> {
    /// Finds client addresses in another way from now on.
    pub fn client_ip(mut self, strategy: Strategy) -> Self {
        self.strategy = Some(strategy);
        self
    }

    /// Trusts other proxies from now on: those in a comma-separated list of addresses and ranges.
    pub fn trust_proxies(mut self, list: &str) -> Self {
        match Strategy::of_list(list) {
            Ok(strategy) => self.strategy = Some(strategy),
            Err(error) => self.add_problems(&error),
        }
        self
    }

    /// Counts addresses by other policies from now on. What was spent under a policy of the same
    /// name and key still counts.
    #[cfg(feature = "rate-limit")]
    pub fn policies(self, policies: impl IntoIterator<Item = Policy>) -> Self {
        self.policies_of(0, "rate limit", policies)
    }

    /// Counts principals by other policies from now on.
    #[cfg(feature = "rate-limit")]
    pub fn principal_policies(self, policies: impl IntoIterator<Item = Policy>) -> Self {
        self.policies_of(1, "principal's limit", policies)
    }

    /// Changes everything that was asked for.
    ///
    /// # Errors
    ///
    /// Names everything that is wrong with any of it. Nothing has changed then.
    pub fn apply(self) -> Result<(), ConfigError> {
        let mut problems = self.problems;
        if self
            .strategy
            .as_ref()
            .is_some_and(Strategy::trusts_everybody)
        {
            problems.push("trusted proxies: a range of length 0 trusts everybody".to_owned());
        }
        ConfigError::check(problems)?;
        #[cfg(feature = "rate-limit")]
        for (limit, policies) in self.handle.limits.iter().zip(self.policies) {
            if let (Some(limit), Some(policies)) = (limit, policies) {
                limit.set_policies(policies)?;
            }
        }
        if let Some(strategy) = self.strategy {
            self.handle.client_ip.set_strategy(strategy);
        }
        Ok(())
    }

    #[cfg(feature = "rate-limit")]
    fn policies_of(
        mut self,
        place: usize,
        name: &str,
        policies: impl IntoIterator<Item = Policy>,
    ) -> Self {
        let policies: Vec<_> = policies.into_iter().collect();
        if let Err(error) = RateLimit::check_policies(&policies) {
            self.add_problems(&error);
        }
        if self.handle.limits[place].is_none() {
            self.problems
                .push(format!("{name}: there is none that could change"));
        }
        self.policies[place] = Some(policies);
        self
    }

    fn add_problems(&mut self, error: &ConfigError) {
        self.problems.extend(error.problems().map(str::to_owned));
    }
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").finish_non_exhaustive()
    }
}

// ===== impl Changeable =====

#[cfg(feature = "rate-limit")]
impl Changeable for RateLimit {
    fn rate_limit(&self) -> Option<RateLimit> {
        Some(self.clone())
    }
}

#[cfg(feature = "rate-limit")]
impl<Q> Changeable for crate::rate_limit::SharedRateLimit<Q> {
    fn rate_limit(&self) -> Option<RateLimit> {
        Some(self.limit().clone())
    }
}

#[cfg(feature = "rate-limit")]
impl Changeable for portcullis_core::Off {
    fn rate_limit(&self) -> Option<RateLimit> {
        None
    }
}
