use http::{Response, request, response};
use portcullis_core::{Guard, Rejection, RejectionKind, Reply, Verdict};
use portcullis_test::{Body, echo, logged, request, send};
use tokio::task::yield_now;
use tower::Layer;

use super::{Log, Noted, Notes, admits, edge, panics};
use crate::{
    Slot,
    engine::{EdgeBody, RequestBody},
};

type Answer = Response<EdgeBody<RequestBody<Body>>>;

/// A 500 that tells nothing, completed by everybody, and noted as what it is.
fn assert_answered(response: &Answer, notes: &Notes, slot: Slot) {
    assert_eq!(response.status(), 500, "{slot}");
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::Panicked, "{slot}");
    assert!(rejection.request_id().is_some(), "{slot}");
    assert_eq!(
        response.headers()["x-content-type-options"],
        "nosniff",
        "{slot}"
    );
    assert!(response.headers().contains_key("x-request-id"), "{slot}");
    assert_eq!(
        notes.0.lock().unwrap().len(),
        0,
        "{slot}: the body is still to come"
    );
}

#[tokio::test]
async fn a_panic_in_any_slot_is_a_500_that_all_complete() {
    let later: fn() -> Verdict = || Verdict::defer(yield_now(), |(), _, _| panics());
    for (slot, says) in Slot::ALL
        .into_iter()
        .flat_map(|slot| [(slot, panics as _), (slot, later)])
    {
        let (notes, log) = (Notes::default(), Log::default());
        let edge = edge()
            .observe(notes.clone())
            .guard(Slot::ClientAddress, Noted::new("first", &log, admits))
            .guard(slot, Noted::new("broken", &log, says))
            .guard(Slot::Authorization, Noted::new("last", &log, admits));
        let response = send(edge.build().unwrap().layer(echo()), request("/")).await;

        assert_answered(&response, &notes, slot);
        assert_eq!(response.headers()["first"], "asked", "{slot}");
        assert_eq!(response.headers()["broken"], "asked", "{slot}");
        assert_eq!(response.headers().get_all("completed-by").iter().count(), 3);
        assert_eq!(*log.lock().unwrap(), ["first", "broken"], "{slot}");
        drop(response);
        assert_eq!(notes.rejection(), Some(RejectionKind::Panicked), "{slot}");
    }
}

#[tokio::test]
async fn a_panic_while_a_response_is_completed_is_a_500_that_the_others_complete() {
    struct Breaks;
    impl Guard for Breaks {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            Verdict::Admit
        }

        fn complete(&self, _: &Reply, _: &mut response::Parts) {
            panic!("while it completes")
        }
    }
    for slot in Slot::ALL {
        let (notes, log) = (Notes::default(), Log::default());
        let edge = edge()
            .observe(notes.clone())
            .guard(Slot::ClientAddress, Noted::new("first", &log, admits))
            .guard(slot, Breaks)
            .guard(slot, Breaks)
            .guard(Slot::Authorization, Noted::new("last", &log, admits));
        let response = send(edge.build().unwrap().layer(echo()), request("/")).await;

        assert_answered(&response, &notes, slot);
        let completed = response.headers().get_all("completed-by").iter();
        assert_eq!(completed.collect::<Vec<_>>(), ["last", "first"], "{slot}");
        assert_eq!(response.headers()["last"], "asked", "{slot}");
        drop(response);
        assert_eq!(notes.rejection(), Some(RejectionKind::Panicked), "{slot}");
    }
}

#[tokio::test]
async fn a_panic_is_logged_with_the_request_id() {
    for slot in [Slot::SecureHeaders, Slot::Authorization] {
        let edge = edge().guard(slot, Noted::new("broken", &Log::default(), panics));
        let layer = edge.build().unwrap();
        let (lines, response) = logged(send(layer.layer(echo()), request("/"))).await;

        let id = response.headers()["x-request-id"].to_str().unwrap();
        let line = lines.lines().find(|line| line.contains("caught a panic"));
        assert!(
            line.unwrap().contains(&format!("request_id={id} ")),
            "{lines}"
        );
    }
}

#[tokio::test]
async fn without_panic_recovery_a_panic_goes_on() {
    let log = Log::default();
    let edge = edge()
        .catch_panic(false)
        .guard(Slot::Authentication, Noted::new("broken", &log, panics));
    let layer = edge.build().unwrap();
    let sent = tokio::spawn(async move { send(layer.layer(echo()), request("/")).await });

    assert!(sent.await.is_err_and(|error| error.is_panic()));
}
