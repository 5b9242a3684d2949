//! Whoever serves an app, and whatever its edge is set up with: the client is known.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, net::SocketAddr};

use axum::{Router, extract::ConnectInfo, routing::get};
use portcullis::{
    ClientIp, Quota,
    client_ip::{Family, ResolveClientIp, Strategy},
    rate_limit::{InFlightLayer, RateLimitLayer},
};
use portcullis_axum::{AxumEdge, Fact};
use portcullis_tests::net::{Client, request};
use tokio::net::TcpListener;

/// Serves an app that answers the client's address with `axum::serve`.
async fn axum_serve(edge: AxumEdge) -> SocketAddr {
    let whoami = async |client: Option<Fact<ClientIp>>| match client {
        Some(Fact(ClientIp(ip))) => ip.to_string(),
        None => "unknown".to_owned(),
    };
    let app = Router::new()
        .route("/", get(whoami))
        .layer(edge.build().unwrap());
    serve_with_connect_info(app).await
}

async fn serve_with_connect_info(app: Router) -> SocketAddr {
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn seen(edge: AxumEdge) -> String {
    let mut client = Client::http1(axum_serve(edge).await).await;
    client
        .ask(request("/", &[("x-forwarded-for", "192.0.2.7")]))
        .await
        .text
}

#[tokio::test]
async fn the_peer_of_axum_serve_is_the_client() {
    let edge = portcullis_axum::edge;
    assert_eq!(seen(edge()).await, "127.0.0.1");
    assert_eq!(seen(edge().trust_proxies("127.0.0.1")).await, "192.0.2.7");
    assert_eq!(
        seen(edge().client_ip(ResolveClientIp::new())).await,
        "127.0.0.1"
    );
    let proxies = Strategy::proxies(Family::XForwardedFor, "127.0.0.1").unwrap();
    let guard = ResolveClientIp::from_strategy(proxies);
    assert_eq!(seen(edge().client_ip(guard)).await, "192.0.2.7");
}

/// A layer alone, below `axum::serve`: the clients have quotas of their own, and so have their requests
/// in flight.
#[tokio::test]
async fn a_layer_alone_finds_the_peer_of_axum_serve() {
    let limit = RateLimitLayer::new(Quota::per_minute(1)).peer_from(portcullis_axum::connect_info);
    let in_flight = InFlightLayer::new(1).peer_from(portcullis_axum::connect_info);
    let app = Router::new()
        .route("/", get(async || "in").layer::<_, Infallible>(limit))
        .layer(in_flight);
    let server = serve_with_connect_info(app).await;

    for last in [2, 3] {
        let mut client = Client::http1_from([127, 0, 0, last], server).await;
        for expected in [200, 429] {
            let status = client.get("/").await.status;
            assert_eq!(status.as_u16(), expected, "{last}");
        }
    }
}

/// A handler that extracts axum's `ConnectInfo` works below our own server.
#[tokio::test]
async fn our_server_leaves_the_peer_of_axum() {
    let whoami = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
    let app = Router::new().route("/", get(whoami));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let served = portcullis::serve(listener, app).leave_peer(portcullis_axum::leave_connect_info);
    tokio::spawn(async { served.await });

    let mut client = Client::http1_from([127, 0, 0, 5], server).await;
    assert_eq!(client.get("/").await.text, "127.0.0.5");
}

#[test]
fn a_list_that_is_wrong_is_the_only_error() {
    let edge = portcullis_axum::edge()
        .trust_proxies("nonsense")
        .rate_limit(Quota::per_second(1));
    let error = edge.build().unwrap_err();

    let expected = "trusted proxies: \"nonsense\" is neither an address nor a CIDR range";
    assert_eq!(error.to_string(), expected);
}
