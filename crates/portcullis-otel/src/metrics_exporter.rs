//! Metrics on their way out.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{Metric, metric::Data},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};
use prost::Message;

use crate::{
    export::Exporter,
    pipeline::{Log, Runner},
};

/// Sends what the SDK has read. The SDK waits for it on a thread of its own.
#[derive(Debug)]
pub(crate) struct MetricsExporter {
    pub(crate) runner: Runner,
    pub(crate) exporter: Exporter,
    pub(crate) log: Log,
    pub(crate) temporality: Temporality,
}

// ===== impl MetricsExporter =====

impl PushMetricExporter for MetricsExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let request = ExportMetricsServiceRequest::from(metrics);
        let points = count(&request);
        let (exporter, message) = (self.exporter.clone(), request.encode_to_vec());
        let stop = self.runner.stop.clone();
        let sent = self.runner.run(async move {
            tokio::select! {
                answer = exporter.send(message) => Some(answer),
                () = stop.has_come() => None,
            }
        });
        // An error means that the thread has ended.
        self.log.note(sent.await.ok().flatten(), points);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

fn count(request: &ExportMetricsServiceRequest) -> u64 {
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|all| &all.scope_metrics);
    let metrics = scopes.flat_map(|scope| &scope.metrics);
    metrics.map(points).sum()
}

fn points(metric: &Metric) -> u64 {
    let points = match &metric.data {
        None => 0,
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
        Some(Data::Summary(summary)) => summary.data_points.len(),
    };
    points as u64
}
