//! When the next fetch is due, and who may demand one.

use std::time::Duration;

use tokio::time::Instant;

/// How often, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// Between two fetches that succeed.
    pub(super) every: Duration,
    /// Between two fetches for an unknown key, and at most between a failure and the next fetch.
    pub(super) cooldown: Duration,
    /// Of one fetch.
    pub(super) limit: Duration,
    pub(super) max_stale: Duration,
}

/// What is known of fetches, for whoever begins one.
#[derive(Debug)]
pub(super) struct Flight {
    timing: Timing,
    /// A fetch is demanded or being done: there is at most one.
    is_pending: bool,
    /// When an unknown key last led to a fetch.
    demanded: Option<Instant>,
    due: Option<Instant>,
    /// Since the last success.
    failures: u32,
    /// Whether it was logged that the set is too old.
    is_given_up: bool,
}

/// What became different with the end of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Fails,
    TooOld,
    IsBack,
}

// ===== impl Flight =====

impl Flight {
    pub(super) const fn new(timing: Timing) -> Self {
        Self {
            timing,
            is_pending: false,
            demanded: None,
            due: None,
            failures: 0,
            is_given_up: false,
        }
    }

    pub(super) const fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Returns when the next fetch is due: at once, if there was none.
    pub(super) fn due(&self) -> Instant {
        self.due.unwrap_or_else(Instant::now)
    }

    /// Notes that a task begins: where a fetch is due it is as good as demanded.
    pub(super) fn start(&mut self) {
        self.is_pending = self.due() <= Instant::now();
    }

    /// Demands a fetch because of an unknown key. Returns `false` if the last one was too soon before.
    pub(super) fn demand(&mut self) -> bool {
        let now = Instant::now();
        let is_soon = |demanded: Instant| now.duration_since(demanded) < self.timing.cooldown;
        if !self.is_pending && self.demanded.is_some_and(is_soon) {
            return false;
        }
        if !self.is_pending {
            self.demanded = Some(now);
            self.is_pending = true;
        }
        true
    }

    /// Returns `false` if there is nothing to do yet. Until the fetch ends it counts as one that failed,
    /// in case it never does.
    pub(super) fn begin(&mut self) -> bool {
        let now = Instant::now();
        if !self.is_pending && self.due() > now {
            return false;
        }
        self.is_pending = true;
        self.due = Some(now + jittered(self.pause(self.failures + 1)));
        true
    }

    pub(super) fn succeed(&mut self) -> Change {
        self.is_pending = false;
        self.due = Some(Instant::now() + jittered(self.timing.every));
        self.is_given_up = false;
        if std::mem::take(&mut self.failures) > 0 {
            Change::IsBack
        } else {
            Change::Nothing
        }
    }

    /// Ends a fetch that failed. `is_usable` says whether there is a set that goes on.
    pub(super) fn fail(&mut self, is_usable: bool) -> Change {
        self.is_pending = false;
        self.failures = self.failures.saturating_add(1);
        self.due = Some(Instant::now() + jittered(self.pause(self.failures)));
        let is_new = self.failures == 1;
        if !is_usable && !std::mem::replace(&mut self.is_given_up, true) {
            Change::TooOld
        } else if is_new {
            Change::Fails
        } else {
            Change::Nothing
        }
    }

    /// Ends a fetch, or one that was demanded, that nobody does any more.
    pub(super) const fn stop(&mut self) {
        self.is_pending = false;
    }

    /// Returns how long to wait after so many failures: 1, 2, 4 seconds and so on.
    fn pause(&self, failures: u32) -> Duration {
        let doubled = 1_u64.checked_shl(failures.saturating_sub(1).min(32));
        let longest = self.timing.cooldown.min(self.timing.every);
        Duration::from_secs(doubled.unwrap_or(u64::MAX)).min(longest)
    }
}

/// Up to a tenth sooner or later, so that servers that were started together do not fetch together.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        every: Duration::from_secs(300),
        cooldown: Duration::from_secs(30),
        limit: Duration::from_secs(5),
        max_stale: Duration::from_secs(86_400),
    };

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_is_repeated_later_each_time_up_to_the_cooldown() {
        let mut flight = Flight::new(TIMING);

        for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            flight.start();
            flight.begin();
            flight.fail(true);
            let pause = flight.due() - Instant::now();
            let ratio = pause.as_secs_f64() / expected;
            assert!((0.89..1.11).contains(&ratio), "{pause:?} for {expected}");
        }
        assert_eq!(flight.succeed(), Change::IsBack);
        let pause = (flight.due() - Instant::now()).as_secs_f64();
        assert!((270.0..=330.0).contains(&pause), "{pause}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_changes_are_told() {
        let mut flight = Flight::new(TIMING);
        let told = [
            flight.succeed(),
            flight.fail(true),
            flight.fail(true),
            flight.fail(false),
            flight.fail(false),
            flight.succeed(),
            flight.succeed(),
            flight.fail(false),
        ];

        use Change::{Fails, IsBack, Nothing, TooOld};
        let expected = [
            Nothing, Fails, Nothing, TooOld, Nothing, IsBack, Nothing, TooOld,
        ];
        assert_eq!(told, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_leads_to_one_fetch_in_an_interval() {
        let mut flight = Flight::new(TIMING);

        assert!(flight.demand() && flight.is_pending());
        assert!(
            flight.demand(),
            "whoever comes meanwhile waits for the same"
        );
        flight.succeed();
        assert!(!flight.demand() && !flight.is_pending());
        tokio::time::advance(TIMING.cooldown).await;
        assert!(flight.demand());
    }

    #[tokio::test(start_paused = true)]
    async fn servers_do_not_fetch_together() {
        let mut dues: Vec<_> = (0..8)
            .map(|_| {
                let mut flight = Flight::new(TIMING);
                flight.succeed();
                flight.due()
            })
            .collect();
        dues.sort();
        dues.dedup();

        assert!(dues.len() > 4, "{dues:?}");
    }
}
