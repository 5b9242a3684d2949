//! Guards that must wait for their verdict, among others that need not.

use http::{HeaderName, HeaderValue};
use portcullis::{Facts, RejectionKind, Slot};
use portcullis_tests::net::request;
use tokio::time::timeout;

use super::*;

const STORE: HeaderName = HeaderName::from_static("x-store");

/// Asks a store who it is by a header, for 20 ms; knows everybody but `nobody`.
fn slow_store() -> impl Guard {
    Judge(|head: &mut request::Parts, _: &mut Reply| {
        let name = head.headers.get("x-name").cloned();
        let asked = async {
            sleep(Duration::from_millis(20)).await;
            name.filter(|name| name != "nobody")
        };
        Verdict::defer(asked, |name, head, reply| {
            let Some(name) = name else {
                return RejectionKind::Unauthenticated.into();
            };
            reply.insert(STORE, HeaderValue::from_static("asked"));
            let principal = Principal::new(name.to_str().unwrap());
            Facts::of_mut(&mut head.extensions).set(principal);
            Verdict::Admit
        })
    })
}

type Names = Arc<Mutex<Vec<String>>>;

/// Notes who asks, as far as it is known.
fn noting(names: &Names) -> impl Guard {
    let names = Arc::clone(names);
    Judge(move |head: &mut request::Parts, _: &mut Reply| {
        let known = Facts::of(&head.extensions).get::<Principal>();
        let name = known.map_or("nobody", |who| who.id()).to_owned();
        names.lock().unwrap().push(name);
        Verdict::Admit
    })
}

#[tokio::test]
async fn those_above_are_asked_before_and_those_below_when_it_is_known() {
    let (above, below) = <(Names, Names)>::default();
    let edge = portcullis_axum::edge()
        .guard(Slot::Authorization, noting(&below))
        .guard(Slot::Authentication, slow_store())
        .guard(Slot::RateLimit, noting(&above));
    let (server, endings) = serve(edge).await;
    for mut client in clients(&server).await {
        let known = client.ask(request("/", &[("x-name", "alice")])).await;
        assert_eq!((known.status.as_u16(), &*known.text), (200, "alice"));
        assert_eq!(known.header("x-store"), "asked");
        let unknown = client.ask(request("/", &[("x-name", "nobody")])).await;
        assert_problem(&unknown, 401, "unauthenticated");
        assert_eq!(unknown.header("x-store"), "");

        assert_eq!(std::mem::take(&mut *above.lock().unwrap()), ["nobody"; 2]);
        assert_eq!(std::mem::take(&mut *below.lock().unwrap()), ["alice"]);
        assert_eq!(endings.take().len(), 2);
    }
}

/// A guard that waits, and admits.
fn patient() -> impl Guard {
    Judge(|_: &mut request::Parts, _: &mut Reply| {
        Verdict::defer(tokio::task::yield_now(), |(), _, _| Verdict::Admit)
    })
}

#[tokio::test]
async fn several_that_wait_are_waited_for_one_after_the_other() {
    let edge = Slot::ALL
        .iter()
        .fold(portcullis_axum::edge(), |edge, slot| {
            edge.guard(*slot, patient())
        });
    let (server, _) = serve(edge.guard(Slot::Authentication, slow_store())).await;
    for mut client in clients(&server).await {
        let answer = client.ask(request("/", &[("x-name", "alice")])).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "alice"));
    }
}

/// Guards of the first slots are all asked, whatever one of them says: none may be forgotten.
#[tokio::test]
async fn an_objection_counts_that_is_raised_while_another_guard_waits() {
    let always = Slot::ALL.into_iter().filter(|slot| slot.is_always_asked());
    for slot in always {
        let closed = || on_go(|_, _| RejectionKind::Unavailable.into());
        let late = || {
            on_go(|_, _| {
                let soon = tokio::task::yield_now();
                Verdict::defer(soon, |(), _, _| RejectionKind::Unavailable.into())
            })
        };
        let edge = || portcullis_axum::edge().guard(slot, patient());
        for edge in [edge().guard(slot, closed()), edge().guard(slot, late())] {
            let (server, _) = serve(edge).await;
            for mut client in clients(&server).await {
                assert_problem(&client.get("/go").await, 503, "unavailable");
                assert_eq!(client.get("/").await.status, 200);
            }
        }
    }
}

#[tokio::test]
async fn the_deadline_covers_those_that_wait() {
    let stuck =
        on_go(|_, _| Verdict::defer(std::future::pending::<()>(), |(), _, _| Verdict::Admit));
    let edge = portcullis_axum::edge().timeout(Duration::from_millis(50));
    let (server, endings) = serve(edge.guard(Slot::Authentication, stuck)).await;
    for mut client in clients(&server).await {
        let answer = timeout(Duration::from_secs(5), client.get("/go")).await;
        assert_problem(&answer.unwrap(), 503, "timed-out");
        assert_eq!(
            endings.take(),
            [(Some(503), Some("timed-out"), Outcome::TimedOut)]
        );
    }
}
