use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use portcullis_core::{Count, Counts};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// What layers count by themselves. Clones share the sources.
#[derive(Clone, Default)]
pub(crate) struct Sources(Arc<Mutex<Vec<Arc<dyn Counts>>>>);

/// One metric: its help, whether it only grows, and its series by their labels.
struct Metric {
    help: &'static str,
    is_total: bool,
    series: BTreeMap<Vec<(&'static str, String)>, u64>,
}

// ===== impl Sources =====

impl Sources {
    pub(crate) fn add(&self, source: Arc<dyn Counts>) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.push(source);
    }

    /// The metrics by name. Series of one name and the same labels are one.
    fn metrics(&self) -> BTreeMap<&'static str, Metric> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut metrics = BTreeMap::new();
        for count in sources.iter().flat_map(|source| source.counts()) {
            let Count {
                name,
                help,
                labels,
                value,
                is_total,
                ..
            } = count;
            let metric = metrics.entry(name).or_insert_with(|| Metric {
                help,
                is_total,
                series: BTreeMap::new(),
            });
            *metric.series.entry(labels).or_default() += value;
        }
        metrics
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, metric) in self.metrics() {
            let kind = if metric.is_total {
                MetricType::Counter
            } else {
                MetricType::Gauge
            };
            let mut descriptor = encoder.encode_descriptor(name, metric.help, None, kind)?;
            // Without labels there is one series, and no braces.
            if let Some(value) = metric.series.get(&Vec::new()) {
                metric.write(*value, descriptor)?;
                continue;
            }
            for (labels, value) in &metric.series {
                metric.write(*value, descriptor.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

// ===== impl Metric =====

impl Metric {
    fn write(&self, value: u64, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        if self.is_total {
            return ConstCounter::new(value).encode(encoder);
        }
        // A gauge holds what memory can: far below the limit.
        ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
