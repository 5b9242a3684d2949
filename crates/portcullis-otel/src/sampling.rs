use std::{env, fmt};

use opentelemetry::TraceId;
use opentelemetry_sdk::trace::Sampler;

/// Which exchanges are recorded.
///
/// A ratio decides by the trace's ID (OpenTelemetry's `TraceIdRatioBased`): services with one ratio
/// agree on each trace, and what a lower ratio records a higher one does too.
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
        if !argument.is_empty() && !name.ends_with("traceidratio") {
            return Err(InvalidSampler(
                "OTEL_TRACES_SAMPLER_ARG: only traceidratio and parentbased_traceidratio take it"
                    .to_owned(),
            ));
        }
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

    /// Decides on one exchange, by the ID of its trace. `trusted` is what a trusted peer decided.
    pub(crate) fn decide(self, trace: TraceId, trusted: Option<bool>) -> bool {
        let decided = trusted.filter(|_| self.follows_parent);
        decided.unwrap_or_else(|| self.contains(trace))
    }

    /// As OpenTelemetry's SDKs do it: the lowest 63 bits of the ID, as a number, are below that part
    /// of all numbers.
    fn contains(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
        let all = (1_u64 << 63) as f64;
        self.ratio >= 1.0 || number < (self.ratio * all) as u64
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
    use opentelemetry::trace::SpanKind;
    use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};
    use proptest::prelude::*;

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

    fn anew() -> TraceId {
        TraceId::from(rand::random::<u128>())
    }

    #[test]
    fn follows_a_trusted_peer_and_nobody_else() {
        assert!(Sampling::never().decide(anew(), Some(true)));
        assert!(!Sampling::always().decide(anew(), Some(false)));
        assert!(
            Sampling::always()
                .ignoring_parents()
                .decide(anew(), Some(false))
        );
        assert!(Sampling::always().decide(anew(), None));
        assert!(!Sampling::never().decide(anew(), None));
    }

    #[test]
    fn records_the_share_that_was_asked_for() {
        let recorded = (0..10_000)
            .filter(|_| Sampling::ratio(0.25).decide(anew(), None))
            .count();

        assert!((2200..2800).contains(&recorded), "{recorded}");
    }

    proptest! {
        #[test]
        fn a_trace_is_decided_on_as_the_sdk_does(id in 1_u128.., ratio in 0.0..=1.0_f64) {
            let id = TraceId::from(id);
            let sdk = Sampler::TraceIdRatioBased(ratio);
            let sdk = sdk.should_sample(None, id, "", &SpanKind::Server, &[], &[]);
            let is_sampled = sdk.decision == SamplingDecision::RecordAndSample;
            let sampling = Sampling::ratio(ratio);

            prop_assert_eq!(sampling.decide(id, None), is_sampled);
            let alone = sampling.ignoring_parents();
            prop_assert_eq!(alone.decide(id, Some(!is_sampled)), is_sampled);
        }
    }
}
