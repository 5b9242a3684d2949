//! What several processes share: quotas, and what may be used once.

mod replay;

use std::{future::Future, sync::Arc, time::Duration};

pub use self::replay::{Noted, ReplayNote, ReplayStore};
use crate::{BoxError, Quota};

/// Counts what keys spend, in one place for several processes.
///
/// A rate limit that is given one asks it about every request that is not known to be over, and
/// goes on by itself when there is no answer.
pub trait QuotaStore: Clone + Send + Sync + 'static {
    /// Resolves to one [`Standing`] for each charge.
    type Future: Future<Output = Result<Vec<Standing>, BoxError>> + Send;

    /// Spends all of the charges, in one step, if each quota allows it; otherwise none of them.
    fn spend(&self, charges: Vec<Charge>) -> Self::Future;
}

/// What a request wants to spend of one quota.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Charge {
    /// The quota's name.
    pub policy: Arc<str>,
    /// Whose quota it is: the same text in every process.
    pub key: String,
    /// The quota.
    pub quota: Quota,
    /// What the request counts as: at least 1, at most the quota's burst.
    pub cost: u32,
    /// For how many such requests to spend, as far as the quota allows it: at least 1, and more for
    /// a process that wants to spend some without asking. The same in all charges of a request.
    pub requests: u32,
}

/// How a key stands with one quota, after a spending that happened or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// After this time the quota is whole again.
    pub whole_in: Duration,
    /// After this time the quota would allow one request; zero if it did now.
    pub wait: Duration,
    /// For how many requests was spent: 0 if one of the quotas did not allow it.
    pub requests: u32,
}

// ===== impl Charge =====

impl Charge {
    /// A charge for one request that counts as `cost`, but no more than a burst: that would never
    /// be allowed.
    pub fn new(policy: Arc<str>, key: impl Into<String>, quota: Quota, cost: u32) -> Self {
        Self {
            policy,
            key: key.into(),
            quota,
            cost: cost.clamp(1, quota.max_burst()),
            requests: 1,
        }
    }

    /// Charges for so many requests.
    #[must_use]
    pub fn requests(mut self, requests: u32) -> Self {
        self.requests = requests.max(1);
        self
    }
}

// ===== impl Standing =====

impl Standing {
    /// A standing after a spending for so many requests, or for none.
    #[must_use]
    pub const fn new(whole_in: Duration, wait: Duration, requests: u32) -> Self {
        Self {
            whole_in,
            wait,
            requests,
        }
    }
}
