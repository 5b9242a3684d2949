//! What is more than a server can do is answered at once, over real connections.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, sync::Arc};

use axum::{Router, routing::get};
use http::{Request, StatusCode};
use http_body_util::Full;
use portcullis::{Health, load_shed::LoadShed};
use portcullis_tests::net::{Client, Server};
use tokio::sync::Semaphore;

/// A server whose answers wait until they may go, and what lets them.
async fn server(guard: &LoadShed) -> (Server, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let opens = Arc::clone(&gate);
    let waits = async move || {
        let _ = opens.acquire().await.map(|permit| permit.forget());
        Ok::<_, Infallible>("served")
    };
    let edge = portcullis_axum::edge()
        .health(&Health::new())
        .load_shed(guard.clone());
    let routes = Router::new().route("/", get(waits));
    let server = Server::start(routes.layer(edge.build().unwrap())).await;
    (server, gate)
}

fn request() -> Request<Full<bytes::Bytes>> {
    let request = Request::get("http://localhost/").header("host", "localhost");
    request.body(Full::default()).unwrap()
}

/// Waits until so many are in flight.
async fn until(guard: &LoadShed, in_flight: u32) {
    while guard.in_flight() != in_flight {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_more_is_refused_while_others_wait_and_probes_are_answered() {
    let guard = LoadShed::fixed(2);
    let (server, gate) = server(&guard).await;
    let waiting = [0, 1].map(|_| {
        let address = server.address();
        tokio::spawn(async move { Client::http1(address).await.ask(request()).await })
    });
    until(&guard, 2).await;

    let mut client = Client::http1(server.address()).await;
    let shed = client.ask(request()).await;
    assert_eq!(shed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shed.headers["cache-control"], "no-store");
    let after: u64 = shed.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3).contains(&after), "{after}");
    let kind = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
    assert!(shed.text.contains(kind), "{}", shed.text);
    assert_eq!(client.get("/health").await.status, StatusCode::OK);

    gate.add_permits(3);
    for served in waiting {
        assert_eq!(served.await.unwrap().text, "served");
    }
    until(&guard, 0).await;
    assert_eq!(client.ask(request()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn clients_that_go_away_give_their_places_back() {
    let guard = LoadShed::adaptive();
    let (server, _gate) = server(&guard).await;
    for _ in 0..20 {
        let address = server.address();
        let gone = tokio::spawn(async move { Client::http2(address).await.ask(request()).await });
        until(&guard, 1).await;
        gone.abort();
        until(&guard, 0).await;
    }

    assert_eq!(guard.limit(), 128);
}
