use std::time::Duration;

use http::{HeaderName, StatusCode, request};
use portcullis_core::{
    AuthScheme, Cause, ConfigError, Exchange, Facts, Guard, ManualClock, Observer, PeerAddr,
    Principal, Reason, Rejection, RejectionKind, Reply, Scope, TraceContext, Verdict, WallClock,
};
use portcullis_test::{Body, Test, after, echo, logged, request, send, service, text};
use serde_json::{Value, json};
use tower::Layer;

use super::{AccessLog, AccessLogBuilder, Written, edge, flushed};
use crate::{RequestId, Slot};

/// An observer that sets a trace, as one that opens spans does.
pub(super) struct Traced {
    pub(super) trace_id: u128,
    pub(super) parent_id: Option<u64>,
}

impl Observer for Traced {
    fn begin(&self, exchange: &mut Exchange, _: &request::Parts) -> Option<Scope> {
        exchange.set_trace(TraceContext {
            trace_id: self.trace_id,
            span_id: 0xB7,
            parent_id: self.parent_id,
            flags: 0,
            state: None,
            link: None,
        });
        None
    }

    fn end(&self, _: &Exchange) {}
}

/// A guard that knows who asks, or refuses it.
#[derive(Clone)]
pub(super) struct Knows(pub(super) Result<Principal, Rejection>);

impl Guard for Knows {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        match &self.0 {
            Ok(principal) => {
                Facts::of_mut(&mut head.extensions).set(principal.clone());
                Verdict::Admit
            }
            Err(rejection) => Verdict::Reject(rejection.clone()),
        }
    }
}

/// Sends a request, and reads its response to the end.
async fn ask<B>(service: impl Test<Body, B>, request: http::Request<Body>)
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    text(send(service, request).await).await;
}

fn full_request() -> http::Request<Body> {
    let mut request = request("/users/7?page=2&Api-Key=hunter2");
    for (name, value) in [
        ("host", "example.com"),
        ("user-agent", "curl/8 \"x\""),
        ("referer", "https://a.example/?token=hunter2"),
        ("x-tenant", "acme"),
    ] {
        let name = HeaderName::from_static(name);
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let facts = Facts::of_mut(request.extensions_mut());
    facts.set(PeerAddr("203.0.113.9:4711".parse().unwrap()));
    facts.set(RequestId::parse(b"abc-1").unwrap());
    request
}

fn alice() -> Principal {
    let alice = Principal::new("alice").with_key("4fzq");
    alice.with_scheme(AuthScheme::ApiKey)
}

fn all_that_is_known() -> Value {
    json!({
        "timestamp": "2026-01-31T23:59:59.000Z",
        "level": "INFO",
        "target": "portcullis::access",
        "request_id": "abc-1",
        "trace_id": "00000000000000000000000000004bf9",
        "span_id": "00000000000000b7",
        "client.address": "203.0.113.9",
        "network.peer.address": "203.0.113.9",
        "network.peer.port": 4711,
        "http.request.method": "GET",
        "http.route": "/users/{id}",
        "url.path": "/users/7",
        "url.query": "page=2&Api-Key=REDACTED",
        "url.scheme": "http",
        "server.address": "example.com",
        "server.port": 80,
        "network.protocol.version": "1.1",
        "user_agent.original": "curl/8 \"x\"",
        "http.request.header.referer": "https://a.example/?token=REDACTED",
        "http.request.header.x-tenant": "acme",
        "http.request.body.size": 0,
        "http.response.status_code": 200,
        "http.response.body.size": 0,
        "time_to_head_ms": 12.0,
        "duration_ms": 12.0,
        "outcome": "complete",
        "user.id": "alice",
        "auth.scheme": "api_key",
        "auth.key_id": "4fzq",
    })
}

#[tokio::test(start_paused = true)]
async fn a_line_has_all_that_is_known() {
    let (written, date) = (Written::default(), ManualClock::new(1_769_903_999));
    let log = written.builder().request_header("x-tenant");
    let log = log.clock(WallClock::from(&date)).build().unwrap();
    let edge = edge(&log)
        .route_from(|_| Some("/users/{id}"))
        .observe(Traced {
            trace_id: 0x4bf9,
            parent_id: None,
        })
        .guard(Slot::Authentication, Knows(Ok(alice())));
    let layer = edge.build().unwrap();
    let slow = after(Duration::from_micros(12_000));
    ask(layer.layer(slow), full_request()).await;
    // Paused, the time for a flush is over at once.
    drop((layer, log));

    let [line] = &written.lines()[..] else {
        panic!("{}", written.text());
    };
    let expected = all_that_is_known();
    let (mut line, mut expected) = (line.clone(), expected);
    for times in [&mut line, &mut expected] {
        // A timer may be a millisecond late.
        for time in ["time_to_head_ms", "duration_ms"] {
            let millis = times[time].take().as_f64().unwrap();
            assert!((12.0..14.0).contains(&millis), "{millis}");
        }
    }
    assert_eq!(line, expected);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let written = Written::default();
    let log = written.builder().build().unwrap();
    let cause = Cause::new(AuthScheme::ApiKey, Reason::WrongSecret).with_subject("4fzq");
    let rejection = Rejection::new(RejectionKind::Unauthenticated).with_cause(cause);
    let rejection = rejection
        .with_violated_policy("a")
        .with_violated_policy("b");
    let edge = edge(&log).guard(Slot::Authentication, Knows(Err(rejection)));
    ask(edge.build().unwrap().layer(echo()), request("/")).await;
    flushed(&log).await;

    let line = &written.lines()[0];
    let expected = [
        ("level", "WARN"),
        ("outcome", "refused"),
        ("refusal.kind", "unauthenticated"),
        ("refusal.reason", "wrong_secret"),
        ("refusal.subject", "4fzq"),
        ("refusal.policy", "a, b"),
    ];
    for (name, value) in expected {
        assert_eq!(line[name], value, "{line}");
    }
}

#[tokio::test]
async fn what_the_server_did_wrong_is_an_error() {
    let written = Written::default();
    let log = written.builder().build().unwrap();
    let broken = service(|_| -> String { panic!("no") });
    ask(edge(&log).build().unwrap().layer(broken), request("/")).await;
    flushed(&log).await;

    let line = &written.lines()[0];
    assert_eq!(
        (&line["level"], &line["outcome"]),
        (&json!("ERROR"), &json!("panicked"))
    );
    assert_eq!(line["error.type"], "panic");
}

/// Statuses that were logged, of requests with such statuses.
async fn logged_statuses(builder: AccessLogBuilder, written: &Written, traced: bool) -> Vec<Value> {
    let log = builder.build().unwrap();
    for at in 0..2000_u32 {
        // As random as traces are, and the same each time.
        let random = u128::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let trace = traced.then_some(Traced {
            trace_id: random,
            parent_id: None,
        });
        let layer = edge(&log).observe(trace).build().unwrap();
        let answer = service(move |_| String::new());
        let status =
            tower::util::MapResponse::new(answer, move |mut response: http::Response<Body>| {
                if at % 4 == 3 {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
                response
            });
        ask(layer.layer(status), request("/")).await;
    }
    flushed(&log).await;
    let lines = written.lines();
    lines
        .iter()
        .map(|line| line["http.response.status_code"].clone())
        .collect()
}

#[tokio::test]
async fn successes_are_sampled_and_errors_never() {
    for traced in [false, true] {
        let written = Written::default();
        let builder = written.builder().sample_successes(0.1);
        let statuses = logged_statuses(builder, &written, traced).await;

        let errors = statuses.iter().filter(|status| **status == 404).count();
        assert_eq!(errors, 500);
        let successes = statuses.len() - errors;
        assert!((100..200).contains(&successes), "{successes} of 1500");
    }
    let written = Written::default();
    let statuses = logged_statuses(written.builder().sample_successes(0.0), &written, true).await;
    assert_eq!(statuses.len(), 500);
}

#[tokio::test]
async fn a_client_can_not_choose_to_be_left_out() {
    let written = Written::default();
    let log = written.builder().sample_successes(0.5).build().unwrap();
    for _ in 0..100 {
        // The lowest of all, as an untrusted peer sent it.
        let traced = Traced {
            trace_id: 1 << 64,
            parent_id: Some(1),
        };
        let layer = edge(&log).observe(traced).build().unwrap();
        ask(layer.layer(echo()), request("/")).await;
    }
    flushed(&log).await;

    assert!((20..80).contains(&written.lines().len()));
}

#[test]
fn a_header_with_secrets_is_an_error_of_construction() {
    let secret = [
        "Authorization",
        "cookie",
        "Set-Cookie",
        "x-api-key",
        "Proxy-Authorization",
        "x-auth-token",
    ];
    let builder = secret.iter().fold(AccessLog::to_stdout(), |builder, name| {
        builder.request_header(name)
    });
    let error = builder
        .request_header("a b")
        .sample_successes(f64::NAN)
        .capacity(7)
        .build()
        .unwrap_err();

    assert_eq!(error.problems().count(), secret.len() + 3, "{error}");
    assert!(
        error.to_string().contains("\"authorization\" has secrets"),
        "{error}"
    );
    let problems = |builder: AccessLogBuilder| -> ConfigError { builder.build().unwrap_err() };
    problems(AccessLog::to_tracing().human());
    problems(AccessLog::to_file("/no/such/folder/access.log"));
}

#[tokio::test]
async fn a_line_for_people() {
    let (written, date) = (Written::default(), ManualClock::new(0));
    let log = |builder: AccessLogBuilder| builder.clock(WallClock::from(&date)).build().unwrap();
    let plain = log(written.builder().human().request_header("x-tenant"));
    let coloured = log(written.builder().human_in_colour());
    for log in [&plain, &coloured] {
        let edge = edge(log).guard(Slot::Authentication, Knows(Ok(alice())));
        ask(edge.build().unwrap().layer(echo()), full_request()).await;
        flushed(log).await;
    }

    let text = written.text();
    let [plain, coloured] = &text.lines().collect::<Vec<_>>()[..] else {
        panic!("{text}");
    };
    let start = "1970-01-01T00:00:00.000Z GET /users/7?page=2&Api-Key=REDACTED";
    assert!(plain.starts_with(&format!("{start} 200 ")), "{plain}");
    let end = " 0B client=203.0.113.9 user=\"alice\" id=abc-1 agent=\"curl/8 \\\"x\\\"\" x-tenant=\"acme\"";
    assert!(plain.ends_with(end), "{plain}");
    assert!(
        coloured.starts_with(&format!("{start} \u{1b}[32m200\u{1b}[0m ")),
        "{coloured}"
    );
}

#[tokio::test]
async fn a_line_may_go_through_tracing() {
    let log = AccessLog::to_tracing()
        .request_header("x-tenant")
        .build()
        .unwrap();
    let edge = edge(&log).guard(Slot::Authentication, Knows(Ok(alice())));
    let layer = edge.build().unwrap();
    let (lines, _) = logged(ask(layer.layer(echo()), full_request())).await;

    let line = lines
        .lines()
        .find(|line| line.contains("portcullis::access"))
        .unwrap();
    for field in [
        "INFO",
        "request_id=abc-1",
        "url.path=\"/users/7\"",
        "url.query=\"page=2&Api-Key=REDACTED\"",
        "http.response.status_code=200",
        "outcome=\"complete\"",
        "user.id=\"alice\"",
        "x-tenant=\\\"acme\\\"",
    ] {
        assert!(line.contains(field), "{field} in {line}");
    }
}
