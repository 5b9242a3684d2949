//! `poll_ready` is kept by every layer in any order, and futures may be dropped at any time.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, future::pending, pin::pin, task::Context, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use portcullis::{
    BoxError, Edge, Health, ObserveLayer, Quota, Slot,
    api_key::{ApiKey, ApiKeyGuard, ApiKeyLayer, KeyRecord, Lookup},
    body_limit::{BodyLimitLayer, RequestBody},
    catch_panic::CatchPanicLayer,
    client_ip::ClientIpLayer,
    rate_limit::RateLimitLayer,
    request_id::RequestIdLayer,
    secure_headers::SecureHeadersLayer,
    timeout::TimeoutLayer,
};
use portcullis_prometheus::Metrics;
use portcullis_test::{Body, Chunks, Probe, request};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

type AnyRequestBody = UnsyncBoxBody<Bytes, BoxError>;
type AnyBody = axum::body::Body;
type Any = BoxCloneSyncService<Request<AnyRequestBody>, Response<AnyBody>, Infallible>;

/// Hides a service's types, so that any layer fits around any other.
fn any<S, B>(service: S) -> Any
where
    S: Service<Request<AnyRequestBody>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let hide = |response: Response<B>| response.map(AnyBody::new);
    BoxCloneSyncService::new(service.map_response(hide))
}

/// Hides the type of the body that a layer over bodies gives.
fn wrapped(
    inner: Any,
) -> impl Service<
    Request<RequestBody<AnyRequestBody>>,
    Response = Response<AnyBody>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ Sync
+ 'static {
    inner.map_request(|request: Request<RequestBody<_>>| request.map(BodyExt::boxed_unsync))
}

/// Adds the layer of that number.
fn add(layer: usize, inner: Any) -> Any {
    match layer {
        0 => any(ClientIpLayer::default().layer(inner)),
        1 => any(RequestIdLayer::new().layer(inner)),
        2 => any(ObserveLayer::new(Metrics::new()).layer(wrapped(inner))),
        3 => any(SecureHeadersLayer::strict().layer(inner)),
        4 => any(Health::new().layer().layer(inner)),
        5 => any(CatchPanicLayer::new().layer(inner)),
        6 => any(TimeoutLayer::new(Duration::from_secs(9)).layer(inner)),
        7 => any(RateLimitLayer::new(Quota::per_second(1000)).layer(inner)),
        8 => any(BodyLimitLayer::new(99).layer(wrapped(inner))),
        _ => {
            // Defers every verdict, so that the inner service is called later.
            let store = |_: &str| {
                Lookup::wait(async {
                    tokio::task::yield_now().await;
                    let principal = portcullis::Principal::new("p");
                    Ok::<_, Infallible>(Some(KeyRecord::new(key().digest(), principal)))
                })
            };
            any(ApiKeyLayer::new(store).layer(inner))
        }
    }
}

fn key() -> &'static ApiKey {
    static KEY: std::sync::OnceLock<ApiKey> = std::sync::OnceLock::new();
    KEY.get_or_init(|| ApiKey::generate("pk").unwrap())
}

fn with_key() -> Request<AnyRequestBody> {
    let mut request = request("/").map(|body| body.map_err(Into::into).boxed_unsync());
    let value = key().expose().parse().unwrap();
    request.headers_mut().insert("x-api-key", value);
    request
}

/// All layers, each order a rotation with a stride; 10 has no common divisor with 1, 3, 7, 9.
fn orders() -> impl Iterator<Item = Vec<usize>> {
    let strides = [1, 3, 7, 9].into_iter();
    strides.flat_map(|stride| {
        (0..10).map(move |first| (0..10).map(|n| (first + n * stride) % 10).collect())
    })
}

#[tokio::test]
async fn only_a_ready_service_is_called_in_any_order() {
    for order in orders() {
        let probe = any(Probe::default());
        let mut service = order.iter().fold(probe, |inner, layer| add(*layer, inner));
        for _ in 0..3 {
            let Ok(ready) = service.ready().await;
            let Ok(response) = ready.call(with_key()).await;
            assert_eq!(response.status(), 200, "{order:?}");
        }
        let Ok(response) = service.clone().oneshot(with_key()).await;
        assert_eq!(response.status(), 200, "{order:?}");
    }
}

/// A store that does not answer about the id `x`.
fn stuck(id: &str) -> Lookup {
    let is_stuck = id == "x";
    Lookup::wait(async move {
        if is_stuck {
            pending().await
        } else {
            Ok::<Option<KeyRecord>, Infallible>(None)
        }
    })
}

#[tokio::test]
async fn a_request_may_be_dropped_at_any_time() {
    let metrics = Metrics::new();
    let edge = Edge::new().observe(metrics.clone()).health(&Health::new());
    let open = edge.clone().build().unwrap();
    let guarded = edge
        .guard(Slot::Authentication, ApiKeyGuard::new(stuck))
        .build()
        .unwrap();
    let streams = service_fn(|_: Request<_>| async {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new(Chunks::new([Ok("a"), Ok("b")])))
    });

    for polls in 0..3 {
        let mut service = open.layer(streams);
        let Ok(ready) = ServiceExt::<Request<Body>>::ready(&mut service).await;
        let mut future = Box::pin(ready.call(request("/")));
        for _ in 0..polls.min(1) {
            assert!(
                future
                    .as_mut()
                    .poll(&mut Context::from_waker(std::task::Waker::noop()))
                    .is_pending()
            );
        }
        if polls == 2 {
            let Ok(response) = future.await;
            let mut body = pin!(response.into_body());
            body.frame().await.unwrap().unwrap();
        }
    }
    let mut service = guarded.layer(streams);
    let Ok(ready) = ServiceExt::<Request<Body>>::ready(&mut service).await;
    drop(ready.call(request("/")));

    let seen = metrics.encode();
    let active = "http_server_active_requests{http_request_method=\"GET\",url_scheme=\"http\"} 0\n";
    assert!(seen.contains(active), "{seen}");
    let gone = "error_type=\"client_disconnect\"";
    assert!(seen.contains(gone), "{seen}");
    let Ok(response) = open.layer(streams).oneshot(request("/")).await;
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "ab"
    );
}

/// In a crate that does not depend on `tower-layer`.
mod from_outside {
    portcullis_test::contract!(portcullis::rate_limit::InFlightLayer::new(9));
}
