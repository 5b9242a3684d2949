use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::{StatusCode, request};
use portcullis_core::ConfigError;

use super::{
    Breaker,
    settings::{Settings, nanos},
};

/// What a closure makes of a request's head: the upstream that it is for.
pub(super) type KeyBy = Arc<dyn Fn(&request::Parts) -> Cow<'static, str> + Send + Sync>;

/// When a [`Breaker`] opens, and how it closes. See the [module docs](crate::outbound) for the defaults.
#[derive(Clone)]
pub struct BreakerConfig {
    failures: Option<u32>,
    failure_rate: Option<f64>,
    window: Duration,
    min_calls: u32,
    pub(super) slow_call: Option<Duration>,
    open_for: Duration,
    retry_after_cap: Duration,
    probes: u32,
    successes: u32,
    pub(super) max_keys: usize,
    pub(super) is_failure: fn(StatusCode) -> bool,
    pub(super) key_by: Option<KeyBy>,
}

// ===== impl BreakerConfig =====

impl BreakerConfig {
    /// Creates the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self {
            failures: Some(5),
            failure_rate: Some(0.5),
            window: Duration::from_secs(10),
            min_calls: 20,
            slow_call: Some(Duration::from_secs(5)),
            open_for: Duration::from_secs(5),
            retry_after_cap: Duration::from_secs(60),
            probes: 1,
            successes: 2,
            max_keys: 1024,
            is_failure,
            key_by: None,
        }
    }

    /// Sets how many failures in a row open it. `None`: no number does.
    #[must_use]
    pub fn failures(mut self, in_a_row: impl Into<Option<u32>>) -> Self {
        self.failures = in_a_row.into();
        self
    }

    /// Sets which part of the calls must fail to open it, above 0 and at most 1, once there are
    /// [`min_calls`](Self::min_calls) in the [`window`](Self::window). Looked at when a call fails.
    /// Counted in thousandths.
    /// `None`: no part does.
    #[must_use]
    pub fn failure_rate(mut self, rate: impl Into<Option<f64>>) -> Self {
        self.failure_rate = rate.into();
        self
    }

    /// Sets how long a call counts for the [`failure_rate`](Self::failure_rate). A tenth of it is
    /// forgotten at a time.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets how many calls there must be in the window before their failures are a rate.
    #[must_use]
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls;
        self
    }

    /// Sets the time from which on a call counts as failed, whatever came of it, also one that
    /// nobody waited for to its end. It is measured from the first time that the call had to wait.
    /// A call that is given up before says nothing, or clients that wait for a few milliseconds would open
    /// the breaker for all: set it below the deadlines that you pass on.
    /// `None`: slowness is no failure.
    #[must_use]
    pub fn slow_call(mut self, threshold: impl Into<Option<Duration>>) -> Self {
        self.slow_call = threshold.into();
        self
    }

    /// Sets how long it stays open before it admits a probe.
    #[must_use]
    pub fn open_for(mut self, time: Duration) -> Self {
        self.open_for = time;
        self
    }

    /// Sets the longest time that a `Retry-After` of the upstream may open it for.
    #[must_use]
    pub fn retry_after_cap(mut self, time: Duration) -> Self {
        self.retry_after_cap = time;
        self
    }

    /// Sets how many probes may be under way at once.
    #[must_use]
    pub fn probes(mut self, at_once: u32) -> Self {
        self.probes = at_once;
        self
    }

    /// Sets how many probes must succeed to close it. One that fails opens it again.
    #[must_use]
    pub fn successes(mut self, successes: u32) -> Self {
        self.successes = successes;
        self
    }

    /// Sets how many upstreams are watched at the same time.
    ///
    /// When there are more, those are forgotten that would admit a call and had none for as long as the
    /// window, and have none under way; they are looked for once a second. If there is none of these,
    /// calls of a further upstream are made without a breaker and counted as `portcullis_breaker_overflow`: never refused for what another
    /// upstream did.
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets which statuses are failures of the upstream: 429 and those from 500 on, unless told
    /// otherwise. Of a failure with 429 or 503, `Retry-After` is read.
    #[must_use]
    pub fn failure_if(mut self, is_failure: fn(StatusCode) -> bool) -> Self {
        self.is_failure = is_failure;
        self
    }

    /// Sets what tells upstreams apart: the request's authority, unless told otherwise. The key is
    /// logged, so it should be no secret. A closure costs a copy of the request's head, and what it
    /// allocates.
    #[must_use]
    pub fn key_by<F, K>(mut self, key: F) -> Self
    where
        F: Fn(&request::Parts) -> K + Send + Sync + 'static,
        K: Into<Cow<'static, str>>,
    {
        self.key_by = Some(Arc::new(move |head| key(head).into()));
        self
    }

    /// Creates the breaker.
    ///
    /// # Errors
    ///
    /// Lists every number and every time that is zero, a rate that is not above 0 and at most 1, a
    /// window of less than 10 ns, and a breaker that nothing opens but `Retry-After`.
    pub fn build(self) -> Result<Breaker, ConfigError> {
        ConfigError::check(self.problems())?;
        Ok(Breaker::with(&self))
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            failures: self.failures.unwrap_or(u32::MAX),
            failure_rate: self.failure_rate.map_or(u32::MAX, per_mille),
            window: nanos(self.window),
            min_calls: self.min_calls,
            open_for: nanos(self.open_for),
            retry_after_cap: nanos(self.retry_after_cap),
            probes: self.probes,
            successes: self.successes,
        }
    }

    pub(in crate::outbound) fn problems(&self) -> Vec<String> {
        let none = |is_none: bool, what: &str| is_none.then(|| format!("breaker: {what} is 0"));
        let zero = [
            none(self.failures == Some(0), "failures"),
            none(self.min_calls == 0, "min_calls"),
            none(self.slow_call == Some(Duration::ZERO), "slow_call"),
            none(self.open_for.is_zero(), "open_for"),
            none(self.retry_after_cap.is_zero(), "retry_after_cap"),
            none(self.probes == 0, "probes"),
            none(self.successes == 0, "successes"),
            none(self.max_keys == 0, "max_keys"),
        ];
        let window = (self.window < Duration::from_nanos(10))
            .then(|| "breaker: window is less than 10 ns".to_owned());
        let rate = self.failure_rate.and_then(bad_rate);
        let nothing = (self.failures.is_none() && self.failure_rate.is_none())
            .then(|| "breaker: neither failures nor failure_rate opens it".to_owned());
        let problems = zero.into_iter().chain([window, rate, nothing]);
        problems.flatten().collect()
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BreakerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("BreakerConfig");
        debug.field("settings", &self.settings());
        debug.field("slow_call", &self.slow_call);
        debug.field("max_keys", &self.max_keys);
        debug.finish_non_exhaustive()
    }
}

/// The statuses that say that the upstream can't, and not that the request is wrong.
fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn bad_rate(rate: f64) -> Option<String> {
    let is_right = rate > 0.0 && rate <= 1.0;
    (!is_right).then(|| format!("breaker: failure_rate {rate} is not above 0 and at most 1"))
}

/// At least 1: a rate of nearly nothing is not one of nothing.
fn per_mille(rate: f64) -> u32 {
    // A float that does not fit becomes the nearest number that does.
    ((rate * 1_000.0).ceil() as u32).max(1)
}
