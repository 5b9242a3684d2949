//! State survives `Layer::layer` being called many times, and every clone.

use axum::{Router, routing::get};
use http::StatusCode;
use portcullis::{Edge, EdgeService, Quota, edge::EdgeLayer, rate_limit::RateLimitLayer};
use portcullis_tests::net::{Client, Server};
use tower::Layer;

const N: u32 = 37;

fn quota() -> Quota {
    Quota::per_hour(N)
}

fn router() -> Router {
    (0..20).fold(Router::new(), |router, n| {
        router.route(&format!("/{n}"), get(|| async { "ok" }))
    })
}

/// How many of 100 requests over all routes, on two connections, are served.
async fn served(router: Router) -> u32 {
    let server = Server::start(router).await;
    let mut clients = [
        Client::http1(server.address()).await,
        Client::http2(server.address()).await,
    ];
    let mut served = 0;
    for n in 0..100 {
        let answer = clients[n % 2].get(&format!("/{}", n % 20)).await;
        served += u32::from(answer.status == StatusCode::OK);
    }
    served
}

#[tokio::test]
async fn a_limit_of_n_over_twenty_routes_lets_exactly_n_through() {
    let edge = Edge::new().rate_limit(quota()).build().unwrap();

    assert_eq!(served(router().layer(edge)).await, N);
}

#[tokio::test]
async fn with_state_too() {
    let edge = Edge::new().rate_limit(quota()).build().unwrap();

    assert_eq!(served(router().layer(edge).with_state(())).await, N);
}

#[tokio::test]
async fn a_layer_alone_too() {
    let layer = RateLimitLayer::new(quota());

    assert_eq!(served(router().layer(layer.clone())).await, N);
    assert_eq!(served(router().layer(layer)).await, 0, "clones share it");
}

#[test]
fn a_clone_of_the_whole_edge_is_one_arc() {
    #[derive(Clone)]
    struct Nothing;
    let edge: EdgeLayer = Edge::new().rate_limit(quota()).build().unwrap();
    let service: EdgeService<Nothing> = edge.layer(Nothing);

    // The Arc, and why the last one that was made ready is not: it may have panicked.
    assert!(size_of_val(&service) <= 24, "{}", size_of_val(&service));
    drop(service.clone());
}
