use std::{fmt, sync::Arc, time::Duration};

use http::request;
use portcullis_core::{
    ConfigError, Count, Counts, Facts, Guard, Received, Rejection, RejectionKind, Reply, Verdict,
};
use tokio::time::Instant;

use super::{
    bounds::Bounds,
    settings::Settings,
    shared::{Place, Shared},
    tally::Reason,
};

/// Answers at once what would wait too long. See the [module docs](super). Clones share the count.
///
/// A setter makes another guard, with a count of its own: call it before the guard is cloned.
#[derive(Clone)]
pub struct LoadShed(Arc<Shared>);

// ===== impl LoadShed =====

impl LoadShed {
    /// Creates a guard that admits at most so many requests at the same time. 0 refuses everything:
    /// an [edge](crate::Edge::load_shed) is not built with it.
    #[must_use]
    pub fn fixed(most: u32) -> Self {
        Self(Shared::new(Settings {
            bounds: Bounds::fixed(most),
            follows_latency: false,
        }))
    }

    /// Creates a guard whose limit follows the latency of what is below: 128 requests at first, and
    /// between 4 and 10,000.
    #[must_use]
    pub fn adaptive() -> Self {
        Self(Shared::new(Settings {
            bounds: Bounds::default(),
            follows_latency: true,
        }))
    }

    /// Sets between which numbers the limit is, and which it is at first.
    ///
    /// # Errors
    ///
    /// Returns an error for a lowest limit of 0, for a first one outside the others, and for a
    /// [fixed](Self::fixed) limit.
    pub fn bounds(self, min: u32, initial: u32, max: u32) -> Result<Self, ConfigError> {
        let fixed = "load shed: a fixed limit has no bounds".to_owned();
        let is_fixed = !self.0.settings.follows_latency;
        ConfigError::check(is_fixed.then_some(fixed).into_iter().collect())?;
        let bounds = Bounds::try_new(min, initial, max)?;
        Ok(self.change(|settings| settings.bounds = bounds))
    }

    /// Returns how many requests may be in flight now.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.0.limit()
    }

    /// Returns how many requests are in flight.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.0.in_flight.read()
    }

    pub(crate) fn refuses_all(&self) -> bool {
        self.0.settings.bounds.max == 0
    }

    fn change(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.0.settings.clone();
        change(&mut settings);
        Self(Shared::new(settings))
    }

    /// Returns when a request was admitted; 0 where nobody asks.
    #[inline]
    fn admitted(&self, head: &request::Parts) -> u64 {
        if !self.0.adaptive.follows_latency() {
            return 0;
        }
        let received = Facts::of(&head.extensions).get();
        let received = received.map(|Received(time)| *time);
        self.0.since_made(received.unwrap_or_else(Instant::now))
    }
}

impl Guard for LoadShed {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if !self.0.take() {
            return self.0.refuse(Reason::Limit).into();
        }
        let place = Place::new(Arc::clone(&self.0), self.admitted(head));
        reply.hold_with_head(place, Place::on_head);
        Verdict::Admit
    }

    fn describe(&self) -> String {
        let Bounds { min, max, .. } = self.0.settings.bounds;
        let limit = self.limit();
        if self.0.settings.follows_latency {
            format!("{limit} at the same time now, between {min} and {max} by latency")
        } else {
            format!("{limit} at the same time")
        }
    }

    fn counts(&self) -> Vec<Count> {
        self.0.counts()
    }
}

/// A page of metrics may ask the guard itself.
impl Counts for LoadShed {
    fn counts(&self) -> Vec<Count> {
        Guard::counts(self)
    }
}

impl fmt::Debug for LoadShed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoadShed({})", self.describe())
    }
}

// ===== impl Shared =====

impl Shared {
    /// Counts a refusal. The refused are told to come back in one, two or three seconds, in turn, so
    /// that they do not come back together.
    #[cold]
    pub(super) fn refuse(&self, reason: Reason) -> Rejection {
        let now = self.now();
        self.adaptive.turn(now);
        let shed = self.tally.add(reason);
        if let Some(others) = self.tally.turn(now) {
            let (limit, in_flight) = (self.limit(), self.in_flight.read());
            tracing::warn!(
                target: "portcullis", reason = reason.name(), limit, in_flight, requests = others,
                "load is shed"
            );
        }
        Rejection::new(RejectionKind::Overloaded)
            .with_retry_after(Duration::from_secs(1 + shed % LONGEST_AFTER))
    }

    fn counts(&self) -> Vec<Count> {
        let shed = Reason::ALL.map(|reason| {
            let count = Count::total(
                "portcullis_load_shed_refused",
                "Requests that were shed",
                self.tally.shed(reason),
            );
            count.label("reason", reason.name())
        });
        let limit = Count::gauge(
            "portcullis_load_shed_limit",
            "How many requests may be in flight",
            self.limit().into(),
        );
        let in_flight = Count::gauge(
            "portcullis_load_shed_in_flight",
            "Requests in flight",
            self.in_flight.read().into(),
        );
        [limit, in_flight].into_iter().chain(shed).collect()
    }
}

/// In seconds.
const LONGEST_AFTER: u64 = 3;
