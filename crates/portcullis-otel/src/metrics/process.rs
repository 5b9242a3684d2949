use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};
use portcullis_core::ProcessStats;

/// Creates the instruments of the process, by the conventions' names. Each reads what it needs when it is
/// collected.
pub(super) fn observe(meter: &Meter) {
    let _cpu = meter
        .f64_observable_counter("process.cpu.time")
        .with_unit("s")
        .with_description("Time on a processor")
        .with_callback(read_cpu)
        .build();
    up_down(
        meter,
        "process.memory.usage",
        "By",
        "Memory in RAM",
        |stats| stats.resident_bytes,
    );
    up_down(
        meter,
        "process.memory.virtual",
        "By",
        "Memory that is mapped",
        |stats| stats.virtual_bytes,
    );
    up_down(
        meter,
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "File descriptors that are open",
        |stats| stats.open_fds,
    );
    let _uptime = meter
        .f64_observable_gauge("process.uptime")
        .with_unit("s")
        .with_description("Time since the process started")
        .with_callback(|uptime| {
            if let Some(age) = ProcessStats::read().started.and_then(age) {
                uptime.observe(age.as_secs_f64(), &[]);
            }
        })
        .build();
}

fn read_cpu(cpu: &dyn AsyncInstrument<f64>) {
    let stats = ProcessStats::read();
    for (mode, time) in [("user", stats.cpu_user), ("system", stats.cpu_system)] {
        if let Some(time) = time {
            cpu.observe(time.as_secs_f64(), &[KeyValue::new("cpu.mode", mode)]);
        }
    }
}

fn up_down(
    meter: &Meter,
    name: &'static str,
    unit: &'static str,
    what: &'static str,
    read: fn(&ProcessStats) -> Option<u64>,
) {
    let _instrument = meter
        .i64_observable_up_down_counter(name)
        .with_unit(unit)
        .with_description(what)
        .with_callback(move |instrument| {
            let value = read(&ProcessStats::read());
            if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
                instrument.observe(value, &[]);
            }
        })
        .build();
}

/// Returns how long ago a time was, after the epoch.
fn age(started: Duration) -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH + started).ok()
}
