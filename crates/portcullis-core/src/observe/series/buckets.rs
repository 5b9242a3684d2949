use std::sync::Arc;

use crate::ConfigError;

/// The upper bounds of a histogram's buckets, but the last, which has none. Clones share them.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets(Arc<[f64]>);

// ===== impl Buckets =====

impl Buckets {
    /// The bounds of durations, in seconds: those that the conventions advise for
    /// `http.server.request.duration`.
    #[must_use]
    pub fn durations() -> Self {
        Self(DURATIONS.into())
    }

    /// The bounds of bodies, in bytes: 0, and 256 bytes to 64 MiB in steps of four. The conventions
    /// advise none.
    #[must_use]
    pub fn sizes() -> Self {
        Self(SIZES.into())
    }

    /// Creates bounds of your own.
    ///
    /// # Errors
    ///
    /// Lists every bound that is no number from 0 on, or not above the one before it; and says so if
    /// there is none, or if there are more than 100: a series has a number for each.
    pub fn try_new(bounds: &[f64]) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        if bounds.is_empty() {
            problems.push("no bucket".to_owned());
        }
        if bounds.len() > MOST {
            problems.push(format!("{} buckets, at most {MOST}", bounds.len()));
        }
        let wrong = bounds
            .iter()
            .filter(|bound| !bound.is_finite() || **bound < 0.0);
        problems.extend(wrong.map(|bound| format!("{bound} is no number from 0 on")));
        let pairs = bounds.windows(2);
        let unsorted = pairs.filter(|pair| pair[1] <= pair[0]);
        problems.extend(unsorted.map(|pair| format!("{} after {}", pair[1], pair[0])));
        ConfigError::check(problems)?;
        Ok(Self(bounds.into()))
    }

    /// Returns bounds of durations and of sizes: your own, or else the defaults.
    ///
    /// # Errors
    ///
    /// Lists everything that is [wrong](Self::try_new) with both.
    pub fn of_exchanges(
        durations: Option<&[f64]>,
        sizes: Option<&[f64]>,
    ) -> Result<[Self; 2], ConfigError> {
        let own = |name: &str, bounds: Option<&[f64]>, default: fn() -> Self| {
            let own = bounds.map_or_else(|| Ok(default()), Self::try_new);
            own.map_err(|error| error.of(name))
        };
        let durations = own("duration buckets", durations, Self::durations);
        let sizes = own("size buckets", sizes, Self::sizes);
        match (durations, sizes) {
            (Ok(durations), Ok(sizes)) => Ok([durations, sizes]),
            (Err(one), Err(other)) => Err(one.and(other)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// Returns the bounds, the smallest first.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.0
    }
}

const MOST: usize = 100;

const DURATIONS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

const SIZES: [f64; 11] = [
    0.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
