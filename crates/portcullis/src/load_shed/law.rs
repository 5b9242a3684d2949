//! How high the limit is: arithmetic alone, without a clock or a lock.

use std::time::Duration;

use super::bounds::Bounds;

/// A limit that follows latency, window by window.
///
/// Gradient2 of Netflix's concurrency-limits, with a base latency that is measured as Envoy measures
/// its minRTT, but only while load is shed anyway.
#[derive(Clone, Debug)]
pub(super) struct Law {
    bounds: Bounds,
    limit: f64,
    /// The latency of a service that has no queue, in nanoseconds, once it is known.
    base: Option<f64>,
    /// The lowest base since it was last measured.
    lowest: f64,
    probe: Option<Probe>,
    next_probe: Duration,
}

/// A search for the base: the limit is halved as long as that makes the service quicker.
#[derive(Clone, Copy, Debug)]
struct Probe {
    /// The limit before.
    from: f64,
    /// The latency under that, and at twice the limit. The first window measures them: in the one
    /// before, the service may have been filling.
    latencies: Option<(f64, f64)>,
    until: Duration,
}

/// What a window has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Since the guard was made.
    pub(super) now: Duration,
    /// The median latency in nanoseconds; `None` without a sample.
    pub(super) median: Option<f64>,
    pub(super) load: Load,
}

/// How much of the limit was used at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Load {
    /// At most half of it.
    Low,
    /// More than half of it.
    Busy,
    /// All of it.
    Full,
}

// ===== impl Law =====

impl Law {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            limit: f64::from(bounds.initial),
            base: None,
            lowest: f64::INFINITY,
            probe: None,
            next_probe: Duration::ZERO,
        }
    }

    /// Returns the limit, within its bounds.
    pub(super) fn limit(&self) -> u32 {
        // Saturates; the bounds are `u32`.
        self.limit as u32
    }

    /// Returns `true` while only samples of requests that were admitted under this limit count.
    pub(super) const fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    /// Changes the limit by what a window has shown.
    pub(super) fn step(&mut self, seen: Seen) {
        match (self.probe, seen.median) {
            (Some(probe), median) => self.step_probe(probe, median, seen),
            (None, Some(median)) => match seen.load {
                Load::Full => self.step_full(median, seen.now),
                load => self.step_below(median, load),
            },
            (None, None) if seen.load < Load::Full => self.recover(),
            // Nobody was answered: nothing is known of how long it takes.
            (None, None) => {}
        }
        self.bound();
    }

    /// The limit was not reached: it is not lowered.
    fn step_below(&mut self, median: f64, load: Load) {
        let base = self.follow(median);
        if median > base * TOLERANCE {
            return;
        }
        self.recover();
        if load == Load::Busy && median <= base * UNQUEUED {
            self.limit *= GROWTH;
        }
    }

    fn step_full(&mut self, median: f64, now: Duration) {
        let Some(base) = self.base.filter(|_| now < self.next_probe) else {
            return self.begin_probe(now);
        };
        if base > self.lowest * DRIFTED {
            return self.begin_probe(now);
        }
        let base = if median < base {
            self.follow(median)
        } else {
            base
        };
        let gradient = (TOLERANCE * base / median).clamp(0.5, 1.0);
        let room = if median <= base * UNQUEUED {
            self.limit * (GROWTH - 1.0)
        } else {
            0.0
        };
        self.limit = self.limit * gradient + room.max(self.limit.sqrt());
    }

    fn begin_probe(&mut self, now: Duration) {
        self.probe = Some(Probe {
            from: self.limit,
            latencies: None,
            until: now + LONGEST_PROBE,
        });
    }

    fn step_probe(&mut self, probe: Probe, median: Option<f64>, seen: Seen) {
        let Some(median) = median.filter(|_| seen.load == Load::Full) else {
            // Load fell, or the service is too slow to tell.
            if seen.load < Load::Full || seen.now >= probe.until {
                self.end_probe(probe.from, seen.now);
            }
            return;
        };
        let (queued, before) = probe.latencies.unwrap_or((median, f64::INFINITY));
        if median < before * QUICKER && self.limit > f64::from(self.bounds.min) {
            self.probe = Some(Probe {
                latencies: Some((queued, median)),
                until: seen.now + LONGEST_PROBE,
                ..probe
            });
            self.limit /= 2.0;
            return;
        }
        self.base = Some(median);
        self.lowest = median;
        // What the law itself would come to from there.
        let fitting = probe.from * TOLERANCE * median / queued;
        self.end_probe(fitting.min(probe.from).max(self.limit), seen.now);
    }

    fn end_probe(&mut self, limit: f64, now: Duration) {
        self.probe = None;
        self.limit = limit;
        self.next_probe = now + PROBE_EVERY;
    }

    /// Lets the base follow what is measured: down soon, up slowly. Returns it.
    fn follow(&mut self, median: f64) -> f64 {
        let base = self.base.unwrap_or(median);
        let weight = if median < base { DOWN } else { UP };
        let base = base + (median - base) * weight;
        self.base = Some(base);
        self.lowest = self.lowest.min(base);
        base
    }

    /// Lets a limit that was lowered come back.
    fn recover(&mut self) {
        let initial = f64::from(self.bounds.initial);
        if self.limit < initial {
            self.limit = (self.limit * GROWTH + 1.0).min(initial);
        }
    }

    fn bound(&mut self) {
        let Bounds { min, max, .. } = self.bounds;
        self.limit = self.limit.clamp(f64::from(min), f64::from(max));
    }
}

/// How many times the base a latency may be, as in Gradient2.
const TOLERANCE: f64 = 1.5;

/// How many times the base is none of a queue.
const UNQUEUED: f64 = 1.25;

/// How much a limit grows in a window.
const GROWTH: f64 = 1.25;

/// Half the requests in flight, and the latency is less than this part: there is a queue.
const QUICKER: f64 = 0.8;

/// A base that rose by this much is measured anew before it is believed.
const DRIFTED: f64 = 1.2;

/// How much of a window the base takes over.
const DOWN: f64 = 0.3;
const UP: f64 = 0.02;

/// While load is shed.
const PROBE_EVERY: Duration = Duration::from_secs(10);
const LONGEST_PROBE: Duration = Duration::from_secs(2);
