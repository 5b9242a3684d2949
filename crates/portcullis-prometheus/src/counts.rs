use std::fmt;

use portcullis_core::{CountFamily, CountSources};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// Writes what layers count by themselves.
#[derive(Debug)]
pub(crate) struct Counted(pub(crate) CountSources);

// ===== impl Counted =====

impl Collector for Counted {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, family) in self.0.families() {
            let kind = if family.is_total {
                MetricType::Counter
            } else {
                MetricType::Gauge
            };
            let mut descriptor = encoder.encode_descriptor(name, family.help, None, kind)?;
            // Without labels there is one series, and no braces.
            if let Some(value) = family.series.get(&Vec::new()) {
                write(&family, *value, descriptor)?;
                continue;
            }
            for (labels, value) in &family.series {
                write(&family, *value, descriptor.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn write(family: &CountFamily, value: u64, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
    if family.is_total {
        return ConstCounter::new(value).encode(encoder);
    }
    // A gauge holds what memory can: far below the limit.
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
}
