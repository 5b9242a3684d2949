use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Response, StatusCode};
use portcullis_core::{Deadline, Facts, Rejection, RejectionKind, RequestId};
use portcullis_test::{Body, after, contract, request, send, service};
use tower::{Layer, service_fn};

use super::TimeoutLayer;

const LIMIT: Duration = Duration::from_secs(1);

contract!(TimeoutLayer::new(LIMIT), TimeoutLayer::off());

#[tokio::test(start_paused = true)]
async fn lets_a_fast_response_through() {
    let service = TimeoutLayer::new(LIMIT).layer(after(LIMIT / 2));

    assert_eq!(send(service, request("/")).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn answers_in_place_of_a_slow_service() {
    let mut request = request("/");
    Facts::of_mut(request.extensions_mut()).set(RequestId::parse(b"r-1").unwrap());
    let started = tokio::time::Instant::now();
    let response = send(TimeoutLayer::new(LIMIT).layer(after(LIMIT * 2)), request).await;

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::TimedOut);
    assert!(rejection.request_id().is_some());
    assert!(started.elapsed() <= LIMIT + Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_answers_504() {
    let service = TimeoutLayer::new(LIMIT).gateway().layer(after(LIMIT * 2));

    assert_eq!(send(service, request("/")).await.status(), 504);
}

#[tokio::test(start_paused = true)]
async fn drops_the_service_that_was_late() {
    struct SetOnDrop(Arc<AtomicBool>);
    impl Drop for SetOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let late = service_fn(move |_| {
        let held = SetOnDrop(Arc::clone(&flag));
        async move {
            tokio::time::sleep(LIMIT * 2).await;
            drop(held);
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    });

    send(TimeoutLayer::new(LIMIT).layer(late), request("/")).await;
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_handler_reads_what_is_left() {
    let reads = || {
        service(|request| {
            let deadline: &Deadline = Facts::of(request.extensions()).get().unwrap();
            deadline.remaining().as_millis().to_string()
        })
    };

    let response = send(TimeoutLayer::new(LIMIT).layer(reads()), request("/")).await;
    assert_eq!(portcullis_test::text(response).await, "1000");

    let nested = TimeoutLayer::new(LIMIT).layer(TimeoutLayer::new(LIMIT * 9).layer(reads()));
    let response = send(nested, request("/")).await;
    assert_eq!(portcullis_test::text(response).await, "1000");
}

#[tokio::test(start_paused = true)]
async fn off_waits_for_ever() {
    let hour = Duration::from_secs(3600);
    let service = TimeoutLayer::off().layer(after(hour));

    assert_eq!(send(service, request("/")).await.status(), 200);
    let unlimited = TimeoutLayer::new(Duration::MAX).layer(after(hour));
    assert_eq!(send(unlimited, request("/")).await.status(), 200);
}
