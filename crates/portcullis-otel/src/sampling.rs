use std::{env, fmt};

use opentelemetry_sdk::trace::Sampler;

/// Which exchanges are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The share of traces that start here, from 0 to 1.
    ratio: f64,
    /// Whether a trusted peer's decision counts.
    follows_parent: bool,
}

/// `OTEL_TRACES_SAMPLER` or its argument says something else than the specification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidSampler(String);

// ===== impl Sampling =====

impl Sampling {
    /// Records this share of traces that start here, and follows what trusted peers decided.
    ///
    /// Clamped to the range from 0 to 1.
    #[must_use]
    pub const fn ratio(ratio: f64) -> Self {
        Self {
            ratio: ratio.clamp(0.0, 1.0),
            follows_parent: true,
        }
    }

    /// Records everything, or follows what trusted peers decided.
    #[must_use]
    pub const fn always() -> Self {
        Self::ratio(1.0)
    }

    /// Records nothing but what trusted peers decided to record.
    #[must_use]
    pub const fn never() -> Self {
        Self::ratio(0.0)
    }

    /// Decides alone, whatever trusted peers decided.
    #[must_use]
    pub const fn ignoring_parents(mut self) -> Self {
        self.follows_parent = false;
        self
    }

    /// Reads `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with them.
    pub fn from_env() -> Result<Self, InvalidSampler> {
        let name = env::var("OTEL_TRACES_SAMPLER").unwrap_or_default();
        let argument = env::var("OTEL_TRACES_SAMPLER_ARG").unwrap_or_default();
        Self::parse(&name, &argument)
    }

    pub(crate) fn parse(name: &str, argument: &str) -> Result<Self, InvalidSampler> {
        let ratio = || match argument {
            "" => Ok(Self::always()),
            text => match text.parse() {
                Ok(ratio @ 0.0..=1.0) => Ok(Self::ratio(ratio)),
                _ => Err(InvalidSampler(format!(
                    "OTEL_TRACES_SAMPLER_ARG: {text:?} is not a number from 0 to 1"
                ))),
            },
        };
        match name {
            "" | "parentbased_always_on" => Ok(Self::always()),
            "parentbased_always_off" => Ok(Self::never()),
            "parentbased_traceidratio" => ratio(),
            "always_on" => Ok(Self::always().ignoring_parents()),
            "always_off" => Ok(Self::never().ignoring_parents()),
            "traceidratio" => ratio().map(Self::ignoring_parents),
            unknown => Err(InvalidSampler(format!(
                "OTEL_TRACES_SAMPLER: {unknown:?} is no known sampler"
            ))),
        }
    }

    /// Decides on one exchange. `trusted` is what a trusted peer decided.
    pub(crate) fn decide(self, trusted: Option<bool>) -> bool {
        trusted.filter(|_| self.follows_parent).unwrap_or_else(|| {
            self.ratio >= 1.0 || (self.ratio > 0.0 && rand::random::<f64>() < self.ratio)
        })
    }

    /// The same for spans that the application starts outside any exchange; those inside follow
    /// their exchange.
    pub(crate) fn for_application(self) -> Sampler {
        Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(self.ratio)))
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::always()
    }
}

// ===== impl InvalidSampler =====

impl fmt::Display for InvalidSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSampler {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_specifications_samplers() {
        let alone = |sampling: Sampling| sampling.ignoring_parents();
        let cases = [
            (("", ""), Sampling::always()),
            (("parentbased_always_off", ""), Sampling::never()),
            (("parentbased_traceidratio", "0.25"), Sampling::ratio(0.25)),
            (("always_on", ""), alone(Sampling::always())),
            (("traceidratio", "0"), alone(Sampling::never())),
        ];
        for ((name, argument), expected) in cases {
            assert_eq!(Sampling::parse(name, argument), Ok(expected));
        }
        assert!(Sampling::parse("sometimes", "").is_err());
        assert!(Sampling::parse("traceidratio", "2").is_err());
        assert!(Sampling::parse("traceidratio", "NaN").is_err());
    }

    #[test]
    fn follows_a_trusted_peer_and_nobody_else() {
        assert!(Sampling::never().decide(Some(true)));
        assert!(!Sampling::always().decide(Some(false)));
        assert!(Sampling::always().ignoring_parents().decide(Some(false)));
        assert!(Sampling::always().decide(None));
        assert!(!Sampling::never().decide(None));
    }

    #[test]
    fn records_the_share_that_was_asked_for() {
        let recorded = (0..10_000)
            .filter(|_| Sampling::ratio(0.25).decide(None))
            .count();

        assert!((2200..2800).contains(&recorded), "{recorded}");
    }
}
