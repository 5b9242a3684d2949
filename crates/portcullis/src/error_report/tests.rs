use std::{
    convert::Infallible,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use portcullis_core::{Observer, RejectionKind};
use portcullis_test::{Body, Chunks, Test, after, logged, request, send, service, text};
use tower::{Layer, service_fn};

use super::{ErrorKind, ErrorReport, ErrorReports};
use crate::{Edge, Health, RequestId, Slot, body_limit::RequestBody};

/// Reports as they come.
fn reports() -> (ErrorReports, Receiver<ErrorReport>) {
    let (sender, receiver) = channel();
    let reports = ErrorReports::new(move |report| drop(sender.send(report.clone())));
    (reports.unwrap(), receiver)
}

fn edge(reports: &ErrorReports) -> Edge {
    let edge = Edge::new().report_errors(reports.clone());
    edge.timeout(Duration::from_secs(1))
        .route_from(|_| Some("/users/{id}"))
}

/// What is reported of one request, if something is.
async fn reported<B>(service: impl Test<RequestBody<Body>, B>) -> Option<ErrorReport>
where
    B: http_body::Body<Data = bytes::Bytes, Error: Into<portcullis_core::BoxError>> + 'static,
{
    let (reports, received) = reports();
    let layer = edge(&reports).build().unwrap();
    let mut request = request("/users/7?token=hunter2");
    let id = RequestId::parse(b"abc-1").unwrap();
    crate::Facts::of_mut(request.extensions_mut()).set(id);
    let response = send(layer.layer(service), request).await;
    let _ = http_body_util::BodyExt::collect(response.into_body()).await;
    // When the last is gone, so is the thread.
    drop((layer, reports));
    received.recv().ok()
}

fn answers(status: StatusCode) -> impl Test<RequestBody<Body>> {
    service_fn(move |_| {
        let mut response = Response::new(Body::from("internals"));
        *response.status_mut() = status;
        async { Ok::<_, Infallible>(response) }
    })
}

#[tokio::test]
async fn a_panic_is_reported_with_its_context() {
    let report = reported(service(|_: &Request<RequestBody<Body>>| -> String {
        panic!("no {}", 7)
    }));
    let report = report.await.unwrap();

    assert_eq!(report.kind(), ErrorKind::Panic);
    let panic = report.panic().unwrap();
    assert_eq!(panic.message(), "no 7");
    assert!(
        panic.location().unwrap().contains("error_report/tests.rs"),
        "{panic:?}"
    );
    assert_eq!(report.request_id().unwrap().to_string(), "abc-1");
    assert_eq!(report.route().unwrap().as_str(), "/users/{id}");
    assert_eq!(
        (report.method().as_str(), report.status().unwrap().as_u16()),
        ("GET", 500)
    );
    assert!(!format!("{report:?}").contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_error_is_reported() {
    let late = after::<RequestBody<Body>>(Duration::from_secs(2));
    assert_eq!(reported(late).await.unwrap().kind(), ErrorKind::Timeout);
    let broken = answers(StatusCode::BAD_GATEWAY);
    assert_eq!(reported(broken).await.unwrap().kind(), ErrorKind::Status);
    let body = service_fn(|_: Request<RequestBody<Body>>| async {
        Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a"), Err("broken")])))
    });
    assert_eq!(reported(body).await.unwrap().kind(), ErrorKind::Body);
}

#[tokio::test]
async fn what_is_no_error_of_the_server_is_not_reported() {
    for status in [200, 302, 404, 429, 499] {
        assert!(
            reported(answers(StatusCode::from_u16(status).unwrap()))
                .await
                .is_none()
        );
    }
}

#[tokio::test]
async fn refusals_are_reported_if_wanted() {
    #[derive(Clone)]
    struct Full;
    impl crate::Guard for Full {
        fn admit(&self, _: &mut http::request::Parts, _: &mut crate::Reply) -> crate::Verdict {
            RejectionKind::Overloaded.into()
        }
    }
    for (wanted, expected) in [(false, 0), (true, 1)] {
        let (reports, received) = reports();
        let reports = if wanted {
            reports.with_refusals()
        } else {
            reports
        };
        let layer = edge(&reports).guard(Slot::LoadShed, Full).build().unwrap();
        text(send(layer.layer(answers(StatusCode::OK)), request("/")).await).await;
        drop((layer, reports));

        let kinds: Vec<_> = received.iter().map(|report| report.kind()).collect();
        assert_eq!(kinds, vec![ErrorKind::Refused; expected]);
    }
}

#[tokio::test]
async fn a_reporter_that_panics_or_is_stuck_holds_up_nobody() {
    let (held, gate) = channel::<()>();
    let mut turn = 0;
    let reports = ErrorReports::new(move |_| {
        turn += 1;
        // Until it is let go.
        let _ = gate.recv();
        assert!(turn != 2, "the second time");
    });
    let reports = reports.unwrap();
    let layer = edge(&reports).build().unwrap();
    for _ in 0..1000 {
        let broken = answers(StatusCode::INTERNAL_SERVER_ERROR);
        text(send(layer.layer(broken), request("/")).await).await;
    }
    let counts = reports.own_counts().unwrap();
    assert!(!reports.flush(Duration::from_millis(1)).await);
    let dropped = counts.counts()[0].value;
    assert!((1000 - 258..=1000 - 256).contains(&dropped), "{dropped}");
    drop(held);

    assert!(reports.flush(Duration::from_secs(60)).await);
}

#[tokio::test]
async fn reports_may_be_logged() {
    let reports = ErrorReports::to_tracing();
    let layer = edge(&reports).build().unwrap();
    let broken = answers(StatusCode::INTERNAL_SERVER_ERROR);
    let (lines, _) =
        logged(async { text(send(layer.layer(broken), request("/")).await).await }).await;
    let line = lines
        .lines()
        .find(|line| line.contains("portcullis::errors"));
    assert!(line.unwrap().contains("error.type=\"status\""), "{lines}");
    let panics = service(|_: &Request<RequestBody<Body>>| -> String { panic!("a\nb") });
    let (lines, shown) =
        logged(async { text(send(layer.layer(panics), request("/")).await).await }).await;
    assert!(!shown.contains("a\\nb"), "{shown}");
    let line = lines
        .lines()
        .find(|line| line.contains("portcullis::errors"));
    assert!(line.unwrap().contains(r#"panic="a\\nb""#), "{lines}");
}

#[tokio::test]
async fn a_probe_that_says_no_is_no_error() {
    let (reports, received) = reports();
    let health = Health::new();
    health.drain();
    let edge = edge(&reports).health(&health).build().unwrap();
    let answer = send(edge.layer(answers(StatusCode::OK)), request("/ready")).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    text(answer).await;
    drop(edge);
    drop(reports);

    assert!(received.recv().is_err());
}
