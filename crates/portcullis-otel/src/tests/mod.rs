use std::{convert::Infallible, future::pending};

use bytes::Bytes;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use opentelemetry::{
    Context,
    trace::{Status, TraceContextExt, TracerProvider},
};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor, SpanData,
};
use portcullis::{Facts, ObserveLayer, body_limit::RequestBody};
use portcullis_test::{Chunks, OwnBody, request};
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing_subscriber::{Layer as _, layer::SubscriberExt};

use crate::{Sampling, Tracing, telemetry::is_traced};

pub(crate) mod collector;
pub(crate) mod tls;

pub(crate) type Body = Full<Bytes>;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

struct Recorder {
    exporter: InMemorySpanExporter,
    tracing: Tracing,
}

impl Recorder {
    fn new(sampling: Sampling) -> Self {
        let exporter = InMemorySpanExporter::default();
        let processor = SimpleSpanProcessor::new(exporter.clone());
        Self {
            exporter,
            tracing: Tracing::new(processor, sampling),
        }
    }

    fn layer(&self) -> ObserveLayer {
        ObserveLayer::new(self.tracing.clone()).route_from(route)
    }

    fn spans(&self) -> Vec<SpanData> {
        self.tracing.flush();
        self.exporter.get_finished_spans().unwrap()
    }

    /// Sends a request that is answered with its query as status, and returns its span.
    async fn span(&self, request: Request<Body>) -> SpanData {
        let Ok(response) = self
            .layer()
            .layer(service_fn(answer))
            .oneshot(request)
            .await;
        response.into_body().collect().await.unwrap();
        self.spans().pop().unwrap()
    }
}

fn route(extensions: &Extensions) -> Option<&str> {
    extensions.get::<&'static str>().copied()
}

async fn answer(request: Request<RequestBody<Body>>) -> Result<Response<Body>, Infallible> {
    let query = request.uri().query().unwrap_or_default();
    let status = query.split('&').next().and_then(|code| code.parse().ok());
    let mut response = Response::new(Body::from("hello"));
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    Ok(response)
}

fn get(span: &SpanData, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|kv| kv.key.as_str() == key);
    found.next().map(|kv| kv.value.to_string())
}

fn traced(parent: &str) -> Request<Body> {
    let mut request = request("/");
    request
        .headers_mut()
        .insert("traceparent", parent.parse().unwrap());
    request
}

#[tokio::test]
async fn a_span_says_what_the_conventions_ask_for() {
    let recorder = Recorder::new(Sampling::always());
    let mut request = request("/users/7?200&sig=SECRET&page=2");
    request
        .headers_mut()
        .insert("host", "example.com:8080".parse().unwrap());
    request
        .headers_mut()
        .insert("user-agent", "curl".parse().unwrap());
    request.extensions_mut().insert("/users/{id}");
    let span = recorder.span(request).await;

    assert_eq!(span.name, "GET /users/{id}");
    let expected = [
        ("http.request.method", "GET"),
        ("http.route", "/users/{id}"),
        ("url.path", "/users/7"),
        ("url.query", "200&sig=REDACTED&page=2"),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("server.address", "example.com"),
        ("user_agent.original", "curl"),
    ];
    for (key, value) in expected {
        assert_eq!(get(&span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(get(&span, "error.type"), None);
    assert_eq!(get(&span, "http.request.method_original"), None);
    assert_eq!(span.status, Status::Unset);
}

#[tokio::test]
async fn an_unknown_method_is_other() {
    let recorder = Recorder::new(Sampling::always());
    let mut request = request("/");
    *request.method_mut() = "EVIL".parse().unwrap();
    let span = recorder.span(request).await;

    assert_eq!(span.name, "HTTP");
    assert_eq!(get(&span, "http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(
        get(&span, "http.request.method_original").as_deref(),
        Some("EVIL")
    );
}

#[tokio::test]
async fn only_the_servers_faults_are_errors() {
    let recorder = Recorder::new(Sampling::always());
    let missing = recorder.span(request("/?404")).await;
    let broken = recorder.span(request("/?500")).await;

    assert_eq!(get(&missing, "error.type"), None);
    assert_eq!(missing.status, Status::Unset);
    assert_eq!(broken.status, Status::error(""));
    assert_eq!(get(&broken, "error.type").as_deref(), Some("500"));
}

#[tokio::test]
async fn a_span_ends_with_the_last_byte_or_the_drop() {
    let recorder = Recorder::new(Sampling::always());
    let chunks = service_fn(|_: Request<RequestBody<Body>>| async {
        Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a"), Err("cut off")])))
    });
    let Ok(response) = recorder.layer().layer(chunks).oneshot(request("/")).await;

    assert_eq!(recorder.spans().len(), 0, "the body is still to come");
    assert!(response.into_body().collect().await.is_err());
    let cut = recorder.spans().pop().unwrap();
    assert_eq!(get(&cut, "error.type").as_deref(), Some("body_error"));

    let stuck = service_fn(|_: Request<RequestBody<Body>>| {
        pending::<Result<Response<OwnBody>, Infallible>>()
    });
    let mut service = recorder.layer().layer(stuck);
    drop(service.ready().await.unwrap().call(request("/")));
    let gone = recorder.spans().pop().unwrap();
    assert_eq!(
        get(&gone, "error.type").as_deref(),
        Some("client_disconnect")
    );
    assert_eq!(get(&gone, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_trace_goes_on() {
    let recorder = Recorder::new(Sampling::always());
    let mut request = traced(&format!("00-{TRACE}-{SPAN}-01"));
    request
        .headers_mut()
        .insert("tracestate", "vendor=1".parse().unwrap());
    let span = recorder.span(request).await;

    assert_eq!(span.span_context.trace_id().to_string(), TRACE);
    assert_eq!(span.parent_span_id.to_string(), SPAN);
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "vendor=1");
}

#[tokio::test]
async fn a_wrong_context_starts_a_new_trace_without_state() {
    let recorder = Recorder::new(Sampling::always());
    let mut request = traced(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()));
    request
        .headers_mut()
        .insert("tracestate", "vendor=1".parse().unwrap());
    let span = recorder.span(request).await;

    assert_ne!(span.span_context.trace_id().to_string(), TRACE);
    assert!(!span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "");
}

#[tokio::test]
async fn untrusted_peers_do_not_decide_what_is_recorded() {
    let recorder = Recorder::new(Sampling::never());
    let service = recorder.layer().layer(service_fn(answer));
    let sampled = || traced(&format!("00-{TRACE}-{SPAN}-01"));
    let mut trusted = sampled();
    Facts::of_mut(trusted.extensions_mut()).trust_peer();

    for request in [sampled(), trusted] {
        let Ok(response) = service.clone().oneshot(request).await;
        response.into_body().collect().await.unwrap();
    }
    assert_eq!(recorder.spans().len(), 1, "the trusted peer's");
}

#[tokio::test]
async fn an_untrusted_trace_can_be_ended() {
    let exporter = InMemorySpanExporter::default();
    let processor = SimpleSpanProcessor::new(exporter.clone());
    let tracing = Tracing::new(processor, Sampling::always()).restart_untrusted();
    let recorder = Recorder { exporter, tracing };
    let span = recorder
        .span(traced(&format!("00-{TRACE}-{SPAN}-01")))
        .await;

    assert_ne!(span.span_context.trace_id().to_string(), TRACE);
}

#[tokio::test]
async fn what_is_not_sampled_leaves_a_context_that_says_so() {
    let recorder = Recorder::new(Sampling::never());
    let asks = service_fn(|_: Request<RequestBody<Body>>| async {
        let context = Context::current().span().span_context().clone();
        let text = format!("{} {}", context.trace_id(), context.is_sampled());
        Ok::<_, Infallible>(Response::new(Body::from(text)))
    });
    let parent = traced(&format!("00-{TRACE}-{SPAN}-00"));
    let Ok(response) = recorder.layer().layer(asks).oneshot(parent).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();

    assert_eq!(body, format!("{TRACE} false"));
    assert!(
        !Context::current().has_active_span(),
        "it ended with the poll"
    );
    assert_eq!(recorder.spans().len(), 0);
}

#[tokio::test]
async fn the_applications_spans_are_children() {
    let recorder = Recorder::new(Sampling::always());
    let provider = SdkTracerProvider::builder()
        .with_span_processor(SimpleSpanProcessor::new(recorder.exporter.clone()))
        .with_sampler(Sampling::always().for_application())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("application"));
    let filter = tracing_subscriber::filter::filter_fn(is_traced);
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    let works = service_fn(|_: Request<RequestBody<Body>>| async {
        tracing::info_span!("query").in_scope(|| {});
        Ok::<_, Infallible>(Response::new(Body::default()))
    });
    let service = recorder.layer().layer(works);
    let service = portcullis::request_id::RequestIdLayer::new().layer(service);

    let guard = tracing::subscriber::set_default(subscriber);
    let Ok(response) = service.oneshot(request("/")).await;
    response.into_body().collect().await.unwrap();
    drop(guard);

    let spans = recorder.spans();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(
        spans.len(),
        2,
        "the span for log lines is not traced: {spans:?}"
    );
    assert_eq!(
        named("query").parent_span_id,
        named("GET").span_context.span_id()
    );
    assert_eq!(
        named("query").span_context.trace_id(),
        named("GET").span_context.trace_id()
    );
}
