use std::{borrow::Cow, fmt, sync::Arc};

use http::{Method, request};
use ipnet::IpNet;
use portcullis_core::{ConfigError, Ended, Paths, Quota};

use super::{KeyBy, key::Key, scope::Scope};

/// A quota, whose it is, and for which requests.
///
/// ```
/// use portcullis::{Quota, rate_limit::{KeyBy, Policy, RateLimit}};
///
/// # fn main() -> Result<(), portcullis::ConfigError> {
/// let limit = RateLimit::try_new([
///     Policy::new("second", Quota::per_second(10)),
///     Policy::new("hour", Quota::per_hour(1000)).exempt_paths(["/assets/*"]),
///     Policy::new("login", Quota::per_minute(5)).paths(["POST /login"]),
///     Policy::new("user", Quota::per_second(50)).by(KeyBy::principal()).dry_run(),
/// ])?;
/// # let _ = limit;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a policy does nothing until a rate limit has it"]
pub struct Policy {
    pub(super) name: Arc<str>,
    pub(super) quota: Quota,
    pub(super) by: KeyBy,
    pub(super) scope: Scope,
    pub(super) cost: Option<Arc<Cost>>,
    pub(super) cost_after: Option<Arc<CostAfter>>,
    pub(super) unit: Unit,
    pub(super) tiers: Vec<(Arc<str>, Quota)>,
    /// Of keys of their own.
    pub(super) keys: Vec<(Arc<str>, Quota)>,
    pub(super) tier_by: Option<Arc<TierBy>>,
    pub(super) dry_run: bool,
    pub(super) problems: Vec<String>,
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Requests,
    ContentBytes,
}

type Cost = dyn Fn(&request::Parts) -> u32 + Send + Sync;
pub(super) type CostAfter = dyn Fn(&Ended) -> u32 + Send + Sync;
pub(super) type TierBy = dyn for<'a> Fn(&'a request::Parts) -> Option<Cow<'a, str>> + Send + Sync;

// ===== impl Policy =====

impl Policy {
    /// Creates a policy: a quota for each client address. The name is shown to clients.
    pub fn new(name: impl Into<Arc<str>>, quota: Quota) -> Self {
        Self {
            name: name.into(),
            quota,
            by: KeyBy::address(),
            scope: Scope::default(),
            cost: None,
            cost_after: None,
            unit: Unit::Requests,
            tiers: Vec::new(),
            keys: Vec::new(),
            tier_by: None,
            dry_run: false,
            problems: Vec::new(),
        }
    }

    /// Counts by something else than the client address.
    pub fn by(mut self, by: KeyBy) -> Self {
        self.by = by;
        self
    }

    /// Counts only what could be a request to one of these. See [`Paths`] for how they are written
    /// and compared.
    pub fn paths(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.scope.paths = self.parsed(paths);
        self
    }

    /// Counts no requests that surely are to one of these.
    pub fn exempt_paths(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.scope.exempt_paths = self.parsed(paths);
        self
    }

    /// Counts no requests with these methods.
    pub fn exempt_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.scope.exempt_methods = methods.into_iter().collect();
        self
    }

    /// Counts no requests from these networks.
    pub fn exempt_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.scope.exempt_networks = networks.into_iter().collect();
        self
    }

    /// Counts a request as so many. 0 does not count it, or as 1 if
    /// [`cost_after`](Self::cost_after) says the rest; more than the burst counts as the burst.
    pub fn cost(mut self, cost: impl Fn(&request::Parts) -> u32 + Send + Sync + 'static) -> Self {
        self.cost = Some(Arc::new(cost));
        self
    }

    /// Sets what a request costs in the end, by what came of it: it has been charged its
    /// [`cost`](Self::cost) when it came, and is charged the rest then, or paid back. One that is refused,
    /// by whatever guard, is neither; what this limit refuses costs nothing at all.
    ///
    /// What is charged afterwards is not asked for: a client may have spent up to a burst more than it
    /// had, and waits until that has refilled: for a window at most, if a request costs 1. It is paid
    /// back as long as time has not refilled it, and under the policies that it was charged by.
    ///
    /// ```
    /// use portcullis::{Quota, rate_limit::Policy};
    ///
    /// // Ten log-ins an hour, or two that fail. A handler that answers a failure with a page says
    /// // `Cost(5)` in its response's extensions.
    /// let login = Policy::new("login", Quota::per_hour(10))
    ///     .paths(["POST /login"])
    ///     .cost_after(|ended| match ended.status.map_or(0, |status| status.as_u16()) {
    ///         401 => 5,
    ///         304 => 0,
    ///         _ => ended.cost.unwrap_or(1),
    ///     });
    /// # let _ = login;
    /// ```
    pub fn cost_after(mut self, cost: impl Fn(&Ended) -> u32 + Send + Sync + 'static) -> Self {
        self.cost_after = Some(Arc::new(cost));
        self
    }

    /// Counts bytes instead of requests: those of both bodies, when the exchange has ended. Clients
    /// are told so: `qu="content-bytes"`.
    ///
    /// A request is admitted as long as a byte is left. As a layer alone, use
    /// [`GuardLayer`](crate::edge::GuardLayer): [`RateLimitLayer`](super::RateLimitLayer) leaves bodies
    /// alone, and knows of no bytes but those that `Content-Length` declares.
    pub fn content_bytes(mut self) -> Self {
        self.unit = Unit::ContentBytes;
        self.cost_after(|ended| {
            let bytes = ended.request_bytes.saturating_add(ended.response_bytes);
            u32::try_from(bytes).unwrap_or(u32::MAX)
        })
    }

    /// Sets the quota of one key, whatever its tier: a principal's or an API key's id, what the function
    /// makes of a head, or an address where the policy [counts](Self::by) by address. An IPv6 address
    /// stands for its /64, as everywhere.
    pub fn key(mut self, key: impl Into<Arc<str>>, quota: Quota) -> Self {
        self.keys.push((key.into(), quota));
        self
    }

    /// Sets the quotas of several keys: of API keys that have one in their file, for example.
    pub fn keys(self, keys: impl IntoIterator<Item = (impl Into<Arc<str>>, Quota)>) -> Self {
        let add = |policy: Self, (key, quota)| policy.key(key, quota);
        keys.into_iter().fold(self, add)
    }

    /// Sets the quota of one tier. The tier is the principal's id, unless
    /// [`tier_by`](Self::tier_by) says otherwise; an edge has it below authentication then.
    pub fn tier(mut self, name: impl Into<Arc<str>>, quota: Quota) -> Self {
        self.tiers.push((name.into(), quota));
        self
    }

    /// Sets how the tier of a request is found. One that is unknown, or none, has the policy's quota.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use portcullis::{Facts, Principal, Quota, rate_limit::{KeyBy, Policy}};
    ///
    /// let plans = HashMap::from([("alice", "gold")]);
    /// let policy = Policy::new("plan", Quota::per_second(10))
    ///     .by(KeyBy::principal())
    ///     .tier("gold", Quota::per_second(100))
    ///     .tier_by(move |head| {
    ///         let who: &Principal = Facts::of(&head.extensions).get()?;
    ///         plans.get(who.id()).map(|plan| (*plan).into())
    ///     });
    /// # let _ = policy;
    /// ```
    pub fn tier_by(
        mut self,
        tier: impl for<'a> Fn(&'a request::Parts) -> Option<Cow<'a, str>> + Send + Sync + 'static,
    ) -> Self {
        self.tier_by = Some(Arc::new(tier));
        self
    }

    /// Counts, and refuses nothing: to see what a policy would do.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    fn parsed(&mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Paths {
        Paths::parse(paths).unwrap_or_else(|error: ConfigError| {
            let problems = error.problems();
            self.problems.extend(problems.map(str::to_owned));
            Paths::default()
        })
    }

    /// Returns the key of a name that [`key`](Self::key) was given.
    pub(super) fn key_of<'a>(&self, name: &'a str) -> Option<Key<'a>> {
        self.by.parse(name)
    }

    /// Whether what was counted by the other policy counts for this one.
    pub(super) fn continues(&self, other: &Self) -> bool {
        self.name == other.name
            && self.unit == other.unit
            && self.by.to_string() == other.by.to_string()
    }

    /// Returns names of keys of their own that are one key, such as two addresses of a subscriber.
    fn same_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let keys = self.keys.iter().enumerate();
        keys.filter_map(|(at, (name, _))| {
            let key = self.key_of(name);
            let mut above = self.keys[..at].iter();
            let (same, _) = above
                .find(|(other, _)| other == name || key.is_some() && self.key_of(other) == key)?;
            Some((&**same, &**name))
        })
    }

    /// Everything that is wrong with the policy by itself.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        let mut problems = self.problems.clone();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/ ".contains(c);
        let fits = (1..=LONGEST_NAME).contains(&self.name.len());
        if !fits || !self.name.chars().all(is_plain) {
            problems.push(format!(
                "a name is 1 to {LONGEST_NAME} letters, digits and any of - _ . : /"
            ));
        }
        problems.extend(
            twice(&self.tiers)
                .into_iter()
                .map(|tier| format!("the tier {tier:?} is there twice")),
        );
        problems.extend(self.same_keys().map(|(one, other)| {
            if one == other {
                format!("the key {one:?} is there twice")
            } else {
                format!("{one:?} and {other:?} are one key")
            }
        }));
        let strange = self
            .keys
            .iter()
            .filter(|(key, _)| self.key_of(key).is_none());
        problems.extend(strange.map(|(key, _)| format!("{key:?} is no key of {}", self.by)));
        let name = Arc::clone(&self.name);
        let said = move |problem| format!("policy {name:?}: {problem}");
        problems.into_iter().map(said)
    }
}

/// Returns the names that are there more than once.
fn twice(quotas: &[(Arc<str>, Quota)]) -> Vec<&str> {
    let mut names: Vec<&str> = quotas.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let pairs = names.windows(2).filter(|pair| pair[0] == pair[1]);
    let mut twice: Vec<_> = pairs.map(|pair| pair[0]).collect();
    twice.dedup();
    twice
}

/// For people: `"hour": 1000/h, burst 1000 for each address`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} for {}", self.name, self.quota, self.by)?;
        if self.unit == Unit::ContentBytes {
            f.write_str(", in bytes")?;
        } else if self.cost_after.is_some() {
            f.write_str(", by what comes of a request")?;
        }
        for (name, quota) in self.tiers.iter().chain(&self.keys) {
            write!(f, "; {name}: {quota}")?;
        }
        write!(f, "{}", self.scope)?;
        f.write_str(if self.dry_run { "; dry run" } else { "" })
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({self})")
    }
}

const LONGEST_NAME: usize = 32;
