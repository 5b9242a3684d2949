use opentelemetry::{
    KeyValue,
    metrics::{BoundCounter, BoundHistogram, BoundUpDownCounter, Meter},
};
use portcullis_core::{
    Exchange,
    observe::series::{
        ActiveTable, Buckets, ExchangeLabels, ExchangeTable, Limits, RefusalLabels, RefusalTable,
        request_duration,
    },
};

/// The series of exchanges.
#[derive(Debug)]
pub(super) struct Exchanges {
    active: ActiveTable<BoundUpDownCounter<i64>>,
    ended: ExchangeTable<Ended>,
    refused: RefusalTable<BoundCounter<u64>>,
}

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) durations: Buckets,
    pub(super) sizes: Buckets,
}

/// The series of exchanges that have ended.
#[derive(Debug)]
struct Ended {
    duration: BoundHistogram<f64>,
    request: BoundHistogram<u64>,
    response: BoundHistogram<u64>,
}

// ===== impl Exchanges =====

impl Exchanges {
    pub(super) fn new(meter: &Meter, settings: Settings) -> Self {
        let active = meter
            .i64_up_down_counter("http.server.active_requests")
            .with_unit("{request}")
            .with_description("Requests whose response has not ended")
            .build();
        let refused = meter
            .u64_counter("portcullis.rejections")
            .with_unit("{request}")
            .with_description("Requests that a layer answered in place of the application")
            .build();
        let active = move |method: &str, scheme: &'static str| {
            let method = KeyValue::new("http.request.method", method.to_owned());
            active.bind(&[method, KeyValue::new("url.scheme", scheme)])
        };
        Self {
            active: ActiveTable::new(settings.limits.methods.clone(), active),
            ended: ended(meter, settings),
            refused: RefusalTable::new(move |labels| refused.bind(&of_refusal(labels))),
        }
    }

    #[inline]
    pub(super) fn begin(&self, exchange: &Exchange) {
        self.active.with(exchange, |active| active.add(1));
    }

    #[inline]
    pub(super) fn end(&self, exchange: &Exchange) {
        self.active.with(exchange, |active| active.add(-1));
        self.ended.with(exchange, |ended| ended.record(exchange));
        if let Some(rejection) = exchange.rejection() {
            self.refused.with(rejection, |refused| refused.add(1));
        }
    }
}

// ===== impl Settings =====

impl Default for Settings {
    fn default() -> Self {
        let mut limits = Limits::default();
        limits.series = MOST_SERIES;
        Self {
            limits,
            durations: Buckets::durations(),
            sizes: Buckets::sizes(),
        }
    }
}

// ===== impl Ended =====

impl Ended {
    #[inline]
    fn record(&self, exchange: &Exchange) {
        self.duration
            .record(request_duration(exchange).as_secs_f64());
        self.request.record(exchange.request_bytes());
        self.response.record(exchange.response_bytes());
    }
}

fn ended(meter: &Meter, settings: Settings) -> ExchangeTable<Ended> {
    let size = |name, what| {
        let histogram = meter.u64_histogram(name).with_unit("By");
        let histogram = histogram.with_description(what);
        histogram
            .with_boundaries(settings.sizes.bounds().to_vec())
            .build()
    };
    let duration = meter
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .with_description("Time from the head of the request to the last byte of the response")
        .with_boundaries(settings.durations.bounds().to_vec())
        .build();
    let request = size(
        "http.server.request.body.size",
        "Size of request bodies as they are sent",
    );
    let response = size(
        "http.server.response.body.size",
        "Size of response bodies as they are sent",
    );
    ExchangeTable::new(settings.limits, move |labels| {
        let attributes = of_exchange(labels);
        Ended {
            duration: duration.bind(&attributes),
            request: request.bind(&attributes),
            response: response.bind(&attributes),
        }
    })
}

fn of_exchange(labels: &ExchangeLabels<'_>) -> Vec<KeyValue> {
    let status = labels.status.map(i64::from);
    let mut attributes = vec![
        KeyValue::new("http.request.method", labels.method.to_owned()),
        KeyValue::new("url.scheme", labels.scheme),
    ];
    attributes.extend(labels.route.map(|route| KeyValue::new("http.route", route)));
    attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
    let error = labels.error.clone();
    attributes.extend(error.map(|error| KeyValue::new("error.type", error)));
    attributes
}

fn of_refusal(labels: &RefusalLabels) -> Vec<KeyValue> {
    let all = [
        ("layer", labels.layer),
        ("reason", labels.reason),
        ("policy", &labels.policy),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(name, value)| KeyValue::new(name, value.to_owned()))
        .collect()
}

/// With what overflows, below the SDK's limit of an instrument.
const MOST_SERIES: usize = 1500;
