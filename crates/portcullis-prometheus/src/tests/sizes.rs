use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::BodyExt;
use portcullis::{ObserveLayer, body_limit::RequestBody};
use tower::{Layer, ServiceExt, service_fn};

use super::{Body, labels};
use crate::Metrics;

async fn echo_once_and_a_half(
    request: Request<RequestBody<Body>>,
) -> Result<Response<Body>, Infallible> {
    let read = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Body::from(
        [&read, &read[..read.len() / 2]].concat(),
    )))
}

#[tokio::test]
async fn sizes_and_the_time_are_summed_each_for_itself() {
    let metrics = Metrics::new();
    for body in ["four", "and six"] {
        let service = ObserveLayer::new(metrics.clone()).layer(service_fn(echo_once_and_a_half));
        let request = Request::new(Body::from(body));
        let response = service.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    let text = metrics.encode();
    let labels = labels("GET", "", "200", "");
    for line in [
        format!("http_server_request_body_size_bytes_sum{{{labels}}} 11.0"),
        format!("http_server_response_body_size_bytes_sum{{{labels}}} 16.0"),
        format!("http_server_request_duration_seconds_count{{{labels}}} 2"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
