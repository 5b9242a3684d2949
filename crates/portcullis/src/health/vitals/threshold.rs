use std::fmt;

use portcullis_core::BoxError;

use crate::health::Degraded;

/// A level above which something is degraded, and perhaps one above which it fails: `0.9`, or
/// `(0.9, 1.0)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    degraded: f64,
    failing: Option<f64>,
}

// ===== impl Threshold =====

impl Threshold {
    /// Returns what is wrong with it, for a level that is at most so high.
    pub(super) fn problem(self, name: &str, most: f64) -> Option<String> {
        (!self.is_right(most)).then(|| {
            format!("vitals: {name:?}: {self}: levels are from 0 to {most} and follow each other")
        })
    }

    pub(in crate::health) fn is_right(self, most: f64) -> bool {
        let Self { degraded, failing } = self;
        let is_level = |limit: f64| (0.0..=most).contains(&limit);
        is_level(degraded) && failing.is_none_or(|failing| is_level(failing) && failing >= degraded)
    }

    pub(in crate::health) fn check(self, level: f64) -> Result<(), BoxError> {
        let is_above = |limit: f64| level > limit || level.is_nan();
        if self.failing.is_some_and(is_above) {
            return Err(format!("{level:.2}").into());
        }
        if is_above(self.degraded) {
            return Err(Degraded::new(format!("{level:.2}, at most {}", self.degraded)).into());
        }
        Ok(())
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.failing {
            Some(failing) => write!(f, "{}, {failing}", self.degraded),
            None => write!(f, "{}", self.degraded),
        }
    }
}

impl From<f64> for Threshold {
    fn from(degraded: f64) -> Self {
        Self {
            degraded,
            failing: None,
        }
    }
}

impl From<(f64, f64)> for Threshold {
    fn from((degraded, failing): (f64, f64)) -> Self {
        Self {
            degraded,
            failing: Some(failing),
        }
    }
}
