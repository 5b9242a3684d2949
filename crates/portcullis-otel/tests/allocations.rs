//! What an exchange costs that isn't sampled. A process of its own: a client anywhere in it counts.

#![expect(clippy::unwrap_used, reason = "tests")]

use http::{Request, request};
use portcullis_core::{Exchange, Facts, Observer, RequestId};
use portcullis_otel::{ClientTraceLayer, Sampling, Tracing};
use tokio::time::Instant;

fn head(fields: &[(&'static str, &str)]) -> request::Parts {
    let mut head = Request::new(()).into_parts().0;
    for (name, value) in fields {
        head.headers.insert(*name, value.parse().unwrap());
    }
    let facts = Facts::of_mut(&mut head.extensions);
    facts.set(RequestId::from_bytes([1; 16]));
    facts.trust_peer();
    head
}

/// Allocations from the beginning of an exchange to its end.
fn allocations(tracing: &Tracing, head: &request::Parts) -> u64 {
    let mut exchange = Exchange::new(head, Instant::now());
    let counted = allocation_counter::measure(|| {
        let scope = tracing.begin(&mut exchange, head);
        assert!(scope.is_some());
        tracing.end(&exchange);
    });
    counted.count_total
}

#[test]
fn what_is_not_sampled_costs_a_context_and_its_scope() {
    let tracing = Tracing::propagating(Sampling::never()).allow_baggage(["tenant"]);
    let parent = "00-12345678901234567890123456789012-1234567890123456-02";
    let traced = [("traceparent", parent), ("user-agent", "curl")];
    let with_state = [traced[0], ("tracestate", "foo=1,bar=2")];

    // The thread's random numbers are set up once.
    allocations(&tracing, &head(&[]));
    assert_eq!(allocations(&tracing, &head(&[])), 2);
    assert_eq!(allocations(&tracing, &head(&traced)), 2);
    let untrusted = Tracing::propagating(Sampling::never());
    assert_eq!(
        allocations(&untrusted, &head(&[("baggage", "tenant=1")])),
        2
    );

    let state = allocations(&tracing, &head(&with_state));
    let _client = ClientTraceLayer::new();
    let client = allocations(&tracing, &head(&traced));
    assert_eq!(client, 5, "the request's ID is in the context");
    assert!(state <= 20, "{state}");
}
