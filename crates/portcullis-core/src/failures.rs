use std::{future::Future, pin::Pin, time::Duration};

use crate::{BoxError, ConfigError};

/// How failures lock a key out: a client address, most often.
///
/// The lock doubles with each further failure. What is forgotten is forgotten whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutRule {
    after: u32,
    first: Duration,
    longest: Duration,
    forget: Duration,
}

/// A failed attempt, for a store that several processes share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Who failed: the same text in every process.
    pub key: String,
    /// How it locks.
    pub rule: LockoutRule,
    /// How many failures the key has at least, with this one.
    pub at_least: u32,
}

/// How a key stands after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lock {
    /// How many failures there were, in all processes.
    pub failures: u32,
    /// For how long the key is locked out.
    pub locked_for: Duration,
}

/// Counts failures, in one place for several processes.
pub trait FailureStore: Send + Sync + 'static {
    /// Notes a failure.
    fn fail(&self, failure: Failure) -> Failing;
}

/// How a key stands after a failure, later.
pub type Failing = Pin<Box<dyn Future<Output = Result<Lock, BoxError>> + Send>>;

// ===== impl LockoutRule =====

impl LockoutRule {
    /// Creates a rule: so many failures lock out, for `first`, twice that after one more, and so on to
    /// `longest`. They are forgotten when there was none for `forget` since the last lock ended.
    ///
    /// # Errors
    ///
    /// Returns everything that is wrong: no failure or more than 32, a time below a second or above a
    /// day, or a first lock that is longer than the longest.
    pub fn new(
        after: u32,
        first: Duration,
        longest: Duration,
        forget: Duration,
    ) -> Result<Self, ConfigError> {
        let is_time = |time: Duration| (SHORTEST..=LONGEST).contains(&time);
        let problems = [
            (!(1..=32).contains(&after), "1 to 32 failures lock out"),
            (
                ![first, longest, forget].into_iter().all(is_time),
                "its times are between a second and a day",
            ),
            (
                first > longest,
                "the first lock is not longer than the longest",
            ),
        ];
        let broken = problems.iter().filter(|(is_broken, _)| *is_broken);
        let broken = broken.map(|(_, problem)| format!("lockout: {problem}"));
        ConfigError::check(broken.collect())?;
        Ok(Self {
            after,
            first,
            longest,
            forget,
        })
    }

    /// Returns how many failures lock out.
    #[must_use]
    pub const fn after(&self) -> u32 {
        self.after
    }

    /// Returns the first lock's time.
    #[must_use]
    pub const fn first(&self) -> Duration {
        self.first
    }

    /// Returns the longest lock's time.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }

    /// Returns after how long without a failure, or a lock, all are forgotten.
    #[must_use]
    pub const fn forget(&self) -> Duration {
        self.forget
    }

    /// Returns for how long so many failures lock out.
    #[must_use]
    pub fn lock(&self, failures: u32) -> Duration {
        match failures.checked_sub(self.after) {
            None => Duration::ZERO,
            Some(more) => {
                let times = 1_u32.checked_shl(more).unwrap_or(u32::MAX);
                self.first.saturating_mul(times).min(self.longest)
            }
        }
    }
}

impl Default for LockoutRule {
    /// Five failures lock out for a minute, at most for an hour, and are forgotten after 15 minutes.
    fn default() -> Self {
        Self {
            after: 5,
            first: Duration::from_secs(60),
            longest: Duration::from_secs(3600),
            forget: Duration::from_secs(900),
        }
    }
}

// ===== impl Failure =====

impl Failure {
    /// Creates a failure of a key, which has at least so many with this one.
    pub fn new(key: impl Into<String>, rule: LockoutRule, at_least: u32) -> Self {
        Self {
            key: key.into(),
            rule,
            at_least,
        }
    }
}

// ===== impl Lock =====

impl Lock {
    /// Creates a standing.
    #[must_use]
    pub const fn new(failures: u32, locked_for: Duration) -> Self {
        Self {
            failures,
            locked_for,
        }
    }
}

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_beyond_doubles_the_lock() {
        let rule = LockoutRule::default();
        let locks = [0, 4, 5, 6, 7, 10, 11, 40, u32::MAX].map(|n| rule.lock(n).as_secs());

        assert_eq!(locks, [0, 0, 60, 120, 240, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let second = Duration::from_secs(1);
        let error = LockoutRule::new(0, 2 * second, second, Duration::ZERO).unwrap_err();

        assert_eq!(error.problems().count(), 3, "{error}");
    }
}
