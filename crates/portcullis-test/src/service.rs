use std::{convert::Infallible, future::ready, time::Duration};

use http::{HeaderValue, Request, Response, Version, header::HOST};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt, util::service_fn};

use crate::Body;

/// What a layer's inner service is in tests. A layer over bodies gives it another body than it
/// gets.
pub trait Test<ReqBody = Body, ResBody = Body>:
    Service<Request<ReqBody>, Response = Response<ResBody>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S, ReqBody, ResBody> Test<ReqBody, ResBody> for S where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A request for `path` on `localhost`.
///
/// # Panics
///
/// Panics if `path` is not a path.
#[must_use]
#[expect(clippy::expect_used, reason = "a test helper")]
pub fn request(path: &str) -> Request<Body> {
    let request = Request::get(path).header(HOST, LOCALHOST);
    request.body(Body::default()).expect("a path")
}

/// A service that answers `200 OK` at once, with the request's body.
#[must_use]
pub fn echo<B: Send + 'static>() -> impl Test<B, B> {
    service_fn(|req: Request<B>| ready(Ok(Response::new(req.into_body()))))
}

/// A service that answers `200 OK` at once, and leaves the request's body alone.
#[must_use]
pub fn ok<B: Send + 'static>() -> impl Test<B> {
    service_fn(|_: Request<B>| ready(Ok(Response::new(Body::default()))))
}

/// A service that answers `200 OK` with the text that `answer` makes of the request.
pub fn service<F, B>(answer: F) -> impl Test<B>
where
    F: Fn(&Request<B>) -> String + Clone + Send + Sync + 'static,
    B: Send + 'static,
{
    service_fn(move |req: Request<B>| ready(Ok(Response::new(Body::from(answer(&req))))))
}

/// A service that answers `200 OK` after some time.
#[must_use]
pub fn after<B: Send + 'static>(delay: Duration) -> impl Test<B, B> {
    service_fn(move |req: Request<B>| async move {
        tokio::time::sleep(delay).await;
        Ok(Response::new(req.into_body()))
    })
}

/// Sends one request, as a client does: with a `Host`, where it has none and names none.
pub async fn send<S, ReqBody, ResBody>(
    service: S,
    mut request: Request<ReqBody>,
) -> Response<ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error = Infallible>,
{
    let authority = request
        .uri()
        .authority()
        .map(|named| named.as_str().parse());
    let host = authority.and_then(Result::ok).unwrap_or(LOCALHOST);
    if request.version() == Version::HTTP_11 {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    let Ok(response) = service.oneshot(request).await;
    response
}

/// The text of a response's body.
///
/// # Panics
///
/// Panics if the body fails or is no UTF-8.
#[expect(clippy::expect_used, reason = "a test helper")]
pub async fn text<B>(response: Response<B>) -> String
where
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let body = response.into_body().collect().await.expect("a body");
    String::from_utf8(body.to_bytes().into()).expect("UTF-8")
}

const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");
