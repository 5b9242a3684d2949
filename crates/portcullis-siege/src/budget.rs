//! What a siege may spend, and how hard it is.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::SetOnce,
    time::{Instant, sleep_until},
};

use crate::{report::Spent, verdict::Failure};

/// How hard a siege is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Intensity {
    /// At most a minute: for every change.
    #[default]
    Quick,
    /// At most ten minutes: waits for every timeout, and sends ten times as much.
    Full,
}

/// What may be spent. A siege never spends more.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Allowance {
    /// Requests, and attempts at one. HTTP/2 frames of a flood count as one each.
    pub requests: u64,
    /// Connections.
    pub connections: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// From the beginning to the end.
    pub time: Duration,
}

#[derive(Debug)]
pub(crate) struct Budget {
    allowed: Allowance,
    requests: AtomicU64,
    connections: AtomicU64,
    bytes: AtomicU64,
    ends: Instant,
    /// Why the siege ends before its end.
    ended: SetOnce<Stop>,
}

/// Why a siege ends before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    Spent(Exhausted),
    ServerGone,
    Interrupted,
}

/// Something of which a siege may not spend more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Exhausted {
    allowed: u64,
    unit: &'static str,
}

// ===== impl Intensity =====

impl Intensity {
    /// Returns its name: `quick` or `full`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }

    /// Returns what it may spend, unless an [`Allowance`] is set.
    #[must_use]
    pub const fn allowance(self) -> Allowance {
        let (factor, seconds) = match self {
            Self::Quick => (1, 60),
            Self::Full => (10, 600),
        };
        Allowance {
            requests: 500_000 * factor,
            connections: 40_000 * factor,
            bytes: factor << 29,
            time: Duration::from_secs(seconds),
        }
    }

    /// Returns the count for a quick siege, and ten times that for a full one.
    pub(crate) const fn scale(self, quick: usize) -> usize {
        match self {
            Self::Quick => quick,
            Self::Full => quick * 10,
        }
    }

    /// Returns how long one attack may wait for a server to give up on it.
    pub(crate) const fn patience(self) -> Duration {
        match self {
            Self::Quick => Duration::from_secs(25),
            Self::Full => Duration::from_secs(150),
        }
    }
}

// ===== impl Budget =====

impl Budget {
    pub(crate) fn new(allowed: Allowance) -> Self {
        Self {
            allowed,
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            ends: Instant::now() + allowed.time,
            ended: SetOnce::new(),
        }
    }

    pub(crate) fn request(&self) -> Result<(), Failure> {
        self.spend(&self.requests, 1, self.allowed.requests, "requests")
    }

    pub(crate) fn connection(&self) -> Result<(), Failure> {
        let allowed = self.allowed.connections;
        self.spend(&self.connections, 1, allowed, "connections")
    }

    pub(crate) fn send(&self, bytes: usize) -> Result<(), Failure> {
        self.spend(&self.bytes, bytes as u64, self.allowed.bytes, "bytes")
    }

    fn spend(
        &self,
        counter: &AtomicU64,
        amount: u64,
        allowed: u64,
        what: &'static str,
    ) -> Result<(), Failure> {
        let add = |spent: u64| spent.checked_add(amount).filter(|spent| *spent <= allowed);
        if counter.fetch_update(Relaxed, Relaxed, add).is_ok() {
            return Ok(());
        }
        let exhausted = Exhausted {
            allowed,
            unit: what,
        };
        self.end(Stop::Spent(exhausted));
        Err(Failure::BudgetSpent(exhausted))
    }

    /// Ends the siege. The first reason counts.
    pub(crate) fn end(&self, why: Stop) {
        // It has ended already.
        let _ = self.ended.set(why);
    }

    /// Returns why it has ended, if it has.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.ended.get().copied()
    }

    /// Waits until it has to end, and returns why.
    pub(crate) async fn ended(&self) -> Stop {
        tokio::select! {
            why = self.ended.wait() => *why,
            () = sleep_until(self.ends) => Stop::Spent(Exhausted {
                allowed: self.allowed.time.as_secs(),
                unit: "s",
            }),
        }
    }

    pub(crate) const fn allowed(&self) -> Allowance {
        self.allowed
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent {
            requests: self.requests.load(Relaxed),
            connections: self.connections.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
        }
    }
}

// ===== impl Stop =====

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spent(exhausted) => exhausted.fmt(f),
            Self::ServerGone => f.write_str("the server no longer answers"),
            Self::Interrupted => f.write_str("it was interrupted"),
        }
    }
}

// ===== impl Exhausted =====

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the budget of {} {} is spent", self.allowed, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ends_when_something_is_spent() {
        let allowed = Allowance {
            requests: 1,
            ..Intensity::Quick.allowance()
        };
        let budget = Budget::new(allowed);
        assert!(budget.request().is_ok() && budget.request().is_err());
        let why = budget.ended().await.to_string();
        assert_eq!(why, "the budget of 1 requests is spent");

        let began = Instant::now();
        let budget = Budget::new(allowed);
        let why = budget.ended().await.to_string();
        assert_eq!(why, "the budget of 60 s is spent");
        assert_eq!(began.elapsed(), allowed.time);
    }

    #[tokio::test]
    async fn never_spends_more_than_allowed() {
        let budget = Budget::new(Allowance {
            requests: 2,
            connections: 0,
            bytes: 10,
            time: Duration::from_secs(1),
        });

        assert!(budget.request().is_ok() && budget.request().is_ok());
        assert!(budget.request().is_err());
        assert!(budget.connection().is_err());
        assert!(budget.send(11).is_err());
        assert!(budget.send(10).is_ok());
        assert_eq!(budget.spent().requests, 2);
        assert_eq!(budget.spent().bytes, 10);
    }
}
