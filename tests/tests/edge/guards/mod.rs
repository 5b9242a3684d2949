//! Guards of an application's own, over real sockets, HTTP/1.1 and HTTP/2.

#![expect(clippy::unwrap_used, reason = "tests")]

mod any_of;
mod cancelled;
mod each_slot;
mod waiting;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::get};
use http::{StatusCode, request};
use portcullis::{Exchange, Guard, Observer, Outcome, Principal, Rejection, Reply, Verdict};
use portcullis_axum::{AxumEdge, Fact};
use portcullis_tests::net::{Answer, Client, Server};
use tokio::time::sleep;

/// A guard made of a function.
struct Judge<F>(F);

impl<F> Guard for Judge<F>
where
    F: Fn(&mut request::Parts, &mut Reply) -> Verdict + Send + Sync + 'static,
{
    fn admit(&self, head: &mut request::Parts, reply: &mut Reply) -> Verdict {
        (self.0)(head, reply)
    }
}

/// A guard that judges requests for `/go`, and admits all others.
fn on_go(
    judge: impl Fn(&mut request::Parts, &mut Reply) -> Verdict + Send + Sync + 'static,
) -> impl Guard {
    Judge(
        move |head: &mut request::Parts, reply: &mut Reply| match head.uri.path() {
            "/go" => judge(head, reply),
            _ => Verdict::Admit,
        },
    )
}

/// The status, the kind of a rejection, and the end of an exchange.
type Ending = (Option<u16>, Option<&'static str>, Outcome);

/// An observer that notes how each exchange ended.
#[derive(Clone, Default)]
struct Endings(Arc<Mutex<Vec<Ending>>>);

impl Observer for Endings {
    fn end(&self, exchange: &Exchange) {
        let status = exchange.status().as_ref().map(StatusCode::as_u16);
        let rejection = exchange.rejection().map(Rejection::kind);
        let slug = rejection.map(|kind| kind.slug());
        self.0
            .lock()
            .unwrap()
            .push((status, slug, exchange.outcome()));
    }
}

impl Endings {
    fn take(&self) -> Vec<Ending> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Serves an application that answers with who asks, behind an edge.
async fn serve(edge: AxumEdge) -> (Server, Endings) {
    let endings = Endings::default();
    let whoami = async |who: Option<Fact<Principal>>| match who {
        Some(Fact(who)) => who.id().to_owned(),
        None => "nobody".to_owned(),
    };
    let app = Router::new()
        .route("/", get(whoami))
        .route("/go", get(whoami));
    let edge = edge.observe(endings.clone()).build().unwrap();
    (Server::start(app.layer(edge)).await, endings)
}

/// A connection of each protocol.
async fn clients(server: &Server) -> [Client; 2] {
    let address = server.address();
    [Client::http1(address).await, Client::http2(address).await]
}

/// Asserts what every response has, whoever made it.
#[track_caller]
fn assert_complete(answer: &Answer) {
    assert_eq!(answer.header("x-request-id").len(), 36, "{answer:?}");
    assert_eq!(
        answer.header("x-content-type-options"),
        "nosniff",
        "{answer:?}"
    );
    assert_eq!(answer.header("x-frame-options"), "deny", "{answer:?}");
}

/// Asserts a problem with the request's ID, and nothing of what is inside.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16, slug: &str) {
    assert_complete(answer);
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    assert_eq!(problem["status"], status);
    assert!(
        problem["type"].as_str().unwrap().ends_with(slug),
        "{problem}"
    );
    assert!(!answer.text.contains("12345"), "{problem}");
}

/// Waits until something is so, for five seconds at most.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
