use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Request, Response, request};
use portcullis_core::{Enter, Guard, Outcome, Principal, Reply, Scope, Verdict};
use portcullis_test::{Body, echo, request, send, service, text};
use tokio::task::yield_now;
use tower::{Layer, Service, ServiceExt};

use super::{Log, Noted, Notes, admits, admits_later, edge, never_knows, panics, rejects};
use crate::{
    Slot,
    engine::{EdgeBody, RequestBody},
};

type Answer = Response<EdgeBody<RequestBody<Body>>>;

/// A guard's slot, its name, and what it says.
type Own = (Slot, &'static str, fn() -> Verdict);

/// Sends a request through guards in some slots. Returns who was asked, and the response.
async fn ask(guards: &[Own]) -> (Vec<&'static str>, Answer) {
    let log = Log::default();
    let edge = guards.iter().fold(edge(), |edge, (slot, name, says)| {
        edge.guard(*slot, Noted::new(name, &log, *says))
    });
    let response = send(edge.build().unwrap().layer(echo()), request("/")).await;
    let asked = mem::take(&mut *log.lock().unwrap());
    (asked, response)
}

#[tokio::test]
async fn guards_are_asked_by_slot_and_then_as_they_were_added() {
    let (asked, response) = ask(&[
        (Slot::Authorization, "e", admits),
        (Slot::LoadShed, "b", admits),
        (Slot::Authentication, "c", admits),
        (Slot::Authentication, "d", admits),
        (Slot::ClientAddress, "a", admits),
    ])
    .await;

    assert_eq!(asked, ["a", "b", "c", "d", "e"]);
    let completed = response.headers().get_all("completed-by").iter();
    assert_eq!(completed.collect::<Vec<_>>(), ["e", "d", "c", "b", "a"]);
}

#[tokio::test]
async fn guards_below_one_that_waits_are_asked_when_it_has_answered() {
    let log = Log::default();
    let edge = edge()
        .guard(Slot::LoadShed, Noted::new("above", &log, admits))
        .guard(Slot::RateLimit, Noted::new("waits", &log, admits_later))
        .guard(
            Slot::Authentication,
            Noted::new("below", &log, admits_later),
        )
        .guard(Slot::Authorization, Noted::new("last", &log, admits));
    let mut service = edge.build().unwrap().layer(echo());
    let future = service.ready().await.unwrap().call(request("/"));

    assert_eq!(*log.lock().unwrap(), ["above", "waits"]);
    assert_eq!(future.await.unwrap().status(), 200);
    assert_eq!(*log.lock().unwrap(), ["above", "waits", "below", "last"]);
}

#[tokio::test]
async fn who_rejects_late_ends_it() {
    let later = || Verdict::defer(yield_now(), |(), _, _| rejects());
    let (asked, response) = ask(&[
        (Slot::RateLimit, "waits", later),
        (Slot::Authorization, "below", admits),
    ])
    .await;

    assert_eq!(asked, ["waits"]);
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_guard_may_answer_itself() {
    let at_once = || Verdict::answer(Response::new(Bytes::from_static(b"probed")));
    let later: fn() -> Verdict = || {
        let probed = Response::new(Bytes::from_static(b"probed"));
        Verdict::defer(yield_now(), |(), _, _| Verdict::answer(probed))
    };
    for says in [at_once, later] {
        let (asked, response) = ask(&[
            (Slot::Health, "probe", says),
            (Slot::Authentication, "below", rejects),
        ])
        .await;

        assert_eq!(asked, ["probe"]);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["probe"], "asked");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(text(response).await, "probed");
    }
}

#[tokio::test]
async fn guards_of_the_first_three_slots_are_asked_about_every_request() {
    let verdicts = [rejects as fn() -> Verdict, panics];
    for (says, status) in verdicts.into_iter().zip([401, 500]) {
        let (asked, response) = ask(&[
            (Slot::ClientAddress, "a", says),
            (Slot::RequestId, "b", rejects),
            (Slot::SecureHeaders, "c", admits),
            (Slot::Hygiene, "d", admits),
        ])
        .await;

        assert_eq!(asked, ["a", "b", "c"]);
        assert_eq!(response.status(), status, "the first objection counts");
        assert_eq!(response.headers()["c"], "asked");
        assert!(response.headers().contains_key("x-request-id"));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn every_objection_of_the_first_three_slots_counts() {
    for (second, status) in [(rejects as fn() -> Verdict, 401), (panics, 500)] {
        let (_, response) = ask(&[
            (Slot::ClientAddress, "a", admits_later),
            (Slot::SecureHeaders, "b", second),
        ])
        .await;
        assert_eq!(response.status(), status);

        let later: fn() -> Verdict = match status {
            401 => || Verdict::defer(yield_now(), |(), _, _| rejects()),
            _ => || Verdict::defer(yield_now(), |(), _, _| panics()),
        };
        let (_, response) = ask(&[
            (Slot::ClientAddress, "a", admits_later),
            (Slot::RequestId, "b", later),
        ])
        .await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn who_goes_away_while_a_guard_waits_gets_back_what_it_held() {
    struct Holds(Arc<()>);
    impl Guard for Holds {
        fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
            reply.hold(Arc::clone(&self.0));
            Verdict::Admit
        }
    }
    let (notes, held) = (Notes::default(), Arc::new(()));
    let edge = edge()
        .observe(notes.clone())
        .guard(Slot::InFlight, Holds(Arc::clone(&held)))
        .guard(
            Slot::Authentication,
            Noted::new("a", &Log::default(), never_knows),
        );
    let mut service = edge.build().unwrap().layer(echo());
    let future = service.ready().await.unwrap().call(request("/"));
    assert_eq!(Arc::strong_count(&held), 3);

    drop(future);
    assert_eq!(Arc::strong_count(&held), 2);
    assert_eq!(notes.only().outcome(), Outcome::ClientGone);
}

#[tokio::test]
async fn a_principal_reaches_observers() {
    struct Knows;
    impl Guard for Knows {
        fn admit(&self, head: &mut request::Parts, _: &mut Reply) -> Verdict {
            portcullis_core::Facts::of_mut(&mut head.extensions).set(Principal::new("alice"));
            Verdict::Admit
        }
    }
    let notes = Notes::default();
    let edge = edge()
        .observe(notes.clone())
        .guard(Slot::Authentication, Knows);
    let response = send(edge.build().unwrap().layer(echo()), request("/")).await;
    drop(response);

    assert_eq!(notes.only().principal().map(Principal::id), Some("alice"));
}

/// Enters a scope in which a number is one higher.
#[derive(Clone, Default)]
struct Enters(Arc<AtomicUsize>);

impl Guard for Enters {
    fn admit(&self, _: &mut request::Parts, reply: &mut Reply) -> Verdict {
        reply.enter(Some(Scope::new(self.clone())));
        Verdict::Admit
    }
}

impl Enter for Enters {
    fn enter(&mut self, poll: &mut dyn FnMut()) {
        self.0.fetch_add(1, Relaxed);
        poll();
        self.0.fetch_sub(1, Relaxed);
    }
}

#[tokio::test]
async fn the_application_and_the_guards_below_run_in_the_scope_of_a_guard() {
    struct Sees(Enters, Arc<AtomicUsize>);
    impl Guard for Sees {
        fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
            self.1.store(self.0.0.load(Relaxed), Relaxed);
            let (depth, seen) = (self.0.clone(), Arc::clone(&self.1));
            Verdict::defer(yield_now(), move |(), _, _| {
                seen.fetch_add(10 * depth.0.load(Relaxed), Relaxed);
                Verdict::Admit
            })
        }
    }
    let (enters, seen) = (Enters::default(), Arc::default());
    for slot in [Slot::SecureHeaders, Slot::LoadShed] {
        let edge = edge()
            .guard(slot, enters.clone())
            .guard(Slot::InFlight, enters.clone())
            .guard(
                Slot::Authentication,
                Sees(enters.clone(), Arc::clone(&seen)),
            )
            .guard(Slot::Authorization, enters.clone());
        let depth = enters.clone();
        let reads = service(move |_: &Request<_>| depth.0.load(Relaxed).to_string());
        let response = send(edge.build().unwrap().layer(reads), request("/")).await;

        assert_eq!(
            seen.load(Relaxed),
            22,
            "{slot}: in `admit` and while it waits"
        );
        assert_eq!(text(response).await, "3", "{slot}");
        assert_eq!(enters.0.load(Relaxed), 0);
    }
}
