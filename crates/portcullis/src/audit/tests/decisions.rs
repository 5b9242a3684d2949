//! What becomes an event, and what is in it.

use std::convert::Infallible;

use http::{Request, Response, request};
use portcullis_core::{
    AuthScheme, Cause, Facts, Guard, ManualClock, PeerAddr, Principal, Reason, Rejection,
    RejectionKind, Reply, RequestId, Verdict, WallClock,
};
use portcullis_test::{Body, OwnBody, send, text};
use tower::{Layer, service_fn};

use super::*;
use crate::{
    Edge, Slot,
    audit::{Audit, AuditBuilder, Decision, Event, FileSink, OnFull},
    cross_site::CrossSite,
};

/// Lets alice in, and refuses all others for what the path says.
struct ByPath;

impl Guard for ByPath {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        let reason = match head.uri.path() {
            "/none" => Reason::NoCredentials,
            "/wrong" => Reason::WrongSecret,
            "/signature" => Reason::BadSignature,
            "/locked" => Reason::LockedOut,
            "/down" => return RejectionKind::Unavailable.into(),
            _ => {
                let alice = Principal::new("alice").with_scheme(AuthScheme::ApiKey);
                let facts = Facts::of_mut(&mut head.extensions);
                facts.set(alice.with_key("k1"));
                return Verdict::Admit;
            }
        };
        let cause = Cause::new(AuthScheme::Signature, reason).with_subject("k2");
        let rejection = Rejection::new(RejectionKind::Unauthenticated);
        rejection.with_cause(cause).into()
    }
}

/// What alice may not do.
struct ByScope;

impl Guard for ByScope {
    fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
        if head.uri.path() != "/scope" {
            return Verdict::Admit;
        }
        let cause = Cause::new(AuthScheme::ApiKey, Reason::InsufficientScope);
        let rejection = Rejection::new(RejectionKind::Forbidden);
        rejection.with_cause(cause).into()
    }
}

async fn hello<B>(_: Request<B>) -> Result<Response<OwnBody>, Infallible> {
    Ok(Response::new("hello".into()))
}

fn ask(path: &str) -> Request<Body> {
    let mut request = portcullis_test::request(path);
    let facts = Facts::of_mut(request.extensions_mut());
    facts.set(PeerAddr("203.0.113.9:1234".parse().unwrap()));
    request
}

fn forged() -> Request<Body> {
    let mut request = ask("/");
    *request.method_mut() = http::Method::POST;
    let site = http::HeaderValue::from_static("cross-site");
    request.headers_mut().insert("sec-fetch-site", site);
    request
}

/// Sends requests to an edge that is audited, and returns what became of it.
async fn audited(
    requests: Vec<Request<Body>>,
    set: fn(AuditBuilder) -> AuditBuilder,
) -> Vec<AuditEvent> {
    let kept = Kept::default();
    let builder = Audit::builder(kept.clone(), OnFull::Drop);
    let clock = WallClock::from(&ManualClock::new(1_769_903_999));
    let audit = set(builder.clock(clock)).build().unwrap();
    let edge = edge(&audit).build().unwrap();
    for request in requests {
        text(send(edge.layer(service_fn(hello)), request).await).await;
    }
    audit.flush(SOON).await.unwrap();
    kept.events()
}

fn edge(audit: &Audit) -> Edge {
    Edge::new()
        .observe(audit.clone())
        .cross_site(CrossSite::new())
        .route_from(|_| Some("/users/{id}"))
        .guard(Slot::Authentication, ByPath)
        .guard(Slot::Authorization, ByScope)
}

fn all(requests: &[&str]) -> Vec<Request<Body>> {
    requests.iter().map(|path| ask(path)).collect()
}

#[tokio::test]
async fn every_decision_becomes_an_event() {
    let paths = [
        "/",
        "/none",
        "/wrong",
        "/signature",
        "/locked",
        "/scope",
        "/down",
    ];
    let mut requests = all(&paths);
    requests.push(forged());
    let events = audited(requests, |audit| audit).await;

    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.decision.name(), event.reason.unwrap_or("-")))
        .collect();
    assert_eq!(
        seen,
        [
            ("allowed", "-"),
            ("denied", "no_credentials"),
            ("denied", "wrong_secret"),
            ("denied", "bad_signature"),
            ("locked_out", "locked_out"),
            ("denied", "insufficient_scope"),
            ("denied", "cross_site"),
        ]
    );
    let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn an_event_says_who_and_where_and_never_the_path() {
    let events = audited(all(&["/users/7", "/wrong", "/scope"]), |audit| audit).await;

    let id = events[0].request_id.clone().unwrap();
    assert!(RequestId::parse(id.as_bytes()).is_ok());
    assert_eq!(
        events[0].to_json(),
        format!(
            "{{\"time\":\"2026-01-31T23:59:59.000Z\",\"seq\":1,\"decision\":\"allowed\",\
             \"request_id\":\"{id}\",\"client\":\"203.0.113.9\",\"scheme\":\"api_key\",\
             \"principal\":\"alice\",\"key_id\":\"k1\",\"method\":\"GET\",\
             \"route\":\"/users/{{id}}\",\"status\":200}}"
        )
    );
    let denied = &events[1];
    assert_eq!(denied.scheme, Some(AuthScheme::Signature));
    assert_eq!(denied.subject.as_deref(), Some("k2"));
    assert_eq!(
        (denied.principal.as_deref(), denied.status),
        (None, Some(401))
    );
    // It was known who it is, when it was refused.
    assert_eq!(events[2].principal.as_deref(), Some("alice"));
    assert_eq!(events[2].key_id.as_deref(), Some("k1"));
}

#[tokio::test]
async fn successes_can_be_sampled_and_failures_are_all_kept() {
    let paths = ["/", "/", "/", "/", "/wrong", "/", "/wrong", "/", "/"];
    let events = audited(all(&paths), |audit| audit.sample_successes(3)).await;

    let allowed = events
        .iter()
        .filter(|event| event.decision == Decision::Allowed);
    assert_eq!((allowed.count(), events.len()), (3, 5));
}

#[tokio::test]
async fn requests_without_credentials_can_be_left_out() {
    let paths = ["/none", "/wrong", "/none"];
    let events = audited(all(&paths), |audit| audit.missing_credentials(false)).await;

    assert_eq!(events.len(), 1);
    assert_eq!(events[0].reason, Some("wrong_secret"));
}

#[tokio::test]
async fn a_change_of_the_server_is_recorded() {
    let kept = Kept::default();
    let audit = Audit::new(kept.clone(), OnFull::Drop).unwrap();
    audit.record(Event::reloaded("API keys"));
    audit.record(Event::reload_failed("API keys"));
    audit.record(Event::revoked("k1").by("alice"));
    audit.flush(SOON).await.unwrap();

    let events = kept.events();
    let reasons: Vec<_> = events.iter().filter_map(|event| event.reason).collect();
    assert_eq!(reasons, ["reloaded", "reload_failed", "revoked"]);
    assert!(
        events
            .iter()
            .all(|event| event.decision == Decision::Changed)
    );
    assert_eq!(events[2].target.as_deref(), Some("k1"));
    assert_eq!(events[2].principal.as_deref(), Some("alice"));
}

#[tokio::test]
async fn no_secret_of_a_request_is_in_the_file() {
    const CANARY: &str = "c4n4ry-53cr37";
    let folder = Folder::new();
    let sink = FileSink::open(folder.file()).unwrap();
    let audit = Audit::new(sink, OnFull::Drop).unwrap();
    let service = edge(&audit).build().unwrap().layer(service_fn(hello));
    for path in ["/", "/wrong", "/scope", "/none"] {
        let mut request = ask("/");
        *request.uri_mut() = format!("{path}?key={CANARY}").parse().unwrap();
        for name in [
            "authorization",
            "x-api-key",
            "cookie",
            "referer",
            "user-agent",
            "origin",
        ] {
            let value = CANARY.parse().unwrap();
            request.headers_mut().insert(name, value);
        }
        let mut by_path = ask(&format!("/{CANARY}"));
        let method = http::Method::from_bytes(CANARY.as_bytes()).unwrap();
        *by_path.method_mut() = method;
        send(service.clone(), request).await;
        send(service.clone(), by_path).await;
        let mut forged = forged();
        forged
            .headers_mut()
            .insert("origin", CANARY.parse().unwrap());
        send(service.clone(), forged).await;
    }
    audit.close(SOON).await.unwrap();

    let written = read(&folder.file());
    assert!(written.lines().count() > 8, "{written}");
    assert!(!written.contains(CANARY), "{written}");
}

#[tokio::test]
async fn what_an_identity_is_made_of_can_not_forge_a_line() {
    let kept = Kept::default();
    let audit = Audit::new(kept.clone(), OnFull::Drop).unwrap();
    let evil = format!("a\n{{\"n\":9}}\u{1b}[2J\u{202e}{}", "x".repeat(1 << 20));
    audit.record(Event::revoked(&evil).by(&evil));
    audit.flush(SOON).await.unwrap();

    let line = kept.events()[0].to_json();
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')) && line.len() < 2000);
    assert!(
        line.contains("a\\u000a{\\\"n\\\":9}\\u001b[2J\\u202ex"),
        "{line}"
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let builder = Audit::builder(Kept::default(), OnFull::Drop);
    let error = builder.capacity(0).sample_successes(0).build().unwrap_err();

    assert_eq!(error.problems().count(), 2, "{error}");
}

#[test]
fn an_edge_says_that_it_is_audited() {
    let audit = Audit::new(Kept::default(), OnFull::FailClosed).unwrap();
    let edge = edge(&audit).guard(Slot::BodyLimit, audit.guard());
    let explained = edge.build().unwrap().explain().to_string();

    assert!(explained.contains("observers        audit"));
    assert!(explained.contains("what can't be audited is refused: 8192 events wait at most"));
}
