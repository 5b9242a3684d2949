//! What is counted of exchanges.

use std::{fmt, time::SystemTime};

use portcullis_core::{
    Exchange, TraceContext,
    observe::series::{
        ActiveTable, Buckets, ExchangeLabels, ExchangeTable, Limits, RefusalTable, request_duration,
    },
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder},
    metrics::{
        MetricType, counter::Counter, exemplar::HistogramWithExemplars, gauge::Gauge,
        histogram::Histogram,
    },
    registry::Unit,
};

/// The series of exchanges, and how they are written.
#[derive(Debug)]
pub(crate) struct Exchanges {
    active: ActiveTable<Gauge>,
    ended: ExchangeTable<Ended>,
    refused: RefusalTable<Counter>,
}

/// The series of exchanges that have ended.
#[derive(Debug)]
struct Ended {
    duration: HistogramWithExemplars<Traced>,
    request: Histogram,
    response: Histogram,
}

/// The labels of an exemplar. Written when they are read.
#[derive(Debug)]
struct Traced {
    trace_id: u128,
    span_id: u64,
}

// ===== impl Exchanges =====

impl Exchanges {
    pub(crate) fn new(limits: Limits, durations: Buckets, sizes: Buckets) -> Self {
        let bounds = |buckets: &Buckets| buckets.bounds().to_vec().into_iter();
        let methods = limits.methods.clone();
        Self {
            active: ActiveTable::new(methods, |_, _| Gauge::default()),
            ended: ExchangeTable::new(limits, move |_| Ended {
                duration: HistogramWithExemplars::new(bounds(&durations)),
                request: Histogram::new(bounds(&sizes)),
                response: Histogram::new(bounds(&sizes)),
            }),
            refused: RefusalTable::new(|_| Counter::default()),
        }
    }

    #[inline]
    pub(crate) fn begin(&self, exchange: &Exchange) {
        self.active.with(exchange, Gauge::inc);
    }

    #[inline]
    pub(crate) fn end(&self, exchange: &Exchange) {
        self.active.with(exchange, Gauge::dec);
        self.ended.with(exchange, |ended| ended.observe(exchange));
        if let Some(rejection) = exchange.rejection() {
            self.refused.with(rejection, Counter::inc);
        }
    }

    fn write_active(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Requests whose response has not ended";
        let name = "http_server_active_requests";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (method, scheme, active) in self.active.all() {
            let labels = [("http_request_method", method), ("url_scheme", scheme)];
            active.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn write_refused(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Requests that a layer answered in place of the application";
        let name = "portcullis_rejections";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (refused, counter) in self.refused.all() {
            let labels = [
                ("layer", refused.layer),
                ("reason", refused.reason),
                ("policy", &*refused.policy),
            ];
            counter.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn write_ended<'s>(
        ended: &'s [(ExchangeLabels<'_>, std::sync::Arc<Ended>)],
        encoder: &mut DescriptorEncoder<'_>,
        (name, help, unit): (&str, &str, Unit),
        histogram: impl Fn(&'s Ended) -> &'s dyn EncodeMetric,
    ) -> Result<(), fmt::Error> {
        let kind = MetricType::Histogram;
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), kind)?;
        for (labels, series) in ended {
            let status = labels.status.map(|status| status.to_string());
            let labels = [
                ("http_request_method", labels.method),
                ("http_route", labels.route.unwrap_or_default()),
                (
                    "http_response_status_code",
                    status.as_deref().unwrap_or_default(),
                ),
                ("url_scheme", labels.scheme),
                ("error_type", labels.error.as_deref().unwrap_or_default()),
            ];
            histogram(series).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Exchanges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let ended = self.ended.all();
        Self::write_ended(&ended, &mut encoder, DURATION, |ended| &ended.duration)?;
        Self::write_ended(&ended, &mut encoder, REQUEST, |ended| &ended.request)?;
        Self::write_ended(&ended, &mut encoder, RESPONSE, |ended| &ended.response)?;
        self.write_active(&mut encoder)?;
        self.write_refused(&mut encoder)
    }
}

// ===== impl Ended =====

impl Ended {
    #[inline]
    fn observe(&self, exchange: &Exchange) {
        let sampled = exchange.trace().filter(|trace| is_sampled(trace));
        let traced = sampled.map(|trace| Traced {
            trace_id: trace.trace_id,
            span_id: trace.span_id,
        });
        let time = traced.as_ref().map(|_| SystemTime::now());
        let seconds = request_duration(exchange).as_secs_f64();
        self.duration.observe(seconds, traced, time);
        self.request.observe(exchange.request_bytes() as f64);
        self.response.observe(exchange.response_bytes() as f64);
    }
}

// ===== impl Traced =====

impl EncodeLabelSet for Traced {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), fmt::Error> {
        let trace_id = format!("{:032x}", self.trace_id);
        let span_id = format!("{:016x}", self.span_id);
        [("trace_id", trace_id), ("span_id", span_id)].encode(encoder)
    }
}

/// W3C Trace Context, level 2, section 3.2.2.5.1.
const fn is_sampled(trace: &TraceContext) -> bool {
    trace.flags & 1 == 1
}

const DURATION: (&str, &str, Unit) = (
    "http_server_request_duration",
    "Time from the head of the request to the last byte of the response",
    Unit::Seconds,
);
const REQUEST: (&str, &str, Unit) = (
    "http_server_request_body_size",
    "Size of request bodies as they are sent",
    Unit::Bytes,
);
const RESPONSE: (&str, &str, Unit) = (
    "http_server_response_body_size",
    "Size of response bodies as they are sent",
    Unit::Bytes,
);
