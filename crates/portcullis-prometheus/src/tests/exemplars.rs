use http::{Request, request};
use http_body_util::BodyExt;
use portcullis::{Edge, Exchange, Observer, Scope, observe::TraceContext};
use tower::{Layer, ServiceExt, service_fn};

use super::{Body, answer};
use crate::Metrics;

/// Stands for what opens spans.
struct Traces {
    flags: u8,
}

impl Observer for Traces {
    fn begin(&self, exchange: &mut Exchange, _: &request::Parts) -> Option<Scope> {
        exchange.set_trace(TraceContext {
            trace_id: 0xabc,
            span_id: 0xde,
            parent_id: None,
            flags: self.flags,
            state: None,
            link: None,
        });
        None
    }

    fn end(&self, _: &Exchange) {}
}

async fn of_a_trace_with(flags: u8) -> String {
    let metrics = Metrics::new();
    let edge = Edge::new()
        .observe(Traces { flags })
        .observe(metrics.clone());
    let service = edge.build().unwrap().layer(service_fn(answer));
    let request = Request::builder().header("host", "a").body(Body::default());
    let response = service.oneshot(request.unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    metrics.encode()
}

/// Nobody finds a trace that was not sampled (W3C Trace Context, level 2, section 3.2.2.5.1): the flag
/// `random` says nothing of that.
#[tokio::test]
async fn only_a_sampled_trace_is_an_exemplar() {
    let exemplar = format!(
        "# {{trace_id=\"{:032x}\",span_id=\"{:016x}\"}} ",
        0xabc, 0xde
    );
    for (flags, is_sampled) in [(0, false), (1, true), (2, false), (3, true)] {
        let text = of_a_trace_with(flags).await;
        assert_eq!(text.contains(&exemplar), is_sampled, "{flags}\n{text}");
    }
}
