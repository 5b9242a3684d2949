//! What hostile requests take while a collector is dead, stalled or healthy. Each is measured in a
//! process of its own, so that nothing else counts.

use std::{
    convert::Infallible,
    env, fs,
    net::TcpListener,
    process::{Command, Stdio},
    thread,
};

use http::{HeaderValue, Request, Response, header::USER_AGENT};
use http_body_util::BodyExt;
use portcullis::{ObserveLayer, body_limit::RequestBody};
use portcullis_test::request;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    Telemetry,
    tests::{
        Body,
        collector::{Collector, Mode},
    },
};

#[test]
fn hostile_user_agents_take_no_memory_whatever_the_collector_does() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", dead.local_addr().unwrap());
    let (stalled, healthy) = (
        Collector::start(Mode::Stalled),
        Collector::start(Mode::Healthy),
    );
    let cases = [
        (dead, "grpc", false),
        (stalled.url(), "http/protobuf", false),
        (stalled.url(), "grpc", false),
        (healthy.url(), "http/protobuf", true),
    ];
    let children = cases.map(|(endpoint, protocol, flush)| {
        thread::spawn(move || (measure(&endpoint, protocol, flush), endpoint, protocol))
    });
    for child in children {
        let (grown, endpoint, protocol) = child.join().unwrap();
        assert!(grown <= 32 * 1024, "{grown} KiB: {endpoint}, {protocol}");
    }
    let received = healthy.spans().len();
    assert!(received > 1000, "{received}");
}

/// Returns by how many KiB the other process has grown.
fn measure(endpoint: &str, protocol: &str, flush: bool) -> u64 {
    let name = "telemetry::tests::memory::grows";
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("FLUSH", flush.to_string())
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(child.stderr).unwrap();
    let grown = text
        .split("grown by ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    grown.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

#[tokio::test]
#[ignore = "it is the other process"]
async fn grows() {
    let telemetry = Telemetry::from_env("test").unwrap();
    let answer = |_: Request<RequestBody<Body>>| async {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    };
    let service = ObserveLayer::new(telemetry.tracing()).layer(service_fn(answer));
    let send = |n: usize| {
        let service = service.clone();
        async move {
            for _ in 0..n {
                let mut request = request("/a");
                let agent = HeaderValue::try_from("x".repeat(300_000)).unwrap();
                request.headers_mut().insert(USER_AGENT, agent);
                let Ok(response) = service.clone().oneshot(request).await;
                response.into_body().collect().await.unwrap();
            }
        }
    };
    send(10).await;
    let before = resident();
    let mut most = before;
    for _ in 0..60 {
        send(100).await;
        most = most.max(resident());
    }
    if env::var("FLUSH").is_ok_and(|flush| flush == "true") {
        telemetry.tracing().flush();
    }
    eprintln!("grown by {} KiB", most.max(resident()) - before);
}

/// In KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
