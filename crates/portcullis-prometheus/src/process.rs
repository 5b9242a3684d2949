use std::{fmt, thread::available_parallelism};

use portcullis_core::ProcessStats;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// Writes what is known of the process and of its build.
#[derive(Debug)]
pub(crate) struct Process;

// ===== impl Process =====

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "The version of portcullis";
        encoder
            .encode_descriptor("portcullis_build", help, None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let stats = ProcessStats::read();
        if let Some(cpu) = stats.cpu() {
            let help = "Time on a processor, in user mode and in the kernel";
            let (unit, kind) = (Some(&Unit::Seconds), MetricType::Counter);
            let metric = encoder.encode_descriptor("process_cpu", help, unit, kind)?;
            ConstCounter::new(cpu.as_secs_f64()).encode(metric)?;
        }
        for (name, help, unit, value) in gauges(&stats) {
            if let Some(value) = value {
                let kind = MetricType::Gauge;
                let metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
                ConstGauge::new(value).encode(metric)?;
            }
        }
        Ok(())
    }
}

type Line = (&'static str, &'static str, Option<Unit>, Option<f64>);

/// By the names that Prometheus' own clients have.
fn gauges(stats: &ProcessStats) -> [Line; 6] {
    let number = |value: Option<u64>| value.map(|value| value as f64);
    [
        (
            "process_resident_memory",
            "Memory of the process in RAM",
            Some(Unit::Bytes),
            number(stats.resident_bytes),
        ),
        (
            "process_virtual_memory",
            "Memory of the process that is mapped",
            Some(Unit::Bytes),
            number(stats.virtual_bytes),
        ),
        (
            "process_open_fds",
            "File descriptors that are open",
            None,
            number(stats.open_fds),
        ),
        (
            "process_max_fds",
            "File descriptors that may be open",
            None,
            number(stats.max_fds),
        ),
        (
            "process_start_time",
            "When the process started, from the epoch of Unix on",
            Some(Unit::Seconds),
            stats.started.map(|started| started.as_secs_f64()),
        ),
        (
            "portcullis_cpus",
            "Processors that the process may use, by its affinity and the quota of its cgroup",
            None,
            available_parallelism().ok().map(|cpus| cpus.get() as f64),
        ),
    ]
}
