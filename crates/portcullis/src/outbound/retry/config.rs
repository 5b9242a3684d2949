use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::StatusCode;
use portcullis_core::{ConfigError, Count, Counts};
use tower::retry::budget::{Budget as _, TpsBudget};

use super::{AnyError, ByClone, RetryLayer, backoff::Backoff};

/// When a call is made again. See the [module docs](crate::outbound) for the defaults.
#[derive(Clone, Debug)]
pub struct RetryConfig<R = ByClone, J = AnyError> {
    retries: u32,
    backoff: Backoff,
    retry_after_cap: Duration,
    budget: Option<(f32, u32)>,
    is_retried: fn(StatusCode) -> bool,
    replay: R,
    judge: J,
}

/// What all clones of a layer share. `Budget` is tower's word.
pub(super) struct Shared {
    pub(super) retries: u32,
    pub(super) backoff: Backoff,
    pub(super) retry_after_cap: Duration,
    pub(super) is_retried: fn(StatusCode) -> bool,
    budget: Option<TpsBudget>,
    made: AtomicU64,
    over_budget: AtomicU64,
}

// ===== impl RetryConfig =====

impl RetryConfig {
    /// Creates the default configuration: for bodies that can be cloned, and any error.
    #[must_use]
    pub fn new() -> Self {
        Self {
            retries: 3,
            backoff: Backoff {
                base: Duration::from_millis(100),
                cap: Duration::from_secs(5),
            },
            retry_after_cap: Duration::from_secs(10),
            budget: Some((0.2, 1)),
            is_retried,
            replay: ByClone,
            judge: AnyError,
        }
    }
}

impl<R, J> RetryConfig<R, J> {
    /// Sets how many tries there may be after the first. 0: none.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the longest wait before the first retry, which doubles for each further one, and the
    /// longest of all. The wait itself is a random time from zero to that.
    #[must_use]
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.backoff = Backoff { base, cap };
        self
    }

    /// Sets the longest `Retry-After` that is waited for. A response that asks for more is returned
    /// as it is.
    #[must_use]
    pub fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.retry_after_cap = cap;
        self
    }

    /// Sets how many retries there may be for each call (`0.2` is one for five; below 1,
    /// one for a whole number of calls, so that 0.4 is one for three), counted over ten seconds, and how many in each second beside, for clients with few calls. All services of a
    /// layer share it.
    #[must_use]
    pub fn budget(mut self, ratio: f32, min_per_second: u32) -> Self {
        self.budget = Some((ratio, min_per_second));
        self
    }

    /// Lets every call be retried. When an upstream fails, it then gets several times the requests.
    #[must_use]
    pub fn dangerous_no_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// Sets which statuses are retried: 429, 502, 503 and 504 unless told otherwise.
    #[must_use]
    pub fn retry_if(mut self, is_retried: fn(StatusCode) -> bool) -> Self {
        self.is_retried = is_retried;
        self
    }

    /// Sets how a body is made again, for bodies that can't be cloned.
    #[must_use]
    pub fn replay<R2>(self, replay: R2) -> RetryConfig<R2, J> {
        RetryConfig {
            retries: self.retries,
            backoff: self.backoff,
            retry_after_cap: self.retry_after_cap,
            budget: self.budget,
            is_retried: self.is_retried,
            replay,
            judge: self.judge,
        }
    }

    /// Sets which errors are retried: a closure from the inner service's error to
    /// [`Retryable`](super::Retryable).
    #[must_use]
    pub fn errors<J2>(self, judge: J2) -> RetryConfig<R, J2> {
        RetryConfig {
            retries: self.retries,
            backoff: self.backoff,
            retry_after_cap: self.retry_after_cap,
            budget: self.budget,
            is_retried: self.is_retried,
            replay: self.replay,
            judge,
        }
    }

    /// Creates the layer.
    ///
    /// # Errors
    ///
    /// Lists what is wrong: more than 10 retries, a backoff whose first bound is zero or above its
    /// cap, a budget that is not from 0 to 10, or one of more than 1,000,000 in a second.
    pub fn build(self) -> Result<RetryLayer<R, J>, ConfigError> {
        ConfigError::check(self.problems())?;
        Ok(self.into_layer())
    }

    /// The configuration has been checked.
    pub(in crate::outbound) fn into_layer(self) -> RetryLayer<R, J> {
        let budget = self.budget;
        let budget = budget.map(|(ratio, min)| TpsBudget::new(BUDGET_WINDOW, min, payable(ratio)));
        let shared = Shared {
            retries: self.retries,
            backoff: self.backoff,
            retry_after_cap: self.retry_after_cap,
            is_retried: self.is_retried,
            budget,
            made: AtomicU64::new(0),
            over_budget: AtomicU64::new(0),
        };
        RetryLayer::with(Arc::new(shared), self.replay, self.judge)
    }

    pub(in crate::outbound) fn problems(&self) -> Vec<String> {
        let Backoff { base, cap } = self.backoff;
        let (ratio, min) = self.budget.unwrap_or_default();
        let problems = [
            (self.retries > MAX_RETRIES)
                .then(|| format!("retries: {} are more than {MAX_RETRIES}", self.retries)),
            base.is_zero()
                .then(|| "retries: the backoff is 0".to_owned()),
            (base > cap).then(|| format!("retries: a backoff of {base:?} is above {cap:?}")),
            (!(0.0..=10.0).contains(&ratio))
                .then(|| format!("retries: a budget of {ratio} is not from 0 to 10")),
            (min > MAX_PER_SECOND)
                .then(|| format!("retries: a budget of {min}/s is above {MAX_PER_SECOND}/s")),
        ];
        problems.into_iter().flatten().collect()
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self::new()
    }
}

// ===== impl Shared =====

impl Shared {
    /// Notes a call, which is what retries are paid with.
    pub(super) fn deposit(&self) {
        if let Some(budget) = &self.budget {
            budget.deposit();
        }
    }

    /// Pays for a retry.
    pub(super) fn withdraw(&self) -> bool {
        let is_paid = self.budget.as_ref().is_none_or(TpsBudget::withdraw);
        let count = if is_paid {
            &self.made
        } else {
            &self.over_budget
        };
        count.fetch_add(1, Relaxed);
        is_paid
    }
}

impl Counts for Shared {
    fn counts(&self) -> Vec<Count> {
        let counts = [
            Count::total(
                "portcullis_retries_made",
                "Retries of outbound calls",
                self.made.load(Relaxed),
            ),
            Count::total(
                "portcullis_retries_over_budget",
                "Outbound calls that were not retried for want of budget",
                self.over_budget.load(Relaxed),
            ),
        ];
        counts.map(|count| count.counted_by(self)).into()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Retries");
        debug.field("retries", &self.retries);
        debug.field("backoff", &self.backoff);
        debug.field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// What a gateway says of what is behind it, and who asks for patience. Not 500: a bug mostly stays.
fn is_retried(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

/// Tower takes a whole number of calls for a retry, and rounds that down: more retries than were asked
/// for. Here it is rounded up.
fn payable(ratio: f32) -> f32 {
    if ratio > 0.0 && ratio < 1.0 {
        // Half a call more, which it rounds down.
        1.0 / ((1.0 / ratio - ROUNDING).ceil() + 0.5)
    } else {
        ratio
    }
}

/// Of an `f32`: 0.2 is one for five, and not for six.
const ROUNDING: f32 = 1e-4;

const MAX_RETRIES: u32 = 10;
const MAX_PER_SECOND: u32 = 1_000_000;
/// As finagle has it.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
