use std::{convert::Infallible, future::pending, time::Duration};

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

use crate::{ParentPolicy, Sampling, Tracing, telemetry::is_traced};

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
        Self::with(sampling, |tracing| tracing)
    }

    fn with(sampling: Sampling, set: impl FnOnce(Tracing) -> Tracing) -> Self {
        let exporter = InMemorySpanExporter::default();
        let processor = SimpleSpanProcessor::new(exporter.clone());
        Self {
            exporter,
            tracing: set(Tracing::new(processor, sampling)),
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

/// Of a trusted peer.
fn trusted(parent: &str) -> Request<Body> {
    let mut request = traced(parent);
    Facts::of_mut(request.extensions_mut()).trust_peer();
    request
}

#[tokio::test]
async fn no_secret_is_exported() {
    let key = "pk_4fzq0m8c1x7d_0123456789abcdefghijABCDEFGHIJ0123456789abc4iBoSt";
    let recorder = Recorder::new(Sampling::always());
    let mut request = request(&format!(
        "/a/{key}?x={key}&%61PI-key=hunter2&id_token=hunter2"
    ));
    let agent = format!("curl {key}").parse().unwrap();
    request.headers_mut().insert("user-agent", agent);
    let span = recorder.span(request).await;

    let exported = format!("{span:?}");
    assert!(
        !exported.contains(key) && !exported.contains("hunter2"),
        "{exported}"
    );
    assert_eq!(get(&span, "url.path").unwrap(), "/a/REDACTED");
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
async fn a_trusted_peers_trace_goes_on() {
    let recorder = Recorder::new(Sampling::always());
    let mut request = trusted(&format!("00-{TRACE}-{SPAN}-01"));
    request
        .headers_mut()
        .insert("tracestate", "vendor=1".parse().unwrap());
    let span = recorder.span(request).await;

    assert_eq!(span.span_context.trace_id().to_string(), TRACE);
    assert_eq!(span.parent_span_id.to_string(), SPAN);
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "vendor=1");
    assert!(span.links.is_empty());
}

#[tokio::test]
async fn a_wrong_context_starts_a_new_trace_without_state() {
    let recorder = Recorder::new(Sampling::always());
    let mut request = trusted(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()));
    request
        .headers_mut()
        .insert("tracestate", "vendor=1".parse().unwrap());
    let span = recorder.span(request).await;

    assert_ne!(span.span_context.trace_id().to_string(), TRACE);
    assert!(!span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), "");
    assert!(span.links.is_empty(), "there is nothing to link to");
}

#[tokio::test]
async fn untrusted_peers_do_not_decide_what_is_recorded() {
    let recorder = Recorder::with(Sampling::never(), |tracing| {
        tracing.parents(ParentPolicy::Continue)
    });
    let service = recorder.layer().layer(service_fn(answer));
    let sampled = format!("00-{TRACE}-{SPAN}-01");

    for request in [traced(&sampled), trusted(&sampled)] {
        let Ok(response) = service.clone().oneshot(request).await;
        response.into_body().collect().await.unwrap();
    }
    assert_eq!(recorder.spans().len(), 1, "the trusted peer's");
}

/// Whose trace goes on, for each policy: (an untrusted peer's, a trusted peer's).
#[tokio::test]
async fn a_trace_goes_on_or_is_linked() {
    let policies = [
        (ParentPolicy::Continue, true, true),
        (ParentPolicy::Restart, false, false),
        (ParentPolicy::RestartUnlessTrusted, false, true),
        (ParentPolicy::default(), false, true),
    ];
    let parent = format!("00-{TRACE}-{SPAN}-03");
    for (policy, untrusted, of_trusted) in policies {
        let recorder = Recorder::with(Sampling::always(), |tracing| tracing.parents(policy));
        for (request, goes_on) in [(traced(&parent), untrusted), (trusted(&parent), of_trusted)] {
            let span = recorder.span(request).await;
            let is_same = span.span_context.trace_id().to_string() == TRACE;
            assert_eq!(is_same, goes_on, "{policy:?}");
            assert_eq!(span.parent_span_is_remote, goes_on, "{policy:?}");

            let linked: Vec<_> = span.links.iter().map(|link| &link.span_context).collect();
            assert_eq!(linked.len(), usize::from(!goes_on), "{policy:?}");
            for old in linked {
                assert_eq!(old.trace_id().to_string(), TRACE);
                assert_eq!(old.span_id().to_string(), SPAN);
                assert!(old.is_remote() && old.trace_flags().to_u8() == 3);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_and_slow_exchanges_are_for_samplers_to_keep() {
    let limit = Duration::from_secs(1);
    let recorder = Recorder::with(Sampling::always(), |tracing| tracing.slow_after(limit));
    let priority = |span: &SpanData| get(span, "sampling.priority");
    let ordinary = recorder.span(request("/")).await;
    assert_eq!(priority(&ordinary), None);
    let missing = recorder.span(request("/?404")).await;
    assert_eq!(priority(&missing), None);
    let broken = recorder.span(request("/?500")).await;
    assert_eq!(priority(&broken).as_deref(), Some("1"));

    let slow = service_fn(|request: Request<RequestBody<Body>>| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer(request).await
    });
    let Ok(response) = recorder.layer().layer(slow).oneshot(request("/")).await;
    response.into_body().collect().await.unwrap();
    let slow = recorder.spans().pop().unwrap();
    assert_eq!(priority(&slow).as_deref(), Some("1"));
}

#[tokio::test]
async fn probes_may_be_left_out() {
    for (leaves_out, expected) in [(false, 2), (true, 1)] {
        let recorder = Recorder::with(Sampling::always(), |tracing| {
            if leaves_out {
                tracing.without_probes()
            } else {
                tracing
            }
        });
        let health = portcullis::Health::new();
        let edge = portcullis::Edge::new().observe(recorder.tracing.clone());
        let edge = edge.health(&health).build().unwrap();
        for path in ["/ready", "/other"] {
            let service = edge.layer(service_fn(answer));
            let Ok(response) = service.oneshot(request(path)).await;
            response.into_body().collect().await.unwrap();
        }

        assert_eq!(recorder.spans().len(), expected);
    }
}

#[tokio::test]
async fn two_services_with_one_ratio_agree() {
    let sampling = Sampling::ratio(0.5);
    let (one, other) = (Recorder::new(sampling), Recorder::new(sampling));
    for recorder in [&one, &other] {
        let tracing = recorder.tracing.clone().parents(ParentPolicy::Continue);
        let service = ObserveLayer::new(tracing).layer(service_fn(answer));
        for trace in 1..=100_u128 {
            let trace = trace.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            let request = traced(&format!("00-{trace:032x}-{SPAN}-03"));
            let Ok(response) = service.clone().oneshot(request).await;
            response.into_body().collect().await.unwrap();
        }
    }
    let ids = |recorder: &Recorder| -> Vec<_> {
        let spans = recorder.spans();
        spans
            .iter()
            .map(|span| span.span_context.trace_id())
            .collect()
    };

    assert!((25..75).contains(&ids(&one).len()));
    assert_eq!(ids(&one), ids(&other));
}

#[tokio::test]
async fn what_is_not_sampled_leaves_a_context_that_says_so() {
    let recorder = Recorder::new(Sampling::never());
    let asks = service_fn(|_: Request<RequestBody<Body>>| async {
        let context = Context::current().span().span_context().clone();
        let text = format!("{} {}", context.trace_id(), context.is_sampled());
        Ok::<_, Infallible>(Response::new(Body::from(text)))
    });
    let parent = trusted(&format!("00-{TRACE}-{SPAN}-00"));
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
