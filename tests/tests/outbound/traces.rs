//! One request's trace, baggage and ID, from a proxy through an edge to the service that its handler
//! calls, over real sockets and with the clients that people have.

use std::sync::{Arc, LazyLock, Mutex};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use opentelemetry::{
    global,
    trace::{SpanKind, TraceId},
};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor, SpanData,
};
use portcullis::outbound::Outbound;
use portcullis_otel::{ClientTraceLayer, Sampling, Tracing};
use portcullis_tests::net::{Answer, Client, Server};
use tower::{Layer, ServiceExt};

use super::clients::{hyper, reqwest_client};

/// The spans of all tests of this process: the provider is global.
static SPANS: LazyLock<InMemorySpanExporter> = LazyLock::new(|| {
    let spans = InMemorySpanExporter::default();
    let processor = SimpleSpanProcessor::new(spans.clone());
    let provider = SdkTracerProvider::builder().with_span_processor(processor);
    global::set_tracer_provider(provider.build());
    spans
});

/// What a service received.
type Received = Arc<Mutex<Vec<HeaderMap>>>;

/// A service that is called, and fails as often as it is told.
async fn upstream(failures: usize) -> (Server, Received) {
    let received = Received::default();
    let heads = Arc::clone(&received);
    let answer = move |headers: HeaderMap| async move {
        let mut heads = heads.lock().unwrap();
        heads.push(headers);
        if heads.len() <= failures {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        }
    };
    let app = Router::new().route("/stock", get(answer));
    (Server::start(app).await, received)
}

/// An edge behind a trusted proxy, and its traces.
async fn edge(app: Router) -> (Server, Tracing) {
    let processor = SimpleSpanProcessor::new(SPANS.clone());
    let tracing = Tracing::new(processor, Sampling::never()).allow_baggage(["tenant"]);
    let edge = portcullis_axum::edge()
        .observe(tracing.clone())
        .trust_proxies("127.0.0.1")
        .build()
        .unwrap();
    (Server::start(app.layer(edge)).await, tracing)
}

/// Asks the edge, as its proxy does.
async fn ask(edge: &Server, trace: TraceId) -> Answer {
    let request = Request::get("/")
        .header("host", "shop.example")
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-03"))
        .header("tracestate", "1a@2@3=x,congo=t61rcWkgMzE,congo=y")
        .header("baggage", "tenant=a%20b;p=1,role=admin")
        .header("x-request-id", "from-the-proxy");
    let mut client = Client::http1(edge.address()).await;
    client.ask(request.body(Full::default()).unwrap()).await
}

fn spans(trace: TraceId, kind: &SpanKind) -> Vec<SpanData> {
    let all = SPANS.get_finished_spans().unwrap().into_iter();
    let same = all.filter(|span| span.span_context.trace_id() == trace && span.span_kind == *kind);
    same.collect()
}

fn get_attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|kv| kv.key.as_str() == key);
    found.next().map(|kv| kv.value.to_string())
}

/// What one call carried: everything of the exchange, and its own span.
fn assert_carries(headers: &HeaderMap, call: &SpanData) {
    let (trace, span) = (call.span_context.trace_id(), call.span_context.span_id());
    assert_eq!(headers["traceparent"], format!("00-{trace}-{span}-03"));
    assert_eq!(headers["tracestate"], "1a@2@3=x,congo=t61rcWkgMzE");
    assert_eq!(headers["baggage"], "tenant=a%20b;p=1");
    assert_eq!(headers["x-request-id"], "from-the-proxy");
    for name in ["traceparent", "tracestate", "baggage", "x-request-id"] {
        assert_eq!(headers.get_all(name).iter().count(), 1, "{name}");
    }
}

/// Sends a request through an edge, whose application makes one call of the upstream.
async fn one_call(app: Router, upstream: &Server, received: &Received) {
    let trace =
        TraceId::from(0x1234_5678_9abc_def0_u128 << 32 | u128::from(upstream.address().port()));
    let (edge, tracing) = edge(app).await;
    let answer = ask(&edge, trace).await;
    assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "200 OK"));
    tracing.flush();

    let (served, called) = (
        spans(trace, &SpanKind::Server),
        spans(trace, &SpanKind::Client),
    );
    assert_eq!((served.len(), called.len()), (1, 1));
    let call = &called[0];
    assert_eq!(call.parent_span_id, served[0].span_context.span_id());
    let address = upstream.address();
    let port = address.port().to_string();
    let expected = [
        ("http.request.method", "GET".to_owned()),
        ("server.address", "127.0.0.1".to_owned()),
        ("server.port", port),
        ("url.full", format!("http://{address}/stock?token=REDACTED")),
        ("http.response.status_code", "200".to_owned()),
        ("network.protocol.version", "1.1".to_owned()),
    ];
    for (key, value) in expected {
        assert_eq!(get_attribute(call, key), Some(value), "{key}");
    }
    let received = received.lock().unwrap();
    assert_eq!(received.len(), 1);
    assert_carries(&received[0], call);
}

fn url(upstream: &Server) -> String {
    format!("http://{}/stock?token=secret", upstream.address())
}

#[tokio::test]
async fn a_call_of_hyper_utils_client_carries_everything() {
    LazyLock::force(&SPANS);
    let (upstream, received) = upstream(0).await;
    let client = ClientTraceLayer::new().layer(hyper());
    let url = url(&upstream);
    let handler = || async move {
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        client.oneshot(request).await.unwrap().status().to_string()
    };
    one_call(Router::new().route("/", get(handler)), &upstream, &received).await;
}

#[tokio::test]
async fn a_call_of_reqwest_carries_everything() {
    LazyLock::force(&SPANS);
    let (upstream, received) = upstream(0).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = ClientTraceLayer::new().layer(reqwest_client(client));
    let url = url(&upstream);
    let handler = || async move {
        let request = Request::get(url).body(reqwest::Body::from("")).unwrap();
        client.oneshot(request).await.unwrap().status().to_string()
    };
    one_call(Router::new().route("/", get(handler)), &upstream, &received).await;
}

#[tokio::test]
async fn a_call_in_a_task_of_its_own_carries_everything_with_its_context() {
    use opentelemetry::context::FutureExt;

    LazyLock::force(&SPANS);
    let (upstream, received) = upstream(0).await;
    let client = ClientTraceLayer::new().layer(hyper());
    let url = url(&upstream);
    let handler = || async move {
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        let call = client.oneshot(request).with_current_context();
        let response = tokio::spawn(call).await.unwrap();
        response.unwrap().status().to_string()
    };
    one_call(Router::new().route("/", get(handler)), &upstream, &received).await;
}

#[tokio::test(start_paused = true)]
async fn each_try_is_a_span_of_the_same_request() {
    LazyLock::force(&SPANS);
    let (upstream, received) = upstream(1).await;
    let outbound = Outbound::new().build().unwrap();
    let client = outbound.layer(ClientTraceLayer::new().layer(hyper()));
    let url = url(&upstream);
    let handler = || async move {
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        client.oneshot(request).await.unwrap().status().to_string()
    };
    let (edge, tracing) = edge(Router::new().route("/", get(handler))).await;
    let trace = TraceId::from(0xabcd_u128);
    let answer = ask(&edge, trace).await;
    assert_eq!(answer.text, "200 OK");
    tracing.flush();

    let served = spans(trace, &SpanKind::Server);
    let tries = spans(trace, &SpanKind::Client);
    let errors = tries.iter().map(|span| get_attribute(span, "error.type"));
    assert_eq!(errors.collect::<Vec<_>>(), [Some("503".to_owned()), None]);
    let received = received.lock().unwrap();
    for (headers, span) in received.iter().zip(&tries) {
        assert_eq!(span.parent_span_id, served[0].span_context.span_id());
        assert_carries(headers, span);
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_an_error_of_its_type() {
    LazyLock::force(&SPANS);
    let (upstream, _) = upstream(0).await;
    let address = upstream.address();
    upstream.stop().await;
    let client = ClientTraceLayer::new().layer(hyper());
    let handler = move || async move {
        let request = Request::get(format!("http://{address}/"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        client.oneshot(request).await.unwrap_err().to_string()
    };
    let (edge, tracing) = edge(Router::new().route("/", get(handler))).await;
    let trace = TraceId::from(0xdead_u128);
    ask(&edge, trace).await;
    tracing.flush();

    let called = spans(trace, &SpanKind::Client);
    let error = get_attribute(&called[0], "error.type").unwrap();
    assert_eq!(error, "hyper_util::client::legacy::client::Error");
}
