//! Several calls, and what goes on beside the trace.

use std::collections::HashSet;

use http::HeaderMap;
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use portcullis::Facts;
use portcullis_core::RequestId;

use super::{Lines, SPAN, Sent, TRACE, Way, calls, injected, request, right, trusted};
use crate::{ClientTraceLayer, Propagator, Sampling, Tracing};

async fn three_calls(lines: &[(&str, &str)]) -> [HashSet<String>; 2] {
    let tracing = Tracing::propagating(Sampling::never());
    let calls = calls(&tracing, trusted(lines), Way::Client, 3).await;
    let sent: Vec<_> = calls.iter().map(Sent::new).collect();
    let traces = sent.iter().map(|sent| sent.trace.clone()).collect();
    [traces, sent.into_iter().map(|sent| sent.span).collect()]
}

// test_multiple_requests_with_valid_traceparent
#[tokio::test]
async fn each_call_has_a_parent_of_its_own() {
    let [traces, spans] = three_calls(&[("traceparent", &right())]).await;

    assert_eq!(traces, HashSet::from([TRACE.to_owned()]));
    assert_eq!(spans.len(), 3);
}

// test_multiple_requests_without_traceparent
#[tokio::test]
async fn each_call_of_a_new_trace_has_a_parent_of_its_own() {
    let [traces, spans] = three_calls(&[]).await;

    assert_eq!((traces.len(), spans.len()), (1, 3));
}

// test_multiple_requests_with_illegal_traceparent
#[tokio::test]
async fn each_call_after_a_wrong_parent_has_one_of_its_own() {
    let zero = format!("00-{}-{SPAN}-01", "0".repeat(32));
    let [traces, spans] = three_calls(&[("traceparent", &zero)]).await;

    assert!(!traces.contains(&"0".repeat(32)));
    assert_eq!((traces.len(), spans.len()), (1, 3));
}

#[tokio::test]
async fn an_untrusted_peers_trace_starts_anew_by_default() {
    let parent = right();
    let lines = [("traceparent", &*parent), ("tracestate", "foo=1")];
    let tracing = Tracing::propagating(Sampling::never());
    let calls = calls(&tracing, request(&lines), Way::Client, 1).await;
    let sent = Sent::new(&calls[0]);

    assert_ne!(sent.trace, TRACE);
    assert_eq!(sent.state, None);
}

/// Of a request whose ID is known.
async fn id_sent(way: Way) -> Option<String> {
    let mut request = request(&[]);
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"an-id").unwrap());
    let tracing = Tracing::propagating(Sampling::never());
    // Made before the request comes.
    let _client = ClientTraceLayer::new();
    let calls = calls(&tracing, request, way, 1).await;
    let id = |headers: &HeaderMap| Some(headers.get("x-request-id")?.to_str().unwrap().to_owned());
    calls.first().and_then(id)
}

#[tokio::test]
async fn a_call_carries_the_requests_id() {
    assert_eq!(id_sent(Way::Client).await.as_deref(), Some("an-id"));
    assert_eq!(
        id_sent(Way::Propagator).await,
        None,
        "it is no part of the trace"
    );
}

#[tokio::test]
async fn what_the_application_sets_is_furthest_left() {
    let extracted = Lines::new(&[("traceparent", &right()), ("tracestate", "1@=a,b=2,c=3")]);
    let context = Propagator::new().extract_with_context(&Context::new(), &extracted);
    let inherited = context.span().span_context().clone();
    let own = TraceState::from_key_value([("new", "1"), ("c", "4")]).unwrap();
    let flags = TraceFlags::SAMPLED;
    let span = SpanContext::new(inherited.trace_id(), inherited.span_id(), flags, false, own);
    let same = injected(&context.with_remote_span_context(span.clone()));
    assert_eq!(same["tracestate"], "new=1,c=4,1@=a,b=2");

    let own = span.trace_state().clone();
    let other = SpanContext::new(1.into(), inherited.span_id(), flags, false, own);
    let other = injected(&context.with_remote_span_context(other));
    assert_eq!(other["tracestate"], "new=1,c=4", "it is another trace");
}

#[tokio::test]
async fn a_wrong_member_of_the_application_is_dropped_alone() {
    let extracted = Lines::new(&[("traceparent", &right()), ("tracestate", "1@=a,b=2")]);
    let context = Propagator::new().extract_with_context(&Context::new(), &extracted);
    let inherited = context.span().span_context().clone();
    let sent = |own: TraceState| {
        let (trace, span) = (inherited.trace_id(), inherited.span_id());
        let span = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, own);
        injected(&context.with_remote_span_context(span))
    };
    // All that the SDK's type takes.
    for wrong in ["", " ", "é", "a\tb", "a\r\nx: y"] {
        let own = TraceState::from_key_value([("wrong", wrong), ("new", "1")]).unwrap();
        assert_eq!(sent(own)["tracestate"], "new=1,1@=a,b=2", "{wrong:?}");
        let only = TraceState::from_key_value([("wrong", wrong)]).unwrap();
        assert_eq!(sent(only)["tracestate"], "1@=a,b=2", "{wrong:?}");
    }
    let wrong = TraceState::from_key_value([("b", "")]).unwrap();
    assert_eq!(sent(wrong)["tracestate"], "1@=a,b=2", "what came in stays");
}

#[tokio::test]
async fn a_full_list_loses_its_end_for_what_the_application_sets() {
    let members: Vec<_> = (0..32).map(|n| format!("k{n}=1")).collect();
    let list = members.join(",");
    let extracted = Lines::new(&[("traceparent", &right()), ("tracestate", &list)]);
    let context = Propagator::new().extract_with_context(&Context::new(), &extracted);
    let inherited = context.span().span_context().clone();
    let own = TraceState::from_key_value([("new", "1")]).unwrap();
    let span = SpanContext::new(
        inherited.trace_id(),
        inherited.span_id(),
        TraceFlags::SAMPLED,
        false,
        own,
    );
    let sent = injected(&context.with_remote_span_context(span));

    assert_eq!(
        sent["tracestate"],
        format!("new=1,{}", members[..31].join(","))
    );
}

#[test]
fn there_is_nothing_to_send_without_a_span() {
    assert!(injected(&Context::new()).is_empty());
    let fields: Vec<_> = Propagator::new().fields().map(str::to_owned).collect();
    assert_eq!(fields, ["traceparent", "tracestate", "baggage"]);
}
