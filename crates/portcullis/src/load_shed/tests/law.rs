//! What the arithmetic does, window by window, over a model of a service: so many workers, and a
//! latency that grows once they are busy.

use std::time::Duration;

use crate::load_shed::{
    bounds::Bounds,
    law::{Law, Load, Seen},
};

const WINDOW: Duration = Duration::from_millis(100);

/// A service that so many can use at once, each so long, in nanoseconds.
struct Model {
    workers: f64,
    time: f64,
    now: Duration,
    law: Law,
}

impl Model {
    fn new(workers: u32, time: Duration) -> Self {
        Self {
            workers: workers.into(),
            time: time.as_nanos() as f64,
            now: Duration::ZERO,
            law: Law::new(Bounds::default()),
        }
    }

    /// Lets so many be in flight, were there no limit, for some windows. Returns the lowest limit and
    /// the highest.
    fn run(&mut self, windows: u32, wanted: u32) -> (u32, u32) {
        let (mut lowest, mut highest) = (u32::MAX, 0);
        for _ in 0..windows {
            let limit = self.law.limit();
            let in_flight = wanted.min(limit);
            let load = match in_flight {
                full if full == limit => Load::Full,
                busy if busy > limit / 2 => Load::Busy,
                _ => Load::Low,
            };
            let queued = (f64::from(in_flight) / self.workers).max(1.0);
            self.now += WINDOW;
            let median = (in_flight > 0).then_some(self.time * queued);
            let now = self.now;
            self.law.step(Seen { now, median, load });
            let limit = self.law.limit();
            (lowest, highest) = (lowest.min(limit), highest.max(limit));
        }
        (lowest, highest)
    }
}

#[test]
fn the_limit_comes_to_about_what_the_service_can_do() {
    for time in [1, 10, 100, 1000].map(Duration::from_millis) {
        for workers in [4, 16, 64, 500] {
            let mut model = Model::new(workers, time);
            model.run(60, 100_000);
            let (lowest, highest) = model.run(30, 100_000);

            assert!(lowest >= workers, "{workers}, {time:?}: {lowest}");
            let most = workers * 2 + 8;
            assert!(highest <= most, "{workers}, {time:?}: {highest}");
        }
    }
}

#[test]
fn an_hour_of_overload_moves_nothing() {
    let mut model = Model::new(16, Duration::from_millis(10));
    model.run(36_000, 100_000);

    let (_, highest) = model.run(1000, 100_000);

    assert!(highest <= 40, "{highest}");
}

#[test]
fn a_limit_that_is_not_reached_is_not_lowered() {
    let mut model = Model::new(16, Duration::from_millis(10));

    let (lowest, _) = model.run(1000, 100);

    assert!(lowest >= 128, "{lowest}, though the service is at its end");
}

#[test]
fn a_limit_comes_back_within_two_seconds() {
    let mut model = Model::new(4, Duration::from_millis(10));
    model.run(100, 100_000);
    assert!(model.law.limit() < 20);

    model.run(20, 3);

    assert!(model.law.limit() >= 128, "{}", model.law.limit());
}

#[test]
fn the_limit_grows_with_what_is_asked_where_there_is_no_queue() {
    let mut model = Model::new(5000, Duration::from_millis(50));
    for wanted in (10..4000).step_by(10) {
        model.run(1, wanted);
        assert!(
            wanted <= model.law.limit(),
            "{wanted} are fewer than it can"
        );
    }
}

#[test]
fn a_service_that_gets_slower_is_measured_anew() {
    let mut model = Model::new(64, Duration::from_millis(10));
    model.run(50, 100_000);
    model.time *= 4.0;
    model.run(150, 100_000);

    let used = |_| f64::from(model.run(1, 100_000).0.min(64)) / 64.0;
    let used = (0..100).map(used).sum::<f64>() / 100.0;

    assert!(used >= 0.95, "{used} of what it can do");
}

#[test]
fn what_is_not_answered_changes_nothing() {
    let mut law = Law::new(Bounds::default());
    let now = Duration::from_secs(1);
    law.step(Seen {
        now,
        median: None,
        load: Load::Full,
    });

    assert_eq!(law.limit(), 128);
}
