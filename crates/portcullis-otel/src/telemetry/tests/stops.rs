//! The end, and what the log says.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use super::collectors::{dropped, exchange, telemetry};
use crate::{
    Telemetry,
    tests::collector::{Collector, Mode},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn with(&self, part: &str) -> usize {
        let text = self.0.lock().unwrap().clone();
        let text = String::from_utf8(text).unwrap();
        text.lines().filter(|line| line.contains(part)).count()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_stop_takes_no_longer_than_its_limit_and_counts_what_is_left() {
    let collector = Collector::start(Mode::Stalled);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4".to_owned()),
    ];
    let builder = Telemetry::builder("test").stop_limit(Duration::from_millis(200));
    let telemetry = builder.variables(variables).build().unwrap();
    exchange(&telemetry, 10).await;
    telemetry.clone().shutdown();

    // Not given up by the exporter, whose limit is far longer.
    assert_eq!(dropped(&telemetry, "traces", "shutdown"), 10);
    exchange(&telemetry, 1).await;
    assert_eq!(
        dropped(&telemetry, "traces", "shutdown"),
        11,
        "what comes too late"
    );
}

#[tokio::test]
async fn the_export_goes_on_as_long_as_an_observer_is_there() {
    let collector = Collector::start(Mode::Healthy);
    let telemetry = telemetry(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url())]);
    let kept = telemetry.clone();
    let tracing = kept.tracing();
    exchange(&kept, 1).await;
    drop((telemetry, kept));
    tracing.flush();

    assert_eq!(collector.spans().len(), 1);
}

/// The lines are written on another thread, so the subscriber is the process's.
#[tokio::test]
async fn a_collector_that_fails_and_returns_is_two_lines() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_ansi(false);
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let collector = Collector::start(Mode::Status(400));
    let telemetry = telemetry(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &collector.url())]);
    for _ in 0..5 {
        exchange(&telemetry, 1).await;
        telemetry.tracing().flush();
    }

    assert_eq!(lines.with("telemetry is not exported"), 1);
    assert_eq!(lines.with("the answer's status is 400"), 1);
    collector.set(Mode::Healthy);
    for _ in 0..3 {
        exchange(&telemetry, 1).await;
        telemetry.tracing().flush();
    }
    assert_eq!(lines.with("telemetry is exported again"), 1);
    assert_eq!(lines.with("lost=5"), 1);
}
