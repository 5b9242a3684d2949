//! What a stranger says of itself changes nothing; what a trusted proxy says counts.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::{Router, routing::get};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor};
use portcullis::{ClientIp, Quota};
use portcullis_axum::Fact;
use portcullis_otel::{Sampling, Tracing};
use portcullis_tests::net::{Answer, Client, Server, request};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Everything that a stranger may send.
fn forged(n: u8) -> Vec<(&'static str, String)> {
    vec![
        ("x-forwarded-for", format!("6.6.6.{n}")),
        ("x-forwarded-for", format!("7.7.7.{n}, 10.0.0.1")),
        ("forwarded", format!("for=6.6.6.{n};proto=https")),
        ("x-real-ip", format!("6.6.6.{n}")),
        ("true-client-ip", format!("6.6.6.{n}")),
        ("cf-connecting-ip", format!("6.6.6.{n}")),
        ("x-forwarded-proto", "https".to_owned()),
        ("x-request-id", format!("forged-{n}")),
        ("traceparent", TRACEPARENT.to_owned()),
    ]
}

async fn send(client: &mut Client, headers: &[(&str, String)]) -> Answer {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    client.ask(request("/", &headers)).await
}

/// A server that answers the client's address; nothing is sampled by itself.
async fn server(trusted: &str) -> (Server, Tracing, InMemorySpanExporter) {
    let exporter = InMemorySpanExporter::default();
    let tracing = Tracing::new(
        SimpleSpanProcessor::new(exporter.clone()),
        Sampling::never(),
    );
    let edge = portcullis_axum::edge()
        .observe(tracing.clone())
        .trust_proxies(trusted)
        .rate_limit(Quota::per_hour(5));
    let whoami = |Fact(ClientIp(ip)): Fact<ClientIp>| async move { ip.to_string() };
    let app = Router::new().route("/", get(whoami));
    let server = Server::start(app.layer(edge.build().unwrap())).await;
    (server, tracing, exporter)
}

#[tokio::test]
async fn a_stranger_is_who_it_is() {
    let (server, tracing, exporter) = server("").await;
    let mut client = Client::http1(server.address()).await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let answer = send(&mut client, &forged(n)).await;
        statuses.push(answer.status.as_u16());
        assert!(!answer.headers.contains_key("strict-transport-security"));
        assert_eq!(answer.header("x-request-id").len(), 36);
        if answer.status == 200 {
            assert_eq!(answer.text, "127.0.0.1");
        }
    }

    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
    tracing.flush();
    assert_eq!(exporter.get_finished_spans().unwrap().len(), 0);
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let (server, tracing, exporter) = server("127.0.0.1, 10.0.0.0/8").await;
    let mut client = Client::http2(server.address()).await;
    for n in 0..8 {
        let answer = send(&mut client, &forged(n)).await;

        assert_eq!(answer.status, 200, "each client has a quota of its own");
        assert_eq!(answer.text, format!("7.7.7.{n}"));
        assert!(answer.headers.contains_key("strict-transport-security"));
        assert_eq!(answer.header("x-request-id"), format!("forged-{n}"));
    }

    tracing.flush();
    let spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 8);
    let trace = spans[0].span_context.trace_id().to_string();
    assert!(TRACEPARENT.contains(&trace));
    assert!(TRACEPARENT.contains(&spans[0].parent_span_id.to_string()));
}
