use std::{
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};

use http::request;
use portcullis_core::{
    ConfigError, Count, Counts, Facts, Guard, Received, Reply, Verdict, guard::Permit,
};
use tokio::{runtime::Handle, time::Instant};

use super::{
    bounds::Bounds,
    partitions::Class,
    settings::Settings,
    shared::{Shared, UNMEASURED},
    signals::{Memory, Signals, Watched},
    tally::Reason,
};
use crate::memory::Cgroups;

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
            classes: Vec::new(),
            watched: Watched::default(),
            queue: 0,
        }))
    }

    /// Creates a guard whose limit follows the latency of what is below: 128 requests at first, and
    /// between 4 and 10,000.
    #[must_use]
    pub fn adaptive() -> Self {
        Self(Shared::new(Settings {
            bounds: Bounds::default(),
            follows_latency: true,
            classes: Vec::new(),
            watched: Watched {
                lag: Some(DEFAULT_LAG),
                memory: None,
            },
            queue: 0,
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

    /// Guarantees a share of the limit, above 0 and at most 1, to requests for which this is true. A
    /// request is in the first partition that has it; what is in none shares the rest.
    ///
    /// Within its share a partition is always admitted. What it doesn't use is lent to whoever asks, and
    /// comes back as those requests end. So the limit may be exceeded meanwhile, by no more than was lent.
    /// A share is one place at the least, also where the limit has fewer places than there are shares.
    ///
    /// The function is asked about every request: keep it cheap. `name` is that of the metrics' label.
    ///
    /// # Errors
    ///
    /// Returns an error for a share that is none, for shares of more than 1 in all, and for a name that
    /// is taken; `other` is.
    pub fn partition(
        self,
        name: &'static str,
        share: f64,
        contains: impl Fn(&request::Parts) -> bool + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let contains = Arc::new(contains);
        let class = Class {
            name,
            share,
            contains,
        };
        class.check(&self.0.settings.classes)?;
        Ok(self.change(|settings| settings.classes.push(class)))
    }

    /// Lowers the limit by a quarter each time a task wakes later than this, by at most 100 ms at a time,
    /// down to its lowest value, or an eighth of a fixed one; it comes back as slowly. 100 ms for an
    /// adaptive limit, off for a fixed one; `None` turns it off.
    ///
    /// What is late is the runtime: its workers are busy or blocked, and requests that were not read yet
    /// wait as well, where no latency is measured.
    #[must_use]
    pub fn lag(self, most: impl Into<Option<Duration>>) -> Self {
        let most = most.into();
        self.change(|settings| settings.watched.lag = most)
    }

    /// Lowers the limit to its lowest value, or an eighth of a fixed one, while this part of the memory of
    /// a cgroup (version 2) is used, such as 0.95. Off by default: the limit of the cgroup may
    /// be another process's as well.
    ///
    /// Looked at each second, off the request's path. Cached files that the kernel would drop first do
    /// not count. Where no cgroup has a limit, nothing is done, which is logged once.
    ///
    /// # Errors
    ///
    /// Returns an error for a part that is not above 0 and at most 1.
    pub fn memory(self, most: f64) -> Result<Self, ConfigError> {
        self.memory_of(most, Cgroups::default())
    }

    pub(super) fn memory_of(self, most: f64, cgroups: Cgroups) -> Result<Self, ConfigError> {
        let memory = Memory::try_new(most, cgroups)?;
        Ok(self.change(|settings| settings.watched.memory = Some(memory)))
    }

    /// Lets so many requests wait for a place, each for at most 5 ms, and for 1 ms once somebody has
    /// waited for 100 ms: it evens a burst out, and is no queue where load stays. 0, the default, turns
    /// it off.
    ///
    /// The last is served first. Where the queue is full the oldest is refused.
    #[must_use]
    pub fn queue(self, most: usize) -> Self {
        self.change(|settings| settings.queue = most)
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

    /// Returns what reads how many requests were admitted and shed so far, for as long as the guard
    /// lives.
    pub(crate) fn load(&self) -> impl Fn() -> Option<[u64; 2]> + Send + Sync + 'static {
        let shared = Arc::downgrade(&self.0);
        move || shared.upgrade().map(|shared| shared.tally.load())
    }

    #[cold]
    fn wait_or_refuse(&self, partition: usize) -> Verdict {
        let shared = Arc::clone(&self.0);
        let reason = shared.reason();
        let waits = shared.queue.is_on() && reason != Reason::Memory;
        if !waits || Handle::try_current().is_err() {
            return shared.refuse(partition, reason).into();
        }
        let place = Arc::clone(&shared).wait(partition);
        Verdict::defer(place, move |place, _, reply| {
            let Some(place) = place else {
                return shared.refuse(partition, Reason::Queue).into();
            };
            shared.tally.admit();
            reply.hold_permit(place);
            Verdict::Admit
        })
    }

    /// Returns when a request was admitted, if its latency is to be measured.
    #[inline]
    fn admitted(&self, head: &request::Parts) -> u64 {
        if !self.0.adaptive.measures_next() {
            return UNMEASURED;
        }
        let received = Facts::of(&head.extensions).get();
        let received = received.map(|Received(time)| *time);
        self.0.since_made(received.unwrap_or_else(Instant::now))
    }
}

impl Guard for LoadShed {
    #[inline]
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        if self.0.settings.watched.is_on() && !self.0.signals.is_running() {
            Signals::start(&self.0);
        }
        let partition = self.0.partitions.find(head);
        if !self.0.take(partition) && !self.0.take_late(partition) {
            return self.wait_or_refuse(partition);
        }
        self.0.tally.admit();
        let note = [partition as u64, self.admitted(head)];
        reply.hold_permit(Permit::new(Arc::clone(&self.0), note));
        Verdict::Admit
    }

    fn describe(&self) -> String {
        let Bounds { min, max, .. } = self.0.settings.bounds;
        let limit = self.limit();
        let mut text = format!("{limit} at the same time");
        if self.0.settings.follows_latency {
            let _ = write!(text, " now, between {min} and {max} by latency");
        }
        for partition in self.0.partitions.iter() {
            let (name, share) = (partition.name, partition.guaranteed(limit));
            let _ = write!(text, "; {name} {share}");
        }
        text
    }

    fn counts(&self) -> Vec<Count> {
        let counts = self.0.counts().into_iter();
        counts.map(|count| count.counted_by(&*self.0)).collect()
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

/// How late a task may be, unless an adaptive limit says otherwise: as long as it sleeps.
const DEFAULT_LAG: Duration = Duration::from_millis(100);
