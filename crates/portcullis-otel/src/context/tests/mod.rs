//! What comes in and what goes out, end to end: a request through the observer, and a call that its
//! handler makes, in each way in which that can carry a trace on.
//!
//! The cases of `traceparent` and `tracestate` are those of W3C's own suite
//! (<https://github.com/w3c/trace-context>, `test/test.py`), under a comment with its name, and those
//! of the standard that it lacks.

mod baggage;
mod parent;
mod properties;
mod several;
mod state;

use std::{collections::HashMap, convert::Infallible};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor};
use portcullis::{Facts, ObserveLayer};
use tower::{Layer, ServiceExt, service_fn};

use crate::{ClientTraceLayer, ParentPolicy, Propagator, Sampling, Tracing};

type Body = Full<Bytes>;

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

/// How a handler carries the trace on.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Through the client's layer.
    Client,
    /// Through the propagator, as other clients do it.
    Propagator,
    /// The same, in a span of the application, that the SDK made.
    InSpan,
}

/// What an outgoing call carried.
#[derive(Debug)]
struct Sent {
    trace: String,
    span: String,
    flags: u8,
    state: Option<String>,
    baggage: Option<String>,
}

/// A request's fields, as an [`Extractor`] that has lines.
struct Lines(Vec<(String, String)>);

// ===== impl Sent =====

impl Sent {
    /// Reads a call's fields; what every one has to be is asserted here.
    fn new(headers: &HeaderMap) -> Self {
        let only = |name: &str| {
            let mut lines = headers.get_all(name).iter();
            let line = lines.next().map(|line| line.to_str().unwrap().to_owned());
            assert!(lines.next().is_none(), "{name} is sent once");
            line.inspect(|line| assert!(!line.is_empty(), "{name} is not sent empty"))
        };
        let parent = only("traceparent").expect("a call has a trace");
        let parts: Vec<_> = parent.split('-').collect();
        let [version, trace, span, flags] = parts[..] else {
            panic!("{parent}");
        };
        let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        assert!(
            parts.iter().all(|part| part.bytes().all(is_hex)),
            "{parent}"
        );
        assert_eq!((trace.len(), span.len(), flags.len()), (32, 16, 2));
        assert_eq!(version, "00");
        assert!(trace.bytes().any(|digit| digit != b'0'), "{parent}");
        assert!(span.bytes().any(|digit| digit != b'0'), "{parent}");
        let flags = u8::from_str_radix(flags, 16).unwrap();
        assert!(flags <= 3, "only flags that are known: {parent}");
        Self {
            trace: trace.to_owned(),
            span: span.to_owned(),
            flags,
            state: only("tracestate"),
            baggage: only("baggage"),
        }
    }

    /// The value of a member of `tracestate`.
    fn member(&self, key: &str) -> Option<&str> {
        let members = self.state.as_deref().unwrap_or_default().split(',');
        let mut members = members.filter_map(|member| member.split_once('='));
        members
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}

// ===== impl Lines =====

impl Lines {
    fn new(lines: &[(&str, &str)]) -> Self {
        let owned = |(name, line): &(&str, &str)| (name.to_lowercase(), (*line).to_owned());
        Self(lines.iter().map(owned).collect())
    }
}

impl Extractor for Lines {
    fn get(&self, key: &str) -> Option<&str> {
        let mut lines = self.0.iter().filter(|(name, _)| name == key);
        lines.next().map(|(_, line)| &**line)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| &**name).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let lines = self.0.iter().filter(|(name, _)| name == key);
        Some(lines.map(|(_, line)| &**line).collect())
    }
}

/// Sends a request of a trusted peer through an edge whose handler makes a call, in every way, and
/// with and without an exporter. Returns what the calls carried.
async fn sent(lines: &[(&str, &str)]) -> Vec<Sent> {
    let mut all = Vec::new();
    let exporting = SimpleSpanProcessor::new(InMemorySpanExporter::default());
    let observers = [
        Tracing::propagating(Sampling::never()),
        Tracing::new(exporting, Sampling::always()),
    ];
    for tracing in observers {
        for way in [Way::Client, Way::Propagator, Way::InSpan] {
            let calls = calls(&tracing, trusted(lines), way, 1).await;
            all.extend(calls.iter().map(Sent::new));
        }
    }
    // As other servers use it: nobody but the propagator.
    let context = Propagator::new().extract_with_context(&Context::new(), &Lines::new(lines));
    if context.has_active_span() {
        all.push(Sent::new(&injected(&context)));
    }
    all
}

/// The same for an untrusted peer's request, whose trace is to go on.
async fn sent_untrusted(lines: &[(&str, &str)]) -> Sent {
    let tracing = Tracing::propagating(Sampling::never()).parents(ParentPolicy::Continue);
    let calls = calls(&tracing, request(lines), Way::Client, 1).await;
    Sent::new(&calls[0])
}

async fn calls(
    tracing: &Tracing,
    request: Request<Body>,
    way: Way,
    count: usize,
) -> Vec<HeaderMap> {
    let (sender, received) = std::sync::mpsc::channel();
    let handler = service_fn(move |_| {
        let sender = sender.clone();
        async move {
            for _ in 0..count {
                sender.send(call(way).await).unwrap();
            }
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    });
    let edge = ObserveLayer::new(tracing.clone()).layer(handler);
    let Ok(response) = edge.oneshot(request).await;
    response.into_body().collect().await.unwrap();
    received.try_iter().collect()
}

/// Sends a call, and returns its fields.
async fn call(way: Way) -> HeaderMap {
    match way {
        Way::Propagator => injected(&Context::current()),
        Way::InSpan => {
            let provider = SdkTracerProvider::builder();
            let provider = provider.with_sampler(Sampling::always().for_application());
            let span = provider.build().tracer("application").start("work");
            injected(&Context::current_with_span(span))
        }
        Way::Client => {
            let upstream = service_fn(|request: Request<()>| async move {
                Ok::<_, Infallible>(Response::new(request.headers().clone()))
            });
            let client = ClientTraceLayer::new().layer(upstream);
            let Ok(response) = client.oneshot(Request::default()).await;
            response.into_body()
        }
    }
}

fn injected(context: &Context) -> HeaderMap {
    let mut carrier = HashMap::new();
    Propagator::new().inject_context(context, &mut carrier);
    let fields = carrier.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    fields.collect()
}

fn request(lines: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::new(Body::default());
    for (name, line) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        request.headers_mut().append(name, line);
    }
    request
}

fn trusted(lines: &[(&str, &str)]) -> Request<Body> {
    let mut request = request(lines);
    Facts::of_mut(request.extensions_mut()).trust_peer();
    request
}

/// A right `traceparent`.
fn right() -> String {
    format!("00-{TRACE}-{SPAN}-00")
}
