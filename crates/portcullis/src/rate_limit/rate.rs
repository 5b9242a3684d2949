//! One quota, decided by the generic cell rate algorithm of the crate [`governor`].

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    InsufficientCapacity, NotUntil, RateLimiter, clock::Clock, middleware::NoOpMiddleware,
    nanos::Nanos,
};
use portcullis_core::Quota;

use super::store::{FullIn, Looking, Spend, Spending, Store};

/// A quota, as clients see it, and the limiters that decide by it.
pub(super) struct Rate {
    quota: Quota,
    cells: governor::Quota,
    interval: u64,
    spending: RateLimiter<Spend, Spending, Now, NoOpMiddleware<Nanos>>,
    looking: RateLimiter<FullIn, Looking, Now, NoOpMiddleware<Nanos>>,
}

/// What a quota says to a request.
pub(super) type Decision = Result<Admitted, OverQuota>;

/// What governor says.
type Outcome = Result<(), NotUntil<Nanos>>;

/// A request that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// After how many nanoseconds the quota is full again.
    full_in: u64,
    /// The emission interval.
    interval: u64,
    burst: u32,
}

/// A request that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    wait: u64,
    /// Less than the request costs.
    left: u32,
}

/// The clock of limiters whose stores begin now: what they keep of a key is after how many nanoseconds
/// the key's quota is full again.
struct Now;

// ===== impl Rate =====

impl Rate {
    /// Creates limiters over `store`.
    pub(super) fn new(quota: Quota, store: Arc<Store>) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let cells = governor::Quota::with_period(quota.refill_interval());
        // A quota has an interval: this is never the default.
        let cells = cells.unwrap_or(governor::Quota::per_second(NonZeroU32::MIN));
        let cells = cells.allow_burst(at_least_one(quota.max_burst()));
        Self {
            quota,
            cells,
            interval: nanos(cells.replenish_interval()),
            spending: RateLimiter::new(cells, Spending(store), Now),
            looking: RateLimiter::new(cells, Looking, Now),
        }
    }

    pub(super) const fn quota(&self) -> Quota {
        self.quota
    }

    /// Spends `cost` of a key's quota.
    #[inline]
    pub(super) fn spend(&self, key: &Spend, cost: NonZeroU32) -> Decision {
        let outcome = if cost == NonZeroU32::MIN {
            self.spending.check_key(key)
        } else {
            self.spend_many(key, cost)
        };
        match outcome {
            Ok(()) => Ok(self.standing(key.full_in())),
            Err(refused) => Err(OverQuota::new(&refused)),
        }
    }

    #[cold]
    fn spend_many(&self, key: &Spend, cost: NonZeroU32) -> Outcome {
        let outcome = self.spending.check_key_n(key, self.capped(cost));
        self.admitted(outcome)
    }

    /// Looks what [`spend`](Self::spend) would say to a key whose quota is full in so many
    /// nanoseconds.
    pub(super) fn look(&self, full_in: u64, cost: NonZeroU32) -> Result<(), OverQuota> {
        let outcome = self
            .looking
            .check_key_n(&FullIn(full_in), self.capped(cost));
        self.admitted(outcome)
            .map_err(|refused| OverQuota::new(&refused))
    }

    /// Returns how a key stands whose quota is full in so many nanoseconds.
    #[inline]
    pub(super) const fn standing(&self, full_in: u64) -> Admitted {
        Admitted {
            full_in,
            interval: self.interval,
            burst: self.quota.max_burst(),
        }
    }

    /// What costs more than a burst would never be admitted: it counts as a burst. governor would say so
    /// too, but multiplies before it looks.
    fn capped(&self, cost: NonZeroU32) -> NonZeroU32 {
        cost.min(self.cells.burst_size())
    }

    /// Returns what governor says of a cost that is capped: never that it is beyond a burst.
    fn admitted(&self, outcome: Result<Outcome, InsufficientCapacity>) -> Outcome {
        outcome.unwrap_or_else(|_| self.looking.check_key(&FullIn(self.window())))
    }

    /// The emission interval: the time in which one request refills.
    #[inline]
    pub(super) const fn interval(&self) -> u64 {
        self.interval
    }

    /// The time in which a burst refills. A quota refills within 100 years: below 2^62.
    #[inline]
    pub(super) const fn window(&self) -> u64 {
        self.interval() * self.quota.max_burst() as u64
    }

    /// The latest time at which a quota is full again: a burst that was spent, and another that was
    /// charged afterwards. Who has spent that much waits for a window.
    #[inline]
    pub(super) const fn longest(&self) -> u64 {
        2 * self.window() - self.interval()
    }

    /// The time in which so many requests refill; that of a burst, if they are more.
    #[inline]
    pub(super) fn price(&self, cost: u32) -> u64 {
        self.interval() * u64::from(cost.min(self.quota.max_burst()))
    }

    /// Returns a key's theoretical arrival time after a change of rate from `old`: it has spent as
    /// many requests, and no more than a burst.
    pub(super) fn convert(&self, old: &Self, tat: u64, now: u64) -> u64 {
        let full_in = u128::from(tat.saturating_sub(now));
        let full_in = (full_in * u128::from(self.interval())).div_ceil(u128::from(old.interval()));
        let full_in = u64::try_from(full_in).unwrap_or(u64::MAX);
        now + full_in.min(self.window())
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rate({})", self.quota)
    }
}

/// Two rates are the same if they decide the same.
impl PartialEq for Rate {
    fn eq(&self, other: &Self) -> bool {
        self.cells == other.cells
    }
}

// ===== impl Admitted =====

impl Admitted {
    pub(super) const NONE: Self = Self {
        full_in: 0,
        interval: 1,
        burst: 0,
    };

    pub(super) const fn full_in(&self) -> u64 {
        self.full_in
    }

    /// How many more would be admitted at once.
    #[must_use]
    #[inline]
    pub const fn left(&self) -> u32 {
        let window = self.interval * self.burst as u64;
        // At most the burst, which is one.
        (window.saturating_sub(self.full_in) / self.interval) as u32
    }

    /// After how many nanoseconds one more would be admitted; 0 if the quota is full.
    #[inline]
    pub(super) const fn more_in(&self) -> u64 {
        match self.full_in {
            0 => 0,
            full_in => (full_in - 1) % self.interval + 1,
        }
    }
}

// ===== impl OverQuota =====

impl OverQuota {
    fn new(refused: &NotUntil<Nanos>) -> Self {
        Self::after(refused.wait_time_from(Now.now()))
    }

    pub(super) const fn after(wait: Duration) -> Self {
        Self {
            wait: nanos(wait),
            left: 0,
        }
    }

    /// Sets how many that cost less would be admitted at once.
    pub(super) const fn with_left(self, left: u32) -> Self {
        Self { left, ..self }
    }

    /// How many that cost less would be admitted at once.
    pub(super) const fn left(&self) -> u32 {
        self.left
    }

    /// After this time, and no earlier, the request would be admitted.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        Duration::from_nanos(self.wait)
    }

    pub(super) const fn wait_nanos(&self) -> u64 {
        self.wait
    }
}

// ===== impl Now =====

impl Clock for Now {
    type Instant = Nanos;

    #[inline]
    fn now(&self) -> Nanos {
        Nanos::new(0)
    }
}

/// Nanoseconds; those of 584 years if it is longer.
#[inline]
pub(super) const fn nanos(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos() as u64)
}
