//! The clients that people have: hyper-util's, and reqwest.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::TokioExecutor,
};
use portcullis::outbound::{
    BreakerConfig, BreakerState, CallError, Outbound, OutboundLayer, OutboundService, RetryConfig,
    Retryable,
};
use portcullis_test::{Fault, FaultServer};
use tower::{Layer, Service, ServiceExt, service_fn};

/// hyper-util's client is a service as it is.
pub(super) type Hyper = Client<HttpConnector, Full<Bytes>>;

pub(super) fn hyper() -> Hyper {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Which errors of hyper-util's client tell that nothing was sent.
fn judge(error: &Error) -> Retryable {
    if error.is_connect() {
        Retryable::Unsent
    } else {
        Retryable::IfIdempotent
    }
}

type Judge = fn(&Error) -> Retryable;

/// An application's client, which it can name, keep and clone.
#[derive(Clone)]
struct Upstream {
    client: OutboundService<Hyper, portcullis::outbound::ByClone, Judge>,
}

impl Upstream {
    fn new() -> Self {
        let retry = RetryConfig::new().errors(judge as Judge);
        let outbound = Outbound::new().retry(retry).build().unwrap();
        let client = outbound.layer(hyper());
        Self { client }
    }
}

/// reqwest has requests of its own.
pub(super) fn reqwest_client(
    client: reqwest::Client,
) -> impl Service<
    Request<reqwest::Body>,
    Response = Response<reqwest::Body>,
    Error = reqwest::Error,
    Future: Send,
> + Clone {
    service_fn(move |request: Request<reqwest::Body>| {
        let client = client.clone();
        async move {
            let response = client.execute(request.try_into()?).await?;
            Ok(Response::from(response))
        }
    })
}

/// A body that is in memory; a stream is not.
fn in_memory(body: &reqwest::Body) -> Option<reqwest::Body> {
    body.as_bytes().map(|bytes| bytes.to_vec().into())
}

fn flaky() -> [Fault; 2] {
    [Fault::status(503), Fault::reset_on_request()]
}

#[tokio::test(start_paused = true)]
async fn the_client_of_hyper_util_is_behind_it_as_it_is() {
    let server = FaultServer::start().await.unwrap();
    let mut upstream = Upstream::new();
    server.script(flaky());
    let request = |method: &str| {
        let request = Request::builder().method(method);
        let request = request.uri(format!("http://{}/", server.address()));
        request.body(Full::from("a body")).unwrap()
    };

    let response = upstream.client.ready().await.unwrap();
    let response = response.call(request("PUT")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(server.requests(), 3);

    server.refuse().await;
    let error = upstream.client.clone().oneshot(request("POST")).await;
    let Err(CallError::Inner(error)) = error else {
        panic!("{error:?}");
    };
    assert!(error.is_connect(), "the error is hyper's own");
}

#[tokio::test(start_paused = true)]
async fn reqwest_is_behind_it_with_an_adapter() {
    let server = FaultServer::start().await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let retry = RetryConfig::new().replay(in_memory);
    let breaker = BreakerConfig::new().failures(3);
    let outbound = Outbound::new().retry(retry).breaker(breaker);
    let outbound: OutboundLayer<_> = outbound.build().unwrap();
    let client = outbound.layer(reqwest_client(client));
    let url = format!("http://{}/", server.address());
    let request = |body: &'static str| {
        let request = Request::put(&url);
        request.body(reqwest::Body::from(body)).unwrap()
    };
    server.script(flaky());
    let response = client.clone().oneshot(request("a body")).await.unwrap();
    let text = reqwest::Response::from(response).text().await.unwrap();
    assert_eq!((&*text, server.requests()), ("fault\n", 3));

    let stream = reqwest::Body::wrap(portcullis_test::OwnBody::from("a stream"));
    let stream = Request::put(&url).body(stream).unwrap();
    server.script([Fault::reset_on_request()]);
    let error = client.clone().oneshot(stream).await;
    let Err(CallError::Inner(error)) = error else {
        panic!("{error:?}");
    };
    assert!(error.is_request(), "the error is reqwest's own: {error:?}");
    assert_eq!(server.requests(), 4, "a stream is sent once");

    let key = server.address().to_string();
    assert_eq!(
        outbound.breaker().unwrap().state(&key),
        BreakerState::Closed
    );
}
