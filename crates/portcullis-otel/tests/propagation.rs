//! A handler whose client uses OpenTelemetry's global propagator, and nothing else of ours. A process of
//! its own: a client layer anywhere in it would put more into the context.

use std::{collections::HashMap, convert::Infallible};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use opentelemetry::{Context, global};
use portcullis::{Facts, ObserveLayer};
use portcullis_otel::{Propagator, Sampling, Tracing};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test]
async fn what_level_2_has_goes_on_without_an_exporter_and_without_a_client_of_ours() {
    global::set_text_map_propagator(Propagator::new());
    let (sender, received) = std::sync::mpsc::channel();
    let handler = service_fn(move |_| {
        let mut fields = HashMap::new();
        global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&Context::current(), &mut fields);
        });
        sender.send(fields).unwrap();
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let mut request = Request::get("/")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02",
        )
        .header("tracestate", "t@v@w=1,foo=1,foo=2")
        .header("baggage", "tenant=a%20b,other=1")
        .body(Full::<Bytes>::default())
        .unwrap();
    Facts::of_mut(request.extensions_mut()).trust_peer();
    let tracing = Tracing::propagating(Sampling::always()).allow_baggage(["tenant"]);
    let Ok(response) = ObserveLayer::new(tracing)
        .layer(handler)
        .oneshot(request)
        .await;
    response.into_body().collect().await.unwrap();

    let sent = received.recv().unwrap();
    let parent = &sent["traceparent"];
    assert!(parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert!(
        parent.ends_with("-02") && !parent.contains("00f067aa0ba902b7"),
        "{parent}"
    );
    assert_eq!(sent["tracestate"], "t@v@w=1,foo=1");
    assert_eq!(sent["baggage"], "tenant=a%20b");
    assert_eq!(sent.len(), 3);
}
