//! What is in the spans that a collector gets.

use std::convert::Infallible;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::{common::v1::any_value::Value, trace::v1::Span};
use portcullis::{Facts, ObserveLayer, Scheme, body_limit::RequestBody};
use portcullis_test::request;
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::layer::SubscriberExt;

use super::collectors::telemetry;
use crate::tests::{
    Body,
    collector::{Collector, Mode},
};

/// Sends one request, and returns the spans that were received.
async fn spans(set: &[(&str, &str)], request: Request<Body>) -> Vec<Span> {
    let collector = Collector::start(Mode::Healthy);
    let url = collector.url();
    let mut all = set.to_vec();
    all.push(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url));
    let telemetry = telemetry(&all);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let guard = tracing::subscriber::set_default(subscriber);
    let answer = |_: Request<RequestBody<Body>>| async {
        tracing::info_span!("own", long = "x".repeat(100)).in_scope(|| {});
        Ok::<_, Infallible>(Response::new(Body::default()))
    };
    let service = ObserveLayer::new(telemetry.tracing()).layer(service_fn(answer));
    let Ok(response) = service.oneshot(request).await;
    response.into_body().collect().await.unwrap();
    drop(guard);
    telemetry.shutdown();
    collector.spans()
}

async fn server(host: &str, scheme: Scheme) -> (Option<Value>, Option<Value>) {
    let mut request = request("/");
    request.headers_mut().insert("host", host.parse().unwrap());
    Facts::of_mut(request.extensions_mut()).set(scheme);
    let span = spans(&[], request).await.remove(1);
    (get(&span, "server.address"), get(&span, "server.port"))
}

fn get(span: &Span, key: &str) -> Option<Value> {
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.clone()
}

fn text(text: &str) -> Option<Value> {
    Some(Value::StringValue(text.to_owned()))
}

#[tokio::test]
async fn the_servers_address_has_no_port_and_its_port_is_the_schemes_where_none_is_written() {
    let cases = [
        ("example.com:8080", Scheme::Http, "example.com", Some(8080)),
        ("example.com", Scheme::Http, "example.com", Some(80)),
        ("example.com:", Scheme::Http, "example.com", Some(80)),
        ("example.com", Scheme::Https, "example.com", Some(443)),
        ("[::1]:3000", Scheme::Http, "::1", Some(3000)),
        ("[::1]", Scheme::Https, "::1", Some(443)),
        ("example.com:http", Scheme::Http, "example.com", None),
        ("example.com:99999", Scheme::Http, "example.com", None),
    ];
    for (host, scheme, address, port) in cases {
        let found = server(host, scheme).await;
        assert_eq!(found, (text(address), port.map(Value::IntValue)), "{host}");
    }
}

#[tokio::test]
async fn methods_are_known_by_the_variable() {
    let purge = || {
        let mut request = request("/");
        *request.method_mut() = Method::from_bytes(b"PURGE").unwrap();
        request
    };
    let known = [("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PURGE, POST")];
    let with = spans(&known, purge()).await.remove(1);
    let without = spans(&[], purge()).await.remove(1);
    let other = spans(&known, request("/")).await.remove(1);

    assert_eq!(
        (&*with.name, get(&with, "http.request.method")),
        ("PURGE", text("PURGE"))
    );
    assert_eq!(
        (&*without.name, get(&without, "http.request.method")),
        ("HTTP", text("_OTHER"))
    );
    assert_eq!(get(&other, "http.request.method_original"), text("GET"));
}

#[tokio::test]
async fn limits_count_for_the_edges_spans_and_for_the_applications() {
    let limits = [
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "3"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4"),
    ];
    let found = spans(&limits, request("/long/path")).await;

    for span in &found {
        assert_eq!(span.attributes.len(), 3, "{span:?}");
        assert!(span.dropped_attributes_count > 0);
        for attribute in &span.attributes {
            if let Some(Value::StringValue(text)) = &attribute.value.as_ref().unwrap().value {
                assert!(text.len() <= 4, "{attribute:?}");
            }
        }
    }
    assert_eq!(found.len(), 2);
}
