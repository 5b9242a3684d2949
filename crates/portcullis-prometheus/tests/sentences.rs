//! Sentences of the docs, each held by a test.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, Response, StatusCode, request};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use portcullis::{
    Edge, Slot,
    guard::{Guard, Reply, Verdict},
};
use portcullis_core::RejectionKind;
use portcullis_prometheus::{Metrics, TextFormat};
use tower::{Layer, ServiceExt, service_fn};

struct Refuses(RejectionKind);

impl Guard for Refuses {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        self.0.into()
    }
}

/// docs/protocols.md: "Logs, metrics and traces of portcullis see the `Rejection` and its kind all the
/// same." observe/series/labels.rs: "`error.type`: see `Exchange::error_type`". docs/operations.md: "A
/// failure is an exchange with the `error_type` of a 5xx status".
#[tokio::test]
async fn a_grpc_call_that_is_refused_with_unavailable_is_a_failure_in_the_metrics() {
    for kind in [
        RejectionKind::Unavailable,
        RejectionKind::Overloaded,
        RejectionKind::Misconfigured,
    ] {
        let metrics = Metrics::new();
        let edge = Edge::new()
            .observe(metrics.clone())
            .guard(Slot::LoadShed, Refuses(kind))
            .build()
            .unwrap();
        let app =
            service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
        let request = Request::post("/a.B/C")
            .header("host", "localhost")
            .header("content-type", "application/grpc")
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = edge.layer(app).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let _ = response.into_body().collect().await;
        let page = metrics.encode();
        let line = page
            .lines()
            .find(|line| line.starts_with("http_server_request_duration_seconds_count"))
            .unwrap();
        let expected = format!("error_type=\"{}\"", kind.status().as_u16());
        assert!(line.contains(&expected), "{kind:?}: {line}");
    }
}

/// lib.rs: "or in OpenMetrics 1.0.0 where `Accept` prefers it" (RFC 9110, 5.6.6: a parameter's name is
/// case-insensitive, and a value that is quoted is the same as one that is not).
#[test]
fn accept_may_quote_a_parameter_and_write_its_name_in_any_case() {
    for accept in [
        "application/openmetrics-text;version=\"1.0.0\"",
        "application/openmetrics-text;Version=1.0.0",
        "application/openmetrics-text;version=1.0.0;charset=\"utf-8\"",
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("accept", accept.parse().unwrap());
        assert_eq!(
            TextFormat::preferred(&headers),
            TextFormat::OpenMetrics,
            "{accept}"
        );
    }
}

/// Yields one frame, then is pending, fails, panics or ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Ends,
    Hangs,
    Fails,
    Panics,
}

struct Slow(Way, u8);

impl Body for Slow {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.1 += 1;
        if self.1 == 1 {
            return Poll::Ready(Some(Ok(Frame::data("x".into()))));
        }
        match self.0 {
            Way::Ends => Poll::Ready(None),
            Way::Hangs => Poll::Pending,
            Way::Fails => Poll::Ready(Some(Err("broken"))),
            Way::Panics => panic!("in a body"),
        }
    }
}

fn value(page: &str, name: &str) -> f64 {
    let lines = page.lines().filter(|line| line.starts_with(name));
    lines
        .map(|line| {
            let line = line.split(" # ").next().unwrap();
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        })
        .sum()
}

/// README: "Observers hear of each once". The gauge is 0 in the end, and each is counted once.
#[tokio::test(start_paused = true)]
async fn each_ending_counts_once_and_the_gauge_returns_to_0() {
    let metrics = Metrics::new();
    let edge = Edge::new()
        .observe(metrics.clone())
        .timeout(portcullis::timeout::Timeout::new(
            std::time::Duration::from_secs(3),
        ))
        .build()
        .unwrap();
    let mut count = 0;
    for way in [Way::Ends, Way::Hangs, Way::Fails, Way::Panics] {
        for method in [Method::GET, Method::HEAD] {
            for status in [200, 304, 204, 101, 500] {
                // How far it is polled: not at all, to the head, a frame, all.
                for far in 0..4 {
                    let app = service_fn(move |_| async move {
                        let mut response = Response::new(Slow(way, 0));
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok::<_, Infallible>(response)
                    });
                    let request = Request::builder()
                        .method(method.clone())
                        .uri("/")
                        .header("host", "localhost")
                        .body(Full::<Bytes>::default())
                        .unwrap();
                    let mut call = Box::pin(edge.clone().layer(app).oneshot(request));
                    count += 1;
                    if far == 0 {
                        // The first poll begins it.
                        drop(call.as_mut().now_or_never());
                        drop(call);
                        continue;
                    }
                    let mut response = call.await.unwrap();
                    if far == 1 {
                        drop(response);
                        continue;
                    }
                    let _ = response.body_mut().frame().await;
                    if far == 3 {
                        let body = response.into_body().collect();
                        let limit = std::time::Duration::from_secs(600);
                        let _ = tokio::time::timeout(limit, body).await;
                    }
                }
            }
        }
    }
    let page = metrics.encode();
    assert_eq!(value(&page, "http_server_active_requests{"), 0.0, "{page}");
    let counted = value(&page, "http_server_request_duration_seconds_count");
    assert_eq!(counted, f64::from(count), "{page}");
}
