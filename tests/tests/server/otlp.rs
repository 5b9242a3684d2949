//! Spans reach a collector, and the last ones too.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    convert::Infallible,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use portcullis_tests::{
    demo::Demo,
    net::{Client, Server, request},
};
use tokio::time::{sleep, timeout};
use tower::service_fn;

/// What was posted: the path and the body.
type Posted = Arc<Mutex<Vec<(String, Bytes)>>>;

async fn collector(posted: Posted) -> Server {
    Server::start(service_fn(move |request: Request<Incoming>| {
        let posted = Arc::clone(&posted);
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            posted.lock().unwrap().push((path, body));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    }))
    .await
}

fn contains(posted: &Posted, text: &str) -> bool {
    let posted = posted.lock().unwrap();
    let holds = |body: &Bytes| body.windows(text.len()).any(|part| part == text.as_bytes());
    posted
        .iter()
        .any(|(path, body)| path == "/v1/traces" && holds(body))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_stopped_has_exported_its_last_span() {
    let posted = Posted::default();
    let collector = collector(Arc::clone(&posted)).await;
    let endpoint = format!("http://{}", collector.address());
    let mut demo = Demo::with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let address = demo.url().strip_prefix("http://").unwrap().parse().unwrap();
    let key = demo.key().to_owned();
    let mut client = Client::http1(address).await;
    let answer = client
        .ask(request("/api/hello?token=SECRET", &[("x-api-key", &key)]))
        .await;
    assert_eq!(answer.status, 200);

    let id = demo.process().id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .unwrap()
            .success()
    );
    drop(client);
    let ended = timeout(Duration::from_secs(20), async {
        while demo.process().try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    ended.await.unwrap();

    for text in [
        "GET /api/hello",
        "portcullis-demo",
        answer.header("x-request-id"),
        "token=REDACTED",
    ] {
        assert!(contains(&posted, text), "{text}");
    }
    assert!(!contains(&posted, "SECRET") && !contains(&posted, &key));
}
