use std::{fmt, time::Duration};

use crate::ConfigError;

/// How many requests are allowed, how fast the allowance refills, and how many may come at once.
///
/// `Quota::per_second(10).burst(20)` reads as it works: 10 requests a second in the long run, 20
/// at once after a pause. Without [`burst`](Self::burst) the burst is the rate's own number.
///
/// The refill interval is rounded up to a whole nanosecond, so that a rate is never exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    count: u32,
    period: Duration,
    burst: u32,
}

// ===== impl Quota =====

impl Quota {
    /// Allows `count` requests a second.
    ///
    /// # Panics
    ///
    /// Panics if `count` is 0 or above a billion. Use [`new`](Self::new) for numbers from outside.
    #[must_use]
    pub const fn per_second(count: u32) -> Self {
        Self::known(count, Duration::from_secs(1))
    }

    /// Allows `count` requests a minute.
    ///
    /// # Panics
    ///
    /// Panics if `count` is 0.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self::known(count, Duration::from_secs(60))
    }

    /// Allows `count` requests an hour.
    ///
    /// # Panics
    ///
    /// Panics if `count` is 0.
    #[must_use]
    pub const fn per_hour(count: u32) -> Self {
        Self::known(count, Duration::from_secs(3600))
    }

    /// Allows `count` requests in each `period`.
    ///
    /// # Errors
    ///
    /// Returns what is wrong when `count` or `period` is 0, when the rate is above one request a
    /// nanosecond, or when the burst takes longer than 100 years to refill.
    pub fn new(count: u32, period: Duration) -> Result<Self, ConfigError> {
        let quota = Self {
            count,
            period,
            burst: count,
        };
        quota.problem().map_or(Ok(quota), |problem| {
            Err(ConfigError::new(format!("quota: {problem}")))
        })
    }

    /// Allows `burst` requests at once.
    ///
    /// # Panics
    ///
    /// Panics if `burst` is 0 or takes longer than 100 years to refill. Use
    /// [`try_burst`](Self::try_burst) for numbers from outside.
    #[must_use]
    pub const fn burst(self, burst: u32) -> Self {
        let quota = Self { burst, ..self };
        assert!(quota.problem().is_none(), "not a quota");
        quota
    }

    /// Allows `burst` requests at once.
    ///
    /// # Errors
    ///
    /// Returns what is wrong when `burst` is 0 or takes longer than 100 years to refill.
    pub fn try_burst(self, burst: u32) -> Result<Self, ConfigError> {
        let quota = Self { burst, ..self };
        quota.problem().map_or(Ok(quota), |problem| {
            Err(ConfigError::new(format!("quota: {problem}")))
        })
    }

    /// How many requests are allowed in each [`period`](Self::period).
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The time in which [`count`](Self::count) requests are allowed.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// The largest number of requests at once.
    #[must_use]
    pub const fn max_burst(&self) -> u32 {
        self.burst
    }

    /// The time after which one more request is allowed, rounded up to a nanosecond.
    #[must_use]
    pub const fn refill_interval(&self) -> Duration {
        // A burst of at least one refills within 100 years, so 64 bits hold it.
        Duration::from_nanos(self.interval() as u64)
    }

    const fn known(count: u32, period: Duration) -> Self {
        let quota = Self {
            count,
            period,
            burst: count,
        };
        assert!(quota.problem().is_none(), "not a quota");
        quota
    }

    const fn interval(&self) -> u128 {
        self.period.as_nanos().div_ceil(self.count as u128)
    }

    const fn problem(&self) -> Option<&'static str> {
        if self.count == 0 || self.burst == 0 {
            return Some("at least one request must be allowed");
        }
        if self.period.as_nanos() < self.count as u128 {
            return Some("at most one request a nanosecond can be allowed");
        }
        if self.interval() * self.burst as u128 > LONGEST_REFILL {
            return Some("the burst must refill within 100 years");
        }
        None
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, period, burst) = (self.count, self.period, self.burst);
        match period.as_secs() {
            1 => write!(f, "{count}/s"),
            60 => write!(f, "{count}/min"),
            3600 => write!(f, "{count}/h"),
            _ => write!(f, "{count} per {period:?}"),
        }?;
        write!(f, ", burst {burst}")
    }
}

/// Nanoseconds in 100 years: far below what 64 bits hold.
const LONGEST_REFILL: u128 = 100 * 365 * 86_400 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn means_what_it_says() {
        let quota = Quota::per_second(100);

        assert_eq!(quota.refill_interval(), Duration::from_millis(10));
        assert_eq!(quota.max_burst(), 100);
        assert_eq!(quota.burst(7).max_burst(), 7);
        assert_eq!(
            Quota::per_second(10).burst(20).to_string(),
            "10/s, burst 20"
        );
    }

    #[test]
    fn holds_rates_far_below_a_millisecond() {
        let quota = Quota::per_second(100_000);

        assert_eq!(quota.refill_interval(), Duration::from_micros(10));
    }

    #[test]
    fn refuses_what_is_not_a_quota() {
        let year = Duration::from_secs(365 * 86_400);

        assert!(Quota::new(0, Duration::from_secs(1)).is_err());
        assert!(Quota::new(1, Duration::ZERO).is_err());
        assert!(Quota::new(u32::MAX, Duration::from_secs(1)).is_err());
        assert!(Quota::new(1, year).is_ok_and(|q| q.try_burst(u32::MAX).is_err()));
        assert!(Quota::per_second(1).try_burst(0).is_err());
    }

    proptest! {
        #[test]
        fn never_allows_more_than_was_asked(count: u32, nanos: u64) {
            let Ok(quota) = Quota::new(count, Duration::from_nanos(nanos)) else {
                return Ok(());
            };
            let interval = quota.refill_interval().as_nanos();

            prop_assert!(interval * u128::from(count) >= u128::from(nanos));
            prop_assert!((interval - 1) * u128::from(count) < u128::from(nanos));
        }
    }
}
