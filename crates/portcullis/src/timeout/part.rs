use std::time::Duration;

use portcullis_core::RejectionKind;

use crate::engine::{Pace, Part, Stack, TimeLimit};

/// Limits of time for a request. See the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct Timeout(TimeLimit);

// ===== impl Timeout =====

impl Timeout {
    /// Creates limits: the service has `after` to respond, the client the defaults that the
    /// [module docs](super) list.
    #[must_use]
    pub const fn new(after: Duration) -> Self {
        Self(TimeLimit {
            after,
            kind: RejectionKind::TimedOut,
            upload: Some(DEFAULT_PACE),
            stream_idle: Some(DEFAULT_STREAM_IDLE),
        })
    }

    /// Answers late responses with 504: the application is a gateway, and what is late is behind it.
    #[must_use]
    pub const fn gateway(mut self) -> Self {
        self.0.kind = RejectionKind::GatewayTimedOut;
        self
    }

    /// Sets how long a client may send nothing of a body that is waited for.
    #[must_use]
    pub const fn upload_idle(mut self, idle: Duration) -> Self {
        self.0.upload = Some(Pace {
            idle,
            ..self.pace()
        });
        self
    }

    /// Sets how many bytes a second a client must send, on average, of a body that is waited for:
    /// looked at once it was waited for as long as [`upload_idle`](Self::upload_idle), in all.
    #[must_use]
    pub const fn upload_rate(mut self, bytes_per_second: u64) -> Self {
        let rate = bytes_per_second;
        self.0.upload = Some(Pace {
            rate,
            ..self.pace()
        });
        self
    }

    /// Sets how long a body may be waited for, in all.
    #[must_use]
    pub const fn upload_total(mut self, total: Duration) -> Self {
        self.0.upload = Some(Pace {
            total,
            ..self.pace()
        });
        self
    }

    /// Sets no limits for uploads.
    #[must_use]
    pub const fn without_upload_limits(mut self) -> Self {
        self.0.upload = None;
        self
    }

    /// Sets how long a response's body may give nothing, `None` for ever.
    #[must_use]
    pub const fn stream_idle(mut self, idle: Option<Duration>) -> Self {
        self.0.stream_idle = idle;
        self
    }

    /// Returns how long the service may take.
    #[must_use]
    pub const fn after(&self) -> Duration {
        self.0.after
    }

    /// Returns what a late request is refused with.
    #[must_use]
    pub const fn kind(&self) -> RejectionKind {
        self.0.kind
    }

    /// Installs all of it, for an edge: it wraps bodies.
    pub(crate) fn install_all(self, stack: &mut Stack) {
        stack.time_limit = Some(self.0);
    }

    const fn pace(&self) -> Pace {
        match self.0.upload {
            Some(pace) => pace,
            None => DEFAULT_PACE,
        }
    }
}

/// Alone it leaves bodies as they are.
impl Part for Timeout {
    fn install(self, stack: &mut Stack) {
        stack.time_limit = Some(TimeLimit {
            upload: None,
            stream_idle: None,
            ..self.0
        });
    }
}

impl From<Duration> for Timeout {
    fn from(after: Duration) -> Self {
        Self::new(after)
    }
}

/// Apache's `RequestReadTimeout`, but for the total.
const DEFAULT_PACE: Pace = Pace {
    idle: Duration::from_secs(20),
    rate: 500,
    total: Duration::from_secs(3600),
};

/// Envoy's `stream_idle_timeout`.
const DEFAULT_STREAM_IDLE: Duration = Duration::from_secs(300);
