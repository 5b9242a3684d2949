//! Streams and upgrades pass through the whole edge as they are.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ws::{WebSocket, WebSocketUpgrade},
    response::sse::{Event, Sse},
    routing::get,
};
use bytes::Bytes;
use futures_util::{SinkExt, Stream, StreamExt, stream};
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, StreamBody};
use portcullis::{
    Health, ObserveLayer, Quota,
    api_key::{ApiKeyLayer, Keys},
    body_limit::BodyLimitLayer,
    catch_panic::CatchPanicLayer,
    client_ip::ClientIpLayer,
    rate_limit::RateLimitLayer,
    request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer,
    timeout::TimeoutLayer,
};
use portcullis_prometheus::Metrics;
use portcullis_tests::net::{Client, Server, request};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// One event at once, and no more for an hour.
async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::iter([Ok(Event::default().data("first"))]);
    Sse::new(first.chain(stream::pending()))
}

async fn echo(upgrade: WebSocketUpgrade) -> Response<Body> {
    let echo = |mut socket: WebSocket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    };
    upgrade.on_upgrade(echo)
}

async fn trailers() -> Body {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", 42.into());
    let frames = [
        Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(b"data"))),
        Ok(http_body::Frame::trailers(trailers)),
    ];
    Body::new(StreamBody::new(stream::iter(frames)))
}

fn app() -> Router {
    Router::new()
        .route("/events", get(events))
        .route("/ws", get(echo))
        .route("/trailers", get(trailers))
}

/// The same behind each layer alone.
fn each_layer() -> Vec<Router> {
    let app = app();
    vec![
        app.clone().layer(ApiKeyLayer::off()),
        app.clone()
            .layer(ApiKeyLayer::new(Keys::default()).public(["/*"]).unwrap()),
        app.clone().layer(BodyLimitLayer::new(9)),
        app.clone().layer(CatchPanicLayer::new()),
        app.clone().layer(ClientIpLayer::default()),
        app.clone().layer(Health::new().layer()),
        app.clone().layer(ObserveLayer::new(Metrics::new())),
        app.clone().layer(RateLimitLayer::default()),
        app.clone().layer(RequestIdLayer::new()),
        app.clone().layer(SecureHeadersLayer::strict()),
        app.layer(TimeoutLayer::new(Duration::from_millis(300))),
    ]
}

async fn server() -> Server {
    let edge = portcullis_axum::edge()
        .observe(Metrics::new())
        .health(&Health::new())
        .rate_limit(Quota::per_second(100))
        .timeout(Duration::from_millis(300));
    Server::start(app().layer(edge.build().unwrap())).await
}

#[tokio::test]
async fn an_event_arrives_while_the_stream_is_open_and_outlives_the_deadline() {
    let server = server().await;
    for mut client in [
        Client::http1(server.address()).await,
        Client::http2(server.address()).await,
    ] {
        let mut response = client.send(request("/events", &[])).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();

        assert_eq!(frame.into_data().unwrap(), "data: first\n\n");
        let more = timeout(Duration::from_millis(500), response.body_mut().frame()).await;
        assert!(more.is_err(), "the stream goes on: {more:?}");
    }
}

async fn assert_echoes(server: &Server) -> Response<Option<Vec<u8>>> {
    let url = format!("ws://{}/ws", server.address());
    let (mut socket, response) = tokio_tungstenite::connect_async(url).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        let echoed = socket.next().await.unwrap().unwrap();
        assert_eq!(echoed, Message::text(text));
    }
    response
}

#[tokio::test]
async fn a_websocket_is_echoed() {
    let response = assert_echoes(&server().await).await;

    assert!(response.headers().contains_key("x-request-id"));
}

#[tokio::test]
async fn each_layer_alone_lets_streams_and_upgrades_through() {
    for app in each_layer() {
        let server = Server::start(app).await;
        let mut client = Client::http2(server.address()).await;
        let mut response = client.send(request("/events", &[])).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();

        assert_eq!(frame.into_data().unwrap(), "data: first\n\n");
        assert_echoes(&server).await;
    }
}

#[tokio::test]
async fn trailers_arrive() {
    let server = server().await;
    let mut client = Client::http2(server.address()).await;
    let response = client.send(request("/trailers", &[])).await.unwrap();
    let body = response.into_body().collect().await.unwrap();

    assert_eq!(body.trailers().unwrap()["x-checksum"], "42");
    assert_eq!(body.to_bytes(), "data");
}
