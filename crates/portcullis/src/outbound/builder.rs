use std::time::Duration;

use portcullis_core::ConfigError;

use super::{
    AnyError, Breaker, BreakerConfig, BreakerLayer, ByClone, DeadlineHeader, DeadlineLayer,
    OutboundLayer, RetryConfig, TryTimeoutLayer,
};

/// Builds the layer that has all others in their order. See the [module docs](super) for the
/// defaults.
#[derive(Clone, Debug)]
pub struct Outbound<R = ByClone, J = AnyError> {
    deadline: Option<Duration>,
    retry: RetryConfig<R, J>,
    breaker: Option<BreakerConfig>,
    try_timeout: Option<Duration>,
    header: Option<DeadlineHeader>,
}

// ===== impl Outbound =====

impl Outbound {
    /// Creates the default configuration.
    #[must_use]
    pub fn new() -> Self {
        Self {
            deadline: Some(Duration::from_secs(30)),
            retry: RetryConfig::new(),
            breaker: Some(BreakerConfig::new()),
            try_timeout: Some(Duration::from_secs(10)),
            header: None,
        }
    }
}

impl<R, J> Outbound<R, J> {
    /// Sets how long the whole call may take. The [`Deadline`](crate::Deadline) that a request carries
    /// counts if it is earlier. `None`: only that.
    #[must_use]
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        self
    }

    /// Sets how long each try may take to its response head.
    #[must_use]
    pub fn try_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.try_timeout = limit.into();
        self
    }

    /// Sets the field that tells the upstream how much time there is.
    #[must_use]
    pub fn deadline_header(mut self, header: impl Into<Option<DeadlineHeader>>) -> Self {
        self.header = header.into();
        self
    }

    /// Sets when the breaker opens. `None`: there is none.
    #[must_use]
    pub fn breaker(mut self, breaker: impl Into<Option<BreakerConfig>>) -> Self {
        self.breaker = breaker.into();
        self
    }

    /// Sets what is retried. [`RetryConfig::retries`] of 0 turns it off.
    #[must_use]
    pub fn retry<R2, J2>(self, retry: RetryConfig<R2, J2>) -> Outbound<R2, J2> {
        Outbound {
            deadline: self.deadline,
            retry,
            breaker: self.breaker,
            try_timeout: self.try_timeout,
            header: self.header,
        }
    }

    /// Creates the layer.
    ///
    /// # Errors
    ///
    /// Lists what is wrong: what [`BreakerConfig::build`] and [`RetryConfig::build`] list, a time
    /// limit of zero, and a time limit of each try that is above the deadline.
    pub fn build(self) -> Result<OutboundLayer<R, J>, ConfigError> {
        let breaker = self.breaker.as_ref().map(BreakerConfig::problems);
        let mut problems = self.problems();
        problems.extend(self.retry.problems());
        problems.extend(breaker.unwrap_or_default());
        ConfigError::check(problems)?;
        let breaker = self.breaker.as_ref().map(Breaker::with);
        Ok(OutboundLayer {
            deadline: DeadlineLayer::new(self.deadline),
            retry: self.retry.into_layer().of_call(),
            breaker: breaker.map_or(BreakerLayer::off(), BreakerLayer::new),
            try_timeout: TryTimeoutLayer::new(self.try_timeout).header(self.header),
        })
    }

    fn problems(&self) -> Vec<String> {
        let is_zero = |limit: Option<Duration>| limit.is_some_and(|limit| limit.is_zero());
        let both = self.try_timeout.zip(self.deadline);
        let problems = [
            is_zero(self.deadline).then(|| "the deadline is 0".to_owned()),
            is_zero(self.try_timeout).then(|| "the time limit of a try is 0".to_owned()),
            both.filter(|(each, all)| each > all).map(|(each, all)| {
                format!("the time limit of a try, {each:?}, is above the deadline, {all:?}")
            }),
        ];
        problems.into_iter().flatten().collect()
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}
