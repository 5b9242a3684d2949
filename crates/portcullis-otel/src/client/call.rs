use std::{borrow::Cow, sync::OnceLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, request};
use opentelemetry::{
    Context, ContextGuard, KeyValue, StringValue, global,
    metrics::Histogram,
    propagation::{Injector, TextMapPropagator},
    trace::{SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer},
};
use portcullis_core::{Facts, RequestId, observe::protocol_version};
use tokio::time::Instant;

use super::url;
use crate::{
    KnownMethods, Propagator,
    context::{self, Inherited, Propagators},
    scope::scope,
};

/// What all calls of a client share.
#[derive(Debug)]
pub(super) struct Config {
    request_id: Option<HeaderName>,
    sends: bool,
    duration: OnceLock<Histogram<f64>>,
    methods: OnceLock<KnownMethods>,
}

/// One call, until its response's head. Dropped before, it is cancelled.
pub(super) struct Call {
    context: Context,
    started: Instant,
    duration: Histogram<f64>,
    /// Of the metric.
    attributes: Vec<KeyValue>,
    has_ended: bool,
}

struct Fields<'h>(&'h mut HeaderMap);

// ===== impl Config =====

impl Config {
    pub(super) const fn new(request_id: Option<HeaderName>, sends: bool) -> Self {
        Self {
            request_id,
            sends,
            duration: OnceLock::new(),
            methods: OnceLock::new(),
        }
    }

    pub(super) const fn sends(&self) -> bool {
        self.sends
    }

    fn duration(&self) -> Histogram<f64> {
        let make = || {
            let meter = global::meter_with_scope(scope());
            meter
                .f64_histogram("http.client.request.duration")
                .with_description("Duration of HTTP client requests.")
                .with_unit("s")
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        self.duration.get_or_init(make).clone()
    }

    /// Returns a method's name, if it is known.
    fn known(&self, method: &Method) -> Option<String> {
        let methods = self.methods.get_or_init(KnownMethods::installed);
        methods.name(method).map(str::to_owned)
    }

    fn send(&self, context: &Context, head: &mut request::Parts) {
        if !self.sends {
            return;
        }
        if context.span().span_context().is_valid() {
            for name in [
                &context::TRACEPARENT,
                &context::TRACESTATE,
                &context::BAGGAGE,
            ] {
                head.headers.remove(name);
            }
        }
        Propagator::new().inject_context(context, &mut Fields(&mut head.headers));
        let own: Option<&RequestId> = Facts::of(&head.extensions).get();
        let inherited: Option<&Inherited> = context.get();
        let inherited = inherited.and_then(|known| known.request_id.as_ref());
        let name = self.request_id.as_ref().unwrap_or(&X_REQUEST_ID);
        if let Some(id) = own.or(inherited)
            && !head.headers.contains_key(name)
        {
            head.headers.insert(name, id.to_header_value());
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new(None, true)
    }
}

// ===== impl Call =====

impl Call {
    pub(super) fn begin(config: &Config, head: &mut request::Parts) -> Self {
        let method = config.known(&head.method);
        let attributes = attributes(head, method.clone());
        // A clone, and not `map_current`: a processor may attach a context of its own.
        let context = span(&Context::current(), || builder(head, method, &attributes));
        config.send(&context, head);
        Self {
            context,
            started: Instant::now(),
            duration: config.duration(),
            attributes,
            has_ended: false,
        }
    }

    pub(super) fn enter(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    pub(super) fn respond(&mut self, status: StatusCode, version: Version) {
        let code = KeyValue::new("http.response.status_code", i64::from(status.as_u16()));
        let version = protocol_version(version);
        let version = version.map(|version| KeyValue::new("network.protocol.version", version));
        let is_error = status.is_client_error() || status.is_server_error();
        let error = is_error.then(|| Cow::Owned(status.as_str().to_owned()));
        self.end([code].into_iter().chain(version), error);
    }

    pub(super) fn fail(&mut self, error: &'static str) {
        self.end([], Some(error.into()));
    }

    fn end(
        &mut self,
        attributes: impl IntoIterator<Item = KeyValue>,
        error: Option<Cow<'static, str>>,
    ) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let span = self.context.span();
        if error.is_some() {
            // The error's type says it all.
            span.set_status(Status::error(""));
        }
        let error = error.map(|error| KeyValue::new("error.type", error));
        for attribute in attributes.into_iter().chain(error) {
            span.set_attribute(attribute.clone());
            self.attributes.push(attribute);
        }
        span.end();
        let seconds = self.started.elapsed().as_secs_f64();
        self.duration.record(seconds, &self.attributes);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.fail("cancelled");
    }
}

// ===== impl Fields =====

impl Injector for Fields<'_> {
    fn set(&mut self, key: &str, value: String) {
        if !Propagators::installed().has(key) {
            return;
        }
        let name = HeaderName::try_from(key);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// What span and metric both have.
fn attributes(head: &request::Parts, method: Option<String>) -> Vec<KeyValue> {
    let method = method.map_or("_OTHER".into(), StringValue::from);
    let mut attributes = Vec::with_capacity(6);
    attributes.push(KeyValue::new("http.request.method", method));
    if let Some((host, port)) = url::server(head) {
        attributes.push(KeyValue::new("server.address", host));
        attributes.extend(port.map(|port| KeyValue::new("server.port", i64::from(port))));
    }
    attributes
}

/// Returns the context of a call: with a span of its own, or only with the ID of one.
fn span(current: &Context, builder: impl FnOnce() -> SpanBuilder) -> Context {
    let outer = current.span();
    let outer = outer.span_context();
    if outer.is_valid() && !outer.is_sampled() {
        return current.with_remote_span_context(child(outer));
    }
    let tracer = global::tracer_with_scope(scope());
    let span = tracer.build_with_context(builder(), current);
    let inner = opentelemetry::trace::Span::span_context(&span);
    if inner.is_valid() && inner.span_id() != outer.span_id() {
        return current.with_span(span);
    }
    if outer.is_valid() {
        return current.with_remote_span_context(child(outer));
    }
    current.clone()
}

/// A span's context of the same trace.
fn child(outer: &SpanContext) -> SpanContext {
    let state = outer.trace_state().clone();
    let (trace, span) = (outer.trace_id(), context::new_span_id());
    SpanContext::new(trace, span, outer.trace_flags(), false, state)
}

fn builder(head: &request::Parts, known: Option<String>, shared: &[KeyValue]) -> SpanBuilder {
    let original = || KeyValue::new("http.request.method_original", head.method.to_string());
    let mut attributes = shared.to_vec();
    attributes.push(KeyValue::new("url.full", url::full(&head.uri)));
    attributes.extend(known.is_none().then(original));
    SpanBuilder::from_name(known.map_or("HTTP".into(), Cow::Owned))
        .with_kind(SpanKind::Client)
        .with_attributes(attributes)
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The conventions' boundaries.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
