//! Each layer alone and the whole edge: in axum and over hyper, HTTP/1 and HTTP/2, every body.

use std::{convert::Infallible, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response, request};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use portcullis::{
    Edge, Guard, Health, ObserveLayer, Quota, Reply, Verdict,
    api_key::{ApiKey, ApiKeyLayer, Keys},
    body_limit::{BodyLimitLayer, RequestBody},
    catch_panic::CatchPanicLayer,
    client_ip::ClientIpLayer,
    cors::{Cors, CorsLayer},
    cross_site::{CrossSite, CrossSiteLayer},
    edge::GuardLayer,
    hygiene::HygieneLayer,
    load_shed::{LoadShed, LoadShedLayer},
    lockout::Lockout,
    rate_limit::{InFlightLayer, RateLimitLayer},
    reports::{Reports, ReportsLayer},
    request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer,
    timeout::TimeoutLayer,
};
use portcullis_prometheus::Metrics;
use portcullis_test::OwnBody;
use portcullis_tests::net::{self, Client, Server};
use tower::{ServiceBuilder, service_fn};

/// A hyper service with a response body of type `ResBody`.
async fn hello<ReqBody, ResBody>(_: Request<ReqBody>) -> Result<Response<ResBody>, Infallible>
where
    ResBody: From<&'static str>,
{
    Ok(Response::new(ResBody::from("hello")))
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

fn key() -> &'static ApiKey {
    static KEY: std::sync::OnceLock<ApiKey> = std::sync::OnceLock::new();
    #[expect(clippy::unwrap_used, reason = "tests")]
    KEY.get_or_init(|| ApiKey::generate("pk").unwrap())
}

fn keys() -> Keys {
    Keys::from(key())
}

#[expect(clippy::unwrap_used, reason = "tests")]
fn origins() -> Cors {
    Cors::builder(["https://app.example"]).build().unwrap()
}

/// Asks a server on both protocols.
async fn assert_serves(server: Server) {
    for mut client in [
        Client::http1(server.address()).await,
        Client::http2(server.address()).await,
    ] {
        let answer = client
            .ask(net::request("/", &[("x-api-key", key().expose())]))
            .await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, "hello"));
    }
}

/// A guard of an application's own.
#[derive(Clone)]
struct Nothing;

impl Guard for Nothing {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        Verdict::Admit
    }
}

/// Serves one layer in axum, and over hyper services with three bodies.
macro_rules! alone {
    ($name:ident, $layer:expr) => {
        alone!($name, $layer, Incoming);
    };
    ($name:ident, $layer:expr, $request_body:ty) => {
        #[tokio::test]
        async fn $name() {
            type Sent = $request_body;
            assert_serves(Server::start(router().layer($layer)).await).await;

            let full = service_fn(hello::<Sent, Full<Bytes>>);
            let full = ServiceBuilder::new().layer($layer).service(full);
            assert_serves(Server::start(full).await).await;

            let axum = service_fn(hello::<Sent, axum::body::Body>);
            let axum = ServiceBuilder::new().layer($layer).service(axum);
            assert_serves(Server::start(axum).await).await;

            let own = service_fn(hello::<Sent, OwnBody>);
            let own = ServiceBuilder::new().layer($layer).service(own);
            assert_serves(Server::start(own).await).await;
        }
    };
}

alone!(api_key, ApiKeyLayer::new(keys()));
alone!(body_limit, BodyLimitLayer::new(9), RequestBody<Incoming>);
alone!(catch_panic, CatchPanicLayer::new());
alone!(client_ip, ClientIpLayer::default());
alone!(cors, CorsLayer::from(origins()));
alone!(cross_site, CrossSiteLayer::from(CrossSite::new()));
alone!(guard, GuardLayer::from(Nothing), RequestBody<Incoming>);
alone!(health, Health::new().layer());
alone!(hygiene, HygieneLayer::new());
alone!(in_flight, InFlightLayer::new(9));
alone!(load_shed, LoadShedLayer::from(LoadShed::adaptive()));
alone!(
    observe,
    ObserveLayer::new(Metrics::new()),
    RequestBody<Incoming>
);
alone!(rate_limit, RateLimitLayer::default());
alone!(
    reports,
    ReportsLayer::from(Reports::new()),
    RequestBody<Incoming>
);
alone!(request_id, RequestIdLayer::new());
alone!(secure_headers, SecureHeadersLayer::strict());
alone!(timeout, TimeoutLayer::new(Duration::from_secs(9)));

/// Everything on.
macro_rules! edge {
    ($edge:expr) => {
        $edge
            .observe(Metrics::new())
            .health(&Health::new())
            .cors(origins())
            .cross_site(CrossSite::new())
            .api_keys(keys())
            .lockout(Lockout::default())
            .rate_limit(Quota::per_second(100))
            .build()
            .expect("the stack is right")
    };
}

#[tokio::test]
async fn the_whole_edge_in_axum() {
    assert_serves(Server::start(router().layer(edge!(Edge::new()))).await).await;
    let for_axum = edge!(portcullis_axum::edge());
    assert_serves(Server::start(router().layer(for_axum)).await).await;
    // Around the whole router, not in it.
    let around = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| request.map(axum::body::Body::new))
        .layer(edge!(portcullis_axum::edge()))
        .service(router());
    assert_serves(Server::start(around).await).await;
}

#[tokio::test]
async fn the_whole_edge_over_hyper_with_any_body() {
    async fn assert_edge<ResBody>()
    where
        ResBody: From<&'static str> + Body<Data = Bytes> + Send + 'static,
        ResBody::Error: Into<portcullis::BoxError>,
    {
        let service = service_fn(hello::<RequestBody<Incoming>, ResBody>);
        let edge = ServiceBuilder::new().layer(edge!(Edge::new()));
        assert_serves(Server::start(edge.service(service)).await).await;
    }

    assert_edge::<Full<Bytes>>().await;
    assert_edge::<axum::body::Body>().await;
    assert_edge::<OwnBody>().await;
}

/// A body that was received is a body that can be answered with, as a proxy does.
#[tokio::test]
async fn the_whole_edge_over_a_service_that_answers_with_incoming() {
    let behind = Server::start(service_fn(hello::<Incoming, Full<Bytes>>)).await;
    let address = behind.address();
    let proxy = service_fn(move |_: Request<RequestBody<Incoming>>| async move {
        let mut client = Client::http1(address).await;
        client.send(net::request("/", &[])).await
    });
    let edge = ServiceBuilder::new().layer(edge!(Edge::new().gateway()));

    assert_serves(Server::start(edge.service(proxy)).await).await;
}
