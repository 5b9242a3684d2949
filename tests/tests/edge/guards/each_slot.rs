//! Whatever a guard does in whichever slot: the response is whole, and the server goes on.

use http::{Response, response};
use portcullis::{RejectionKind, Slot};

use super::*;

/// What both protocols answer to `/go`, with a guard in a slot. Other requests are served after.
async fn answers(slot: Slot, guard: impl Guard) -> ([Answer; 2], Vec<Ending>) {
    let (server, endings) = serve(portcullis_axum::edge().guard(slot, guard)).await;
    let [mut http1, mut http2] = clients(&server).await;
    let answers = [http1.get("/go").await, http2.get("/go").await];
    let ended = endings.take();
    for client in [&mut http1, &mut http2] {
        let answer = client.get("/").await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.text),
            (200, "nobody"),
            "{slot}"
        );
        assert_complete(&answer);
    }
    (answers, ended)
}

#[tokio::test]
async fn a_rejection_is_a_problem() {
    for slot in Slot::ALL {
        let closed = on_go(|_, _| RejectionKind::Unavailable.into());
        let (answers, endings) = answers(slot, closed).await;

        for answer in answers {
            assert_problem(&answer, 503, "unavailable");
        }
        let expected = (
            Some(503),
            Some("unavailable"),
            Outcome::Refused(RejectionKind::Unavailable),
        );
        assert_eq!(endings, [expected; 2], "{slot}");
    }
}

#[tokio::test]
async fn an_answer_is_given_in_place_of_the_application() {
    for slot in Slot::ALL {
        let answering = on_go(|_, _| {
            let response = Response::builder().status(203).header("x-own", "yes");
            Verdict::answer(response.body("a guard's answer".into()).unwrap())
        });
        let (answers, endings) = answers(slot, answering).await;

        for answer in answers {
            assert_complete(&answer);
            assert_eq!(
                (answer.status.as_u16(), &*answer.text),
                (203, "a guard's answer")
            );
            assert_eq!(answer.header("x-own"), "yes");
        }
        assert_eq!(endings, [(Some(203), None, Outcome::Complete); 2], "{slot}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500() {
    for slot in Slot::ALL {
        let broken = on_go(|_, _| panic!("the password is 12345"));
        let (answers, endings) = answers(slot, broken).await;

        for answer in answers {
            assert_problem(&answer, 500, "panicked");
        }
        let expected = (Some(500), Some("panicked"), Outcome::Panicked);
        assert_eq!(endings, [expected; 2], "{slot}");
    }
}

#[tokio::test]
async fn a_panic_after_waiting_is_a_500() {
    for slot in Slot::ALL {
        let broken = on_go(|_, _| {
            let soon = tokio::task::yield_now();
            Verdict::defer(soon, |(), _, _| panic!("the password is 12345"))
        });
        let (answers, endings) = answers(slot, broken).await;

        for answer in answers {
            assert_problem(&answer, 500, "panicked");
        }
        let expected = (Some(500), Some("panicked"), Outcome::Panicked);
        assert_eq!(endings, [expected; 2], "{slot}");
    }
}

/// A guard that panics when it completes the response to `/go`, which it knows by a field.
struct BrokenInComplete;

impl Guard for BrokenInComplete {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        Verdict::Admit
    }

    fn complete(&self, _: &Reply, head: &mut response::Parts) {
        assert!(
            !head.headers.contains_key("x-break"),
            "the password is 12345"
        );
    }
}

#[tokio::test]
async fn a_panic_that_completes_a_response_is_a_500() {
    for slot in Slot::ALL {
        let app = Router::new()
            .route("/", get(|| async { "fine" }))
            .route("/go", get(|| async { [("x-break", "now")] }));
        let endings = Endings::default();
        let edge = portcullis_axum::edge().guard(slot, BrokenInComplete);
        let edge = edge.observe(endings.clone()).build().unwrap();
        let server = Server::start(app.layer(edge)).await;
        for mut client in clients(&server).await {
            assert_problem(&client.get("/go").await, 500, "panicked");
            let expected = (Some(500), Some("panicked"), Outcome::Panicked);
            assert_eq!(endings.take(), [expected], "{slot}");
            assert_eq!(client.get("/").await.text, "fine", "{slot}");
            endings.take();
        }
    }
}
