//! An edge as an application writes it: named, stored, returned, and set up from what it has.

#![expect(clippy::expect_used, reason = "tests")]

use std::{convert::Infallible, time::Duration};

use axum::{Router, routing::post};
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::{BodyExt, Full};
use portcullis::{
    ConfigError, Edge, Guard, Principal, Quota, RejectionKind, Reply, Slot, Verdict,
    api_key::{ApiKey, KeyRecord, Keys, Lookup},
    body_limit::RequestBody,
    rate_limit::RateLimit,
};
use portcullis_test::send;
use tower::{Layer, service_fn};

/// What an application reads from its environment.
#[derive(Default)]
struct Config {
    keys: Option<Keys>,
    quota: Option<Quota>,
    limit: Option<RateLimit>,
    body_limit: Option<u64>,
    closed: bool,
}

/// An application on axum, which keeps its edge.
struct AxumServer {
    edge: portcullis_axum::EdgeLayer,
    app: Router,
}

/// An application on hyper.
struct HyperServer {
    edge: portcullis::EdgeLayer,
}

/// A guard of the application's own.
struct Closed;

impl Guard for Closed {
    fn admit(&self, _: &mut request::Parts, _: &mut Reply) -> Verdict {
        RejectionKind::Unavailable.into()
    }
}

fn axum_edge(config: &Config) -> Result<portcullis_axum::EdgeLayer, ConfigError> {
    let mut edge = portcullis_axum::edge()
        .api_keys(config.keys.clone())
        .rate_limit(config.quota)
        .body_limit(config.body_limit)
        .guard(Slot::LoadShed, config.closed.then_some(Closed));
    if let Some(limit) = &config.limit {
        edge = edge.rate_limit(limit.clone());
    }
    edge.build()
}

fn hyper_edge(config: &Config) -> Result<portcullis::EdgeLayer, ConfigError> {
    let mut edge = Edge::new()
        .api_keys(config.keys.clone())
        .rate_limit(config.limit.clone())
        .body_limit(config.body_limit)
        .guard(Slot::LoadShed, config.closed.then_some(Closed));
    if let Some(quota) = config.quota {
        edge = edge.rate_limit(quota);
    }
    edge.build()
}

impl AxumServer {
    fn new(config: &Config) -> Result<Self, ConfigError> {
        let edge = axum_edge(config)?;
        let app = Router::new().route("/", post(|body: Bytes| async { body }));
        Ok(Self { edge, app })
    }

    async fn status(&self, request: Request<Full<Bytes>>) -> u16 {
        let request = request.map(axum::body::Body::new);
        let app = self.app.clone().layer(self.edge.clone());
        send(app, request).await.status().as_u16()
    }
}

impl HyperServer {
    fn new(config: &Config) -> Result<Self, ConfigError> {
        hyper_edge(config).map(|edge| Self { edge })
    }

    async fn status(&self, request: Request<Full<Bytes>>) -> u16 {
        status(&self.edge, request).await
    }
}

async fn echo(
    request: Request<RequestBody<Full<Bytes>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    Ok(Response::new(body.into()))
}

async fn status(edge: &portcullis::EdgeLayer, request: Request<Full<Bytes>>) -> u16 {
    send(edge.layer(service_fn(echo)), request)
        .await
        .status()
        .as_u16()
}

/// A request with a body, and with a key if there is one.
fn request(body: &'static str, key: Option<&ApiKey>) -> Request<Full<Bytes>> {
    let request = Request::post("/");
    let request = key.iter().fold(request, |request, key| {
        request.header("x-api-key", key.expose())
    });
    request.body(body.into()).expect("a request")
}

fn key() -> ApiKey {
    ApiKey::generate("pk").expect("a key")
}

/// The statuses of two requests, whichever server answers them.
async fn statuses(config: &Config, key: Option<&ApiKey>) -> [u16; 2] {
    let axum = AxumServer::new(config).expect("an edge");
    let hyper = HyperServer::new(config).expect("an edge");
    let mut statuses = [0; 2];
    for status in &mut statuses {
        *status = axum.status(request("four", key)).await;
        assert_eq!(hyper.status(request("four", key)).await, *status);
    }
    statuses
}

#[tokio::test]
async fn an_edge_is_made_of_what_is_configured() {
    let key = key();
    let keys = Some(Keys::from(&key));
    let nothing = Config::default();
    assert_eq!(statuses(&nothing, None).await, [200, 200]);
    let keys = Config {
        keys,
        ..Config::default()
    };
    assert_eq!(statuses(&keys, None).await, [401, 401]);
    assert_eq!(statuses(&keys, Some(&key)).await, [200, 200]);
    let quota = Some(Quota::per_hour(1));
    assert_eq!(
        statuses(
            &Config {
                quota,
                ..Config::default()
            },
            None
        )
        .await,
        [200, 429]
    );
    let closed = Config {
        closed: true,
        ..Config::default()
    };
    assert_eq!(statuses(&closed, None).await, [503, 503]);
    let body_limit = Some(3);
    let small = Config {
        body_limit,
        ..Config::default()
    };
    assert_eq!(statuses(&small, None).await, [413, 413]);
}

#[tokio::test]
async fn a_limit_that_is_kept_counts_for_every_edge_that_has_it() {
    let limit = Some(RateLimit::new(Quota::per_hour(3)));
    let config = Config {
        limit,
        ..Config::default()
    };
    let axum = AxumServer::new(&config).expect("an edge");
    let hyper = HyperServer::new(&config).expect("an edge");

    assert_eq!(axum.status(request("", None)).await, 200);
    assert_eq!(hyper.status(request("", None)).await, 200);
    assert_eq!(axum.status(request("", None)).await, 200);
    assert_eq!(hyper.status(request("", None)).await, 429);
}

#[tokio::test]
async fn a_body_limit_is_any_number_or_none() -> Result<(), ConfigError> {
    let (length, short): (usize, u32) = ("four".len(), 3);
    let edges = [
        (Edge::new().body_limit(1 << 20), 200),
        (Edge::new().body_limit(length), 200),
        (Edge::new().body_limit(short), 413),
        (Edge::new().body_limit(u64::from(short)), 413),
        (Edge::new().body_limit(0_u8), 413),
        (Edge::new().body_limit(Some(4)), 200),
        (Edge::new().body_limit(3).body_limit(None), 200),
    ];
    for (edge, expected) in edges {
        assert_eq!(
            status(&edge.build()?, request("four", None)).await,
            expected
        );
    }

    let error = Edge::new()
        .body_limit(-1)
        .build()
        .expect_err("it is negative");
    assert_eq!(error.to_string(), "body limit: -1 is negative");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_a_time_or_none() -> Result<(), ConfigError> {
    let slow = service_fn(|_: Request<RequestBody<Full<Bytes>>>| async {
        tokio::time::sleep(Duration::from_secs(40)).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let edges = [
        (Edge::new(), 503),
        (Edge::new().timeout(None), 200),
        (Edge::new().timeout(Duration::from_secs(60)), 200),
        (Edge::new().timeout(Some(Duration::from_secs(1))), 503),
        (Edge::new().gateway().timeout(Duration::from_secs(1)), 504),
        (
            Edge::new()
                .gateway()
                .timeout(None)
                .timeout(Duration::from_secs(1)),
            504,
        ),
    ];
    for (edge, expected) in edges {
        let response = send(edge.build()?.layer(slow), request("", None)).await;
        assert_eq!(response.status(), expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_closure_is_a_store_of_keys() -> Result<(), ConfigError> {
    let (known, unknown) = (key(), key());
    let (id, digest) = (known.id().to_owned(), known.digest());
    let record = move |asked: &str| {
        let record = KeyRecord::new(digest, Principal::new("alice"));
        (asked == id).then_some(record)
    };
    let slow = record.clone();
    let later = move |asked: &str| {
        let found = slow(asked);
        Lookup::wait(async { Ok::<_, Infallible>(found) })
    };
    for edge in [
        Edge::new().api_keys(record).build()?,
        Edge::new().api_keys(later).build()?,
    ] {
        assert_eq!(status(&edge, request("", Some(&known))).await, 200);
        assert_eq!(status(&edge, request("", Some(&unknown))).await, 401);
    }
    Ok(())
}
