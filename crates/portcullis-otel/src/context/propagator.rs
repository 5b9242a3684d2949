use std::sync::LazyLock;

use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::{SpanContext, TraceContextExt},
};

use super::{
    Allowed, BAGGAGE, Inherited, TRACEPARENT, TRACESTATE, TraceParent,
    baggage::{parse as parse_baggage, write as write_baggage},
    tracestate::{for_sdk, merge, parse as parse_state},
};

/// W3C Trace Context (level 2) and W3C Baggage, for OpenTelemetry.
///
/// It works alone, as OpenTelemetry's global propagator, and whether or not anything is exported.
/// What an edge's [`Tracing`](crate::Tracing) received goes on through it as it came: keys of
/// `tracestate` that the SDK's own propagator refuses, and the `random` flag.
///
/// | | out | in |
/// |---|---|---|
/// | `traceparent` | version 00, with the flags `sampled` and `random`; left out if there is no span | one line, strict; else the context stays as it is |
/// | `tracestate` | what the span has, without members that are invalid, then what was received; left out if empty | all lines, up to 32 members and 1,024 bytes; an invalid list is dropped whole |
/// | `baggage` | what is in the context, sorted by key, at most 8,192 bytes | [only keys that are allowed](Self::allow_baggage) |
///
/// The SDK forgets `random` for spans of an application that are not sampled; it is restored where the
/// process has a [`ClientTraceLayer`](crate::ClientTraceLayer), or the trace has a `tracestate`.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
///
/// use opentelemetry::propagation::TextMapPropagator;
/// use portcullis_otel::Propagator;
///
/// let mut received = HashMap::new();
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
/// received.insert("traceparent".to_owned(), parent.to_owned());
/// received.insert("tracestate".to_owned(), "1@2=x,1@2=y".to_owned());
/// received.insert("baggage".to_owned(), "user=alice".to_owned());
///
/// let context = Propagator::new().extract(&received);
/// let mut sent = HashMap::new();
/// Propagator::new().inject_context(&context, &mut sent);
///
/// assert_eq!(sent["traceparent"], parent);
/// assert_eq!(sent["tracestate"], "1@2=x");
/// assert!(!sent.contains_key("baggage"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Propagator {
    allowed: Allowed,
}

// ===== impl Propagator =====

impl Propagator {
    /// Creates a propagator that reads no baggage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the keys of `baggage` that are read. Case counts.
    ///
    /// Whoever sends a message can put anything there: allow what the application reads, and only
    /// where the sender is trusted.
    #[must_use]
    pub fn allow_baggage<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.allowed = keys.into_iter().collect();
        self
    }

    fn extract_trace(cx: &Context, extractor: &dyn Extractor) -> Option<Context> {
        let parents = lines(extractor, TRACEPARENT.as_str());
        let parent = TraceParent::parse_only(parents.iter().map(|line| line.as_bytes()))?;
        let states = lines(extractor, TRACESTATE.as_str());
        let state = parse_state(states.iter().map(|line| line.as_bytes()));
        let sdk = for_sdk(state.as_deref());
        let span = SpanContext::new(parent.trace_id, parent.span_id, parent.flags, true, sdk);
        let inherited = Inherited {
            trace_id: parent.trace_id,
            flags: parent.flags,
            state,
            request_id: cx
                .get()
                .and_then(|known: &Inherited| known.request_id.clone()),
        };
        Some(cx.with_remote_span_context(span).with_value(inherited))
    }
}

impl TextMapPropagator for Propagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        if span.is_valid() {
            let inherited = Inherited::of(cx, span.trace_id());
            let mut parent = TraceParent::from(span);
            parent.flags = parent.flags | inherited.map_or(parent.flags, Inherited::random);
            injector.set(TRACEPARENT.as_str(), parent.to_string());
            let state = inherited.and_then(|known| known.state.as_deref());
            if let Some(state) = merge(span.trace_state(), state) {
                injector.set(TRACESTATE.as_str(), state.into());
            }
        }
        if let Some(baggage) = write_baggage(cx.baggage()) {
            injector.set(BAGGAGE.as_str(), baggage);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let traced = Self::extract_trace(cx, extractor).unwrap_or_else(|| cx.clone());
        if self.allowed.is_empty() {
            return traced;
        }
        let lines = lines(extractor, BAGGAGE.as_str());
        let lines = lines.iter().map(|line| line.as_bytes());
        match parse_baggage(lines, |key| self.allowed.contains(key)) {
            Some(baggage) => traced.with_baggage(baggage),
            None => traced,
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&*FIELDS)
    }
}

fn lines<'c>(carrier: &'c dyn Extractor, name: &str) -> Vec<&'c str> {
    carrier.get_all(name).unwrap_or_default()
}

static FIELDS: LazyLock<[String; 3]> =
    LazyLock::new(|| [&TRACEPARENT, &TRACESTATE, &BAGGAGE].map(ToString::to_string));
