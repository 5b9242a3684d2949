use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use http_body_util::BodyExt;
use portcullis_core::{Counts, Rejection};
use portcullis_test::{Body, Chunks, Test, contract, echo, send};
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};

use super::from;
use crate::rate_limit::{InFlight, InFlightLayer};

contract!(InFlightLayer::new(1000), InFlightLayer::off());

/// Answers with a body that has to be read.
fn streaming() -> impl Test<Body, Chunks> {
    service_fn(|_| async { Ok(Response::new(Chunks::new([Ok("a"), Ok("b")]))) })
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_last_byte() {
    let guard = InFlight::new(2);
    let layer = InFlightLayer::from(guard.clone());
    let ask = async |ip: &str| layer.layer(streaming()).oneshot(from(ip)).await.unwrap();
    let first = ask("192.0.2.1").await;
    let second = ask("192.0.2.1").await;

    let third = ask("192.0.2.1").await;
    assert_eq!(third.status(), 429);
    let rejection = third.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.violated_policies(), ["in-flight"]);
    assert_eq!(ask("192.0.2.2").await.status(), 200, "others go on");
    assert_eq!(guard.counts()[0].value, 1);

    // Read to its end, but not dropped.
    let mut body = first.into_body();
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
    let after_end = ask("192.0.2.1").await;
    assert_eq!(after_end.status(), 200);
    assert_eq!(ask("192.0.2.1").await.status(), 429);
    // Dropped before its end.
    drop(second);
    assert_eq!(ask("192.0.2.1").await.status(), 200);
    drop(body);
    drop(after_end);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_cancelled_gives_its_place_back() {
    let layer = InFlightLayer::new(1);
    let never =
        service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let mut waiting = Box::pin(layer.layer(never).oneshot(from("192.0.2.1")));
    assert!(
        timeout(Duration::from_millis(1), &mut waiting)
            .await
            .is_err()
    );

    assert_eq!(
        send(layer.layer(echo()), from("192.0.2.1")).await.status(),
        429
    );
    drop(waiting);
    assert_eq!(
        send(layer.layer(echo()), from("192.0.2.1")).await.status(),
        200
    );
}

#[tokio::test]
async fn nobody_in_flight_takes_no_memory() {
    let guard = InFlight::new(1);
    let layer = InFlightLayer::from(guard.clone());
    for n in 0..10_000_u32 {
        let ip = std::net::Ipv4Addr::from(n).to_string();
        send(layer.layer(echo()), from(&ip)).await;
    }

    assert_eq!(guard.clients(), 0);
}

#[tokio::test]
async fn zero_admits_nobody() {
    let layer = InFlightLayer::new(0);
    assert_eq!(
        send(layer.layer(echo()), from("192.0.2.1")).await.status(),
        429
    );
}
