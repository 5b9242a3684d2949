//! What is in the log records that a collector gets.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::BodyExt;
use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use portcullis::{
    ObserveLayer, access_log::AccessLog, body_limit::RequestBody, error_report::ErrorReports,
};
use portcullis_test::request;
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::layer::SubscriberExt;

use super::collectors::telemetry;
use crate::tests::{
    Body,
    collector::{Collector, Mode},
};

/// Runs this with the telemetry's layer, and returns the records that were received, and the spans.
async fn logged(run: impl AsyncFnOnce(&crate::Telemetry)) -> Collector {
    let collector = Collector::start(Mode::Healthy);
    let telemetry = telemetry(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]);
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let guard = tracing::subscriber::set_default(subscriber);
    run(&telemetry).await;
    drop(guard);
    telemetry.shutdown();
    collector
}

fn has(record: &LogRecord, name: &str) -> bool {
    record.attributes.iter().any(|own| own.key == name)
}

#[tokio::test]
async fn what_is_logged_when_an_exchange_has_ended_is_of_its_span() {
    let collector = logged(async |telemetry| {
        let log = AccessLog::to_tracing().build().unwrap();
        let answer = |_: Request<RequestBody<Body>>| async {
            let mut response = Response::new(Body::default());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            Ok::<_, Infallible>(response)
        };
        let observe = ObserveLayer::new(telemetry.tracing())
            .and(log)
            .and(ErrorReports::to_tracing());
        let service = observe.layer(service_fn(answer));
        let Ok(response) = service.oneshot(request("/")).await;
        response.into_body().collect().await.unwrap();
    })
    .await;

    let (spans, records) = (collector.spans(), collector.logs());
    assert_eq!((spans.len(), records.len()), (1, 2), "{records:?}");
    for record in &records {
        assert_eq!(record.trace_id, spans[0].trace_id, "{record:?}");
        assert_eq!(record.span_id, spans[0].span_id);
        assert!(!has(record, "trace_id") && !has(record, "span_id"));
    }
}

#[tokio::test]
async fn ids_that_are_none_stay_fields() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    let wrong = [
        (&TRACE[1..], SPAN),
        (TRACE, &SPAN[1..]),
        ("00000000000000000000000000000000", SPAN),
        (TRACE, "0000000000000000"),
        ("+bf92f3577b34da6a3ce929d0e0e4736", SPAN),
        ("4BF92F3577B34DA6A3CE929D0E0E4736", SPAN),
        ("é", "é"),
    ];
    let collector = logged(async |_| {
        for (trace_id, span_id) in wrong {
            tracing::info!(trace_id, span_id, "of the application");
        }
        tracing::info!(trace_id = 7, span_id = SPAN, "a number");
        tracing::info!(span_id = SPAN, "alone");
        tracing::info!(trace_id = TRACE, span_id = SPAN, "right");
        tracing::info!(trace_id = TRACE, "a trace alone");
    })
    .await;

    let records = collector.logs();
    assert_eq!(records.len(), wrong.len() + 4);
    let (right, wrong) = records.split_at(wrong.len() + 2);
    for record in right {
        assert!(
            record.trace_id.is_empty() && record.span_id.is_empty(),
            "{record:?}"
        );
        assert!(has(record, "span_id"));
    }
    let [both, trace] = wrong else { panic!() };
    assert_eq!(both.trace_id.len() + both.span_id.len(), 24);
    assert_eq!((trace.trace_id.len(), trace.span_id.len()), (16, 0));
}

#[tokio::test]
async fn a_line_about_an_exchange_is_not_of_the_span_that_is_around_it() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let collector = logged(async |_| {
        let outer = SpanContext::new(
            1.into(),
            2.into(),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let _outer = Context::new().with_remote_span_context(outer).attach();
        let (trace_id, span_id) = (TRACE, "00f067aa0ba902b7");
        tracing::info!(target: "portcullis::access", trace_id, span_id);
        tracing::info!(trace_id, span_id, "of an application, about another trace");
    })
    .await;

    let mut records = collector.logs();
    records.sort_by_key(|record| record.flags);
    let [line, other] = &records[..] else {
        panic!("{records:?}")
    };
    let number = u128::from_str_radix(TRACE, 16).unwrap();
    assert_eq!(
        (&line.trace_id[..], line.flags),
        (&number.to_be_bytes()[..], 0)
    );
    assert_eq!(other.trace_id, 1u128.to_be_bytes());
    assert!(has(other, "trace_id"));
}
