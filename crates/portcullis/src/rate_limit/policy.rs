use std::{fmt, sync::Arc};

use http::{Method, request};
use ipnet::IpNet;
use portcullis_core::{ConfigError, Facts, Paths, Principal, Quota};

use super::{KeyBy, scope::Scope};

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
    pub(super) tiers: Vec<(Arc<str>, Quota)>,
    pub(super) tier_by: Option<Arc<TierBy>>,
    pub(super) dry_run: bool,
    pub(super) problems: Vec<String>,
}

type Cost = dyn Fn(&request::Parts) -> u32 + Send + Sync;
pub(super) type TierBy = dyn for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync;

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
            tiers: Vec::new(),
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

    /// Counts a request as so many. 0 does not count it; more than the burst counts as the burst.
    pub fn cost(mut self, cost: impl Fn(&request::Parts) -> u32 + Send + Sync + 'static) -> Self {
        self.cost = Some(Arc::new(cost));
        self
    }

    /// Sets the quota of one tier. The tier is the principal's id, unless
    /// [`tier_by`](Self::tier_by) says otherwise; an edge has it below authentication then.
    pub fn tier(mut self, name: impl Into<Arc<str>>, quota: Quota) -> Self {
        self.tiers.push((name.into(), quota));
        self
    }

    /// Sets how the tier of a request is found. One that is unknown, or none, has the policy's quota.
    pub fn tier_by(
        mut self,
        tier: impl for<'a> Fn(&'a request::Parts) -> Option<&'a str> + Send + Sync + 'static,
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
            self.problems
                .extend(problems.map(|problem| format!("policy {:?}: {problem}", self.name)));
            Paths::default()
        })
    }

    /// Everything that is wrong with the policy by itself.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/ ".contains(c);
        let fits = (1..=LONGEST_NAME).contains(&self.name.len());
        let is_named = fits && self.name.chars().all(is_plain);
        let name = format!(
            "policy {:?}: a name is 1 to {LONGEST_NAME} letters, digits and any of - _ . : /",
            self.name
        );
        let mut tiers: Vec<_> = self.tiers.iter().map(|(tier, _)| tier).collect();
        tiers.sort_unstable();
        let twice = tiers.windows(2).find(|pair| pair[0] == pair[1]);
        let twice = twice.map(|pair| {
            format!(
                "policy {:?}: the tier {:?} is there twice",
                self.name, pair[0]
            )
        });
        let problems = self.problems.iter().cloned();
        problems.chain((!is_named).then_some(name)).chain(twice)
    }
}

/// Returns the tier of a request: the principal's id, unless a function says otherwise.
pub(super) fn tier_of<'a>(
    tier_by: Option<&TierBy>,
    head: &'a request::Parts,
    facts: &'a Facts,
) -> Option<&'a str> {
    match tier_by {
        Some(tier_by) => tier_by(head),
        None => facts.get().map(Principal::id),
    }
}

/// For people: `"hour": 1000/h, burst 1000 for each address`.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} for {}", self.name, self.quota, self.by)?;
        for (tier, quota) in &self.tiers {
            write!(f, "; {tier}: {quota}")?;
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
