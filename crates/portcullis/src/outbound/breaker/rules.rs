use std::{
    fmt,
    time::{Duration, SystemTime},
};

use http::{Response, StatusCode};
use tokio::time::Instant;

use super::{
    BreakerConfig,
    circuit::Outcome,
    settings::{Settings, nanos},
};
use crate::outbound::retry_after::retry_after;

/// What all circuits of a breaker go by.
pub(super) struct Rules {
    pub(super) settings: Settings,
    pub(super) slow_call: Option<u64>,
    is_failure: fn(StatusCode) -> bool,
    started: Instant,
}

// ===== impl Rules =====

impl Rules {
    pub(super) fn new(config: &BreakerConfig) -> Self {
        Self {
            settings: config.settings(),
            slow_call: config.slow_call.map(nanos),
            is_failure: config.is_failure,
            started: Instant::now(),
        }
    }

    /// Nanoseconds since it was made.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        nanos(self.started.elapsed())
    }

    /// What a response says of its upstream.
    #[inline]
    pub(super) fn judge<B>(&self, response: &Response<B>) -> Outcome {
        if (self.is_failure)(response.status()) {
            return failed(response);
        }
        Outcome::Success
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slow_call = self.slow_call.map(Duration::from_nanos);
        let mut debug = f.debug_struct("Rules");
        debug.field("settings", &self.settings);
        debug.field("slow_call", &slow_call).finish_non_exhaustive()
    }
}

/// A failure, and when to come back if it says so.
#[cold]
fn failed<B>(response: &Response<B>) -> Outcome {
    let may_say = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let wait = may_say
        .contains(&response.status())
        .then(|| retry_after(response.headers(), SystemTime::now()))
        .flatten();
    match wait.map(nanos) {
        None | Some(0) => Outcome::Failure,
        Some(wait) => Outcome::RetryAfter(wait),
    }
}
